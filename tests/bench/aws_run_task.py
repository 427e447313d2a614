"""aws_run_task.py KUBECONFIG ENDPOINT ROUNDS - see aws_run_task.sh."""
import os
import statistics
import sys
import time

import boto3

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kube_api import Api  # noqa: E402

IMAGE, COMMAND = "coracle.local/busybox:1", ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]


def until(events, name, path, value):
    """Reads events until the object of that name has the value; the time of that."""
    for event in events:
        at = event["object"]
        if at.get("metadata", {}).get("name") != name:
            continue
        for key in path:
            at = at.get(key) or {}
        if at == value:
            return time.monotonic()
    sys.exit("the watch ended before %s was %s" % (name, value))


def plain_pod(api, ns, number):
    events = api.watch("/api/v1/namespaces/%s/pods" % ns)
    name = "plain-%d" % number
    begin = time.monotonic()
    code, answer = api.call("POST", "/api/v1/namespaces/%s/pods" % ns, {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
                 "containers": [{"name": "main", "image": IMAGE, "command": COMMAND,
                                 "resources": {"limits": {"memory": "64Mi"}}}]}})
    assert code == 201, answer
    took = until(events, name, ("status", "phase"), "Running") - begin
    api.call("DELETE", "/api/v1/namespaces/%s/pods/%s?gracePeriodSeconds=0" % (ns, name))
    return took


def task(api, ecs, ns):
    events = api.watch("/apis/ecs.coracle.dev/v1/namespaces/%s/ecstasks" % ns)
    begin = time.monotonic()
    answer = ecs.run_task(cluster="bench", taskDefinition="bench")
    assert not answer["failures"], answer
    arn = answer["tasks"][0]["taskArn"]
    told = time.monotonic() - begin
    took = until(events, arn.rsplit("/", 1)[1], ("status", "lastStatus"), "RUNNING") - begin
    ecs.stop_task(cluster="bench", task=arn)
    return took, told


def settle(api, ns):
    """Until no container runs any longer."""
    for _ in range(100):
        pods = api.call("GET", "/api/v1/namespaces/%s/pods" % ns)[1]["items"]
        if not [p for p in pods if p["status"].get("phase") in ("Pending", "Running")]:
            return
        time.sleep(0.1)


def show(what, values):
    values = sorted(values)
    print("%-48s p50 %7.1f ms, p90 %7.1f ms" % (
        what, 1e3 * statistics.median(values), 1e3 * values[int(len(values) * 0.9)]))
    return statistics.median(values)


def main():
    api, rounds = Api(sys.argv[1]), int(sys.argv[3])
    ecs = boto3.client("ecs", endpoint_url=sys.argv[2], region_name="us-east-1")
    ecs.create_cluster(clusterName="bench")
    ecs.register_task_definition(family="bench", containerDefinitions=[
        {"name": "main", "image": IMAGE, "command": COMMAND, "memory": 64, "stopTimeout": 2}])
    ns = "ecs-bench"
    time.sleep(2)  # the namespace's service account, the node's instance
    plain_pod(api, ns, 0)
    task(api, ecs, ns)
    settle(api, ns)
    pods, tasks, told = [], [], []
    for number in range(1, rounds + 1):
        pods.append(plain_pod(api, ns, number))
        took, answer = task(api, ecs, ns)
        tasks.append(took)
        told.append(answer)
        settle(api, ns)
    pod = show("a pod, created to Running", pods)
    show("RunTask, to its answer", told)
    more = show("RunTask to RUNNING", tasks) - pod
    print("%-48s     %7.1f ms (aim: at most 20)" % ("RunTask to RUNNING takes longer by", 1e3 * more))


main()
