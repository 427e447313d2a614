# cluster: --nodes 1
# Every mistake of ECS's error table gives ECS's code and text, as the real aws CLI tells them.

definition() { # definition FAMILY CONTAINER-MEMBERS [TASK-MEMBERS]: registers it; a failure is the CLI's
    cat >"$work/$1.json" <<END
{"family": "$1", "containerDefinitions": [{"name": "main", "image": "coracle.local/busybox:1", $2}]${3:+, $3}}
END
    ecs register-task-definition --cli-input-json "file://$work/$1.json"
}
one_line() { ( "$@" 2>&1 | sed '/^$/d' | tr -d '\n'; exit "${PIPESTATUS[0]}" ); }
says() { # says NAME CODE TEXT COMMAND...: it must fail with this code and a text that begins so
    local name=$1 code=$2 text=$3
    shift 3
    refuse "$name" "^An error occurred \\($code\\) when calling the [A-Za-z]+ operation: $text" one_line "$@"
}
invalid=InvalidParameterException client=ClientException
subnets='awsvpcConfiguration={subnets=[subnet-1]}'
run() { ecs run-task --cluster errs --task-definition "$@"; }
serve() { ecs create-service --cluster errs --service-name "$@"; }

for c in errs gone; do ecs create-cluster --cluster-name $c >/dev/null; done
ecs delete-cluster --cluster gone >/dev/null
definition stay '"memory": 16, "stopTimeout": 6, "command": ["sh", "-c", "trap : TERM; while true; do sleep 0.2; done"], "portMappings": [{"containerPort": 80, "hostPort": 25080}]' >/dev/null
definition old '"memory": 16' >/dev/null
definition huge '"memory": 16, "cpu": 900000' >/dev/null
definition fat '"memory": 9000000' >/dev/null
definition net '"memory": 16' '"networkMode": "awsvpc"' >/dev/null
ecs deregister-task-definition --task-definition old:1 >/dev/null

# What does not depend on anything that runs.
says "unknown cluster" ClusterNotFoundException 'Cluster not found\.' ecs list-tasks --cluster nix
says "deleted cluster" ClusterNotFoundException 'The referenced cluster was inactive\.' ecs list-tasks --cluster gone
expect "describe-clusters of an unknown one" 'cluster/nix.MISSING' ecs describe-clusters --clusters nix --query 'failures[].[arn,reason]'
expect "describe-tasks of an unknown one" 'task/errs/nix.MISSING' ecs describe-tasks --cluster errs --tasks nix --query 'failures[].[arn,reason]'
expect "describe-services of an unknown one" 'service/errs/nix.MISSING' ecs describe-services --cluster errs --services nix --query 'failures[].[arn,reason]'
expect "describe-container-instances of an unknown one" 'container-instance/errs/nix.MISSING' \
    ecs describe-container-instances --cluster errs --container-instances nix --query 'failures[].[arn,reason]'
expect "describe-capacity-providers of an unknown one" 'capacity-provider/nix.MISSING' \
    ecs describe-capacity-providers --capacity-providers nix --query 'failures[].[arn,reason]'
says "unknown task definition" $client 'Unable to describe task definition\.' ecs describe-task-definition --task-definition nix
says "run-task of an unknown task definition" $client 'TaskDefinition not found\.' run nix
says "deregistered revision" $client 'TaskDefinition is inactive' run old:1
says "unknown service" ServiceNotFoundException 'Service not found\.' ecs update-service --cluster errs --service nix --desired-count 1
says "awsvpc without network" $invalid "Network Configuration must be provided when networkMode 'awsvpc' is specified\." run net
says "Fargate's network mode" $client "Fargate only supports network mode 'awsvpc'\." \
    definition f1 '"memory": 16' '"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"'
says "Fargate's sizes" $client 'No Fargate configuration exists for given values: 4096 CPU, 4096 memory' \
    definition f2 '"memory": 16' '"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "4096", "memory": "4096"'
says "no memory" $client "Invalid setting for container 'main'\. At least one of 'memory' or 'memoryReservation' must be specified\." \
    definition f3 '"cpu": 1'
says "wrong launch type" $invalid 'Task definition does not support launch_type FARGATE\.' run stay --launch-type FARGATE
says "container of a load balancer" $invalid 'The container nix does not exist in the task definition\.' \
    serve lb --task-definition stay --desired-count 1 --load-balancers targetGroupArn=tg,containerName=nix,containerPort=80
