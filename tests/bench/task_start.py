#!/usr/bin/env python3
"""task_start.py ENDPOINT ROUNDS - see task_start.sh. Wants KUBECONFIG."""
import base64
import http.client
import json
import os
import ssl
import statistics
import sys
import tempfile
import threading
import time
from urllib.parse import urlparse

import boto3

ENDPOINT, ROUNDS = sys.argv[1], int(sys.argv[2])
IMAGE = "coracle.local/busybox:1"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


def cluster():
    import subprocess
    c = json.loads(subprocess.check_output(["kubectl", "config", "view", "--raw", "-o", "json"]))
    files = []
    for text in (c["clusters"][0]["cluster"]["certificate-authority-data"], c["users"][0]["user"]["client-certificate-data"],
                 c["users"][0]["user"]["client-key-data"]):
        f = tempfile.NamedTemporaryFile(dir=os.environ["HOME"], delete=False)
        f.write(base64.b64decode(text))
        f.close()
        files.append(f.name)
    context = ssl.create_default_context(cafile=files[0])
    context.load_cert_chain(files[1], files[2])
    url = urlparse(c["clusters"][0]["cluster"]["server"])
    return lambda: http.client.HTTPSConnection(url.hostname, url.port, context=context)


connect = cluster()
seen = {}  # (name, state) -> when
changed = threading.Condition()


def watch(path, state):
    c = connect()
    c.request("GET", path + "?watch=true")
    r = c.getresponse()
    while True:
        line = r.readline()
        if not line:
            return
        o = json.loads(line)["object"]
        now = time.monotonic()
        with changed:
            seen.setdefault((o["metadata"]["name"], state(o)), now)
            changed.notify_all()


def when(name, state, seconds=30):
    end = time.monotonic() + seconds
    with changed:
        while (name, state) not in seen:
            assert changed.wait(end - time.monotonic()), (name, state)
        return seen[name, state]


api = connect()


def call(method, path, body=None):
    api.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    r = api.getresponse()
    text = r.read()
    assert r.status < 300, text
    return json.loads(text)


ecs = boto3.client("ecs", endpoint_url=ENDPOINT)
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
           "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "main", "image": IMAGE, "command": command,
                                    "resources": {"limits": {"memory": "32Mi"}}}]}}
    begin = time.monotonic()
    call("POST", "/api/v1/namespaces/ecs-bench/pods", pod)
    took = when(name, "Running") - begin
    call("DELETE", "/api/v1/namespaces/ecs-bench/pods/" + name)
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
time.sleep(2)
for fn in rows.values():
    fn(10000)
took = {name: [] for name in rows}
for i in range(ROUNDS):
    for name, fn in rows.items():
        time.sleep(0.5)  # the runtime goes on cleaning up after a removal
        took[name].append(fn(i))
# What a task adds: its pod is made later, and that the pod runs has to be told. The rest is the same, and noisy.
median = lambda name, k: statistics.median(v[k] for v in took[name]) * 1e3
first = next(iter(rows))
for name, v in took.items():
    total = sorted(t[0] * 1e3 for t in v)
    print("%-28s median %6.1f ms, best %6.1f, p90 %6.1f; its pod is there after %5.1f, RUNNING %4.1f after Running: adds %4.1f" % (
        name, median(name, 0), total[0], total[int(len(v) * 0.9)], median(name, 1), median(name, 2),
        median(name, 1) - median(first, 1) + median(name, 2)))
