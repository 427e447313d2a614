# What the cases of tests/e2e/ecs share: the real aws CLI and boto3, further gateways, and the removal of what a case made.
# Sourced by run; `ecs_begin` runs before each case.

ecs_port=4566
export AWS_SHARED_CREDENTIALS_FILE=$data/aws-credentials AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true AWS_PAGER="" AWS_MAX_ATTEMPTS=1

ecs_begin() { # fails when the case cannot run
    if ! command -v aws >/dev/null; then
        skip "the aws CLI is missing"
        return 1
    fi
    soon "the gateway serves" 20 curl -s "http://127.0.0.1:$ecs_port/"
}

# ecs OPERATION ARGS...: the aws CLI, text output unless the arguments say otherwise. ecs_at PORT: at another gateway.
ecs_at() {
    local port=$1
    shift
    aws --endpoint-url "http://127.0.0.1:$port" --output text ecs "$@"
}
ecs() { ecs_at "$ecs_port" "$@"; }

# ecs_python < PROGRAM: a Python program in which `ecs` is the boto3 client and `wait(SECONDS, FUNCTION)` asks until the
# answer is true. A traceback is a failure.
ecs_python() {
    {
        cat <<'END'
import boto3, os, sys, time
ecs = boto3.client("ecs", endpoint_url="http://127.0.0.1:" + os.environ.get("ECS_PORT", "4566"))
def wait(seconds, fn):
    end = time.monotonic() + seconds
    while True:
        value = fn()
        if value or time.monotonic() > end:
            assert value, "not within %s s" % seconds
            return value
        time.sleep(0.2)
END
        cat
    } | ECS_PORT=$ecs_port python3 - "$@"
}

# Gateways beside the one of `coracle up`, by pid. gateway_start PORT [FLAGS...]; gateway_stop PORT [SIGNAL].
declare -A gateway_pids
gateway_start() {
    local port=$1
    shift
    "$bin/aws-gateway" --kubeconfig "$KUBECONFIG" --port "$port" --credentials-file "$AWS_SHARED_CREDENTIALS_FILE" "$@" \
        >>"$data/log/aws-gateway-$port.log" 2>&1 &
    gateway_pids[$port]=$!
    soon "the gateway on $port serves" 20 curl -s "http://127.0.0.1:$port/"
}
gateway_stop() {
    kill "-${2:-TERM}" "${gateway_pids[$1]}" 2>/dev/null
    wait "${gateway_pids[$1]}" 2>/dev/null
    unset "gateway_pids[$1]"
}

# ecs_purge CLUSTER...: its services, tasks, and itself; a check of its own.
ecs_purge() {
    local cluster
    for cluster; do check "cluster $cluster is removed" ecs_remove "$cluster"; done
}
ecs_remove() {
    local name
    for name in $(ecs list-services --cluster "$1" --query serviceArns 2>/dev/null); do
        [ "$name" = None ] || ecs delete-service --cluster "$1" --service "$name" --force >/dev/null || return 1
    done
    for name in $(ecs list-tasks --cluster "$1" --query taskArns); do
        [ "$name" = None ] || ecs stop-task --cluster "$1" --task "$name" >/dev/null || return 1
    done
    eventually 40 ecs_idle "$1" || {
        echo "still running in $1: $(ecs list-tasks --cluster "$1" --query taskArns)"
        return 1
    }
    eventually 30 ecs delete-cluster --cluster "$1" || ecs delete-cluster --cluster "$1"
}
ecs_idle() { [[ $(ecs list-tasks --cluster "$1" --query taskArns) =~ ^(None)?$ ]]; }