says "target group" $invalid 'The target group with targetGroupArn tg does not have an associated load balancer\.' \
    serve lb --task-definition stay --desired-count 1 --load-balancers targetGroupArn=tg,containerName=main,containerPort=80
says "stop-task of an unknown one" $invalid 'The referenced task was not found\.' ecs stop-task --cluster errs --task nix
says "describe-tasks of none" $invalid 'Tasks cannot be empty\.' ecs describe-tasks --cluster errs --tasks

# Who signs.
printf '[wrong]\naws_access_key_id = %s\naws_secret_access_key = nix\n[nobody]\naws_access_key_id = AKIANOBODY0000000000\naws_secret_access_key = nix\n' \
    "$(sed -n 's/^aws_access_key_id *= *//p' "$AWS_SHARED_CREDENTIALS_FILE" | head -n 1)" >"$work/strangers"
stranger() { AWS_SHARED_CREDENTIALS_FILE=$work/strangers aws --endpoint-url "http://127.0.0.1:$ecs_port" --profile "$@"; }
says "wrong secret, JSON" InvalidSignatureException '' stranger wrong ecs list-clusters
says "unknown key, JSON" UnrecognizedClientException '' stranger nobody ecs list-clusters
says "wrong secret, Query" SignatureDoesNotMatch '' stranger wrong sts get-caller-identity
says "unknown key, Query" InvalidClientTokenId '' stranger nobody sts get-caller-identity

# What does not fit on the one instance.
expect "no room: cpu" '^RESOURCE:CPU$' run huge --query 'failures[].reason'
expect "no room: memory" '^RESOURCE:MEMORY$' run fat --query 'failures[].reason'
expect "no instance of that attribute" '^MEMBEROF_PLACEMENT$|^ATTRIBUTE$' run stay --query 'failures[].reason' \
    --placement-constraints 'type=memberOf,expression=attribute:color == red'
expect "start-task on an unknown instance" '^MISSING$' ecs start-task --cluster errs --task-definition stay \
    --container-instances 0123456789abcdef0123456789abcdef --query 'failures[].reason'

# A service, from its creation to its end.
check "create-service" serve web --task-definition stay --desired-count 1
soon "its task runs" 30 is 1 ecs describe-services --cluster errs --services web --query 'services[0].runningCount'
expect "no room: ports" '^RESOURCE:PORTS$' run stay --query 'failures[].reason'
says "a service that exists, with other settings" $invalid 'Creation of service was not idempotent\.' serve web --task-definition stay --desired-count 2
says "delete-service above 0" $invalid 'The service cannot be stopped while it is scaled above 0\.' ecs delete-service --cluster errs --service web
says "delete-cluster with services" ClusterContainsServicesException 'The Cluster cannot be deleted while Services are active\.' ecs delete-cluster --cluster errs
check "delete-service --force" ecs delete-service --cluster errs --service web --force
says "a name that still drains" $invalid 'Unable to Start a service that is still Draining\.' serve web --task-definition stay --desired-count 1
says "a service that is not active" ServiceNotActiveException 'Service was not ACTIVE\.' ecs update-service --cluster errs --service web --desired-count 1
soon "the service ends" 40 is INACTIVE ecs describe-services --cluster errs --services web --query "services[0].status"
soon "the port is free again" 20 matches RUNNING\|PENDING\|PROVISIONING run stay --query 'tasks[].desiredStatus'
says "delete-cluster with tasks" ClusterContainsTasksException 'The Cluster cannot be deleted while Tasks are active\.' ecs delete-cluster --cluster errs

# The node for the cluster `mine` alone: the others have none then.
node=$(k get nodes -o name)
ecs create-cluster --cluster-name mine >/dev/null
k label "$node" ecs.coracle.dev/cluster=mine >/dev/null
soon "the cluster has no instance" 20 is 0 ecs describe-clusters --clusters errs --query 'clusters[0].registeredContainerInstancesCount'
says "no instances" $invalid 'No Container Instances were found in your cluster\.' run stay
says "delete-cluster with instances" ClusterContainsContainerInstancesException \
    'The Cluster cannot be deleted while Container Instances are active or draining\.' ecs delete-cluster --cluster mine
k label "$node" ecs.coracle.dev/cluster- >/dev/null
soon "the cluster can be deleted when the node is for all again" 20 ecs delete-cluster --cluster mine
ecs_purge errs
