#!/usr/bin/env python3
"""ecs_services.py ENDPOINT - services through boto3, in a cluster of its own; prints "done", or the assertion that failed."""
import sys
from concurrent.futures import ThreadPoolExecutor
import boto3

ecs = boto3.client("ecs", endpoint_url=sys.argv[1])
CLUSTER = "boto"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


def refused(code, text, call, **args):
    try:
        call(cluster=CLUSTER, **args)
    except ecs.exceptions.ClientError as e:
        got = e.response["Error"]
        assert got["Code"] == code and text in got["Message"], (args, got)
    else:
        assert False, "%s is taken" % args


def create(name, **args):
    return ecs.create_service(cluster=CLUSTER, serviceName=name, **args)["service"]


def update(name, **args):
    return ecs.update_service(cluster=CLUSTER, service=name, **args)["service"]


def describe(name, **args):
    return ecs.describe_services(cluster=CLUSTER, services=[name], **args)["services"][0]


def deployment(arn):
    return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]


def members_of_a_service():
    s = create("full", taskDefinition="web", desiredCount=2, tags=[{"key": "a", "value": "b"}])
    assert s["serviceArn"].endswith(":service/boto/full") and s["taskDefinition"].endswith(":task-definition/web:%d" % WEB)
    assert s["tags"] == [{"key": "a", "value": "b"}] and s["createdBy"].startswith("arn:aws:iam::")
    want = {"launchType": "EC2", "schedulingStrategy": "REPLICA", "runningCount": 0, "events": [], "loadBalancers": [],
            "propagateTags": "NONE", "deploymentController": {"type": "ECS"}, "enableECSManagedTags": False,
            "healthCheckGracePeriodSeconds": 0}
    assert {k: s[k] for k in want} == want, s
    assert s["deploymentConfiguration"]["maximumPercent"] == 200 and s["deploymentConfiguration"]["minimumHealthyPercent"] == 100
    d = s["deployments"][0]
    assert d["id"].startswith("ecs-svc/") and len(d["id"]) == 27 and d["status"] == "PRIMARY", d
    assert d["rolloutState"] == "IN_PROGRESS" and d["rolloutStateReason"] == "ECS deployment %s in progress." % d["id"], d
    assert d["desiredCount"] == 2 and d["failedTasks"] == 0 and d["taskDefinition"] == s["taskDefinition"]
    assert "tags" not in describe("full") and describe("full", include=["TAGS"])["tags"] == s["tags"]
    assert describe(s["serviceArn"])["serviceName"] == "full"


def members_of_a_fargate_service():
    s = create("fargate", taskDefinition="net", desiredCount=0, launchType="FARGATE", networkConfiguration=NETWORK)
    assert s["platformVersion"] == "LATEST" and s["platformFamily"] == "Linux"
    assert s["deployments"][0]["platformVersion"] == "1.4.0"
    assert s["roleArn"].endswith("AWSServiceRoleForECS")
    assert s["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    s = create("spot", taskDefinition="net", desiredCount=0, networkConfiguration=NETWORK,
               capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}])
    assert "launchType" not in s and s["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"
    refused("InvalidParameterException", "you must force a new deployment", ecs.update_service, service="fargate",
            capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}])
    s = update("fargate", capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}], forceNewDeployment=True)
    assert "launchType" not in s, s
    refused("PlatformUnknownException", "The specified platform does not exist.", ecs.update_service, service="fargate",
            platformVersion="7.0.0")


def tokens():
    a = create("token", taskDefinition="web", desiredCount=1, clientToken="t")
    update("token", desiredCount=0)
    b = create("token", taskDefinition="web", desiredCount=1, clientToken="t")  # the same request, answered late
    assert a["deployments"][0]["id"] == b["deployments"][0]["id"] and b["desiredCount"] == 0
    refused("InvalidParameterException", "Creation of service was not idempotent.", ecs.create_service, serviceName="token",
            taskDefinition="web", desiredCount=4, clientToken="t")


def at_once():
    """Many callers create the same service: one does, all get it."""
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: create("race", taskDefinition="web", desiredCount=0), range(6)))
        assert len({s["deployments"][0]["id"] for s in made}) == 1, made
        list(pool.map(lambda i: update("race", desiredCount=i, forceNewDeployment=i % 2 == 0), range(12)))
    s = describe("race")
    briefs = ecs.list_service_deployments(cluster=CLUSTER, service="race")["serviceDeployments"]
    assert len(briefs) == 7 and briefs[0]["serviceDeploymentArn"] == s["currentServiceDeployment"], briefs
    assert s["deployments"][0]["desiredCount"] == s["desiredCount"]


