#!/usr/bin/env python3
"""ecs_scheduler.py ENDPOINT OTHER-ENDPOINT API-DIR [RULE...] - the service scheduler's rules before a real apiserver, one function each.
Pods are on nodes without kubelets: a thread here says what becomes of them. Prints "done", or what failed."""
import collections
import datetime
import json
import re
import ssl
import sys
import threading
import time
import urllib.request

import boto3

ecs = boto3.client("ecs", endpoint_url=sys.argv[1])
other = boto3.client("ecs", endpoint_url=sys.argv[2])
DIR = sys.argv[3]
SERVER = re.search(r"https://[^\"]*", open(DIR + "/admin.kubeconfig").read()).group(0)
TLS = ssl.create_default_context(cafile=DIR + "/ca.crt")
TLS.load_cert_chain(DIR + "/admin.crt", DIR + "/admin.key")
CLUSTER, NS = "sched", "ecs-sched"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


def api(method, path, body=None, kind="application/json"):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SERVER + path, data, {"Content-Type": kind}, method=method)
    return json.load(urllib.request.urlopen(request, context=TLS))


def wait(seconds, fn, what=""):
    end = time.monotonic() + seconds
    while True:
        value = fn()
        if value:
            return value
        assert time.monotonic() < end, "not within %s s: %s" % (seconds, what() if callable(what) else what)
        time.sleep(0.1)


# --- the nodes' side ---

def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def add_node(name, zone, cpu="4", memory="8Gi"):
    api("POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}}})
    api("PATCH", "/api/v1/nodes/%s/status" % name, {"status": {
        "capacity": {"cpu": cpu, "memory": memory, "pods": "110"}, "allocatable": {"cpu": cpu, "memory": memory, "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": now(), "lastTransitionTime": now()}]}},
        "application/merge-patch+json")


# image -> what becomes of its containers: "good", "fail", or "wait"
fate = collections.defaultdict(lambda: "good")


def play(pod):
    name, image = pod["metadata"]["name"], pod["spec"]["containers"][0]["image"]
    path = "/api/v1/namespaces/%s/pods/%s" % (NS, name)
    if "deletionTimestamp" in pod["metadata"]:
        api("DELETE", path, {"gracePeriodSeconds": 0})
    elif pod["status"].get("phase") == "Pending" and fate[image] != "wait":
        good = fate[image] == "good"
        state = {"running": {"startedAt": now()}} if good else {"waiting": {"reason": "ErrImagePull", "message": "no " + image}}
        api("PATCH", path + "/status", {"status": {
            "phase": "Running" if good else "Pending", "podIP": "10.1.1.1", "containerStatuses": [{
                "name": c["name"], "image": c["image"], "imageID": "", "ready": good, "restartCount": 0, "state": state}
                for c in pod["spec"]["containers"]]}}, "application/merge-patch+json")


def kubelet():
    while True:
        for pod in api("GET", "/api/v1/namespaces/%s/pods" % NS)["items"]:
            try:
                play(pod)
            except urllib.error.HTTPError as e:
                assert e.code in (404, 409), e
        time.sleep(0.1)


# --- ECS's side ---

def register(family, image="good", check=True, fargate=False, memory=64, **more):
    c = {"name": "main", "image": image}
    if not fargate:
        c["memory"] = memory
    if check:
        c["healthCheck"] = {"command": ["CMD-SHELL", "true"], "interval": 5}
    if fargate:
        more.update(networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512")
    return ecs.register_task_definition(family=family, containerDefinitions=[c], **more)["taskDefinition"]["taskDefinitionArn"]


def create(name, **args):
    args.setdefault("desiredCount", 2)
    if args.get("launchType") == "FARGATE" or "capacityProviderStrategy" in args:
        args.setdefault("networkConfiguration", NETWORK)
    return ecs.create_service(cluster=CLUSTER, serviceName=name, **args)["service"]


def service(name):
    return ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]


