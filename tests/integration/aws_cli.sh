#!/usr/bin/env bash
# tests/integration/aws_cli.sh BUILD - the real aws CLI against aws-gateway: signatures, errors, identity, the trail; then
# access keys in Secrets of a real API server.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "${1:-$root/build/release}")
if ! command -v aws >/dev/null; then
    echo "aws is missing: 20 checks skipped"
    exit 0
fi
work=$(mktemp -d /tmp/coracle-aws.XXXXXX)
pids=()
finish() {
    exec 9>&-
    for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
    wait
    rm -rf "$work"
}
trap finish EXIT
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
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
profile() { printf '[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$@"; }
gateway() { # gateway PORT FLAGS...
    local port=$1
    shift
    "$build/bin/aws-gateway" --port="$port" "$@" 2>>"$work/gateway.log" &
    pids+=($!)
    for _ in $(seq 100); do curl -fs "http://127.0.0.1:$port/healthz" >/dev/null && return; sleep 0.05; done
    echo "FAIL  aws-gateway does not serve:"
    cat "$work/gateway.log"
    exit 1
}
# The CLI with its clock off by some seconds: only what stamps a signature is changed.
cat >"$work/skewed.py" <<'END'
import datetime, os, sys
import botocore.auth
skew = datetime.timedelta(seconds=int(os.environ["SKEW"]))
if hasattr(botocore.auth, "get_current_datetime"):
    real = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda *a, **k: real(*a, **k) + skew
else:
    class Skewed(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return super().utcnow() + skew
    class module:
        datetime, timedelta = Skewed, datetime.timedelta
    botocore.auth.datetime = module
import awscli.clidriver
sys.exit(awscli.clidriver.main())
END
python=python3 # the one that has botocore
python3 -c 'import awscli' 2>/dev/null || python=/usr/bin/python3
skewed() { SKEW=$1 "$python" "$work/skewed.py" "${@:2}"; }

{ profile default AKIDROOT root-secret; profile alice AKIDALICE alice-secret; } >"$work/keys"
{ cat "$work/keys"; profile wrong AKIDALICE guess; profile nobody AKIDNOBODY x; profile bob AKIDBOB bob-secret; } >"$work/client"
port=$(free_port)
gateway "$port" --standalone --credentials-file="$work/keys" --audit-log-file="$work/audit"
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_SHARED_CREDENTIALS_FILE=$work/client AWS_CONFIG_FILE=/dev/null
export AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1 AWS_DEFAULT_OUTPUT=json HOME=$work
cluster() { aws ecs describe-clusters "$@"; }

expect "root is known" '"Arn": "arn:aws:iam::000000000000:root"' aws sts get-caller-identity
expect "a user is known" '"Arn": "arn:aws:iam::000000000000:user/alice"' aws --profile alice sts get-caller-identity
expect "wrong secret, Query" '\(SignatureDoesNotMatch\) when calling the GetCallerIdentity' aws --profile wrong sts get-caller-identity
expect "wrong secret, JSON" '\(InvalidSignatureException\) when calling the ListClusters' aws --profile wrong ecs list-clusters
expect "unknown key, Query" '\(InvalidClientTokenId\)' aws --profile nobody sts get-caller-identity
expect "unknown key, JSON" '\(UnrecognizedClientException\)' aws --profile nobody ecs list-clusters
expect "a clock that is late" 'Signature expired: ' skewed -1000 ecs list-clusters
expect "a clock that is early" 'Signature not yet current: ' skewed 1000 ecs list-clusters
expect "a clock within bounds" 'user/alice' skewed 800 --profile alice sts get-caller-identity
expect "a wrong enum value" "Value 'FOO' at 'include.1.member' failed to satisfy constraint" cluster --include FOO
expect "no such service" "\(UnknownOperationException\).*The service 'eks' is not served here" aws eks list-clusters
expect "no such Query service" "\(InvalidAction\).*'elasticloadbalancing' is not served here" aws elbv2 describe-load-balancers
expect "an operation without implementation" 'UnknownOperationException.*DiscoverPollEndpoint of ecs is not implemented yet' \
    aws ecs discover-poll-endpoint
expect "the trail by user" '^[^a-z]*"GetCallerIdentity"' aws cloudtrail lookup-events --query 'Events[].EventName' \
    --lookup-attributes AttributeKey=Username,AttributeValue=alice
expect "the trail in pages" '^[1-9][0-9]$' aws cloudtrail lookup-events --page-size 3 --query 'length(Events)'
expect "the file has the failures too" '"errorCode":"SignatureDoesNotMatch"' cat "$work/audit"
expect "and no secret" '^0$' grep -c secret "$work/audit"

AWS_PROFILE=alice expect "random requests" ' 0 broken: ' "$python" "$root/tests/lib/aws_random.py" --count 12 "$AWS_ENDPOINT_URL"

# Keys in Secrets, as soon as they are there and no longer.
for tool in etcd kubectl openssl; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: 2 checks skipped"; exit $((failed > 0)); }
done
mkfifo "$work/hold"
APISERVER=$build/bin/apiserver "$root/hack/dev-apiserver" "$work/api" <"$work/hold" >"$work/api.out" 2>&1 &
exec 9>"$work/hold"
for _ in $(seq 200); do grep -q KUBECONFIG "$work/api.out" && break; sleep 0.05; done
grep -q KUBECONFIG "$work/api.out" || { echo "FAIL  no API server:"; cat "$work/api.out"; exit 1; }
export KUBECONFIG=$work/api/admin.kubeconfig
port=$(free_port)
gateway "$port" --kubeconfig="$KUBECONFIG"
export AWS_ENDPOINT_URL=http://127.0.0.1:$port
kubectl -n kube-system create secret generic bob --from-literal=accessKeyId=AKIDBOB --from-literal=secretAccessKey=bob-secret \
    --from-literal=arn=arn:aws:iam::111122223333:user/team/bob >/dev/null
kubectl -n kube-system label secret bob ecs.coracle.dev/access-key=AKIDBOB >/dev/null
soon() { for _ in $(seq 20); do "${@:2}" 2>&1 | grep -q "$1" && break; sleep 0.1; done; "${@:2}"; }
expect "a key in a Secret" '"Account": "111122223333".*user/team/bob' soon bob aws --profile bob sts get-caller-identity
kubectl -n kube-system delete secret bob >/dev/null
expect "a deleted one" 'InvalidClientTokenId' soon InvalidClientTokenId aws --profile bob sts get-caller-identity
[ "$failed" = 0 ]
