#!/usr/bin/env python3
"""ecs_resources.py ENDPOINT - all that is neither a task nor a service, through boto3; prints "done", or what failed."""
import sys
import time
import boto3


def client(profile):
    return boto3.Session(profile_name=profile).client("ecs", endpoint_url=sys.argv[1])


ecs, alice = client("default"), client("alice")
ROOT = "arn:aws:iam::000000000000:root"
GROUP = {"autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:0:autoScalingGroup:x:autoScalingGroupName/x"}
DEFINITION = {"containerDefinitions": [{"name": "web", "image": "busybox", "memory": 64}]}


def refused(code, text, call, **args):
    try:
        call(**args)
    except ecs.exceptions.ClientError as e:
        got = e.response["Error"]
        assert got["Code"] == code and text in got["Message"], (args, got)
    else:
        assert False, "%s is taken" % args


def soon(what, fn):
    for _ in range(100):
        if fn():
            return
        time.sleep(0.1)
    assert False, what


def cluster(name, *include):
    return ecs.describe_clusters(clusters=[name], include=list(include))["clusters"][0]


def clusters():
    c = ecs.create_cluster(clusterName="demo", tags=[{"key": "team", "value": "blue"}],
                           configuration={"executeCommandConfiguration": {"logging": "NONE"}},
                           serviceConnectDefaults={"namespace": "inner"})["cluster"]
    assert c["clusterArn"] == "arn:aws:ecs:us-east-1:000000000000:cluster/demo" and c["status"] == "ACTIVE", c
    assert c["settings"] == [{"name": "containerInsights", "value": "disabled"}] and c["tags"][0]["key"] == "team", c
    c = cluster("demo")
    assert c["tags"] == [] and c["settings"] == [] and c["statistics"] == [] and "configuration" not in c, c
    assert c["serviceConnectDefaults"] == {"namespace": "inner"}, c
    c = cluster("demo", "STATISTICS", "TAGS", "SETTINGS", "CONFIGURATIONS", "ATTACHMENTS")
    names = [s["name"] for s in c["statistics"]]
    for n in ["runningEC2TasksCount", "runningFargateTasksCount", "pendingEC2TasksCount", "pendingFargateTasksCount",
              "activeEC2ServiceCount", "activeFargateServiceCount", "drainingEC2ServiceCount", "drainingFargateServiceCount"]:
        assert n in names, names
    assert c["attachments"] == [] and c["configuration"]["executeCommandConfiguration"]["logging"] == "NONE", c
    refused("InvalidParameterException", "Invalid cluster setting", ecs.update_cluster_settings, cluster="demo",
            settings=[{"name": "containerInsights", "value": "maybe"}])
    c = ecs.update_cluster(cluster="demo", settings=[{"name": "containerInsights", "value": "enabled"}])["cluster"]
    assert c["settings"][0]["value"] == "enabled", c
    refused("InvalidParameterException", "Invalid cluster name", ecs.create_cluster, clusterName="no spaces")
    refused("ClusterNotFoundException", "Cluster not found.", ecs.update_cluster, cluster="nix", settings=[])
    got = ecs.describe_clusters(clusters=["nix"])["failures"]
    assert got == [{"arn": "arn:aws:ecs:us-east-1:000000000000:cluster/nix", "reason": "MISSING"}], got


def providers():
    refused("InvalidParameterException", "cannot be prefixed with", ecs.create_capacity_provider, name="Fargate_x",
            autoScalingGroupProvider=GROUP)
    refused("InvalidParameterException", "managedInstancesProvider is not supported yet", ecs.create_capacity_provider, name="m",
            managedInstancesProvider={"infrastructureRoleArn": "a", "instanceLaunchTemplate": {
                "ec2InstanceProfileArn": "b", "networkConfiguration": {"subnets": ["c"]}}})
    refused("InvalidParameterException", "needs autoScalingGroupProvider", ecs.create_capacity_provider, name="m")
    p = ecs.create_capacity_provider(name="mine", autoScalingGroupProvider=GROUP, tags=[{"key": "a", "value": "b"}])["capacityProvider"]
    assert p["status"] == "ACTIVE" and p["capacityProviderArn"].endswith(":capacity-provider/mine"), p
    group = p["autoScalingGroupProvider"]
    assert group["managedScaling"]["targetCapacity"] == 100 and group["managedTerminationProtection"] == "DISABLED", p
    refused("ClientException", "already exists", ecs.create_capacity_provider, name="mine", autoScalingGroupProvider=GROUP)
    p = ecs.update_capacity_provider(name="mine", autoScalingGroupProvider={"managedScaling": {"targetCapacity": 50}})["capacityProvider"]
    group = p["autoScalingGroupProvider"]
    assert group["managedScaling"]["targetCapacity"] == 50 and group["managedScaling"]["instanceWarmupPeriod"] == 300, p
    assert group["autoScalingGroupArn"] == GROUP["autoScalingGroupArn"] and p["updateStatus"] == "UPDATE_COMPLETE", p
    refused("InvalidParameterException", "does not exist", ecs.update_capacity_provider, name="nix", autoScalingGroupProvider={})
    refused("InvalidParameterException", "reserved", ecs.delete_capacity_provider, capacityProvider="FARGATE")
    all_of = ecs.describe_capacity_providers()["capacityProviders"]
    assert [p["name"] for p in all_of] == ["FARGATE", "FARGATE_SPOT", "mine"], all_of
    assert all(p["tags"] == [] for p in all_of)
    got = ecs.describe_capacity_providers(capacityProviders=["mine", "nix", "FARGATE"], include=["TAGS"])
    assert got["capacityProviders"][0]["tags"] == [{"key": "a", "value": "b"}] and len(got["capacityProviders"]) == 2, got
    assert got["failures"][0]["reason"] == "MISSING", got
    first = ecs.describe_capacity_providers(maxResults=2)
    assert len(first["capacityProviders"]) == 2
    rest = ecs.describe_capacity_providers(maxResults=2, nextToken=first["nextToken"])
    assert [p["name"] for p in rest["capacityProviders"]] == ["mine"] and "nextToken" not in rest, rest


