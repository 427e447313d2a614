#!/usr/bin/env python3
"""ecs_instances.py ENDPOINT - container instances and attributes through boto3 on two nodes without a kubelet: n1 in zone
us-east-1a, n2 in us-east-1b with the attribute stack=test. Prints "done", or the assertion that failed."""
import json
import re
import subprocess
import sys
import threading
import time

import boto3

ecs = boto3.client("ecs", endpoint_url=sys.argv[1])
CLUSTER = "boto"


def kubectl(*args, stdin=None):
    return subprocess.run(["kubectl", *args], input=stdin, stdout=subprocess.PIPE, check=True, text=True).stdout


def refused(code, text, call, **args):
    args.setdefault("cluster", CLUSTER)
    try:
        call(**args)
    except ecs.exceptions.ClientError as e:
        got = e.response["Error"]
        assert got["Code"] == code and text in got["Message"], (args, got)
        return
    assert False, "%s is taken" % args


def soon(what, fn, seconds=15):
    end = time.monotonic() + seconds
    while not fn():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def instance_on(node, cluster=CLUSTER):
    items = json.loads(kubectl("get", "containerinstances", "-n", "ecs-" + cluster, "-o", "json"))["items"]
    return [i["metadata"]["name"] for i in items if i["spec"]["node"] == node][0]


def listed(**args):
    return ecs.list_container_instances(cluster=CLUSTER, **args)["containerInstanceArns"]


def describe(*ids, **args):
    return ecs.describe_container_instances(cluster=CLUSTER, containerInstances=list(ids), **args)


def tell(instance):
    return describe(instance)["containerInstances"][0]


def resources(i, member="registeredResources"):
    return {r["name"]: r.get("stringSetValue", r["integerValue"]) for r in i[member]}


def arn(instance, cluster=CLUSTER):
    return "arn:aws:ecs:us-east-1:000000000000:container-instance/%s/%s" % (cluster, instance)


def count(cluster):
    return ecs.describe_clusters(clusters=[cluster])["clusters"][0]["registeredContainerInstancesCount"]


def described(one, two):
    i = tell(one)
    assert resources(i) == {"CPU": 2048, "MEMORY": 4096, "PORTS": ["22", "2375", "2376", "51678", "51679"],
                            "PORTS_UDP": []}, i["registeredResources"]
    assert resources(i, "remainingResources") == resources(i), i
    assert i["status"] == "ACTIVE" and i["agentConnected"] is True and i["version"] >= 1, i
    assert i["runningTasksCount"] == i["pendingTasksCount"] == 0 and i["attachments"] == [] and i["tags"] == [], i
    assert re.fullmatch(r"i-[0-9a-f]{17}", i["ec2InstanceId"]), i
    assert i["versionInfo"] == {"agentVersion": "1.36.0", "dockerVersion": "containerd://1.6"}, i
    assert "healthStatus" not in i, i
    attributes = {a["name"]: a.get("value") for a in i["attributes"]}
    assert attributes["ecs.availability-zone"] == "us-east-1a" and attributes["ecs.os-type"] == "linux", attributes
    assert attributes["ecs.instance-type"] == "t3.small" and attributes["ecs.cpu-architecture"] == "x86_64", attributes
    assert "ecs.capability.task-eni" in attributes, attributes
    both = describe(arn(one), two, "nix", arn(one, "default"), include=["TAGS", "CONTAINER_INSTANCE_HEALTH"])
    assert [c["containerInstanceArn"] for c in both["containerInstances"]] == [arn(one), arn(two)], both
    assert both["failures"] == [{"arn": arn("nix"), "reason": "MISSING"},
                                {"arn": arn(one, "default"), "reason": "MISSING"}], both["failures"]
    health = both["containerInstances"][0]["healthStatus"]
    assert health["overallStatus"] == "OK" and health["details"][0]["type"] == "CONTAINER_RUNTIME", health
    fn = ecs.describe_container_instances
    refused("InvalidParameterException", "Container Instances cannot be empty.", fn, containerInstances=[])
    refused("InvalidParameterException", "at most 100", fn, containerInstances=["x"] * 101)
    refused("ClusterNotFoundException", "Cluster not found.", fn, containerInstances=[one], cluster="nix")


def put(instance, *attributes):
    return ecs.put_attributes(cluster=CLUSTER, attributes=[
        dict(zip(("name", "value"), a.split("=")), targetId=arn(instance)) for a in attributes])["attributes"]


