# cluster: --nodes 1
# What the containers of a task do: dependencies, volumes, exit codes, overrides, memory, ports, interfaces, and how a task
# tells that it could not start.

check "two containers, exit codes, overrides, memory, ports, failures" ecs_python "$(k get node -o jsonpath='{.items[0].status.addresses[0].address}')" <<'END'
import subprocess, urllib.request
NODE, IMAGE = sys.argv[1], "coracle.local/busybox:1"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
ecs.create_cluster(clusterName="life")

def container(name, command, **more):
    return dict({"name": name, "image": IMAGE, "memory": 32, "stopTimeout": 2, "entryPoint": ["sh", "-c"], "command": [command]}, **more)

def define(family, *containers, **more):
    ecs.register_task_definition(family=family, containerDefinitions=list(containers), **more)

def run(family, **more):
    got = ecs.run_task(cluster="life", taskDefinition=family, **more)
    assert got["failures"] == [], got
    return [t["taskArn"] for t in got["tasks"]]

def see(arn):
    return ecs.describe_tasks(cluster="life", tasks=[arn])["tasks"][0]

def until(arn, state):
    return wait(60, lambda: (lambda t: t if t["lastStatus"] == state else None)(see(arn)))

def of(task):
    return {c["name"]: c for c in task["containers"]}

forever = "trap 'exit 9' TERM; while true; do sleep 0.1; done"
volume = [{"name": "shared"}]
mount = [{"sourceVolume": "shared", "containerPath": "/shared"}]
define("pair", container("writer", "echo 7 > /shared/code; exit 0", essential=False, mountPoints=mount),
       container("reader", "exit $(cat /shared/code)", mountPoints=mount, dependsOn=[{"containerName": "writer", "condition": "SUCCESS"}]),
       volumes=volume)
define("codes", container("main", "sleep 0.5; exit $CODE", environment=[{"name": "CODE", "value": "3"}]),
       container("helper", "exit 5", essential=False), container("other", forever, essential=False))
define("hungry", container("main", "x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done", memory=16))
define("web", container("web", "echo $HOSTNAME > /tmp/index.html; httpd -f -p 80 -h /tmp", portMappings=[{"containerPort": 80}]))
define("eni", container("web", "echo eni > /tmp/index.html; httpd -f -p 8080 -h /tmp", portMappings=[{"containerPort": 8080}]),
       networkMode="awsvpc", cpu="256", memory="512")
define("noimage", container("main", "true", image="coracle.local/nix:1"))
define("nocommand", dict(container("main", "true"), entryPoint=["/nix"]))
define("healthy", container("main", forever, healthCheck={"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 1}))
define("late", container("never", forever, essential=False, startTimeout=2),
       container("main", forever, dependsOn=[{"containerName": "never", "condition": "SUCCESS"}]))
define("broken", container("first", "exit 6", essential=False),
       container("main", forever, dependsOn=[{"containerName": "first", "condition": "SUCCESS"}]))

# All at once: the waits overlap.
pair, codes, hungry, noimage, nocommand, healthy, late, broken = (run(f)[0] for f in
    ("pair", "codes", "hungry", "noimage", "nocommand", "healthy", "late", "broken"))
other = run("codes", overrides={"containerOverrides": [{"name": "main", "environment": [{"name": "CODE", "value": "4"}]}]})[0]
web = run("web", count=2)
eni = run("eni", launchType="FARGATE", networkConfiguration=NETWORK)[0]

t = until(pair, "STOPPED")
assert (of(t)["writer"]["exitCode"], of(t)["reader"]["exitCode"]) == (0, 7), t
assert t["stopCode"] == "EssentialContainerExited" and t["stoppedReason"] == "Essential container in task exited", t
assert t["createdAt"] <= t["startedAt"] <= t["stoppedAt"] and t["pullStartedAt"] <= t["pullStoppedAt"] <= t["executionStoppedAt"], t
t = until(codes, "STOPPED")
assert {n: c["exitCode"] for n, c in of(t).items()} == {"main": 3, "helper": 5, "other": 9}, t
assert of(until(other, "STOPPED"))["main"]["exitCode"] == 4
t = until(hungry, "STOPPED")
assert of(t)["main"]["exitCode"] == 137, t
assert of(t)["main"]["reason"] == "OutOfMemoryError: Container killed due to memory usage", t

bodies = set()
for arn in web:
    t = until(arn, "RUNNING")
    b = of(t)["web"]["networkBindings"][0]
    assert b["containerPort"] == 80 and 32768 <= b["hostPort"] <= 60999 and b["bindIP"] == "0.0.0.0", b
    assert t["connectivity"] == "CONNECTED" and len(of(t)["web"]["runtimeId"]) == 64, t
    ask = lambda: urllib.request.urlopen("http://%s:%d/" % (NODE, b["hostPort"]), timeout=5).read()
    def answer():
        try:
            return ask()
        except OSError:
            return None
    bodies.add(wait(10, answer))
assert len(bodies) == 2, bodies

t = until(eni, "RUNNING")
details = {d["name"]: d["value"] for d in t["attachments"][0]["details"]}
assert t["attachments"][0]["status"] == "ATTACHED" and set(details) == {
    "subnetId", "networkInterfaceId", "macAddress", "privateDnsName", "privateIPv4Address"}, t
ip = details["privateIPv4Address"]
assert of(t)["web"]["networkInterfaces"] == [{"attachmentId": t["attachments"][0]["id"], "privateIpv4Address": ip}], t
def eni_answers():
    try:
        return urllib.request.urlopen("http://%s:8080/" % ip, timeout=5).read() == b"eni\n"
    except OSError:
        return False
wait(10, eni_answers)
ecs.stop_task(cluster="life", task=eni, reason="enough")
t = until(eni, "STOPPED")
assert t["attachments"][0]["status"] == "DELETED" and t["stoppedReason"] == "enough", t

for arn, text in ((noimage, "CannotPullContainerError: "), (nocommand, "CannotStartContainerError: ")):
    t = until(arn, "STOPPED")
    assert t["stopCode"] == "TaskFailedToStart" and t["stoppedReason"].startswith(text), t
    assert of(t)["main"]["reason"].startswith(text) and "exitCode" not in of(t)["main"] and "startedAt" not in t, t
t = until(late, "STOPPED")
assert t["stopCode"] == "TaskFailedToStart" and "startTimeout" in t["stoppedReason"], t
t = until(broken, "STOPPED")
assert t["stopCode"] == "TaskFailedToStart" and of(t)["first"]["exitCode"] == 6 and "exitCode" not in of(t)["main"], t
assert of(t)["main"]["reason"] == "dependency graph: dependent container not in expected state", t
wait(30, lambda: see(healthy)["healthStatus"] == "HEALTHY")
assert of(see(healthy))["main"]["healthStatus"] == "HEALTHY"

# Somebody takes a pod away.
subprocess.run(["kubectl", "delete", "pod", "-n", "ecs-life", "--wait=false", web[0].rsplit("/")[-1]], check=True, stdout=subprocess.DEVNULL)
t = until(web[0], "STOPPED")
assert t["stopCode"] == "TerminationNotice" and t["stoppedReason"] == "The pod of the task was deleted.", t
END
ecs_purge life
