#!/usr/bin/env bash
# tests/integration/ecs.sh BUILD - aws-gateway before the real apiserver, asked by the real aws CLI.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/integration/ecs_lib.sh"

make_node one 4 4Gi
gateway "$first"
expect "the cluster default is there" 'cluster/default"' ecs list-clusters
expect "create-cluster" '"status": "ACTIVE"' ecs create-cluster --cluster-name demo --tags key=team,value=blue
expect "create-cluster again changes nothing" '"team"' ecs create-cluster --cluster-name demo
expect "its namespace" 'Active' kubectl get namespace ecs-demo
expect "kubectl shows it" 'demo +ACTIVE +ecs-demo' kubectl get ecsclusters
expect "failures of describe-clusters" 'demo.*cluster/nix.*MISSING' ecs describe-clusters --clusters demo nix \
    --query '[clusters[].clusterName,failures]' --output text
expect "settings" 'containerInsights.*enabled' ecs update-cluster-settings --cluster demo \
    --settings name=containerInsights,value=enabled --query cluster.settings --output text
expect "pages" 'cluster/default.*cluster/demo' ecs list-clusters --page-size 1 --query clusterArns
expect "a broken token" 'InvalidParameterException' ecs list-clusters --no-paginate --next-token zz
expect "an upper-case name has an object of its own" '"clusterName": "Demo"' ecs create-cluster --cluster-name Demo

cat >"$work/web.json" <<'END'
{"family": "web", "containerDefinitions": [{"name": "web", "image": "busybox", "memory": 64, "portMappings": [{"containerPort": 80}]}]}
END
register() { "$1" register-task-definition --cli-input-json "file://$work/web.json" --query taskDefinition.revision; }
expect "revision 1" '^1$' register ecs
expect "revision 2" '^2$' register ecs
expect "the newest is described" '"revision": 2' ecs describe-task-definition --task-definition web
expect "deregistered" '"INACTIVE"' ecs deregister-task-definition --task-definition web:2 --query taskDefinition.status
expect "the newest active one is described" '"revision": 1' ecs describe-task-definition --task-definition web
expect "listed" '^[^[:space:]]*web:1$' ecs list-task-definitions --output text --query 'taskDefinitionArns[]'
expect "inactive ones listed" 'web:2' ecs list-task-definitions --status INACTIVE
expect "deleted" 'DELETE_IN_PROGRESS' ecs delete-task-definitions --task-definitions web:2
expect "an active one is not deleted" 'still in ACTIVE' ecs delete-task-definitions --task-definitions web:1
expect "a revision is never used again" '^3$' register ecs
expect "families" '"web"' ecs list-task-definition-families
expect "unknown task definition" 'ClientException.*Unable to describe task definition\.' ecs describe-task-definition --task-definition nix
expect "kubectl shows revisions" 'web-3 +web +3 +ACTIVE' kubectl get taskdefinitions
expect "an operation that is not there yet says so" 'UnknownOperationException' ecs list-daemons

gateway "$second"
expect "a second gateway sees all" '"revision": 3' other describe-task-definition --task-definition web
many() { # both at once: no revision twice
    local outs=() i
    for i in 1 2 3; do
        register ecs >"$work/a$i" &
        outs+=($!)
        register other >"$work/b$i" &
        outs+=($!)
    done
    wait "${outs[@]}"
    cat "$work"/[ab][123] | sort -n | tr '\n' ' '
}
expect "revisions of two gateways" '^4 5 6 7 8 9 $' many
expect "the first knows them" '"revision": 9' ecs describe-task-definition --task-definition web:9
expect "no kubelet here: a task is pending" '"lastStatus": "PENDING"' ecs run-task --cluster demo --task-definition web:3 --client-token once
arns() { ecs list-tasks --cluster demo --query 'taskArns[]' --output text | wc -w; }
ecs run-task --cluster demo --task-definition web:3 --client-token once >/dev/null
other run-task --cluster demo --task-definition web:3 --client-token once >/dev/null
expect "the same token makes no second task" '^1$' arns
task=$(ecs list-tasks --cluster demo --query 'taskArns[0]' --output text)
expect "kubectl shows it" 'PENDING +RUNNING +family:web +web:3' kubectl get ecstasks -n ecs-demo
expect "missing tasks" 'nix.*MISSING' ecs describe-tasks --cluster demo --tasks "$task" nix --query failures --output text
expect "run-task of what is not there" 'ClientException.*TaskDefinition not found\.' ecs run-task --cluster demo --task-definition nix
expect "run-task refuses what it cannot do" 'enableExecuteCommand is not supported yet' ecs run-task --cluster demo \
    --task-definition web:3 --enable-execute-command
expect "a busy cluster stays" 'ClusterContainsTasksException' ecs delete-cluster --cluster demo
expect "stop-task" 'STOPPED.*enough' ecs stop-task --cluster demo --task "$task" --reason enough \
    --query 'task.[desiredStatus,stoppedReason]' --output text
drop_pods ecs-demo
expect "wait tasks-stopped" '^0$' eval 'ecs wait tasks-stopped --cluster demo --tasks "$task"; echo $?'
expect "no running task is listed" '^0$' arns
expect "stop-task of what is not there" 'InvalidParameterException.*The referenced task was not found\.' ecs stop-task --cluster demo --task nix
expect "describe-tasks of nothing" 'Tasks cannot be empty\.' ecs describe-tasks --cluster demo --tasks
expect "delete-cluster" '"INACTIVE"' ecs delete-cluster --cluster demo --query cluster.status
expect "deleted cluster" 'ClusterNotFoundException.*The referenced cluster was inactive\.' ecs delete-cluster --cluster demo
expect "unknown cluster" 'ClusterNotFoundException.*Cluster not found\.' ecs delete-cluster --cluster nix
kill -9 "${gateways[0]}"
gateway "$first"
expect "a gateway killed goes on where it was" '"revision": 9' ecs describe-task-definition --task-definition web
printf '%d failed\n' "$failed"
exit $((failed > 0))
