#!/usr/bin/env bash
# tests/integration/ecs_instances.sh BUILD - container instances and attributes: aws-gateway and nodes without kubelets before
# the real apiserver, asked by the real aws CLI.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "${1:-$root/build/release}")
for tool in etcd kubectl openssl aws jq; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: 1 skipped"; exit 0; }
done
work=$(mktemp -d /tmp/coracle-instances.XXXXXX)
mkfifo "$work/hold"
finish() {
    kill "$gateway" 2>/dev/null
    wait "$gateway" 2>/dev/null
    exec 9>&-
    wait "$api" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
APISERVER=$build/bin/apiserver "$root/hack/dev-apiserver" "$work/api" <"$work/hold" >"$work/api.out" 2>&1 &
api=$!
gateway=
exec 9>"$work/hold"
for _ in $(seq 200); do grep -q KUBECONFIG "$work/api.out" && break; sleep 0.05; done
export KUBECONFIG=$work/api/admin.kubeconfig HOME=$work

printf '[default]\naws_access_key_id = AKIAECSTEST000000001\naws_secret_access_key = of-the-test\n' >"$work/credentials"
export AWS_SHARED_CREDENTIALS_FILE=$work/credentials AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
"$build/bin/aws-gateway" --kubeconfig "$KUBECONFIG" --port "$port" --credentials-file "$work/credentials" 9>&- \
    >>"$work/gateway.log" 2>&1 &
gateway=$!
for _ in $(seq 200); do curl -s "http://127.0.0.1:$port/" >/dev/null && break; sleep 0.05; done
ecs() { aws --endpoint-url "http://127.0.0.1:$port" --output json ecs "$@" 2>&1; }
text() { aws --endpoint-url "http://127.0.0.1:$port" --output text ecs "$@" 2>&1; }

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
soon() { # soon NAME REGEX COMMAND...
    local name=$1 regex=$2 end=$((SECONDS + 10))
    shift 2
    until [[ $("$@" 2>&1) =~ $regex ]] || [ $SECONDS -ge $end ]; do sleep 0.1; done
    expect "$name" "$regex" "$@"
}
node() { # node NAME LABELS READY [ALLOCATABLE]: makes or changes one
    local has=${4:-}
    [ -n "$has" ] || has='{"cpu":"2","memory":"4Gi","pods":"110"}'
    kubectl apply -f - <<<"{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"$1\",\"labels\":$2}}" >/dev/null
    kubectl patch node "$1" --subresource=status --type=merge -p '{"status":{"allocatable":'"$has"',
        "conditions":[{"type":"Ready","status":"'"$3"'","lastHeartbeatTime":"2026-11-24T10:00:00Z",
        "lastTransitionTime":"2026-11-24T10:00:00Z","reason":"r","message":"m"}],"nodeInfo":{"architecture":"amd64",
        "operatingSystem":"linux","osImage":"Debian 12","kubeletVersion":"v1.36.0","containerRuntimeVersion":"containerd://1.6",
        "kernelVersion":"6","machineID":"m","systemUUID":"s","bootID":"b","kubeProxyVersion":""}}}' >/dev/null
}
instance_of() { # instance_of CLUSTER NODE
    kubectl get containerinstances -n "ecs-$1" -o json | jq -r --arg n "$2" '.items[] | select(.spec.node == $n) | .metadata.name'
}

node n1 '{"topology.kubernetes.io/zone":"us-east-1a","node.kubernetes.io/instance-type":"t3.small"}' True
node n2 '{"topology.kubernetes.io/zone":"us-east-1b","attribute.ecs.coracle.dev/stack":"test"}' True '{"cpu":"4","memory":"8Gi"}'
expect "a new cluster has its instances at once" '^2$' ecs create-cluster --cluster-name demo \
    --query cluster.registeredContainerInstancesCount
