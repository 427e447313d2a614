# cluster: --nodes 1
# Every mistake of ECS's error table gives ECS's code and text, as the real aws CLI tells them: many calls in one process
# of it (tests/lib/aws_rows.py), since each start costs half a second.

rows=$work/errors.rows
: >"$rows"
python=python3 # the one that has the CLI
python3 -c 'import awscli' 2>/dev/null || python=/usr/bin/python3
row() { jq -cn '$ARGS.positional' --args -- "$@" >>"$rows"; } # row NAME CODE TEXT AWS-ARGUMENTS...
says() { row "$1" "$2" "$3" ecs "${@:4}"; }                   # it must fail with this code, and a text that begins so
shows() { row "$1" "" "$2" ecs "${@:3}"; }                    # it must succeed, and its output match
ask() {                                                       # asks the rows so far
    local verdict name asked=0
    while read -r verdict name; do
        asked=$((asked + 1))
        if [ "$verdict" = ok ]; then pass "$name"; else fail "${name%% :*}" "$name"; fi
    done < <("$python" "$root/tests/lib/aws_rows.py" "http://127.0.0.1:$ecs_port" <"$rows" 2>&1)
    [ "$asked" = "$(wc -l <"$rows")" ] || fail "every row is asked" "$asked of $(wc -l <"$rows")"
    : >"$rows"
}
definition() { # definition FAMILY CONTAINER-MEMBERS [TASK-MEMBERS]
    printf '{"family": "%s", "containerDefinitions": [{"name": "main", "image": "coracle.local/busybox:1", %s}]%s}' \
        "$1" "$2" "${3:+, $3}"
}
register() { shows "register $1" "$1" register-task-definition --cli-input-json "$(definition "$@")" --query taskDefinition.family; }
run() { says "$1" "$2" "$3" run-task --cluster errs --task-definition "${@:4}"; }
fails() { shows "$1" "$2" run-task --cluster errs --query 'failures[].reason' --task-definition "${@:3}"; }
serve() { says "$1" "$2" "$3" create-service --cluster errs --service-name "${@:4}"; }
invalid=InvalidParameterException client=ClientException

shows "a cluster" ACTIVE create-cluster --cluster-name errs --query cluster.status
shows "another" ACTIVE create-cluster --cluster-name gone --query cluster.status
shows "which goes" INACTIVE delete-cluster --cluster gone --query cluster.status
register stay '"memory": 16, "stopTimeout": 8, "command": ["sh", "-c", "trap : TERM; while true; do sleep 0.2; done"], "portMappings": [{"containerPort": 80, "hostPort": 25080}]'
register old '"memory": 16'
register huge '"memory": 16, "cpu": 900000'
register fat '"memory": 9000000'
register net '"memory": 16, "stopTimeout": 2, "command": ["sleep", "600"]' '"networkMode": "awsvpc"'
shows "a revision is deregistered" INACTIVE deregister-task-definition --task-definition old:1 --query taskDefinition.status
shows "a service" ACTIVE create-service --cluster errs --service-name web --task-definition stay --desired-count 1 --query service.status

# --- what does not depend on anything that runs ---
says "unknown cluster" ClusterNotFoundException 'Cluster not found.' list-tasks --cluster nix
says "deleted cluster" ClusterNotFoundException 'The referenced cluster was inactive.' list-tasks --cluster gone
shows "describe-clusters of an unknown one" 'cluster/nix\sMISSING' describe-clusters --clusters nix --query 'failures[].[arn,reason]'
shows "describe-tasks of an unknown one" 'task/errs/nix\sMISSING' describe-tasks --cluster errs --tasks nix --query 'failures[].[arn,reason]'
shows "describe-services of an unknown one" 'service/errs/nix\sMISSING' describe-services --cluster errs --services nix \
    --query 'failures[].[arn,reason]'
shows "describe-container-instances of an unknown one" 'container-instance/errs/nix\sMISSING' describe-container-instances \
    --cluster errs --container-instances nix --query 'failures[].[arn,reason]'
shows "describe-capacity-providers of an unknown one" 'capacity-provider/nix\sMISSING' describe-capacity-providers \
    --capacity-providers nix --query 'failures[].[arn,reason]'
says "unknown task definition" $client 'Unable to describe task definition.' describe-task-definition --task-definition nix
run "run-task of an unknown task definition" $client 'TaskDefinition not found.' nix
run "deregistered revision" $client 'TaskDefinition is inactive' old:1
says "unknown service" ServiceNotFoundException 'Service not found.' update-service --cluster errs --service nix --desired-count 1
run "awsvpc without network" $invalid "Network Configuration must be provided when networkMode 'awsvpc' is specified." net
says "Fargate's network mode" $client "Fargate only supports network mode 'awsvpc'." register-task-definition --cli-input-json \
    "$(definition f1 '"memory": 16' '"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"')"