def strategies():
    put = ecs.put_cluster_capacity_providers
    fargate = {"capacityProvider": "FARGATE", "weight": 1}
    refused("InvalidParameterException", "'nix' was not found", put, cluster="demo", capacityProviders=["nix"],
            defaultCapacityProviderStrategy=[])
    refused("InvalidParameterException", "not associated with the cluster", put, cluster="demo", capacityProviders=["mine"],
            defaultCapacityProviderStrategy=[fargate])
    refused("InvalidParameterException", "cannot contain a mix", put, cluster="demo", capacityProviders=["mine", "FARGATE"],
            defaultCapacityProviderStrategy=[fargate, {"capacityProvider": "mine"}])
    refused("InvalidParameterException", "can have a base", put, cluster="demo", capacityProviders=["FARGATE", "FARGATE_SPOT"],
            defaultCapacityProviderStrategy=[dict(fargate, base=1), {"capacityProvider": "FARGATE_SPOT", "base": 1}])
    refused("InvalidParameterException", "weight greater than zero", put, cluster="demo",
            capacityProviders=["FARGATE", "FARGATE_SPOT"],
            defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE"}, {"capacityProvider": "FARGATE_SPOT"}])
    c = put(cluster="demo", capacityProviders=["mine", "FARGATE", "FARGATE_SPOT"],
            defaultCapacityProviderStrategy=[fargate, {"capacityProvider": "FARGATE_SPOT", "base": 1}])["cluster"]
    assert c["capacityProviders"] == ["mine", "FARGATE", "FARGATE_SPOT"] and c["attachmentsStatus"] == "UPDATE_COMPLETE", c
    assert c["defaultCapacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0},
                                                    {"capacityProvider": "FARGATE_SPOT", "weight": 0, "base": 1}], c
    assert len(ecs.describe_capacity_providers(cluster="demo")["capacityProviders"]) == 3
    refused("ClientException", "associated with cluster: demo", ecs.delete_capacity_provider, capacityProvider="mine")
    ecs.register_task_definition(family="web", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
                                 **DEFINITION)
    refused("InvalidParameterException", "not associated with the cluster", ecs.create_service, serviceName="s", taskDefinition="web",
            desiredCount=1, capacityProviderStrategy=[fargate], networkConfiguration={"awsvpcConfiguration": {"subnets": ["s"]}})
    c = ecs.create_cluster(clusterName="spot", capacityProviders=["FARGATE_SPOT"],
                           defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}])["cluster"]
    assert c["defaultCapacityProviderStrategy"][0]["weight"] == 1, c
    ecs.delete_cluster(cluster="spot")
    c = cluster("spot")
    assert c["status"] == "INACTIVE" and c["runningTasksCount"] == 0, c