soon "the cluster default has them too" 'instance/default.*instance/default' ecs list-container-instances
expect "kubectl shows them" 'n2 +ACTIVE +true' kubectl get containerinstances -n ecs-demo
one=$(instance_of demo n1)
two=$(instance_of demo n2)
arn=arn:aws:ecs:us-east-1:000000000000:container-instance/demo
describe() { ecs describe-container-instances --cluster demo --container-instances "$@"; }
tell() { # tell QUERY INSTANCE...
    local query=$1
    shift
    text describe-container-instances --cluster demo --container-instances "$@" --query "$query"
}
expect "registered" '2048.4096' tell 'containerInstances[].registeredResources[:2].integerValue' "$one"
expect "reserved ports" '22.2375.2376.51678.51679' tell 'containerInstances[].registeredResources[2].stringSetValue[]' "$one"
expect "the ARN is taken as well, and failures" 'instance/demo/[0-9a-f]{32}.*instance/demo/nix.*MISSING' describe "$arn/$one" nix
expect "an ARN of another cluster is MISSING" 'MISSING' describe "arn:aws:ecs:us-east-1:000000000000:container-instance/default/$one"
expect "an EC2 id" '^i-[0-9a-f]{17}$' tell 'containerInstances[0].ec2InstanceId' "$one"
expect "attributes of the node" 'us-east-1a.*t3.small' tell \
    "containerInstances[0].attributes[?name=='ecs.availability-zone' || name=='ecs.instance-type'].value" "$one"
expect "capabilities" 'task-eni' describe "$one"
expect "health is told when asked for" 'OK' tell 'containerInstances[0].healthStatus.overallStatus' "$one" --include CONTAINER_INSTANCE_HEALTH
expect "and not otherwise" 'None' tell 'containerInstances[0].healthStatus' "$one"
expect "none named" 'Container Instances cannot be empty' ecs describe-container-instances --cluster demo --cli-input-json '{"containerInstances": []}'
expect "an unknown cluster" 'ClusterNotFoundException' ecs list-container-instances --cluster nix

put() { ecs put-attributes --cluster demo --attributes "$@"; }
expect "put-attributes" '"prod"' put "name=stack,value=prod,targetId=$arn/$one"
expect "with a short id" '"7"' put "name=rack,value=7,targetId=$one,targetType=container-instance"
expect "which needs the type" 'InvalidParameterException.*targetType' put "name=rack,targetId=$one"
expect "an unknown target" 'TargetNotFoundException' put "name=rack,targetId=0,targetType=container-instance"
expect "a bad name" 'InvalidParameterException' put "name=a b,targetId=$arn/$one"
expect "ecs.* is not ours to change" 'InvalidParameterException' put "name=ecs.os-type,value=x,targetId=$arn/$one"
many=$(for i in 1 2 3 4 5 6 7 8 9; do printf 'name=a%s,targetId=%s/%s ' $i $arn "$one"; done)
# shellcheck disable=SC2086
expect "ten attributes at most" 'AttributeLimitExceededException' put $many
list() { text list-attributes --cluster demo --target-type container-instance "$@"; }
expect "list-attributes by name" 'prod.*test|test.*prod' list --attribute-name stack --query 'attributes[].value'
expect "and value" "^$arn/$two\$" list --attribute-name stack --attribute-value test --query 'attributes[].targetId'
expect "in pages" "^$(list --query 'length(attributes)')\$" ecs list-attributes --cluster demo --target-type container-instance \
    --page-size 9 --query 'length(attributes)'
expect "a broken token" 'Invalid token' list --no-paginate --next-token x
expect "what the node has is not deleted" '"attributes": \[\]' ecs delete-attributes --cluster demo --attributes "name=stack,targetId=$arn/$two"
expect "delete-attributes" '"prod"' ecs delete-attributes --cluster demo --attributes "name=stack,targetId=$arn/$one"

