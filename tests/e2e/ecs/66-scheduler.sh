# cluster: --nodes 1
# The service scheduler: limits kept at every moment of a rolling deployment, the circuit breaker with its rollback, tasks
# whose health checks fail, 0 -> 30 -> 0.

cat >"$work/scheduler.py" <<'END'
CLUSTER = "sched"
UP = "trap 'exit 0' TERM; touch /tmp/ok; while :; do sleep 0.5; done"

def register(command=UP, image="coracle.local/busybox:1", memory=24, check="test -f /tmp/ok"):
    return ecs.register_task_definition(family="sched", containerDefinitions=[{
        "name": "main", "image": image, "memory": memory, "entryPoint": ["sh", "-c"], "command": [command],
        "healthCheck": {"command": ["CMD-SHELL", check], "interval": 5, "timeout": 2, "retries": 1}}],
    )["taskDefinition"]["taskDefinitionArn"]

def service(name):
    return ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]

def messages(name):
    return [e["message"] for e in reversed(service(name)["events"])]

def stable(name):
    s = service(name)
    return (len(s["deployments"]) == 1 and s["runningCount"] == s["desiredCount"] and s["pendingCount"] == 0
            and s["deployments"][0]["rolloutState"] == "COMPLETED")

def tasks(name, status="RUNNING"):
    arns = [a for page in ecs.get_paginator("list_tasks").paginate(cluster=CLUSTER, desiredStatus=status)
            for a in page["taskArns"]]
    found = [t for i in range(0, len(arns), 100)
             for t in ecs.describe_tasks(cluster=CLUSTER, tasks=arns[i:i + 100])["tasks"]]
    return [t for t in found if t["group"] == "service:" + name]

def watch(name, done, seconds=60):
    """Least healthy and most tasks seen until done."""
    end, low, high, seen = time.monotonic() + seconds, 10**6, 0, 0
    while not done():
        now = tasks(name)
        low = min(low, sum(t["lastStatus"] == "RUNNING" and t["healthStatus"] == "HEALTHY" for t in now))
        high, seen = max(high, len(now)), seen + 1
        assert time.monotonic() < end, (service(name), now)
    assert seen > 5, seen
    return low, high
END
sched_python() { { cat "$work/scheduler.py"; cat; } | ecs_python; }

check "create-cluster" ecs create-cluster --cluster-name sched
rolling() {
    sched_python <<'END'
ecs.create_service(cluster=CLUSTER, serviceName="roll", taskDefinition=register(), desiredCount=4)
wait(40, lambda: stable("roll"))
for least, most in ((100, 200), (50, 100), (75, 150)):
    ecs.update_service(cluster=CLUSTER, service="roll", taskDefinition=register(), deploymentConfiguration={
        "minimumHealthyPercent": least, "maximumPercent": most})
    low, high = watch("roll", lambda: stable("roll"))
    assert low >= 4 * least // 100 and high <= 4 * most // 100, (least, most, low, high)
last = service("roll")["deployments"][0]["id"]
text = messages("roll")[-2:]
assert text == ["(service roll) (deployment %s) deployment completed." % last,
                "(service roll) has reached a steady state."], text
END
}

breaker() {
    sched_python <<'END'
first = service("roll")["taskDefinition"]
ecs.update_service(cluster=CLUSTER, service="roll", taskDefinition=register(image="coracle.local/nothing:9"),
    deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 200,
        "deploymentCircuitBreaker": {"enable": True, "rollback": True}})
bad = service("roll")["deployments"][0]["id"]
states = set()
def back():
    s = service("roll")
    states.update((d["id"] == bad, d["status"], d["rolloutState"], d.get("rolloutStateReason")) for d in s["deployments"])
    return s["taskDefinition"] == first and stable("roll")
