#!/usr/bin/env bash
# tests/integration/ecs_tasks.sh BUILD - tasks as the aws CLI and boto3 see them: the error table, placement on nodes that
# have no kubelet (tasks stay as they are made), tokens, tags, protection, filters.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/integration/ecs_lib.sh"

make_node one 2 2Gi
make_node two 1 1Gi
gateway "$first"
ecs create-cluster --cluster-name demo >/dev/null
kubectl create serviceaccount default -n ecs-demo >/dev/null # no controller manager is here to make it
register_samples
run() { ecs run-task --cluster demo --task-definition "$@"; }

# --- the error table, as the CLI tells it ---
expect "unknown cluster" 'ClusterNotFoundException.*: Cluster not found\.' ecs run-task --cluster nix --task-definition web
expect "unknown task definition" 'ClientException.*: TaskDefinition not found\.' run nix
expect "deregistered revision" 'ClientException.*: TaskDefinition is inactive' run web:2
expect "awsvpc without network" "InvalidParameterException.*: Network Configuration must be provided when networkMode 'awsvpc' is specified\." \
    run net --launch-type FARGATE
expect "wrong launch type" 'InvalidParameterException.*: Task definition does not support launch_type FARGATE\.' run web:1 --launch-type FARGATE
expect "stop-task of none" 'InvalidParameterException.*: The referenced task was not found\.' ecs stop-task --cluster demo --task nix
expect "describe-tasks of nothing" 'InvalidParameterException.*: Tasks cannot be empty\.' ecs describe-tasks --cluster demo --tasks
expect "no room" 'RESOURCE:MEMORY' run web:1 --overrides '{"containerOverrides": [{"name": "web", "memory": 9999}]}'
expect "no room still exits 0" '^0$' eval \
    'run web:1 --overrides "{\"containerOverrides\": [{\"name\": \"web\", \"memory\": 9999}]}" >/dev/null; echo $?'
expect "an override of no container" 'InvalidParameterException.*: Override for container named nix is not a container in the TaskDefinition\.' \
    run web:1 --overrides '{"containerOverrides": [{"name": "nix", "memory": 64}]}'
expect_boto3 RunTask "every member and every filter" 'done$' "$root/tests/integration/ecs_tasks.py" "http://127.0.0.1:$first"
lost=$(run web:1 --query 'tasks[0].taskArn' --output text)
for _ in $(seq 40); do kubectl get pod -n ecs-demo "${lost##*/}" >/dev/null 2>&1 && break; sleep 0.1; done
kubectl delete node one two >/dev/null
expect "a task whose node is gone" 'STOPPED.TaskFailedToStart.Host EC2 .instance i-[0-9a-f]+. terminated\.' eval \
    'ecs wait tasks-stopped --cluster demo --tasks $lost; ecs describe-tasks --cluster demo --tasks $lost \
     --query "tasks[0].[lastStatus,stopCode,stoppedReason]" --output text'
expect "no instances" 'InvalidParameterException.*: No Container Instances were found in your cluster\.' eval \
    'for i in $(seq 40); do out=$(run web:1); [[ $out =~ "No Container" ]] && break; sleep 0.25; done; echo "$out"'
printf '%d failed\n' "$failed"
exit $((failed > 0))
