#!/usr/bin/env bash
# tests/integration/ecs_trouble.sh BUILD - two gateways under load while the API server is killed and one gateway is killed: what
# was acknowledged is there, on both gateways and in the API server, what was deleted is not, and nothing is there twice.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/integration/ecs_lib.sh"
python=$(command -v python3)
"$python" -c 'import boto3' 2>/dev/null || python=/usr/bin/python3
"$python" -c 'import boto3' 2>/dev/null || { echo "boto3 is missing: 1 skipped"; exit 0; }
ok() { printf 'ok    %s\n' "$1"; }
bad() {
    printf 'FAIL  %s\n' "$*"
    failed=$((failed + 1))
}

gateway "$first"
victim=$!
gateway "$second"
load() { # load PORT NAME: registers definitions of families NAME-k, deletes every third, until the file "stop" is there
    "$python" - "$1" "$2" "$work" <<'END' &
import boto3, botocore.config, os, sys, time
port, name, work = sys.argv[1:]
ecs = boto3.client("ecs", endpoint_url="http://127.0.0.1:" + port, region_name="us-east-1",
                   config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=20))
with open(work + "/" + name, "w", buffering=1) as done:
    for k in range(100000):
        if os.path.exists(work + "/stop"):
            break
        family = "%s-%d" % (name, k)
        try:
            ecs.register_task_definition(family=family, containerDefinitions=[{"name": "m", "image": "i", "memory": 8}])
            done.write("there %s\n" % family)
            if k % 3 == 0:
                ecs.deregister_task_definition(taskDefinition=family + ":1")
                done.write("gone %s\n" % family)
        except Exception as e:  # the gateway or the API server is down: it may have been done, or not
            done.write("unsure %s %s\n" % (family, type(e).__name__))
            time.sleep(0.05)
END
}
load "$first" a
a=$!
load "$second" b
b=$!
sleep 1.5

# The API server dies in the middle and comes back a second later, as the same command.
pid=$(cat "$work/api/apiserver.pid")
mapfile -d '' -t command <"/proc/$pid/cmdline"
kill -9 "$pid"
sleep 1
"${command[@]}" 9>&- >>"$work/api/again.log" 2>&1 &
gateways+=($!)
for _ in $(seq 200); do kubectl get --raw /readyz >/dev/null 2>&1 && break; sleep 0.05; done
sleep 2

# One gateway dies in the middle, and a new one takes its place.
kill -9 "$victim"
wait "$victim" 2>/dev/null
sleep 0.5
gateway "$first"
sleep 1.5
touch "$work/stop"
wait "$a" "$b"

"$python" - "$first" "$second" "$work" <<'END'
import boto3, json, subprocess, sys, time
first, second, work = sys.argv[1:]

def seen(port, status):
    ecs = boto3.client("ecs", endpoint_url="http://127.0.0.1:" + port, region_name="us-east-1")
    pages = ecs.get_paginator("list_task_definitions").paginate(status=status)
    return [arn.rsplit("/", 1)[1] for page in pages for arn in page["taskDefinitionArns"]]

there, gone, unsure = set(), set(), set()
for name in "ab":
    for line in open(work + "/" + name):
        what, family = line.split()[:2]
        {"there": there, "gone": gone, "unsure": unsure}[what].add(family + ":1")
there -= gone | unsure
end = time.monotonic() + 20
while True:
    views = [(sorted(seen(p, "ACTIVE")), sorted(seen(p, "INACTIVE"))) for p in (first, second)]
    if views[0] == views[1] or time.monotonic() > end:
        break
    time.sleep(0.2)
active, inactive = views[0]
objects = json.loads(subprocess.check_output(["kubectl", "get", "taskdefinitions", "-o", "json"]))["items"]
kept = {"%s:%s" % (o["spec"]["family"], o["spec"]["revision"]): o["status"]["status"] for o in objects}
print("%d there, %d gone, %d unsure" % (len(there), len(gone), len(unsure)))
for name, fine in {
    "enough happened, and some of it in the trouble": len(there) > 50 and len(gone) > 20 and unsure,
    "both gateways see the same": views[0] == views[1],
    "nothing is there twice": len(active) == len(set(active)) == len({a.split(":")[0] for a in active}),
    "what was acknowledged is there": there <= set(active),
    "what was deleted is not": not gone & set(active) and gone <= set(inactive),
    "the API server has the same": {k for k, v in kept.items() if v == "ACTIVE"} == set(active),
}.items():
    print("%-5s %s" % ("ok" if fine else "FAIL", name))
    sys.exit(1) if not fine else None
END
[ $? = 0 ] || failed=$((failed + 1))

# What was deleted behind their back is noticed by both, though their watches were broken before.
kubectl delete --raw /apis/ecs.coracle.dev/v1/taskdefinitions >/dev/null
empty() { [ "$(aws --endpoint-url "http://127.0.0.1:$1" --output text ecs list-task-definitions --query 'length(taskDefinitionArns)')" = 0 ]; }
for port in "$first" "$second"; do
    for _ in $(seq 20); do empty "$port" && break; sleep 0.2; done
    if empty "$port"; then ok "deleted with kubectl, gone on a gateway"; else bad "deleted with kubectl, still seen"; fi
done
[ "$failed" = 0 ]
