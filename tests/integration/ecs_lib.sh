# ecs_lib.sh - sourced by the tests of ECS here: a real apiserver, gateways before it, and the real aws CLI.
# Wants $root and the build folder in $1 (the apiserver may be another one: APISERVER); ends the test when a tool is missing.
build=$(realpath "${1:-$root/build/release}")
for tool in etcd kubectl openssl aws; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: 1 skipped"; exit 0; }
done
work=$(mktemp -d /tmp/coracle-ecs.XXXXXX)
mkfifo "$work/hold"
gateways=()
. "$root/tests/lib/aws_fast.sh"
finish() {
    [ -z "${aws_zygote:-}" ] || kill "$aws_zygote" 2>/dev/null
    for p in "${gateways[@]}"; do kill "$p" 2>/dev/null; wait "$p" 2>/dev/null; done
    exec 9>&-
    wait "$api" 2>/dev/null
    if grep -qsE 'ERROR: [A-Z][a-z]+Sanitizer|runtime error: |WARNING: ThreadSanitizer' "$work/gateway.log"; then
        echo "FAIL  a sanitizer found:"
        grep -nE -A 30 'ERROR: |runtime error: |WARNING: Thread' "$work/gateway.log" | head -n 80
        rm -rf "$work"
        exit 1
    fi
    rm -rf "$work"
}
trap finish EXIT
APISERVER=${APISERVER:-$build/bin/apiserver} "$root/hack/dev-apiserver" "$work/api" <"$work/hold" >"$work/api.out" 2>&1 &
api=$!
exec 9>"$work/hold"
for _ in $(seq 200); do grep -q KUBECONFIG "$work/api.out" && break; sleep 0.05; done
export KUBECONFIG=$work/api/admin.kubeconfig HOME=$work

printf '[default]\naws_access_key_id = AKIAECSTEST000000001\naws_secret_access_key = of-the-test\n' >"$work/credentials"
gateway() { # gateway PORT [FLAGS...]
    local port=$1
    shift
    "$build/bin/aws-gateway" --kubeconfig "$KUBECONFIG" --port "$port" "$@" --credentials-file "$work/credentials" 9>&- \
        >>"$work/gateway.log" 2>&1 &
    gateways+=($!)
    for _ in $(seq 200); do curl -s "http://127.0.0.1:$port/" >/dev/null && return; sleep 0.05; done
    echo "the gateway does not serve:"
    cat "$work/gateway.log"
    exit 1
}
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
first=$(free_port)
second=$(free_port)
export AWS_SHARED_CREDENTIALS_FILE=$work/credentials AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
ecs() { aws --endpoint-url "http://127.0.0.1:$first" --output json ecs "$@" 2>&1; }
other() { aws --endpoint-url "http://127.0.0.1:$second" --output json ecs "$@" 2>&1; }

failed=0
expect() { # expect NAME REGEX COMMAND...
    local name=$1 regex=$2 out
    shift 2
    out=$("$@" 2>&1)
    if [[ $out =~ $regex ]]; then printf 'ok    %s\n' "$name"; else
        printf 'FAIL  %s: wanted /%s/, got: %s\n' "$name" "$regex" "$out"
        failed=$((failed + 1))
    fi
}

# make_node NAME CPU MEMORY: a node without a kubelet, for tasks to be placed on. Before the gateway starts, so that each
# cluster has it from its beginning.
make_node() {
    kubectl create -f - >/dev/null <<END
{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "$1", "labels": {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}},
 "status": {"capacity": {"cpu": "$2", "memory": "$3", "pods": "110"}, "allocatable": {"cpu": "$2", "memory": "$3", "pods": "110"},
  "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux"},
  "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                  "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}
END
}
# What a kubelet would do with pods that are to go.
drop_pods() { kubectl delete pods -n "$1" --all --force --grace-period=0 >/dev/null 2>&1; }
# expect_boto3 OPERATION NAME REGEX PROGRAM ARGS...: the same of a Python program that needs boto3, and one whose model has
# that operation (Debian's is of 2022). Returns 1 when it was skipped.
expect_boto3() {
    local operation=$1 name=$2 regex=$3
    shift 3
    if python3 -c 'import boto3, sys
ecs = boto3.client("ecs", region_name="us-east-1")
sys.exit(sys.argv[1] not in ecs.meta.service_model.operation_names)' "$operation" 2>/dev/null; then
        expect "$name" "$regex" python3 "$@"
    else
        printf 'skip  %s: boto3 is missing, or too old for %s\n' "$name" "$operation"
        return 1
    fi
}
# Task definitions to ask for: web:1 for EC2, web:2 that is INACTIVE, net:1 for Fargate.
register_samples() {
    local f
    cat >"$work/web.json" <<'END'
{"family": "web", "containerDefinitions": [{"name": "web", "image": "busybox", "memory": 64, "portMappings": [{"containerPort": 80}]}]}
END
    cat >"$work/net.json" <<'END'
{"family": "net", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"],
 "containerDefinitions": [{"name": "net", "image": "busybox"}]}
END
    for f in web web net; do ecs register-task-definition --cli-input-json "file://$work/$f.json" >/dev/null; done
    ecs deregister-task-definition --task-definition web:2 >/dev/null
}
