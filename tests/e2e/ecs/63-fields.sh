# cluster: --nodes 1
# The members of task definitions on real containers: each container prints what it sees.

check "what containers see of their definitions" ecs_python "$bin/../images/busybox.tar" "e2e-$$" <<'END'
import base64, http.server, json, subprocess, tarfile, threading
IMAGE, CLUSTER = "coracle.local/busybox:1", "fields"
ecs.create_cluster(clusterName=CLUSTER)

def container(name, command, **more):
    return dict({"name": name, "image": IMAGE, "memory": 32, "stopTimeout": 2, "entryPoint": ["sh", "-c"], "command": [command]}, **more)

def start(family, *containers, **more):
    ecs.register_task_definition(family=family, containerDefinitions=list(containers), **more)
    got = ecs.run_task(cluster=CLUSTER, taskDefinition=family)
    assert got["failures"] == [], got
    return got["tasks"][0]["taskArn"]

def see(arn):
    return ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"][0]

def until(arn, state):
    return wait(60, lambda: (lambda t: t if t["lastStatus"] == state else None)(see(arn)))

def kubectl(arn, *words):
    pod = arn.split("/")[-1]
    return subprocess.run(["kubectl", "-n", "ecs-" + CLUSTER] + [w if w != "POD" else pod for w in words], capture_output=True,
                          text=True).stdout

def says(arn, name):
    text = wait(60, lambda: (lambda s: s if "end=" in s else None)(kubectl(arn, "logs", "POD", "-c", name)))
    pairs = [line.split("=", 1) for line in text.replace("\r", "").splitlines() if "=" in line]
    return {k: [v for k2, v in pairs if k2 == k] for k, _ in pairs}

def expect(got, **wanted):
    bad = {k: (got.get(k), v) for k, v in wanted.items() if got.get(k, [None])[0] != v}
    assert not bad, "got, wanted: %s" % bad

forever = "trap 'exit 9' TERM; while true; do sleep 0.1; done"
stubborn = "trap '' TERM; while true; do sleep 0.1; done"
# One that says each of these; what needs more of a machine is in the definitions below.
look = """
echo env=$GREETING; echo literal="$DOLLAR"; echo cwd=$(pwd); echo id=$(id -u):$(id -g); echo host=$(hostname)
echo nofile=$(ulimit -Sn):$(ulimit -Hn); echo core=$(ulimit -Sc):$(ulimit -Hc)
while read l; do echo hosts=$l; done < /etc/hosts
while read l; do echo resolv=$l; done < /etc/resolv.conf
while read k v; do echo $k=$v; done < /proc/self/status
echo scratch=$(df -k /scratch | awk 'END {print $2}'); echo shm=$(df -k /dev/shm | awk 'END {print $2}')
echo somaxconn=$(cat /proc/sys/net/core/somaxconn); echo msgmax=$(cat /proc/sys/kernel/msgmax)
echo root=$(touch /x 2>&1 | grep -c Read-only); echo data=$(cat /data/word); echo data2=$(touch /data/x 2>&1 | grep -c Read-only)
echo tty=$(tty | sed s/[0-9]*$//); echo one=$(tr '\\0' ' ' </proc/1/cmdline); echo end=; """

fields = start("fields",
    container("db", "echo word > /data/word; sleep 300", mountPoints=[{"sourceVolume": "data", "containerPath": "/data"}]),
    container("main", look + "sleep 300", user="nobody:33", workingDirectory="/tmp", hostname="fields",
        environment=[{"name": "GREETING", "value": "hello"}, {"name": "DOLLAR", "value": "$(GREETING) $$"}],
        ulimits=[{"name": "nofile", "softLimit": 1234, "hardLimit": 2345}, {"name": "core", "softLimit": 0, "hardLimit": 512}],
        extraHosts=[{"hostname": "elsewhere.test", "ipAddress": "192.0.2.7"}], links=["db:database"],
        dnsServers=["192.0.2.53"], dnsSearchDomains=["example.test"], readonlyRootFilesystem=True, pseudoTerminal=True,
        systemControls=[{"namespace": "net.core.somaxconn", "value": "77"}, {"namespace": "kernel.msgmax", "value": "4096"}],
        dockerSecurityOptions=["no-new-privileges"], volumesFrom=[{"sourceContainer": "db", "readOnly": True}],
        dependsOn=[{"containerName": "db", "condition": "START"}], dockerLabels={"team": "blue"},
        linuxParameters={"capabilities": {"add": ["NET_ADMIN"], "drop": ["MKNOD"]}, "initProcessEnabled": True,
                         "tmpfs": [{"containerPath": "/scratch", "size": 3, "mountOptions": ["rw"]}], "sharedMemorySize": 7}),
    volumes=[{"name": "data"}])