says "Fargate's sizes" $client 'No Fargate configuration exists for given values: 4096 CPU, 4096 memory' register-task-definition \
    --cli-input-json "$(definition f2 '"memory": 16' '"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "4096", "memory": "4096"')"
says "no memory" $client "Invalid setting for container 'main'. At least one of 'memory' or 'memoryReservation' must be specified." \
    register-task-definition --cli-input-json "$(definition f3 '"cpu": 1')"
run "wrong launch type" $invalid 'Task definition does not support launch_type FARGATE.' stay --launch-type FARGATE
serve "container of a load balancer" $invalid 'The container nix does not exist in the task definition.' lb --task-definition stay \
    --desired-count 1 --load-balancers targetGroupArn=tg,containerName=nix,containerPort=80
serve "target group" $invalid 'The target group with targetGroupArn tg does not have an associated load balancer.' lb \
    --task-definition stay --desired-count 1 --load-balancers targetGroupArn=tg,containerName=main,containerPort=80
says "stop-task of an unknown one" $invalid 'The referenced task was not found.' stop-task --cluster errs --task nix
says "describe-tasks of none" $invalid 'Tasks cannot be empty.' describe-tasks --cluster errs --tasks
serve "a service that exists, with other settings" $invalid 'Creation of service was not idempotent.' web --task-definition stay --desired-count 2
says "delete-service above 0" $invalid 'The service cannot be stopped while it is scaled above 0.' delete-service --cluster errs --service web
says "delete-cluster with services" ClusterContainsServicesException 'The Cluster cannot be deleted while Services are active.' \
    delete-cluster --cluster errs

# --- what does not fit on the one instance ---
fails "no room: cpu" '^RESOURCE:CPU$' huge
fails "no room: memory" '^RESOURCE:MEMORY$' fat
fails "no instance of that attribute" '^(ATTRIBUTE|MemberOf placement constraint unsatisfied\.)$' stay \
    --placement-constraints 'type=memberOf,expression=attribute:color == red'
shows "start-task on an unknown instance" '^MISSING$' start-task --cluster errs --task-definition stay \
    --container-instances 0123456789abcdef0123456789abcdef --query 'failures[].reason'
ask

# --- who signs ---
key=$(sed -n 's/^aws_access_key_id *= *//p' "$AWS_SHARED_CREDENTIALS_FILE" | head -n 1)
printf '[wrong]\naws_access_key_id = %s\naws_secret_access_key = nix\n[nobody]\naws_access_key_id = AKIANOBODY0000000000\naws_secret_access_key = nix\n' \
    "$key" >"$work/strangers"
row "wrong secret, JSON" InvalidSignatureException '' --profile wrong ecs list-clusters
row "unknown key, JSON" UnrecognizedClientException '' --profile nobody ecs list-clusters
row "wrong secret, Query" SignatureDoesNotMatch '' --profile wrong sts get-caller-identity
row "unknown key, Query" InvalidClientTokenId '' --profile nobody sts get-caller-identity
AWS_SHARED_CREDENTIALS_FILE=$work/strangers ask

# --- the end of a service: its task takes its time to stop ---
soon "its task runs" 30 is 1 ecs describe-services --cluster errs --services web --query 'services[0].runningCount'
fails "no room: ports" '^RESOURCE:PORTS$' stay
shows "delete-service --force" DRAINING delete-service --cluster errs --service web --force --query service.status
serve "a name that still drains" $invalid 'Unable to Start a service that is still Draining.' web --task-definition stay --desired-count 1
says "a service that is not active" ServiceNotActiveException 'Service was not ACTIVE.' update-service --cluster errs --service web --desired-count 1
shows "a task" RUNNING run-task --cluster errs --task-definition net --network-configuration 'awsvpcConfiguration={subnets=[s]}' \
    --query 'tasks[].desiredStatus'
ask
soon "the service ends" 40 is INACTIVE ecs describe-services --cluster errs --services web --query 'services[0].status'
says "delete-cluster with tasks" ClusterContainsTasksException 'The Cluster cannot be deleted while Tasks are active.' delete-cluster --cluster errs
shows "a cluster for the node alone" ACTIVE create-cluster --cluster-name mine --query cluster.status
ask

# --- the node belongs to the cluster `mine` alone: the others have none ---
node=$(k get nodes -o name)
k label "$node" ecs.coracle.dev/cluster=mine >/dev/null
soon "the cluster has no instance" 20 is 0 ecs describe-clusters --clusters errs --query 'clusters[0].registeredContainerInstancesCount'
run "no instances" $invalid 'No Container Instances were found in your cluster.' stay
says "delete-cluster with instances" ClusterContainsContainerInstancesException \
    'The Cluster cannot be deleted while Container Instances are active or draining.' delete-cluster --cluster mine
ask
k label "$node" ecs.coracle.dev/cluster- >/dev/null
soon "a cluster can be deleted when the node is for all again" 20 ecs delete-cluster --cluster mine
ecs_purge errs
