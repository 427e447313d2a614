# cluster: --nodes 1
# ECS tasks on real containers, asked for with the real aws CLI.

cat >"$work/job.json" <<'END'
{"family": "job", "containerDefinitions": [{"name": "main", "image": "coracle.local/busybox:1", "memory": 64,
 "entryPoint": ["sh", "-c"], "command": ["trap 'exit 7' TERM; while true; do sleep 0.1; done"], "portMappings": [{"containerPort": 80}]}]}
END
check "create-cluster" ecs create-cluster --cluster-name demo
check "register-task-definition" ecs register-task-definition --cli-input-json "file://$work/job.json"
check "register the sample of the README" ecs register-task-definition --cli-input-json "file://$root/manifests/ecs/hello.json"
tasks=$(ecs run-task --cluster demo --task-definition job --count 2 --query 'tasks[].taskArn')
short=$(ecs run-task --cluster demo --task-definition job --query 'tasks[].taskArn' \
    --overrides '{"containerOverrides": [{"name": "main", "command": ["exit 3"]}]}')
# shellcheck disable=SC2086
check "wait tasks-running" ecs wait tasks-running --cluster demo --tasks $tasks
check "wait tasks-stopped" ecs wait tasks-stopped --cluster demo --tasks "$short"
expect "an override's exit code" '3.EssentialContainerExited' ecs describe-tasks --cluster demo --tasks "$short" \
    --query 'tasks[0].[containers[0].exitCode,stopCode]'
expect "two dynamic host ports" '^[0-9]+.[0-9]+$' ecs describe-tasks --cluster demo --tasks $tasks \
    --query 'tasks[].containers[].networkBindings[].hostPort'
expect "each task is a pod" '(Running.*){2}' k get pods -n ecs-demo --no-headers
first=${tasks%%[[:space:]]*}
check "stop-task" ecs stop-task --cluster demo --task "$first" --reason enough
check "wait tasks-stopped after stop-task" ecs wait tasks-stopped --cluster demo --tasks "$first"
expect "stopped as asked" '7.UserInitiated.enough' ecs describe-tasks --cluster demo --tasks "$first" \
    --query 'tasks[0].[containers[0].exitCode,stopCode,stoppedReason]'
ecs_purge demo