# The host's network, processes and IPC, a privileged container, a folder of the host.
host = start("host", container("main",
    "echo net=$(readlink /proc/self/ns/net); echo pid=$(readlink /proc/self/ns/pid); echo ipc=$(readlink /proc/self/ns/ipc); "
    "echo first=$(cat /proc/1/comm); grep CapEff /proc/self/status | tr ':\\t' '= '; echo etc=$(ls /machine/hostname); echo end=; sleep 300",
    privileged=True, mountPoints=[{"sourceVolume": "etc", "containerPath": "/machine", "readOnly": True}]),
    networkMode="host", pidMode="host", ipcMode="host", volumes=[{"name": "etc", "host": {"sourcePath": "/etc"}}])
# Containers that share their processes; one that a task awaits with COMPLETE and that fails; one that does not listen.
shared = start("shared", container("migrate", "exit 3", essential=False),
    container("main", "echo others=$(ps | grep -c '[a]nother-name'); echo end=; " + forever, stopTimeout=30,
              dependsOn=[{"containerName": "migrate", "condition": "COMPLETE"}, {"containerName": "other", "condition": "START"}]),
    container("other", "another_name=1; " + stubborn.replace("sleep 0.1", "sleep 0.1; : another-name"), stopTimeout=1), pidMode="task")
awaited = start("awaited", container("first", "exit 3", essential=False),
    container("main", forever, dependsOn=[{"containerName": "first", "condition": "SUCCESS"}]))
# Health: known at once in the start period, lost later; nothing is started again.
health = start("health", container("main", "touch /tmp/ok; sleep 9; rm /tmp/ok; sleep 300", healthCheck={
    "command": ["CMD-SHELL", "test", "-e /tmp/ok"], "interval": 5, "timeout": 2, "retries": 1, "startPeriod": 300}))
proxied = start("proxied", container("proxy", "sleep 2; touch /tmp/ok; " + forever, healthCheck={
    "command": ["CMD", "test", "-e", "/tmp/ok"], "interval": 5, "timeout": 2, "retries": 3}),
    container("main", "echo host=$(hostname); echo end=; " + forever, hostname="web.fields.test", dependsOn=[{"containerName": "proxy", "condition": "HEALTHY"}]))