def messages(name):
    return [e["message"] for e in reversed(service(name)["events"])]


def objects(name):
    items = api("GET", "/apis/ecs.coracle.dev/v1/namespaces/%s/ecstasks" % NS)["items"]
    return [t for t in items if t["spec"].get("service") == name]


def alive(name):
    return [t for t in objects(name) if t["status"]["desiredStatus"] == "RUNNING"]


def stable(name):
    s = service(name)
    return (len(s["deployments"]) == 1 and s["runningCount"] == s["desiredCount"]
            and s["deployments"][0]["rolloutState"] == "COMPLETED")


def has(name, text):
    return [m for m in messages(name) if text in m]


def end(name):
    ecs.delete_service(cluster=CLUSTER, service=name, force=True)
    wait(10, lambda: service(name)["status"] == "INACTIVE", "INACTIVE")


def no_instances_at_first():
    create("early", taskDefinition=register("small"), desiredCount=1)
    text = ("(service early) was unable to place a task because no container instance met all of its requirements. Reason: No "
            "Container Instances were found in your cluster. For more information, see the Troubleshooting section of the "
            "Amazon ECS Developer Guide.")
    wait(5, lambda: text in messages("early"), lambda: messages("early"))
    time.sleep(1)
    assert messages("early").count(text) == 1 and not objects("early")
    add_node("n1", "zone-a")
    add_node("n2", "zone-b")
    wait(20, lambda: stable("early"), lambda: service("early"))
    end("early")


def a_task_that_fits_nowhere():
    create("big", taskDefinition=register("big", memory=100000), desiredCount=1)
    wait(5, lambda: has("big", "has insufficient memory available."), lambda: messages("big"))
    got = has("big", "insufficient")[0]
    assert re.fullmatch(r"\(service big\) was unable to place a task because no container instance met all of its requirements\. "
                        r"The closest matching \(container-instance [0-9a-f]{32}\) has insufficient memory available\. For more "
                        r"information, see the Troubleshooting section of the Amazon ECS Developer Guide\.", got), got
    end("big")


def placed_as_asked():
    small = register("small")
    create("spread", taskDefinition=small, desiredCount=4)
    create("distinct", taskDefinition=small, desiredCount=3, placementConstraints=[{"type": "distinctInstance"}])
    create("pack", taskDefinition=small, desiredCount=3, placementStrategy=[{"type": "binpack", "field": "memory"}])
    wait(10, lambda: stable("spread") and stable("pack") and len(alive("distinct")) == 2, lambda: service("spread"))
    count = lambda name: sorted(collections.Counter(t["spec"]["node"] for t in alive(name)).values())
    assert count("spread") == [2, 2] and count("distinct") == [1, 1] and count("pack") == [3], (count("spread"), count("pack"))
    assert has("distinct", "was unable to place a task because no container instance met all of its requirements."), messages("distinct")
    ecs.update_service(cluster=CLUSTER, service="spread", desiredCount=2)
    wait(10, lambda: len(alive("spread")) == 2)
    assert count("spread") == [1, 1], count("spread")  # it goes where most stand
    for name in ("spread", "distinct", "pack"):
        end(name)


def providers_by_base_and_weight():
    create("mixed", taskDefinition=register("net", fargate=True), desiredCount=9, capacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 3}])
    wait(10, lambda: stable("mixed"), lambda: service("mixed"))
    count = collections.Counter(t["status"]["capacityProviderName"] for t in alive("mixed"))
    assert count == {"FARGATE": 3, "FARGATE_SPOT": 6}, count
    end("mixed")


