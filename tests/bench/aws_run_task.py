"""aws_run_task.py KUBECONFIG ENDPOINT ROUNDS - see aws_run_task.sh."""
import os
import statistics
import sys
import threading
import time

import boto3

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kube_api import Api  # noqa: E402

api, ENDPOINT, ROUNDS = Api(sys.argv[1]), sys.argv[2], int(sys.argv[3])
IMAGE = "coracle.local/busybox:1"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
seen = {}  # (name, state) -> when
changed = threading.Condition()


def watch(path, state):
    for event in api.watch(path, timeout=600):
        o, now = event["object"], time.monotonic()
        with changed:
            seen.setdefault((o["metadata"]["name"], state(o)), now)
            changed.notify_all()


def when(name, state, seconds=30):
    end = time.monotonic() + seconds
    with changed:
        while (name, state) not in seen:
            assert changed.wait(end - time.monotonic()), (name, state)
        return seen[name, state]


ecs = boto3.client("ecs", endpoint_url=ENDPOINT, region_name="us-east-1")
command = ["sleep", "1000"]
ecs.create_cluster(clusterName="bench")
ecs.register_task_definition(family="bridge", containerDefinitions=[
    {"name": "main", "image": IMAGE, "memory": 32, "command": command, "stopTimeout": 2}])
ecs.register_task_definition(family="awsvpc", networkMode="awsvpc", cpu="256", memory="512", containerDefinitions=[
    {"name": "main", "image": IMAGE, "command": command, "stopTimeout": 2}])
for path, state in (("/api/v1/namespaces/ecs-bench/pods", lambda o: o["status"].get("phase")),
                    ("/apis/ecs.coracle.dev/v1/namespaces/ecs-bench/ecstasks", lambda o: o["status"]["lastStatus"])):
    threading.Thread(target=watch, args=(path, state), daemon=True).start()


def plain(i):
    name = "plain-%d" % i
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
           "spec": {"restartPolicy": "Never", "enableServiceLinks": False, "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "main", "image": IMAGE, "command": command,
                                    "resources": {"limits": {"memory": "32Mi"}}}]}}
    begin = time.monotonic()
    code, answer = api.call("POST", "/api/v1/namespaces/ecs-bench/pods", pod)
    assert code == 201, answer
    took = when(name, "Running") - begin
    api.call("DELETE", "/api/v1/namespaces/ecs-bench/pods/" + name)
    return took, when(name, "Pending") - begin, 0


def task(family, **args):
    begin = time.monotonic()
    got = ecs.run_task(cluster="bench", taskDefinition=family, **args)
    assert got["failures"] == [], got
    name = got["tasks"][0]["taskArn"].rsplit("/")[-1]
    took = when(name, "RUNNING") - begin
    made, after = when(name, "Pending") - begin, when(name, "RUNNING") - when(name, "Running")
    ecs.stop_task(cluster="bench", task=name)
    when(name, "STOPPED")
    return took, made, after


rows = {"a plain pod": plain, "RunTask, bridge": lambda i: task("bridge"),
        "RunTask, awsvpc on FARGATE": lambda i: task("awsvpc", launchType="FARGATE", networkConfiguration=NETWORK)}


def settle():
    """Until no container runs any longer, and the runtime has cleaned up."""
    for _ in range(100):
        pods = api.call("GET", "/api/v1/namespaces/ecs-bench/pods")[1]["items"]
        if not [p for p in pods if p["status"].get("phase") in ("Pending", "Running")]:
            break
        time.sleep(0.1)
    time.sleep(0.3)


time.sleep(2)  # the namespace's service account, the node's instance
for fn in rows.values():
    fn(10000)
took = {name: [] for name in rows}
for i in range(ROUNDS):
    for name, fn in rows.items():
        settle()
        took[name].append(fn(i))
# What a task adds: its pod is made later, and that the pod runs has to be told. The rest is the same, and noisy.
median = lambda name, k: statistics.median(v[k] for v in took[name]) * 1e3
first = next(iter(rows))
for name, v in took.items():
    total = sorted(t[0] * 1e3 for t in v)
    print("%-28s median %6.1f ms, best %6.1f, p90 %6.1f; its pod is there after %5.1f, RUNNING %4.1f after Running: adds %4.1f" % (
        name, median(name, 0), total[0], total[int(len(v) * 0.9)], median(name, 1), median(name, 2),
        median(name, 1) - median(first, 1) + median(name, 2)))