def what_deploys():
    first = create("roll", taskDefinition="web", desiredCount=1)
    now = update("roll", desiredCount=4, healthCheckGracePeriodSeconds=5,
                 deploymentConfiguration={"minimumHealthyPercent": 50, "deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    assert [d["id"] for d in now["deployments"]] == [first["deployments"][0]["id"]]
    assert now["desiredCount"] == 4 and now["deployments"][0]["desiredCount"] == 4
    assert now["deploymentConfiguration"]["maximumPercent"] == 200, now["deploymentConfiguration"]
    assert update("roll", taskDefinition="web:%d" % WEB)["deployments"][0]["id"] == first["deployments"][0]["id"]
    now = update("roll", forceNewDeployment=True)
    assert now["deployments"][0]["id"] != first["deployments"][0]["id"] and now["deployments"][0]["status"] == "PRIMARY"
    assert len(now["deployments"]) == 1, "a deployment that has started nothing is replaced"
    refused("ClientException", "TaskDefinition not found.", ecs.update_service, service="roll", taskDefinition="nix")
    refused("InvalidParameterException", "CODE_DEPLOY is not supported yet", ecs.create_service, serviceName="cd",
            taskDefinition="web", desiredCount=1, deploymentController={"type": "CODE_DEPLOY"})
    refused("InvalidParameterException", "The platform version must be null", ecs.update_service, service="roll", platformVersion="1.4.0")


def service_deployments():
    s = create("history", taskDefinition="web", desiredCount=1)
    first = s["currentServiceDeployment"]
    d = deployment(first)
    assert d["status"] in ("PENDING", "IN_PROGRESS") and d["sourceServiceRevisions"] == [], d
    assert d["targetServiceRevision"]["arn"] == s["currentServiceRevisions"][0]["arn"]
    assert d["deploymentCircuitBreaker"]["status"] == "DISABLED"
    r = ecs.describe_service_revisions(serviceRevisionArns=[d["targetServiceRevision"]["arn"], first])
    assert r["serviceRevisions"][0]["taskDefinition"] == s["taskDefinition"] and "serviceName" not in r["serviceRevisions"][0]
    assert r["serviceRevisions"][0]["containerImages"] == [{"containerName": "web", "image": "busybox"}]
    assert r["failures"] == [{"arn": first, "reason": "MISSING"}]
    second = update("history", forceNewDeployment=True)["currentServiceDeployment"]
    assert deployment(first)["status"] == "STOPPED" and "replaced" in deployment(first)["statusReason"]
    briefs = ecs.list_service_deployments(cluster=CLUSTER, service="history")["serviceDeployments"]
    assert [b["serviceDeploymentArn"] for b in briefs] == [second, first], briefs
    briefs = ecs.list_service_deployments(cluster=CLUSTER, service="history", status=["STOPPED"])["serviceDeployments"]
    assert [b["serviceDeploymentArn"] for b in briefs] == [first]
    assert not ecs.list_service_deployments(cluster=CLUSTER, service="history", createdAt={"before": 5})["serviceDeployments"]
    page = ecs.list_service_deployments(cluster=CLUSTER, service="history", maxResults=1)
    assert len(page["serviceDeployments"]) == 1 and page["nextToken"]
    stopping(first, second)


def stop(arn, kind):
    return ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType=kind)["serviceDeploymentArn"]


def fails(code, call):
    try:
        call()
    except ecs.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] == code, e
    else:
        assert False, "no %s" % code


def stopping(first, second):
    fails("ConflictException", lambda: stop(first, "ABORT"))
    fails("InvalidParameterException", lambda: stop(second, "ROLLBACK"))  # nothing was ever completed
    fails("ServiceDeploymentNotFoundException", lambda: stop(second + "x", "ROLLBACK"))
    fails("InvalidParameterException", lambda: ecs.continue_service_deployment(serviceDeploymentArn=second, hookId="h", action="CONTINUE"))
    assert stop(second, "ABORT") == second
    assert deployment(second)["status"] == "STOPPED"
    assert describe("history")["deployments"][0]["rolloutState"] == "FAILED"


def daemons():
    s = create("daemon", taskDefinition="web", schedulingStrategy="DAEMON")
    assert s["deploymentConfiguration"]["maximumPercent"] == 100 and s["deploymentConfiguration"]["minimumHealthyPercent"] == 0
    refused("InvalidParameterException", "does not support a desired count", ecs.update_service, service="daemon", desiredCount=2)
    assert ecs.list_services(cluster=CLUSTER, schedulingStrategy="DAEMON")["serviceArns"] == [s["serviceArn"]]
    assert ecs.delete_service(cluster=CLUSTER, service="daemon")["service"]["status"] == "DRAINING"


def lists():
    for i in range(8):
        create("many%d" % i, taskDefinition="web", desiredCount=0)
    page = ecs.list_services(cluster=CLUSTER)
    assert len(page["serviceArns"]) == 10 and page["nextToken"]
    every = [a for p in ecs.get_paginator("list_services").paginate(cluster=CLUSTER) for a in p["serviceArns"]]
    assert len(every) == len(set(every)) == 15, every
    fargate = ecs.list_services(cluster=CLUSTER, launchType="FARGATE")["serviceArns"]
    assert fargate == [], fargate
    refused("InvalidParameterException", "At most 10", ecs.describe_services, services=["many"] * 11)
    fails("InvalidParameterException", lambda: ecs.describe_services(services=[every[0]]))  # of another cluster
    fails("NamespaceNotFoundException", lambda: ecs.list_services_by_namespace(namespace="none"))


def history_is_bounded():
    create("trim", taskDefinition="web", desiredCount=0)
    arns = [update("trim", forceNewDeployment=True)["currentServiceDeployment"] for _ in range(103)]
    listed, token = [], {}
    while token is not None:
        page = ecs.list_service_deployments(cluster=CLUSTER, service="trim", maxResults=40, **token)
        listed += [b["serviceDeploymentArn"] for b in page["serviceDeployments"]]
        token = {"nextToken": page["nextToken"]} if "nextToken" in page else None
    assert listed == arns[:2:-1], (len(listed), len(arns))  # the newest 100, newest first
    gone = ecs.describe_service_deployments(serviceDeploymentArns=arns[:3])["failures"]
    assert [f["reason"] for f in gone] == ["MISSING"] * 3, gone


ecs.create_cluster(clusterName=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT"])
WEB = ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]["revision"]
for test in (members_of_a_service, members_of_a_fargate_service, tokens, at_once, what_deploys, service_deployments, daemons, lists, history_is_bounded):
    test()
print("done")