def tags_are_handed_on():
    definition = register("tagged", tags=[{"key": "from", "value": "definition"}])
    create("tagged", taskDefinition=definition, desiredCount=1, propagateTags="TASK_DEFINITION", enableECSManagedTags=True)
    create("tagged2", taskDefinition=definition, desiredCount=1, propagateTags="SERVICE", tags=[{"key": "from", "value": "service"}])
    wait(10, lambda: alive("tagged") and alive("tagged2"))
    tags = lambda name: {t["key"]: t["value"] for t in alive(name)[0]["status"]["tags"]}
    assert tags("tagged") == {"from": "definition", "aws:ecs:clusterName": CLUSTER, "aws:ecs:serviceName": "tagged"}, tags("tagged")
    assert tags("tagged2") == {"from": "service"}, tags("tagged2")
    task = alive("tagged")[0]
    assert task["status"]["group"] == "service:tagged" and task["status"]["startedBy"] == service("tagged")["deployments"][0]["id"]
    end("tagged")
    end("tagged2")


def failing_starts_come_slower():
    fate["bad"] = "fail"
    create("bad", taskDefinition=register("bad", image="bad"), desiredCount=2)
    wait(15, lambda: has("bad", "is unable to consistently start tasks successfully."), lambda: messages("bad"))
    time.sleep(2)
    n = len(objects("bad"))
    assert n <= 3 * 2 + 2, n
    s = service("bad")
    assert s["deployments"][0]["failedTasks"] == n and s["runningCount"] == 0, (n, s["deployments"])
    reasons = {t["status"]["stoppedReason"] for t in objects("bad")}
    assert reasons == {"CannotPullContainerError: no bad"}, reasons
    # A revision that works need not wait.
    ecs.update_service(cluster=CLUSTER, service="bad", taskDefinition=register("bad"))
    wait(10, lambda: stable("bad"), lambda: service("bad"))
    end("bad")


def never_more_than_once():
    """Both gateways are asked, nothing runs: each task is made once."""
    fate["stuck"] = "wait"
    name = "once%d" % time.monotonic_ns()
    create(name, taskDefinition=register("once", image="stuck"), desiredCount=12)
    for n in (30, 5, 25, 3, 28):
        (ecs if n % 2 else other).update_service(cluster=CLUSTER, service=name, desiredCount=n)
        time.sleep(0.3)
    wait(10, lambda: len(alive(name)) == 28, lambda: len(alive(name)))
    said = [i for m in messages(name) if " has started " in m for i in re.findall(r"\(task (\w+)\)", m)]
    assert len(said) == len(set(said)) and {t["metadata"]["name"] for t in objects(name)} == set(said)
    end(name)
    assert not alive(name)


def healthy_after_40_seconds(begun):
    wait(50, lambda: stable("slow"), lambda: service("slow"))
    took = time.monotonic() - begun
    assert took > 39.0, took
    ran = [t["status"]["startedAt"] for t in alive("slow")]
    done = service("slow")["events"][0]["createdAt"].timestamp()
    assert 40 <= done - max(ran) <= 43, (ran, done)


def main():
    ecs.create_cluster(clusterName=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    if sys.argv[4:]:
        threading.Thread(target=kubelet, daemon=True).start()
        for rule in sys.argv[4:]:
            globals()[rule]()
        print("done")
        return
    for ns in (NS, "ecs-lead"):
        if ns != NS:
            api("POST", "/api/v1/namespaces", {"metadata": {"name": ns}})
        api("POST", "/api/v1/namespaces/%s/serviceaccounts" % ns, {"metadata": {"name": "default"}})
    threading.Thread(target=kubelet, daemon=True).start()
    no_instances_at_first()
    slow = time.monotonic()
    create("slow", taskDefinition=register("slow", check=False), desiredCount=2)
    for rule in (a_task_that_fits_nowhere, placed_as_asked, providers_by_base_and_weight, tags_are_handed_on,
                 failing_starts_come_slower, never_more_than_once):
        begin = time.monotonic()
        rule()
        print("%s: %.1f s" % (rule.__name__, time.monotonic() - begin))
    healthy_after_40_seconds(slow)
    print("done")


main()
