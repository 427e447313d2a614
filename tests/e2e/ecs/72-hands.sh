# cluster: --nodes 1
# What kubectl does to the objects of ECS behind its back: tasks are replaced, a service ends, a cluster comes back.

check "create-cluster" ecs create-cluster --cluster-name hands
check "register" ecs register-task-definition --cli-input-json '{"family": "hands", "containerDefinitions": [{"name": "main",
    "image": "coracle.local/busybox:1", "memory": 24, "stopTimeout": 2, "entryPoint": ["sh", "-c"],
    "command": ["trap exit TERM; touch /tmp/ok; while :; do sleep 0.1; done"],
    "healthCheck": {"command": ["CMD-SHELL", "test -f /tmp/ok"], "interval": 5}}]}'
check "a pod, a task and a service are deleted" ecs_python <<'END'
import subprocess
def kubectl(*words): return subprocess.run(("kubectl", "-n", "ecs-hands") + words, check=True, capture_output=True, text=True).stdout
def create(name): ecs.create_service(cluster="hands", serviceName=name, taskDefinition="hands", desiredCount=3)
def running(name): return ecs.describe_services(cluster="hands", services=[name])["services"][0]["runningCount"]
def ids(name): return {a.split("/")[-1] for a in ecs.list_tasks(cluster="hands", serviceName=name)["taskArns"]}
create("one")
create("two")
wait(60, lambda: running("one") == 3 and running("two") == 3)
old = ids("one")
stopped, pod, task = sorted(old)
ecs.stop_task(cluster="hands", task=stopped)
kubectl("delete", "pod", pod, "--wait=false")
kubectl("delete", "ecstask", task, "--wait=false")
wait(60, lambda: running("one") == 3 and len(ids("one")) == 3 and not ids("one") & old)
gone = {t["taskArn"].split("/")[-1]: t for t in ecs.describe_tasks(cluster="hands", tasks=[stopped, pod])["tasks"]}
assert gone[stopped]["stopCode"] == "UserInitiated", gone[stopped]
assert gone[pod]["stoppedReason"] == "The pod of the task was deleted.", gone[pod]
kubectl("delete", "ecsservice", "two")
wait(60, lambda: len(ecs.list_tasks(cluster="hands", family="hands")["taskArns"]) == 3)
assert ecs.describe_services(cluster="hands", services=["two"])["failures"][0]["reason"] == "MISSING"
create("two")
END
check "its namespace is deleted" k delete namespace ecs-hands --timeout=60s
soon "it comes back with its instances" 30 is 1 ecs list-container-instances --cluster hands --query 'length(containerInstanceArns)'
expect "a service can be created" 'ACTIVE' ecs create-service --cluster hands --service-name one --task-definition hands \
    --desired-count 1 --query service.status
soon "and comes to run" 60 is 1 ecs describe-services --cluster hands --services one --query 'services[0].runningCount'
ecs_purge hands
