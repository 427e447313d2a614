#!/usr/bin/env bash
# tests/integration/ecs_instances.sh BUILD - container instances and attributes as the aws CLI and boto3 see them, on nodes
# that have no kubelet.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/integration/ecs_lib.sh"

node() { # node NAME CPU MEMORY LABEL...
    make_node "$1" "$2" "$3"
    kubectl label node "$1" "${@:4}" >/dev/null
    kubectl patch node "$1" --subresource=status --type=merge >/dev/null \
        -p '{"status":{"nodeInfo":{"kubeletVersion":"v1.36.0","containerRuntimeVersion":"containerd://1.6","osImage":"Debian"}}}'
}
node n1 2 4Gi topology.kubernetes.io/zone=us-east-1a node.kubernetes.io/instance-type=t3.small
node n2 4 8Gi topology.kubernetes.io/zone=us-east-1b attribute.ecs.coracle.dev/stack=test
gateway "$first"
expect "a new cluster has its instances at once" '^2$' ecs create-cluster --cluster-name demo \
    --query cluster.registeredContainerInstancesCount
expect "list-container-instances" 'instance/demo/.*instance/demo/' ecs list-container-instances --cluster demo
expect "kubectl shows them" 'n2 +ACTIVE +true' kubectl get containerinstances -n ecs-demo
one=$(ecs list-container-instances --cluster demo --filter 'attribute:stack == test' --query 'containerInstanceArns[0]' --output text)
expect "describe-container-instances" '4096' ecs describe-container-instances --cluster demo --container-instances "$one"
expect "put-attributes" '"rack"' ecs put-attributes --cluster demo --attributes "name=rack,value=7,targetId=$one"
expect "list-attributes" '"7"' ecs list-attributes --cluster demo --target-type container-instance --attribute-name rack
expect "update-container-instances-state" '"DRAINING"' ecs update-container-instances-state --cluster demo \
    --container-instances "$one" --status DRAINING
expect_boto3 RunTask "every operation, every filter" 'done$' "$root/tests/integration/ecs_instances.py" "http://127.0.0.1:$first"
printf '%d failed\n' "$failed"
exit $((failed > 0))
