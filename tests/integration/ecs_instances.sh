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
# A node that is not ready is an instance without its agent.
ready() { # ready STATUS
    for n in n1 n2; do
        kubectl patch node "$n" --subresource=status --type=merge >/dev/null -p \
            '{"status":{"conditions":[{"type":"Ready","status":"'"$1"'","reason":"Test","lastHeartbeatTime":"2026-01-01T00:00:00Z","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}'
    done
}
connected() { ecs list-container-instances --cluster demo --filter 'agentConnected == true' --query 'length(containerInstanceArns)'; }
until_connected() { for _ in $(seq 100); do [ "$(connected)" = "$1" ] && break; sleep 0.1; done; connected; }
ecs update-container-instances-state --cluster demo --container-instances "$one" --status ACTIVE >/dev/null
ecs register-task-definition --family idle --container-definitions 'name=idle,image=busybox,memory=16' >/dev/null
ready False
expect "agents that are gone" '^0$' until_connected 0
expect "no task goes there" '"AGENT".*"AGENT"' eval 'ecs run-task --cluster demo --task-definition idle --query "failures[].reason" | tr "\n" " "'
ready True
expect "agents that are back" '^2$' until_connected 2
ecs update-container-instances-state --cluster demo --container-instances "$one" --status DRAINING >/dev/null
expect_boto3 RunTask "every operation, every filter" 'done$' "$root/tests/integration/ecs_instances.py" "http://127.0.0.1:$first"
printf '%d failed\n' "$failed"
exit $((failed > 0))
