#!/usr/bin/env python3
"""ecs_tasks.py ENDPOINT [PART...] - tasks through boto3 on two nodes without a kubelet; prints "done", or the assertion
that failed."""
import re
import subprocess
import sys
import time

import boto3

ecs = boto3.client("ecs", endpoint_url=sys.argv[1])
CLUSTER = "boto"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": []}}
FARGATE = {"taskDefinition": "net", "launchType": "FARGATE", "networkConfiguration": NETWORK}


def refused(code, text, call, **args):
    args.setdefault("cluster", CLUSTER)
    try:
        call(**args)
    except ecs.exceptions.ClientError as e:
        got = e.response["Error"]
        assert got["Code"] == code and text in got["Message"], (args, got)
        return e.response
    assert False, "%s is taken" % args


def run(**args):
    args.setdefault("taskDefinition", "web:1")
    return ecs.run_task(cluster=CLUSTER, **args)


def describe(*tasks, **args):
    return ecs.describe_tasks(cluster=CLUSTER, tasks=list(tasks), **args)["tasks"]


def soon(what, fn, seconds=15):
    end = time.monotonic() + seconds
    while not fn():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def drop():
    subprocess.run(["kubectl", "delete", "pods", "-n", "ecs-boto", "--force", "--grace-period=0", "--all"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def stop_all():
    ids = ecs.list_tasks(cluster=CLUSTER)["taskArns"]
    for t in ids:
        ecs.stop_task(cluster=CLUSTER, task=t)
    if ids:
        soon("their pods are asked to go", lambda: all(t["lastStatus"] != "PENDING" for t in describe(*ids)))
        drop()
        soon("tasks stop", lambda: all(t["lastStatus"] == "STOPPED" for t in describe(*ids)))


def instances():
    arns = ecs.list_container_instances(cluster=CLUSTER)["containerInstanceArns"]
    found = ecs.describe_container_instances(cluster=CLUSTER, containerInstances=arns)["containerInstances"]
    size = lambda i: [r["integerValue"] for r in i["registeredResources"] if r["name"] == "CPU"][0]
    return [i["containerInstanceArn"] for i in sorted(found, key=size)]  # node two, node one


def members():
    got = run(startedBy="me", group="mine", tags=[{"key": "a", "value": "b"}], enableECSManagedTags=True,
              propagateTags="TASK_DEFINITION", referenceId="r")
    assert got["failures"] == [] and len(got["tasks"]) == 1, got
    t = got["tasks"][0]
    assert re.fullmatch(r"arn:aws:ecs:us-east-1:000000000000:task/boto/[0-9a-f]{32}", t["taskArn"]), t
    want = {"attachments": [], "availabilityZone": "us-east-1a", "desiredStatus": "RUNNING", "lastStatus": "PENDING",
            "launchType": "EC2", "group": "mine", "startedBy": "me", "healthStatus": "UNKNOWN", "enableExecuteCommand": False,
            "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []}, "version": 1,
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1"}
    for k, v in want.items():
        assert t[k] == v, (k, t[k])
    assert t["containerInstanceArn"] in instances() and "platformVersion" not in t, t
    assert t["tags"] == [{"key": "a", "value": "b"}, {"key": "aws:ecs:clusterName", "value": "boto"}], t["tags"]
    c = t["containers"][0]
    assert c["name"] == "web" and c["image"] == "busybox" and c["lastStatus"] == "PENDING" and c["memory"] == "64", c
    assert c["cpu"] == "0" and c["taskArn"] == t["taskArn"] and ":container/boto/" in c["containerArn"], c
    assert "exitCode" not in c and c["networkBindings"] == [] and c["networkInterfaces"] == [], c
    arn = t["taskArn"]
    assert describe(arn)[0]["tags"] == [] and describe(arn, include=["TAGS"])[0]["tags"] == t["tags"]
    assert describe(arn.rsplit("/")[-1])[0]["taskArn"] == arn
    got = ecs.describe_tasks(cluster=CLUSTER, tasks=[arn, "0" * 32])
    assert got["failures"][0]["reason"] == "MISSING" and got["failures"][0]["arn"].endswith("task/boto/" + "0" * 32), got
    refused("InvalidParameterException", "Identifier is for cluster boto. Your cluster is default", ecs.describe_tasks,
            cluster="default", tasks=[arn])
    refused("InvalidParameterException", "100", ecs.describe_tasks, tasks=[arn] * 101)
    stop_all()
    t = describe(arn)[0]
    assert t["stopCode"] == "UserInitiated" and t["stoppedReason"] == "Task stopped by user", t
    assert all(k in t for k in ("stoppingAt", "stoppedAt", "createdAt", "executionStoppedAt")), t
    assert t["containers"][0]["lastStatus"] == "STOPPED" and t["version"] > 1, t
    again = ecs.stop_task(cluster=CLUSTER, task=arn, reason="later")["task"]
    assert again["stoppedReason"] == "Task stopped by user", again


def run_in(cluster, **args):
    return ecs.run_task(cluster=cluster, **args)


def fargate():
    t = run(**FARGATE, overrides={"cpu": "512", "memory": "1024", "taskRoleArn": "arn:aws:iam::1:role/r"})["tasks"][0]
    assert t["platformVersion"] == "1.4.0" and t["platformFamily"] == "Linux" and t["lastStatus"] == "PROVISIONING", t
    assert t["cpu"] == "512" and t["memory"] == "1024" and t["ephemeralStorage"] == {"sizeInGiB": 20}, t
    assert "containerInstanceArn" not in t and t["overrides"]["taskRoleArn"].endswith("role/r"), t
    a = t["attachments"][0]
    assert a["type"] == "ElasticNetworkInterface" and a["status"] == "PRECREATED", a
    assert a["details"][0] == {"name": "subnetId", "value": "subnet-1"}, a
    refused("ClientException", "No Fargate configuration exists for given values", run_in, **FARGATE,
            overrides={"cpu": "512", "memory": "9999"})
    refused("PlatformUnknownException", "The specified platform does not exist.", run_in, **FARGATE, platformVersion="9.9.9")
    refused("InvalidParameterException", "Placement strategies are not supported", run_in, **FARGATE,
            placementStrategy=[{"type": "random"}])
    refused("InvalidParameterException", "Placement constraints are not supported", run_in, **FARGATE,
            placementConstraints=[{"type": "distinctInstance"}])
    ecs.put_cluster_capacity_providers(cluster=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT"],
                                       defaultCapacityProviderStrategy=[])
    spot = run(taskDefinition="net", networkConfiguration=NETWORK,
               capacityProviderStrategy=[{"capacityProvider": "FARGATE", "base": 1, "weight": 1},
                                         {"capacityProvider": "FARGATE_SPOT", "weight": 2}], count=4)["tasks"]
    assert sorted(t["capacityProviderName"] for t in spot) == ["FARGATE"] * 2 + ["FARGATE_SPOT"] * 2, spot
    assert all(t["launchType"] == "FARGATE" for t in spot)
    stop_all()


def requests():
    web = {"taskDefinition": "web:1"}
    refused("InvalidParameterException", "Specifying both a launch type and capacity provider strategy", run_in, **web,
            launchType="EC2", capacityProviderStrategy=[{"capacityProvider": "FARGATE"}])
    refused("InvalidParameterException", "count", run_in, **web, count=11)
    refused("InvalidParameterException", "platform version must be null", run_in, **web, platformVersion="LATEST")
    refused("InvalidParameterException", "Invalid namespace for group.", run_in, **web, group="service:x")
    refused("InvalidParameterException", "startedBy", run_in, **web, startedBy="x" * 129)
    refused("InvalidParameterException", "enableExecuteCommand", run_in, **web, enableExecuteCommand=True)
    refused("InvalidParameterException", "service", run_in, **web, propagateTags="SERVICE")
    refused("InvalidParameterException", "volumeConfigurations", run_in, **web,
            volumeConfigurations=[{"name": "v", "managedEBSVolume": {"roleArn": "r"}}])
    refused("InvalidParameterException", "environmentFiles", run_in, **web, overrides={"containerOverrides": [
        {"name": "web", "environmentFiles": [{"value": "arn:aws:s3:::b/f", "type": "s3"}]}]})
    refused("InvalidParameterException", "Container Overrides length must be at most 8192", run_in, **web,
            overrides={"containerOverrides": [{"name": "web", "command": ["x" * 9000]}]})
    refused("InvalidParameterException", "Assign public IP is not supported for this launch type.", run_in, taskDefinition="net",
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}})
    refused("InvalidParameterException", "Network Configuration is not valid", run_in, **web, networkConfiguration=NETWORK)
    t = run(overrides={"containerOverrides": [{"name": "web", "cpu": 128, "memory": 96, "memoryReservation": 80,
                                               "environment": [{"name": "A", "value": "b"}]}]})["tasks"][0]
    c = t["containers"][0]
    assert (c["cpu"], c["memory"], c["memoryReservation"]) == ("128", "96", "80"), c
    assert t["overrides"]["containerOverrides"][0]["environment"] == [{"name": "A", "value": "b"}], t
    external = run(launchType="EXTERNAL")["tasks"][0]
    assert external["launchType"] == "EXTERNAL" and "containerInstanceArn" in external, external
    stop_all()


def tokens():
    args = {"clientToken": "once", "count": 2}
    first = [t["taskArn"] for t in run(**args)["tasks"]]
    assert [t["taskArn"] for t in run(**args)["tasks"]] == first and len(set(first)) == 2
    e = refused("ConflictException", "The provided clientToken is already in use", run_in, taskDefinition="web:1",
                clientToken="once", count=1)
    assert e["resourceIds"] == first, e
    assert len(ecs.list_tasks(cluster=CLUSTER)["taskArns"]) == 2
    stop_all()


def placement():
    two, one = instances()
    got = run(count=3, placementConstraints=[{"type": "distinctInstance"}])
    assert sorted(t["containerInstanceArn"] for t in got["tasks"]) == sorted([one, two]), got
    assert sorted(f["arn"] for f in got["failures"]) == sorted([one, two]), got
    got = run(count=3, placementStrategy=[{"type": "binpack", "field": "memory"}])
    assert {t["containerInstanceArn"] for t in got["tasks"]} == {two} and got["failures"] == [], got
    got = run(count=2, group="spread", placementStrategy=[{"type": "spread", "field": "instanceId"}])
    assert {t["containerInstanceArn"] for t in got["tasks"]} == {one, two}, got
    got = run(placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.os-type == windows"}])
    assert got["tasks"] == [] and len(got["failures"]) == 2, got
    refused("InvalidParameterException", "", run_in, taskDefinition="web:1",
            placementConstraints=[{"type": "memberOf", "expression": "(("}])
    stop_all()
    got = run(count=4, overrides={"containerOverrides": [{"name": "web", "memory": 700}]})  # 2 on one, 1 on two
    assert len(got["tasks"]) == 3, got
    assert {f["reason"] for f in got["failures"]} == {"RESOURCE:MEMORY"} and len(got["failures"]) == 2, got
    stop_all()
    got = run(overrides={"containerOverrides": [{"name": "web", "cpu": 4096}]})
    assert {f["reason"] for f in got["failures"]} == {"RESOURCE:CPU"}, got
    fixed = [run(taskDefinition="fixed")["tasks"] for i in range(2)]
    assert {t["containerInstanceArn"] for ts in fixed for t in ts} == {one, two}, fixed
    assert {f["reason"] for f in run(taskDefinition="fixed")["failures"]} == {"RESOURCE:PORTS"}
    stop_all()


def providers():
    group = {"autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:1:autoScalingGroupName/g"}
    ecs.create_capacity_provider(name="hosts", autoScalingGroupProvider=group)
    ecs.put_cluster_capacity_providers(cluster=CLUSTER, capacityProviders=["hosts", "FARGATE"],
                                       defaultCapacityProviderStrategy=[{"capacityProvider": "hosts", "weight": 1}])
    t = run()["tasks"][0]
    assert t["capacityProviderName"] == "hosts" and t["launchType"] == "EC2" and "containerInstanceArn" in t, t
    t = run(launchType="EC2")["tasks"][0]
    assert "capacityProviderName" not in t, t
    subprocess.run(["kubectl", "label", "node", "one", "two", "ecs.coracle.dev/capacity-provider=others"], check=True, stdout=subprocess.DEVNULL)
    soon("no instance serves the provider", lambda: refuses("No Container Instances were found in your capacity provider."))
    subprocess.run(["kubectl", "label", "node", "one", "two", "ecs.coracle.dev/capacity-provider-"], check=True, stdout=subprocess.DEVNULL)
    stop_all()
    ecs.put_cluster_capacity_providers(cluster=CLUSTER, capacityProviders=[], defaultCapacityProviderStrategy=[])


def refuses(text):
    try:
        run()
    except ecs.exceptions.InvalidParameterException as e:
        return text in str(e)
    return False


def start_task():
    two, one = instances()
    got = ecs.start_task(cluster=CLUSTER, taskDefinition="web:1", containerInstances=[two, one.rsplit("/")[-1], "0" * 32],
                         startedBy="hand")
    assert [t["containerInstanceArn"] for t in got["tasks"]] == [two, one], got
    assert [f["reason"] for f in got["failures"]] == ["MISSING"], got
    assert ecs.list_tasks(cluster=CLUSTER, containerInstance=two)["taskArns"] == [got["tasks"][0]["taskArn"]]
    assert len(ecs.list_tasks(cluster=CLUSTER, startedBy="hand")["taskArns"]) == 2
    full = ecs.start_task(cluster=CLUSTER, taskDefinition="web:1", containerInstances=[two],
                          overrides={"containerOverrides": [{"name": "web", "memory": 4000}]})
    assert full["failures"] == [{"arn": two, "reason": "RESOURCE:MEMORY"}], full
    refused("InvalidParameterException", "Container instances cannot be empty", ecs.start_task, taskDefinition="web:1", containerInstances=[])
    refused("InvalidParameterException", "at most 10", ecs.start_task, taskDefinition="web:1", containerInstances=[two] * 11)
    refused("InvalidParameterException", "container instance was not found", ecs.list_tasks, containerInstance="1" * 32)
    stop_all()


def filters():
    list_ = lambda **args: ecs.list_tasks(cluster=CLUSTER, **args)["taskArns"]
    web = [t["taskArn"] for t in run(count=2, startedBy="x")["tasks"]]
    net = [t["taskArn"] for t in run(**FARGATE)["tasks"]]
    assert list_() == sorted(web + net)
    assert list_(family="net") == net and list_(family="we") == []
    assert list_(startedBy="x") == sorted(web) and list_(launchType="FARGATE") == net
    assert list_(desiredStatus="PENDING") == []
    page = ecs.list_tasks(cluster=CLUSTER, maxResults=2)
    rest = ecs.list_tasks(cluster=CLUSTER, maxResults=2, nextToken=page["nextToken"])
    assert page["taskArns"] + rest["taskArns"] == list_() and "nextToken" not in rest
    refused("ServiceNotFoundException", "Service not found.", ecs.list_tasks, serviceName="nix")
    before = list_(desiredStatus="STOPPED")
    ecs.stop_task(cluster=CLUSTER, task=net[0], reason="enough")
    assert sorted(list_(desiredStatus="STOPPED")) == sorted(before + net) and list_() == sorted(web)
    stop_all()


def protection():
    alone = run()["tasks"][0]["taskArn"]
    ecs.create_service(cluster=CLUSTER, serviceName="s", taskDefinition="web:1", desiredCount=1)
    soon("a task of the service", lambda: ecs.list_tasks(cluster=CLUSTER, serviceName="s")["taskArns"])
    of = ecs.list_tasks(cluster=CLUSTER, serviceName="s")["taskArns"][0]
    assert describe(of)[0]["group"] == "service:s" and describe(of)[0]["startedBy"].startswith("ecs-svc/")
    update = ecs.update_task_protection
    got = update(cluster=CLUSTER, tasks=[of, alone, "0" * 32], protectionEnabled=True, expiresInMinutes=60)
    assert [p["taskArn"] for p in got["protectedTasks"]] == [of] and got["protectedTasks"][0]["protectionEnabled"], got
    left = got["protectedTasks"][0]["expirationDate"].timestamp() - time.time()
    assert 3500 < left < 3700, left
    assert [f["reason"] for f in got["failures"]] == ["TASK_NOT_VALID", "MISSING"], got
    got = ecs.get_task_protection(cluster=CLUSTER, tasks=[of])
    assert got["protectedTasks"][0]["protectionEnabled"] and got["failures"] == [], got
    assert ecs.get_task_protection(cluster=CLUSTER)["protectedTasks"] == got["protectedTasks"]
    ecs.update_service(cluster=CLUSTER, service="s", desiredCount=0)
    time.sleep(1)
    assert ecs.list_tasks(cluster=CLUSTER, serviceName="s")["taskArns"] == [of], "a protected task was scaled in"
    assert not update(cluster=CLUSTER, tasks=[of], protectionEnabled=False)["protectedTasks"][0]["protectionEnabled"]
    soon("it is scaled in without its protection", lambda: not ecs.list_tasks(cluster=CLUSTER, serviceName="s")["taskArns"])
    assert describe(of)[0]["stopCode"] == "ServiceSchedulerInitiated", describe(of)
    refused("InvalidParameterException", "expiresInMinutes", update, tasks=[of], protectionEnabled=True, expiresInMinutes=3000)
    refused("InvalidParameterException", "Tasks cannot be empty", update, tasks=[], protectionEnabled=True)
    ecs.delete_service(cluster=CLUSTER, service="s", force=True)
    stop_all()


ecs.create_cluster(clusterName=CLUSTER)
subprocess.run(["kubectl", "create", "serviceaccount", "default", "-n", "ecs-boto"], check=True, stdout=subprocess.DEVNULL)
ecs.register_task_definition(family="fixed", containerDefinitions=[
    {"name": "web", "image": "busybox", "memory": 64, "portMappings": [{"containerPort": 80, "hostPort": 8080}]}])
only = sys.argv[2:]
for part in (members, fargate, requests, tokens, placement, providers, start_task, filters, protection):
    if not only or part.__name__ in only:
        part()
        print(part.__name__)
print("done")