def settings():
    def mine(**args):
        return {s["name"]: (s["value"], s["principalArn"]) for s in alice.list_account_settings(**args)["settings"]}

    assert mine() == {}
    all_of = alice.list_account_settings(effectiveSettings=True)
    assert len(all_of["settings"]) == 10 and "nextToken" in all_of, all_of
    rest = alice.list_account_settings(effectiveSettings=True, nextToken=all_of["nextToken"])["settings"]
    assert [s["name"] for s in rest] == ["taskLongArnFormat"] and rest[0]["value"] == "enabled", rest
    got = {s["name"]: s for s in all_of["settings"]}
    assert got["guardDutyActivate"]["type"] == "aws_managed" and got["containerInsights"]["principalArn"] == ROOT, got
    s = ecs.put_account_setting_default(name="containerInsights", value="enabled")["setting"]
    assert s == {"name": "containerInsights", "value": "enabled", "principalArn": ROOT, "type": "user"}, s
    assert mine(effectiveSettings=True, name="containerInsights")["containerInsights"] == ("enabled", ROOT)
    assert alice.create_cluster(clusterName="hers")["cluster"]["settings"][0]["value"] == "enabled"
    s = alice.put_account_setting(name="containerInsights", value="enhanced")["setting"]
    assert s["principalArn"].endswith(":user/alice"), s
    assert mine() == {"containerInsights": ("enhanced", "arn:aws:iam::000000000000:user/alice")}
    assert mine(name="containerInsights", value="enabled") == {}
    assert alice.create_cluster(clusterName="hers2")["cluster"]["settings"][0]["value"] == "enhanced"
    assert ecs.create_cluster(clusterName="his")["cluster"]["settings"][0]["value"] == "enabled"
    assert ecs.list_account_settings(principalArn="arn:aws:iam::000000000000:user/alice")["settings"][0]["value"] == "enhanced"
    refused("AccessDeniedException", "root user or the principal", alice.put_account_setting, name="containerInsights",
            value="enabled", principalArn=ROOT)
    refused("AccessDeniedException", "root user", alice.put_account_setting, name="fargateTaskRetirementWaitPeriod", value="0")
    refused("InvalidParameterException", "principal ARN", ecs.put_account_setting, name="containerInsights", value="enabled",
            principalArn="arn:aws:iam::111111111111:user/x")
    refused("InvalidParameterException", "only ARNs in the long format", ecs.put_account_setting, name="taskLongArnFormat",
            value="disabled")
    refused("InvalidParameterException", "Valid values", ecs.put_account_setting, name="containerInsights", value="maybe")
    refused("InvalidParameterException", "managed by AWS", ecs.put_account_setting, name="guardDutyActivate", value="on")
    refused("InvalidParameterException", "account setting name", ecs.list_account_settings, value="on")
    ecs.delete_account_setting(name="containerInsights", principalArn=ROOT)
    assert alice.delete_account_setting(name="containerInsights")["setting"]["value"] == "disabled"
    assert mine(effectiveSettings=True, name="containerInsights")["containerInsights"] == ("disabled", ROOT)
    alice.put_account_setting(name="containerInsights", value="enhanced")


def tags():
    arn = ecs.register_task_definition(family="tagged", tags=[{"key": "a", "value": "b"}], **DEFINITION)["taskDefinition"]["taskDefinitionArn"]
    task = ecs.run_task(cluster="demo", taskDefinition="tagged", launchType="EC2",
                        tags=[{"key": "t", "value": "1"}])
    arns = [arn, "arn:aws:ecs:us-east-1:000000000000:cluster/demo", "arn:aws:ecs:us-east-1:000000000000:capacity-provider/mine"]
    arns += [t["taskArn"] for t in task["tasks"]]
    s = ecs.create_service(cluster="his", serviceName="s", taskDefinition="tagged", desiredCount=0)["service"]
    arns.append(s["serviceArn"])
    for arn in arns:
        had = ecs.list_tags_for_resource(resourceArn=arn)["tags"]
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "x", "value": "1"}, {"key": "y"}])
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "x", "value": "2"}])
        got = ecs.list_tags_for_resource(resourceArn=arn)["tags"]
        assert got == had + [{"key": "x", "value": "2"}, {"key": "y", "value": ""}], (arn, got)
        ecs.untag_resource(resourceArn=arn, tagKeys=["x", "y", "nix"])
        assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == had, arn
        refused("InvalidParameterException", "aws: prefixed", ecs.tag_resource, resourceArn=arn, tags=[{"key": "aws:x", "value": "1"}])
        refused("InvalidParameterException", "Duplicate tag keys", ecs.tag_resource, resourceArn=arn,
                tags=[{"key": "x", "value": "1"}, {"key": "x", "value": "2"}])
        refused("LimitExceededException", "50", fill, arn=arn)
    ecs.delete_service(cluster="his", service="s")
    base = "arn:aws:ecs:us-east-1:000000000000:"
    for tail, code, text in [("cluster/nix", "ClusterNotFoundException", "Cluster not found."),
                             ("cluster/spot", "InvalidParameterException", "The specified cluster is inactive."),
                             ("service/s", "InvalidParameterException", "Long arn format must be used for tagging operations"),
                             ("service/demo/nix", "ResourceNotFoundException", "does not exist"),
                             ("task/demo/nix", "ResourceNotFoundException", "does not exist"),
                             ("task-definition/nix:1", "ResourceNotFoundException", "does not exist"),
                             ("task-definition/tagged", "InvalidParameterException", "is invalid"),
                             ("capacity-provider/nix", "ResourceNotFoundException", "does not exist"),
                             ("container-instance/demo/nix", "ResourceNotFoundException", "does not exist"),
                             ("daemon/demo/nix", "InvalidParameterException", "is invalid")]:
        refused(code, text, ecs.tag_resource, resourceArn=base + tail, tags=[{"key": "a", "value": "b"}])
        refused(code.replace("ResourceNotFound", "InvalidParameter"), text, ecs.list_tags_for_resource, resourceArn=base + tail)
    refused("InvalidParameterException", "is invalid", ecs.list_tags_for_resource, resourceArn="tagged:1")
    for call, args in [(ecs.create_cluster, {"clusterName": "t"}), (ecs.register_task_definition, dict(DEFINITION, family="t")),
                       (ecs.create_capacity_provider, {"name": "t", "autoScalingGroupProvider": GROUP}),
                       (ecs.run_task, {"cluster": "demo", "taskDefinition": "tagged"}),
                       (ecs.create_service, {"cluster": "demo", "taskDefinition": "tagged", "serviceName": "t", "desiredCount": 1})]:
        refused("InvalidParameterException", "aws: prefixed", call, tags=[{"key": "aws:x", "value": "1"}], **args)