# A volume of Docker's: the second task of it finds what the first one left.
docker = [{"name": sys.argv[2], "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True, "driver": "local"}}]
point = [{"sourceVolume": sys.argv[2], "containerPath": "/v"}]
keep = start("keep", container("main", "echo kept > /v/word", mountPoints=point), volumes=docker)
early = start("early", container("Main_1", "exit 4", restartPolicy={"enabled": True, "restartAttemptPeriod": 60}), ephemeralStorage={"sizeInGiB": 30})
# The shortest restartAttemptPeriod is a minute: what the kubelet makes of it is asked with a pod of a second.
subprocess.run(["kubectl", "-n", "ecs-" + CLUSTER, "create", "-f", "-"], check=True, text=True, stdout=subprocess.DEVNULL, input="""
apiVersion: v1
kind: Pod
metadata: {name: again, annotations: {restart-after.ecs.coracle.dev/main: "1"}}
spec:
  restartPolicy: Never
  volumes: [{name: v, emptyDir: {}}]
  containers:
  - name: main
    image: coracle.local/busybox:1
    command: [sh, -c, "echo x >> /v/n; [ $(wc -l < /v/n) -gt 2 ] || sleep 2; exit 3"]
    volumeMounts: [{name: v, mountPath: /v}]
    restartPolicy: Never
    restartPolicyRules: [{action: Restart, exitCodes: {operator: NotIn, values: [7]}}]
""")
# A registry that wants a password, which repositoryCredentials name.
blobs = {m.name.split("/")[-1]: f.read() for t in [tarfile.open(sys.argv[1])] for m in t for f in [t.extractfile(m)] if f}
manifest = json.loads(blobs["index.json"])["manifests"][0]["digest"].split(":")[1]
class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name, kind, what = (["", "", ""] + self.path.split("/"))[-3:]
        known = self.headers.get("Authorization") == "Basic " + base64.b64encode(b"user:secret").decode()
        blob = blobs.get(manifest if what == "1" else what.replace("sha256:", ""), b"{}" if self.path == "/v2/" else None)
        self.send_response(401 if not known else 200 if blob is not None else 404)
        if not known:
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
        body = blob if known and blob is not None else b""
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json" if kind == "manifests" else "application/octet-stream")
        self.send_header("Docker-Content-Digest", "sha256:" + manifest)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *args):
        pass
registry = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
threading.Thread(target=registry.serve_forever, daemon=True).start()
host_port = "127.0.0.1:%d" % registry.server_port
kubectl("", "create", "secret", "docker-registry", "registry", "--docker-server=" + host_port, "--docker-username=user", "--docker-password=secret")
private = dict(image=host_port + "/private/busybox:1")
pulled = start("pulled", container("main", "exit 6", repositoryCredentials={
    "credentialsParameter": "arn:aws:secretsmanager:us-east-1:000000000000:secret:registry"}, **private))
refused = start("refused", container("main", "exit 6", image=host_port + "/private/other:1"))
armored = start("armored", container("main", "true", dockerSecurityOptions=["apparmor:of-no-node"]))
nobody = start("nobody", container("main", "true", user="no-such-user"))

wait(60, lambda: see(health)["healthStatus"] == "HEALTHY")
got = says(fields, "main")
expect(got, env="hello", literal="$(GREETING) $$", cwd="/tmp", id="65534:33", host="fields", nofile="1234:2345", core="0:1",
       somaxconn="77", msgmax="4096", root="1", data="word", data2="1", tty="/dev/pts/", one="/pause", scratch="3072", shm="7168")
assert "192.0.2.7 elsewhere.test" in got["hosts"] and "127.0.0.1 database" in got["hosts"], got["hosts"]
assert got["resolv"][:2] == ["search example.test", "nameserver 192.0.2.53"] or \
    {"search example.test", "nameserver 192.0.2.53"} <= set(got["resolv"]), got["resolv"]
bounding = int(got["CapBnd:"][0], 16)
assert bounding >> 12 & 1 == 1 and bounding >> 27 & 1 == 0 and got["NoNewPrivs:"] == ["1"], got
pod = kubectl(fields, "get", "pod", "POD", "-o", "jsonpath={.metadata.annotations['ecs\\.coracle\\.dev/docker-labels']}")
assert pod == '{"main":{"team":"blue"}}', pod

got = says(host, "main")
assert got["first"] != ["pause"] and got["etc"] == ["/machine/hostname"] and int(got["CapEff"][0], 16) >> 21 & 1 == 1, got
expect(says(proxied, "main"), host="web.fields.test")
t = until(proxied, "RUNNING")
assert [c["lastStatus"] for c in t["containers"]] == ["RUNNING"] * 2, t
t = until(shared, "RUNNING")
c = {c["name"]: c for c in t["containers"]}
assert c["migrate"]["exitCode"] == 3 and c["migrate"]["lastStatus"] == "STOPPED" and c["main"]["lastStatus"] == "RUNNING", t
assert says(shared, "main")["others"][0] != "0"
ecs.stop_task(cluster=CLUSTER, task=shared)
t = until(shared, "STOPPED")
c = {c["name"]: c for c in t["containers"]}
assert c["main"]["exitCode"] == 9 and c["other"]["exitCode"] == 137, t
assert (t["stoppedAt"] - t["stoppingAt"]).total_seconds() < 15, t
t = until(awaited, "STOPPED")
c = {c["name"]: c for c in t["containers"]}
assert c["first"]["exitCode"] == 3 and "exitCode" not in c["main"], t
t = until(keep, "STOPPED")
again = start("again", container("main", "echo word=$(cat /v/word); echo end=; sleep 300", mountPoints=point), volumes=docker)
expect(says(again, "main"), word="kept")
t = until(armored, "STOPPED")
assert t["stopCode"] == "TaskFailedToStart" and "apparmor" in t["stoppedReason"].lower(), t
t = until(nobody, "STOPPED")
assert t["stopCode"] == "TaskFailedToStart" and "no users found" in t["stoppedReason"], t
t = until(pulled, "STOPPED")
assert t["containers"][0].get("exitCode") == 6, t
t = until(refused, "STOPPED")
assert t["stopCode"] == "TaskFailedToStart" and t["stoppedReason"].startswith("CannotPullContainerError"), t
t = until(early, "STOPPED")
assert t["containers"][0]["exitCode"] == 4 and t["stopCode"] == "EssentialContainerExited", t
wait(60, lambda: kubectl("", "get", "pod", "again", "-o", "jsonpath={.status.phase} {.status.containerStatuses[0].restartCount}") == "Failed 2")
wait(60, lambda: see(health)["healthStatus"] == "UNHEALTHY")
t = see(health)
assert t["lastStatus"] == "RUNNING" and t["containers"][0]["healthStatus"] == "UNHEALTHY", t
assert kubectl(health, "get", "pod", "POD", "-o", "jsonpath={.status.containerStatuses[0].restartCount}") == "0"
END
ecs_purge fields
rm -rf "/var/lib/coracle/ecs-volumes/e2e-$$"
