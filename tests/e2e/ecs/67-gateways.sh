# cluster: --nodes 1
# Two gateways at once, and the leading one killed again and again in the middle of a deployment: it goes on, and nothing
# is started twice.

other=22151
gateway_start $other
disown "${gateway_pids[$other]}" # it will be killed: the shell need not say so
k_lease() { jp '{.spec.holderIdentity}' lease ecs-controllers -n kube-system; }
expect "one of them leads" ':[0-9]+_[0-9a-f]+-[0-9]+-[0-9]+-[0-9]+$' k_lease
killing() {
    ECS_OTHER=$other ecs_python <<'END'
import subprocess
CLUSTER, N = "kill", 8
second = boto3.client("ecs", endpoint_url="http://127.0.0.1:" + os.environ["ECS_OTHER"])

def out(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

def either(fn):
    """At the gateway that is there; one of them always is, or comes back."""
    end = time.monotonic() + 20
    while True:
        for client in (ecs, second):
            try:
                return fn(client)
            except Exception as e:
                if time.monotonic() > end:
                    raise
        time.sleep(0.05)

def service():
    return either(lambda c: c.describe_services(cluster=CLUSTER, services=["web"]))["services"][0]

def stable():
    s = service()
    return (len(s["deployments"]) == 1 and s["runningCount"] == s["desiredCount"]
            and s["deployments"][0]["rolloutState"] == "COMPLETED")

def register():
    return either(lambda c: c.register_task_definition(family="kill", containerDefinitions=[{
        "name": "main", "image": "coracle.local/busybox:1", "memory": 16, "entryPoint": ["sh", "-c"],
        "command": ["trap 'exit 0' TERM; touch /tmp/ok; while :; do sleep 1; done"],
        "healthCheck": {"command": ["CMD-SHELL", "test -f /tmp/ok"], "interval": 5, "timeout": 2, "retries": 1}}]
    ))["taskDefinition"]["taskDefinitionArn"]

ecs.create_cluster(clusterName=CLUSTER)
ecs.create_service(cluster=CLUSTER, serviceName="web", taskDefinition=register(), desiredCount=N,
                   deploymentConfiguration={"minimumHealthyPercent": 75, "maximumPercent": 125})
wait(40, stable)
kills = 0
for turn in range(2):
    arn = register()
    either(lambda c: c.update_service(cluster=CLUSTER, service="web", taskDefinition=arn))
    for _ in range(40):
        if stable():
            break
        if kills < 6 * (turn + 1):
            holder = out("kubectl", "get", "lease", "-n", "kube-system", "ecs-controllers",
                         "-o", "jsonpath={.spec.holderIdentity}")
            try:
                os.kill(int(holder.split("-")[-2]), 9)
                kills += 1
            except ProcessLookupError:
                pass
        if subprocess.run(["curl", "-s", "http://127.0.0.1:" + os.environ["ECS_OTHER"]], capture_output=True).returncode:
            open(os.environ["AGAIN"], "w").close()
        time.sleep(0.4)
    wait(60, stable)
assert kills >= 4, kills

import collections, json, re
objects = json.loads(out("kubectl", "get", "ecstasks", "-n", "ecs-kill", "-o", "json"))["items"]
made = collections.Counter(t["status"]["startedBy"] for t in objects)
said = [i for e in service()["events"] if " has started " in e["message"] for i in re.findall(r"\(task (\w+)\)", e["message"])]
ids = [t["metadata"]["name"] for t in objects]
assert len(said) == len(set(said)), "a task was started twice: %s" % said
assert set(ids) <= set(said), set(ids) - set(said)
assert set(made.values()) == {N}, made       # three deployments of N tasks: none more than it needed
assert len(made) == 3, made
pods = json.loads(out("kubectl", "get", "pods", "-n", "ecs-kill", "-o", "json"))["items"]
assert {p["metadata"]["name"] for p in pods} <= set(ids)
assert all(s["restartCount"] == 0 for p in pods for s in p["status"].get("containerStatuses", []))
print("killed %d leaders; %d tasks" % (kills, len(ids)))
END
}
# The second one is started anew when it was killed; `coracle up` does so with the first.
export AGAIN=$work/again
(
    results=/dev/null # what counts is what the gateways do
    while sleep 0.2; do
        [ -e "$AGAIN" ] || continue
        rm -f "$AGAIN"
        gateway_start $other >/dev/null
        echo "${gateway_pids[$other]}" >"$work/other.pid"
    done
) 2>/dev/null &
keeper=$!
check "the leader is killed in the middle of deployments" killing
{ kill $keeper && wait $keeper; } 2>/dev/null
[ ! -e "$work/other.pid" ] || gateway_pids[$other]=$(cat "$work/other.pid")
soon "the first gateway is back" 30 curl -s "http://127.0.0.1:$ecs_port/"
expect "both say the same" '^8.8.COMPLETED$' ecs_at $other describe-services --cluster kill --services web \
    --query 'services[0].[desiredCount,runningCount,deployments[0].rolloutState]'
gateway_stop $other
ecs_purge kill