def attributes(one, two):
    fn = ecs.put_attributes
    assert put(one, "stack=prod") == [{"name": "stack", "value": "prod", "targetId": arn(one)}]
    short = {"name": "rack", "value": "7", "targetId": one, "targetType": "container-instance"}
    ecs.put_attributes(cluster=CLUSTER, attributes=[short])
    refused("InvalidParameterException", "targetType", fn, attributes=[{"name": "rack", "targetId": one}])
    refused("InvalidParameterException", "targetId", fn, attributes=[{"name": "rack"}])
    refused("TargetNotFoundException", "not found", fn, attributes=[dict(short, targetId="0")])
    for name, value in (("a b", "x"), ("", "x"), ("a" * 129, "x"), ("a", " x"), ("a", "x" * 129), ("ecs.os-type", "x")):
        refused("InvalidParameterException", "ttribute", fn,
                attributes=[{"name": name, "value": value, "targetId": arn(one)}])
    refused("InvalidParameterException", "empty", fn, attributes=[])
    many = [{"name": "a%d" % n, "targetId": arn(one)} for n in range(9)]
    refused("AttributeLimitExceededException", "10", fn, attributes=many)
    ecs.delete_attributes(cluster=CLUSTER, attributes=many)

    def names(**args):
        pages = ecs.get_paginator("list_attributes").paginate(cluster=CLUSTER, targetType="container-instance", **args)
        return [(a["name"], a.get("value"), a["targetId"]) for p in pages for a in p["attributes"]]

    assert set(names(attributeName="stack")) == {("stack", "prod", arn(one)), ("stack", "test", arn(two))}
    assert names(attributeName="stack", attributeValue="test") == [("stack", "test", arn(two))]
    all_of = names()
    assert len(all_of) > 60 and names(PaginationConfig={"PageSize": 7}) == all_of
    refused("InvalidParameterException", "Invalid token", ecs.list_attributes, targetType="container-instance",
            nextToken="x")
    refused("InvalidParameterException", "attributeName", ecs.list_attributes, targetType="container-instance",
            attributeValue="x")
    gone = {"name": "stack", "targetId": arn(two)} # from the node's label: not ours to delete
    assert ecs.delete_attributes(cluster=CLUSTER, attributes=[gone])["attributes"] == []
    assert names(attributeName="stack", attributeValue="test"), "the node's attribute is gone"
    gone["targetId"] = arn(one)
    assert ecs.delete_attributes(cluster=CLUSTER, attributes=[gone])["attributes"] == [dict(gone, value="prod")]


def filters(one, two):
    for text, want in (("attribute:ecs.availability-zone == us-east-1b", [two]),
                       ("attribute:rack exists and agentConnected == true and agentVersion >= 1.9", [one]),
                       ("not (attribute:rack exists) and runningTasksCount == 0", [two]),
                       ("attribute:ecs.capability.task-eni exists", [one, two]),
                       ("registeredAt > 2020-01-01T00:00:00+00:00", [one, two]),
                       ("ec2InstanceId in [%s]" % tell(one)["ec2InstanceId"], [one]),
                       ("attribute:ecs.instance-type =~ g4.*", [])):
        assert set(listed(filter=text)) == {arn(i) for i in want}, text
    refused("InvalidParameterException", "Invalid expression", ecs.list_container_instances, filter="attribute:rack ==")
    pages = ecs.get_paginator("list_container_instances").paginate(cluster=CLUSTER, PaginationConfig={"PageSize": 1})
    assert [len(p["containerInstanceArns"]) for p in pages] == [1, 1]


def states(one):
    def state(status, *ids):
        return ecs.update_container_instances_state(cluster=CLUSTER, containerInstances=ids, status=status)

    got = state("DRAINING", one, "nix")
    assert [c["status"] for c in got["containerInstances"]] == ["DRAINING"], got
    assert got["failures"] == [{"arn": arn("nix"), "reason": "MISSING"}], got
    assert listed(status="DRAINING") == [arn(one)] and arn(one) not in listed(status="ACTIVE") and len(listed()) == 2
    kubectl("label", "node", "n1", "rack=7")
    assert tell(one)["status"] == "DRAINING"
    fn = ecs.update_container_instances_state
    refused("InvalidParameterException", "[ACTIVE,DRAINING]", fn, status="REGISTERING", containerInstances=[one])
    refused("InvalidParameterException", "at most 10", fn, status="ACTIVE", containerInstances=["x"] * 11)
    refused("InvalidParameterException", "cannot be empty", fn, status="ACTIVE", containerInstances=[])
    version = tell(one)["version"]
    assert state("ACTIVE", one)["containerInstances"][0]["version"] == version + 1
    refused("NoUpdateAvailableException", "no update", ecs.update_container_agent, containerInstance=one)
    refused("InvalidParameterException", "not found", ecs.update_container_agent, containerInstance="0")