def fill(arn):
    for i in range(3):
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "k%d" % (20 * i + j), "value": ""} for j in range(20)])


def definitions():
    for i in range(3):
        ecs.register_task_definition(family="many", **DEFINITION)
    ecs.register_task_definition(family="manyother", **DEFINITION)
    list_ = ecs.list_task_definitions
    got = [a.rsplit("/")[-1] for a in list_(familyPrefix="many")["taskDefinitionArns"]]
    assert got == ["many:1", "many:2", "many:3"], got
    got = [a.rsplit("/")[-1] for a in list_(familyPrefix="many", sort="DESC")["taskDefinitionArns"]]
    assert got == ["many:3", "many:2", "many:1"], got
    page = list_(familyPrefix="many", maxResults=2)
    assert list_(familyPrefix="many", nextToken=page["nextToken"])["taskDefinitionArns"][0].endswith("many:3")
    refused("InvalidParameterException", "Invalid token", list_, nextToken="6d616e79")
    families = ecs.list_task_definition_families
    assert families(familyPrefix="many")["families"] == ["many", "manyother"]
    ecs.deregister_task_definition(taskDefinition="manyother:1")
    assert families(familyPrefix="many", status="INACTIVE")["families"] == ["manyother"]
    assert families(familyPrefix="many", status="ACTIVE")["families"] == ["many"]
    refused("ClientException", "Unable to describe task definition.", ecs.describe_task_definition, taskDefinition="manyother")
    d = ecs.describe_task_definition(taskDefinition="manyother:1", include=["TAGS"])
    assert d["taskDefinition"]["status"] == "INACTIVE" and "deregisteredAt" in d["taskDefinition"] and d["tags"] == [], d
    refused("ClientException", "TaskDefinition is inactive", ecs.run_task, taskDefinition="manyother:1")
    refused("ClientException", "TaskDefinition not found.", ecs.run_task, taskDefinition="nix")
    got = ecs.delete_task_definitions(taskDefinitions=["manyother:1", "many:1", "nix:1", "many"])
    assert [d["status"] for d in got["taskDefinitions"]] == ["DELETE_IN_PROGRESS"], got
    assert "still in ACTIVE" in got["failures"][0]["reason"] and "does not exist" in got["failures"][1]["reason"], got
    assert len(got["failures"]) == 3, got
    assert families(familyPrefix="many")["families"] == ["many"]
    # One that a service uses goes when the service has gone.
    s = ecs.create_service(cluster="his", serviceName="uses", taskDefinition="many:2", desiredCount=0)["service"]
    ecs.deregister_task_definition(taskDefinition="many:2")
    d = ecs.delete_task_definitions(taskDefinitions=["many:2"])["taskDefinitions"][0]
    assert d["status"] == "DELETE_IN_PROGRESS" and "deleteRequestedAt" in d, d
    assert ecs.describe_task_definition(taskDefinition="many:2")["taskDefinition"]["status"] == "DELETE_IN_PROGRESS"
    assert cluster("his")["activeServicesCount"] == 1
    refused("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.", ecs.delete_cluster, cluster="his")
    ecs.delete_service(cluster="his", service="uses")
    soon("many:2 goes by itself", lambda: list_(familyPrefix="many", status="DELETE_IN_PROGRESS")["taskDefinitionArns"] == [])
    ecs.delete_cluster(cluster="his")


for part in (clusters, providers, strategies, settings, tags, definitions):
    part()
    print(part.__name__)
print("done")