low, high = watch("roll", back)
assert low == 4 and high <= 8, (low, high)
now = service("roll")["deployments"][0]["id"]
events = messages("roll")
at = events.index("(service roll) (deployment %s) deployment failed: tasks failed to start." % bad)
assert events[at + 1] == "(service roll) rolling back to deployment %s." % now, events[at:]
assert events[-2] == "(service roll) (deployment %s) deployment completed." % now, events
assert (True, "ACTIVE", "FAILED", "ECS deployment circuit breaker: tasks failed to start.") in states, states
assert service("roll")["deployments"][0]["rolloutStateReason"] == "ECS deployment %s completed." % now
record = ecs.list_service_deployments(cluster=CLUSTER, service="roll")["serviceDeployments"][0]
assert record["status"] == "ROLLBACK_SUCCESSFUL", record
one = ecs.describe_service_deployments(serviceDeploymentArns=[record["serviceDeploymentArn"]])["serviceDeployments"][0]
b = one["deploymentCircuitBreaker"]
assert b["status"] == "TRIGGERED" and b["failureCount"] >= b["threshold"] == 3, b
END
}

no_rollback() {
    sched_python <<'END'
ecs.create_service(cluster=CLUSTER, serviceName="stuck", taskDefinition=register("exit 1"), desiredCount=1,
    deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}})
wait(40, lambda: service("stuck")["deployments"][0]["rolloutState"] == "FAILED")
s = service("stuck")
assert s["deployments"][0]["failedTasks"] == 3 and s["runningCount"] == s["pendingCount"] == 0, s
time.sleep(2)
assert len(tasks("stuck", "STOPPED")) == 3, "it goes on starting"
END
}

sick() {
    sched_python <<'END'
ecs.create_service(cluster=CLUSTER, serviceName="sick", taskDefinition=register(UP), desiredCount=2)
wait(40, lambda: stable("sick"))
victim = tasks("sick")[0]
pod = victim["taskArn"].split("/")[-1]
assert os.system("kubectl exec -n ecs-sched %s -- rm /tmp/ok" % pod) == 0
wait(40, lambda: [t for t in tasks("sick", "STOPPED") if t["lastStatus"] == "STOPPED"] and stable("sick"))
stopped = tasks("sick", "STOPPED")
assert [t["taskArn"] for t in stopped] == [victim["taskArn"]], stopped
assert (stopped[0]["stopCode"], stopped[0]["stoppedReason"]) == (
    "ServiceSchedulerInitiated", "Task failed container health checks"), stopped
events = messages("sick")
at = events.index("(service sick) (task %s) failed container health checks." % pod)
assert events[at + 1].startswith("(service sick) has started 1 tasks: (task "), events
assert events.index("(service sick) has stopped 1 running tasks: (task %s)." % pod) > at, events
END
}

many() {
    sched_python <<'END'
small = register("trap 'exit 0' TERM; touch /tmp/ok; while :; do sleep 2; done", memory=16)
ecs.create_service(cluster=CLUSTER, serviceName="many", taskDefinition=small, desiredCount=0)
wait(20, lambda: stable("many"))
for n in (30, 0):
    begin = time.monotonic()
    ecs.update_service(cluster=CLUSTER, service="many", desiredCount=n)
    wait(60, lambda: stable("many") and len(tasks("many")) == n)
    print("%d tasks: %.1f s" % (n, time.monotonic() - begin))
wait(40, lambda: all(t["lastStatus"] == "STOPPED" for t in tasks("many", "STOPPED")))
assert len(tasks("many", "STOPPED")) == 30
assert all(t["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")
           for t in tasks("many", "STOPPED"))
END
}

# Different services: their waits overlap.
{
    check "a rolling deployment keeps its limits at every moment" rolling
    check "the breaker trips and rolls back by itself" breaker
} &
first=$!
{
    check "without a rollback it starts no more tasks" no_rollback
    check "a task whose health checks fail is replaced" sick
} &
second=$!
check "desired 0 -> 30 -> 0" many
wait $first $second
ecs_purge sched