def tasks(one):
    ecs.register_task_definition(family="big", containerDefinitions=[{"name": "a", "image": "x", "memory": 1024}])
    made, failures = [], []

    def run():
        client = boto3.client("ecs", endpoint_url=sys.argv[1])
        for _ in range(3):
            got = client.run_task(cluster=CLUSTER, taskDefinition="big")
            made.extend(got["tasks"])
            failures.extend(f["reason"] for f in got["failures"])

    threads = [threading.Thread(target=run) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    # 4 and 8 GiB: whatever comes at the same time, twelve fit and no more
    assert len(made) == 12 and set(failures) == {"RESOURCE:MEMORY"}, (len(made), set(failures))
    i = tell(one)
    assert i["pendingTasksCount"] + i["runningTasksCount"] == 4 and resources(i, "remainingResources")["MEMORY"] == 0, i
    fn = ecs.deregister_container_instance
    refused("InvalidParameterException", "Found running tasks on the instance.", fn, containerInstance=one)
    there = ecs.list_tasks(cluster=CLUSTER, containerInstance=one)["taskArns"]
    assert len(there) == 4
    assert fn(cluster=CLUSTER, containerInstance=one, force=True)["containerInstance"]["status"] == "INACTIVE"
    soon("its tasks stop", lambda: all("deregistered" in t.get("stoppedReason", "") for t in ecs.describe_tasks(
        cluster=CLUSTER, tasks=there)["tasks"]))
    for t in made:
        ecs.stop_task(cluster=CLUSTER, task=t["taskArn"])


def registration(one, two):
    fn = ecs.register_container_instance
    refused("ClientException", "inactive", ecs.deregister_container_instance, containerInstance=one)
    refused("InvalidParameterException", "not found", ecs.deregister_container_instance, containerInstance="0")
    kubectl("label", "node", "n1", "rack=8", "--overwrite")
    assert listed() == [arn(two)] and tell(one)["status"] == "INACTIVE"
    refused("InvalidParameterException", "instanceIdentityDocument", fn)
    refused("ClientException", "join the machine as a node", fn, instanceIdentityDocument='{"instanceId":"i-00"}')
    refused("ClientException", "instanceId", fn, instanceIdentityDocument="no JSON")
    document = json.dumps({"instanceId": tell(one)["ec2InstanceId"]})
    got = fn(cluster=CLUSTER, instanceIdentityDocument=document, tags=[{"key": "team", "value": "blue"}],
             attributes=[{"name": "mine", "value": "x"}, {"name": "ecs.os-type", "value": "windows"}])["containerInstance"]
    assert got["status"] == "ACTIVE" and got["tags"] == [{"key": "team", "value": "blue"}], got
    attributes_now = {a["name"]: a.get("value") for a in got["attributes"]}
    assert attributes_now["mine"] == "x" and attributes_now["ecs.os-type"] == "linux", attributes_now
    assert fn(cluster=CLUSTER, containerInstanceArn=arn(one))["containerInstance"]["containerInstanceArn"] == arn(one)


def nodes(one, two):
    kubectl("delete", "containerinstance", "-n", "ecs-boto", two)
    soon("an instance that somebody deleted is made again", lambda: arn(two) in listed())
    kubectl("label", "node", "n2", "ecs.coracle.dev/cluster=own")
    ecs.create_cluster(clusterName="own")
    assert count("own") == 2 # it and n1, which is everybody's
    soon("the others have lost it", lambda: arn(two) not in listed())
    refused("ClusterContainsContainerInstancesException", "Container Instances are active or draining",
            ecs.delete_cluster, cluster="own")
    kubectl("label", "node", "n2", "ecs.coracle.dev/cluster-")
    soon("it comes back", lambda: arn(two) in listed())
    soon("and keeps nobody any more", lambda: json.loads(kubectl(
        "get", "containerinstances", "-n", "ecs-own", instance_on("n2", "own"), "-o", "json"))["spec"]["registered"] is False)
    ecs.delete_cluster(cluster="own")
    kubectl("cordon", "n2")
    assert tell(two)["status"] == "ACTIVE"
    got = []
    soon("a cordoned node gets no task", lambda: got.append(ecs.start_task(
        cluster=CLUSTER, taskDefinition="big", containerInstances=[two])) or got[-1]["failures"])
    assert got[-1]["failures"][0]["reason"] == "NO ACTIVE INSTANCES", got[-1]
    kubectl("uncordon", "n2")
    kubectl("patch", "node", "n2", "--subresource=status", "--type=merge", "-p",
            '{"status":{"conditions":[{"type":"Ready","status":"False","reason":"r","message":"m"}]}}')
    soon("a node that is not ready has no agent", lambda: not tell(two)["agentConnected"])
    kubectl("delete", "node", "n2")
    soon("a node that goes takes its instance along", lambda: tell(two)["status"] == "INACTIVE")


ecs.create_cluster(clusterName=CLUSTER)
assert count(CLUSTER) == 2, "a new cluster has its instances at once"
ONE, TWO = instance_on("n1"), instance_on("n2")
described(ONE, TWO)
attributes(ONE, TWO)
filters(ONE, TWO)
states(ONE)
tasks(ONE)
registration(ONE, TWO)
nodes(ONE, TWO)
print("done")