filter() { text list-container-instances --cluster demo --query containerInstanceArns --filter "$1"; }
expect "filter by zone" "^$arn/$two\$" filter 'attribute:ecs.availability-zone == us-east-1b'
expect "by several" "^$arn/$one\$" filter 'attribute:rack exists and agentConnected == true and agentVersion >= 1.9 and runningTasksCount == 0'
expect "by date" "^$arn/[0-9a-f]+.$arn/" filter 'registeredAt > 2020-01-01T00:00:00+00:00'
expect "none" '^None$|^$' filter 'attribute:ecs.instance-type =~ g4.*'
expect "a broken filter" 'InvalidParameterException' filter 'attribute:rack =='

state() { ecs update-container-instances-state --cluster demo "$@"; }
expect "DRAINING" '"DRAINING".*nix.*MISSING' state --status DRAINING --container-instances "$one" nix
expect "listed by status" "^$arn/$one\$" text list-container-instances --cluster demo --status DRAINING --query containerInstanceArns
expect "other states" 'one of \[ACTIVE,DRAINING\]' state --status REGISTERING --container-instances "$one"
expect "at most ten" 'at most 10' state --status ACTIVE --container-instances 1 2 3 4 5 6 7 8 9 10 11
kubectl label node n1 rack=7 >/dev/null
expect "still draining after the node changed" 'DRAINING' tell 'containerInstances[0].status' "$one"
expect "ACTIVE again" '"ACTIVE"' state --status ACTIVE --container-instances "$one"
expect "no update of the agent" 'NoUpdateAvailableException' ecs update-container-agent --cluster demo --container-instance "$one"

expect "deregister" '"INACTIVE"' ecs deregister-container-instance --cluster demo --container-instance "$one"
expect "again" 'ClientException' ecs deregister-container-instance --cluster demo --container-instance "$one"
expect "an unknown one" 'InvalidParameterException.*not found' ecs deregister-container-instance --cluster demo --container-instance 0
kubectl label node n1 rack=8 --overwrite >/dev/null
expect "it stays away" "^$arn/$two\$" text list-container-instances --cluster demo --query containerInstanceArns
expect "and can be described" 'INACTIVE' tell 'containerInstances[0].status' "$one"
id=$(tell 'containerInstances[0].ec2InstanceId' "$one")
register() { ecs register-container-instance --cluster demo "$@"; }
expect "a machine that is no node" 'ClientException.*join the machine as a node' register --instance-identity-document '{"instanceId":"i-00"}'
expect "no document" 'InvalidParameterException' register
expect "register" '"ACTIVE".*"blue"' register --instance-identity-document "{\"instanceId\":\"$id\"}" --tags key=team,value=blue
expect "registered by hand it keeps the cluster" 'ClusterContainsContainerInstancesException' ecs delete-cluster --cluster demo
expect "deregister it" '"INACTIVE"' ecs deregister-container-instance --cluster demo --container-instance "$one"

kubectl label node n2 ecs.coracle.dev/cluster=own >/dev/null
expect "a node can be dedicated" '^2$' ecs create-cluster --cluster-name own --query cluster.registeredContainerInstancesCount
soon "the others have lost it" '^0$' ecs describe-clusters --clusters demo --query 'clusters[0].registeredContainerInstancesCount'
expect "and it keeps its cluster" 'ClusterContainsContainerInstancesException' ecs delete-cluster --cluster own
kubectl label node n2 ecs.coracle.dev/cluster- >/dev/null
soon "it comes back" "^$arn/$two\$" text list-container-instances --cluster demo --query containerInstanceArns
kubectl cordon n2 >/dev/null
expect "cordoned it is still ACTIVE" 'ACTIVE' tell 'containerInstances[0].status' "$two"
kubectl uncordon n2 >/dev/null
node n2 '{}' False
soon "a node that is not ready has no agent" 'False' tell 'containerInstances[0].agentConnected' "$two"
kubectl delete node n2 >/dev/null
soon "a node that goes takes its instance along" 'INACTIVE' tell 'containerInstances[0].status' "$two"
expect "an automatic instance keeps no cluster" 'INACTIVE' ecs delete-cluster --cluster demo

if [ $failed -gt 0 ]; then cat "$work/gateway.log"; fi
echo "$failed failed"
exit $((failed > 0))
