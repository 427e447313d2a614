# cluster: --nodes 2
# Container instances on two real nodes: a daemon on both, drain one, lose one.

two_instances() { [ "$(ecs list-container-instances --cluster inst --query 'length(containerInstanceArns)')" = 2 ]; }
instance_on() { k get containerinstances -n ecs-inst -o json | jq -r --arg n "$1" '.items[] | select(.spec.node == $n) | .metadata.name'; }
# The nodes that the tasks of a service run on, sorted: "vm vm vm-2 "
nodes_of() {
    k get ecstasks -n ecs-inst -o json |
        jq -r --arg g "service:$1" '.items[] | select(.status.group == $g and .status.lastStatus == "RUNNING" and
            .status.desiredStatus == "RUNNING") | .spec.node' | sort | tr '\n' ' '
}
reason_of() { ecs describe-tasks --cluster inst --tasks "$1" --query 'tasks[0].[lastStatus,stoppedReason]'; }

cat >"$work/inst.json" <<'END_OF_JSON'
{"family": "inst", "containerDefinitions": [{"name": "main", "image": "coracle.local/busybox:1", "memory": 32, "cpu": 10,
 "entryPoint": ["sh", "-c"], "command": ["trap 'exit 7' TERM; while true; do sleep 0.1; done"],
 "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 3}}]}
END_OF_JSON
check "create-cluster" ecs create-cluster --cluster-name inst
soon "both nodes are instances" 30 two_instances
one=$(jp '{.items[0].metadata.name}' nodes) two=$(jp '{.items[1].metadata.name}' nodes)
first=$(instance_on "$one") second=$(instance_on "$two")
check "register-task-definition" ecs register-task-definition --cli-input-json "file://$work/inst.json"
check "a daemon" ecs create-service --cluster inst --service-name d --task-definition inst --scheduling-strategy DAEMON
check "a service" ecs create-service --cluster inst --service-name r --task-definition inst --desired-count 4 \
    --deployment-configuration minimumHealthyPercent=50,maximumPercent=150
soon "the daemon runs on each" 60 is "$one $two " nodes_of d
soon "the service is spread over both" 60 is "$one $one $two $two " nodes_of r
check "put-attributes" ecs put-attributes --cluster inst --attributes "name=place,value=two,targetId=$second,targetType=container-instance"
alone=$(ecs run-task --cluster inst --task-definition inst --query 'tasks[0].taskArn' \
    --placement-constraints type=memberOf,expression='attribute:place == two')
check "a task of its own" ecs wait tasks-running --cluster inst --tasks "$alone"
expect "is where its constraint says" "^arn.*/$second\$" ecs describe-tasks --cluster inst --tasks "$alone" \
    --query 'tasks[0].containerInstanceArn'
expect "what a constraint nobody meets says" 'MemberOf placement constraint unsatisfied' ecs run-task --cluster inst \
    --task-definition inst --placement-constraints type=memberOf,expression='attribute:place == three' --query failures
started=$(ecs start-task --cluster inst --task-definition inst --container-instances "$first" --query 'tasks[0].taskArn')
check "start-task" ecs wait tasks-running --cluster inst --tasks "$started"
expect "goes where it is told" "^$one\$" jp '{.spec.nodeName}' pod -n ecs-inst "${started##*/}"
expect "tasks are counted there" '^4.0$' ecs describe-container-instances --cluster inst --container-instances "$second" \
    --query 'containerInstances[0].[runningTasksCount,pendingTasksCount]'
taken() { # what a task more takes: its cpu and memory
    ecs_python <<'PY'
def left():
    i = ecs.list_container_instances(cluster="inst", filter="attribute:place == two")["containerInstanceArns"]
    r = ecs.describe_container_instances(cluster="inst", containerInstances=i)["containerInstances"][0]["remainingResources"]
    return {x["name"]: x["integerValue"] for x in r}, i
before, i = left()
task = ecs.start_task(cluster="inst", taskDefinition="inst", containerInstances=i)["tasks"][0]["taskArn"]
after, _ = left()
ecs.stop_task(cluster="inst", task=task)
print(before["CPU"] - after["CPU"], before["MEMORY"] - after["MEMORY"])
PY
}
expect "what a task takes is taken at once" '^10 32$' taken
refuse "an instance with tasks is not deregistered" 'Found running tasks on the instance' \
    ecs deregister-container-instance --cluster inst --container-instance "$second"

drain() { ecs update-container-instances-state --cluster inst --container-instances "$second" --status "$1"; }
check "drain the second" drain DRAINING
soon "the service moves away" 60 is "$one $one $one $one " nodes_of r
soon "the daemon leaves" 30 is "$one " nodes_of d
expect "a task of its own stays" 'RUNNING' reason_of "$alone"
expect "nothing new goes there" 'NO ACTIVE INSTANCES' ecs run-task --cluster inst --task-definition inst \
    --placement-constraints type=memberOf,expression='attribute:place == two' --query 'failures[].reason'
check "use it again" drain ACTIVE
soon "the daemon is back" 30 is "$one $two " nodes_of d
check "six of the service" ecs update-service --cluster inst --service r --desired-count 6
soon "the new ones balance it" 60 is "$one $one $one $one $two $two " nodes_of r

# The second node dies, with everything that would start it again.
keeper=$(program_pid node-2)
host=$(pgrep -P "$keeper" | head -1)
kill -STOP "$keeper"
kill -9 "$host"
died=$SECONDS
soon "the service replaces what it had there" 110 is "$one $one $one $one $one $one " nodes_of r
echo "        replaced $((SECONDS - died)) s after the node died"
id=$(ecs describe-container-instances --cluster inst --container-instances "$second" --query 'containerInstances[0].ec2InstanceId')
soon "its own task is told to be lost" 30 matches "STOPPED.Host EC2 .instance $id. terminated" reason_of "$alone"
expect "the agent is away" 'False' ecs describe-container-instances --cluster inst --container-instances "$second" \
    --query 'containerInstances[0].agentConnected'
kill -CONT "$keeper"
soon "the node comes back, and the daemon with it" 90 is "$one $two " nodes_of d
ecs_purge inst
