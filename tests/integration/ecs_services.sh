#!/usr/bin/env bash
# tests/integration/ecs_services.sh BUILD - services as the real aws CLI and boto3 see them. No controller runs, so that
# every state stays until the test has looked at it: the gateway that leads is held, another one answers.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/integration/ecs_lib.sh"

long=(--leader-elect --leader-elect-lease-duration 600s --leader-elect-renew-deadline 500s)
gateway "$second" "${long[@]}"
held() { kubectl get lease -n kube-system ecs-controllers -o jsonpath={.spec.holderIdentity} 2>/dev/null | grep -q .; }
for _ in $(seq 100); do held && break; sleep 0.1; done
kill -STOP "${gateways[0]}"
trap 'kill -CONT "${gateways[0]}"; finish' EXIT
gateway "$first" "${long[@]}"

# --- the error table, as the CLI tells it ---
ecs create-cluster --cluster-name demo >/dev/null
register_samples
create() { ecs create-service --cluster demo --service-name "$@"; }
network='awsvpcConfiguration={subnets=[subnet-1]}'
expect "unknown cluster" 'ClusterNotFoundException.*: Cluster not found\.' ecs create-service --cluster nix --service-name web \
    --task-definition web --desired-count 1
expect "unknown task definition" 'ClientException.*: TaskDefinition not found\.' create web --task-definition nix --desired-count 1
expect "deregistered revision" 'ClientException.*: TaskDefinition is inactive' create web --task-definition web:2 --desired-count 1
expect "awsvpc without network" "InvalidParameterException.*: Network Configuration must be provided when networkMode 'awsvpc' is specified\." \
    create web --task-definition net --launch-type FARGATE --desired-count 1
expect "wrong launch type" 'InvalidParameterException.*: Task definition does not support launch_type FARGATE\.' \
    create web --task-definition web --launch-type FARGATE --desired-count 1
expect "container of a load balancer" 'InvalidParameterException.*: The container app does not exist in the task definition\.' \
    create web --task-definition web --desired-count 1 --load-balancers targetGroupArn=tg,containerName=app,containerPort=80
expect "target group" 'InvalidParameterException.*: The target group with targetGroupArn tg does not have an associated load balancer\.' \
    create web --task-definition web --desired-count 1 --load-balancers targetGroupArn=tg,containerName=web,containerPort=80
expect "a launch type and a strategy" 'Specifying both a launch type and capacity provider strategy is not supported' \
    create web --task-definition web --desired-count 1 --launch-type EC2 --capacity-provider-strategy capacityProvider=FARGATE
expect "a constraint that does not parse" 'InvalidParameterException' create web --task-definition web --desired-count 1 \
    --placement-constraints 'type=memberOf,expression=(('
expect "unknown service" 'ServiceNotFoundException.*: Service not found\.' ecs update-service --cluster demo --service web
expect "unknown service again" 'ServiceNotFoundException.*: Service not found\.' ecs delete-service --cluster demo --service web
expect "describe an unknown one" 'service/demo/web.*MISSING' ecs describe-services --cluster demo --services web \
    --query failures --output text
expect "create-service" '"status": "ACTIVE"' create web --task-definition web:1 --desired-count 1
expect "the same again" '"status": "ACTIVE"' create web --task-definition web:1 --desired-count 1
expect "other settings" 'InvalidParameterException.*: Creation of service was not idempotent\.' create web --task-definition web:1 --desired-count 2
expect "kubectl shows it" 'web +ACTIVE +1 +0 +0 +IN_PROGRESS +arn:.*web:1' kubectl get ecsservices -n ecs-demo
expect "delete above 0" 'InvalidParameterException.*: The service cannot be stopped while it is scaled above 0\.' ecs delete-service \
    --cluster demo --service web
expect "delete-service --force" 'DRAINING[[:space:]]+0' ecs delete-service --cluster demo --service web --force \
    --query 'service.[status,desiredCount]' --output text
expect "its name still drains" 'InvalidParameterException.*: Unable to Start a service that is still Draining\.' create web \
    --task-definition web:1 --desired-count 1
expect "update of a draining service" 'ServiceNotActiveException.*: Service was not ACTIVE\.' ecs update-service --cluster demo \
    --service web --desired-count 3
expect "wait services-stable fails on it" '^255$' eval 'ecs wait services-stable --cluster demo --services web >/dev/null; echo $?'
expect "it is not listed" '"serviceArns": \[\]' ecs list-services --cluster demo
kubectl patch ecsservice -n ecs-demo web --type=merge -p '{"status": {"status": "INACTIVE"}}' >/dev/null
expect "INACTIVE ones are described" '"INACTIVE"' ecs describe-services --cluster demo --services web
expect "wait services-inactive" '^0$' eval 'ecs wait services-inactive --cluster demo --services web; echo $?'
expect "its name is free again" '"ACTIVE"' create web --task-definition web:1 --desired-count 2
expect "kubectl shows its revisions and deployments" 'web.*web.*web.*web' kubectl get ecsservicerevisions,ecsservicedeployments -n ecs-demo

# --- what boto3 sees ---
expect_boto3 StopServiceDeployment "every member and every change" '^done$' "$root/tests/integration/ecs_services.py" "http://127.0.0.1:$first" "$network"
printf '%d failed\n' "$failed"
exit $((failed > 0))
