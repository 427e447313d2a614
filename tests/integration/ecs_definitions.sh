#!/usr/bin/env bash
# tests/integration/ecs_definitions.sh BUILD - mistakes in task definitions, told by the real aws CLI (one process of it,
# tests/lib/aws_rows.py), and what is kept: it comes back as it was given.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/integration/ecs_lib.sh"
python=python3 # the one that has the CLI
python3 -c 'import awscli' 2>/dev/null || python=/usr/bin/python3
gateway "$first"

rows=$work/rows
: >"$rows"
definition() { # definition CONTAINER-MEMBERS [TASK-MEMBERS [MORE-CONTAINERS]]
    printf '{"family": "f", "containerDefinitions": [{"name": "main", "image": "i", %s}%s]%s}' "$1" "${3:+, $3}" "${2:+, $2}"
}
says() { # says TEXT DEFINITION-ARGUMENTS...
    jq -cn '$ARGS.positional' --args -- "$1" ClientException "$1" ecs register-task-definition --cli-input-json "$(definition "${@:2}")" >>"$rows"
}
m='"memory": 64'
fargate='"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"'
awsvpc='"networkMode": "awsvpc"'
in="Invalid setting for container 'main'. "
log='"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r"}}'

says "${in}At least one of 'memory' or 'memoryReservation' must be specified." '"cpu": 1'
says "${in}'memory' must be greater than or equal to 'memoryReservation'." "$m, \"memoryReservation\": 65"
says "The 'memory' setting for container 'main' is greater than for the task." "$m" '"memory": "63"'
says "The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value." "$m, \"cpu\": 257" '"cpu": "256"'
says "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section" "$m" '"cpu": "64"'
says "Fargate only supports network mode 'awsvpc'." "$m" '"requiresCompatibilities": ["FARGATE"]'
says "Fargate requires that 'cpu' be defined at the task level." "$m" "$awsvpc, \"requiresCompatibilities\": [\"FARGATE\"]"
for size in 256:512000 256:1536 512:5120 1024:1024 2048:2048 4096:4096 8192:17408 16384:36864 32768:65536 128:512; do
    says "No Fargate configuration exists for given values: ${size%:*} CPU, ${size#*:} memory" '"cpu": 1' \
        "$awsvpc, \"requiresCompatibilities\": [\"FARGATE\"], \"cpu\": \"${size%:*}\", \"memory\": \"${size#*:}\""
done
says "Fargate compatible task definitions do not support privileged" '"privileged": true' "$fargate"
says "Fargate compatible task definitions do not support dnsServers" '"dnsServers": ["1.2.3.4"]' "$fargate"
says "Fargate compatible task definitions do not support sharedMemorySize" '"linuxParameters": {"sharedMemorySize": 8}' "$fargate"
says "Fargate compatible task definitions do not support maxSwap" '"linuxParameters": {"maxSwap": 8}' "$fargate"
says "Fargate compatible task definitions do not support sourcePath" '"cpu": 1' "$fargate, \"volumes\": [{\"name\": \"v\", \"host\": {\"sourcePath\": \"/x\"}}]"
says "Fargate compatible task definitions do not support dockerVolumeConfiguration" '"cpu": 1' \
    "$fargate, \"volumes\": [{\"name\": \"v\", \"dockerVolumeConfiguration\": {\"scope\": \"task\"}}]"
says "Fargate compatible task definitions do not support constraints" '"cpu": 1' "$fargate, \"placementConstraints\": [{\"type\": \"memberOf\", \"expression\": \"attribute:a exists\"}]"
says "Tasks using the Fargate launch type do not support ipcMode." '"cpu": 1' "$fargate, \"ipcMode\": \"host\""
says "NET_ADMIN is not allowed on Fargate." '"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}' "$fargate"
says "Fargate requires task definition to have execution role ARN to support log driver awslogs." "$log" "$fargate"
says "json-file is not a valid log driver. Must be one of [awslogs, splunk, awsfirelens]" '"logConfiguration": {"logDriver": "json-file"}' "$fargate"
says "Log driver awslogs requires options: awslogs-group" "$m, \"logConfiguration\": {\"logDriver\": \"awslogs\"}"
says "When networkMode=awsvpc, the host ports and container ports in port mappings must match." "$m, \"portMappings\": [{\"containerPort\": 80, \"hostPort\": 81}]" "$awsvpc"
says "Links are not supported when networkMode=awsvpc." "$m, \"links\": [\"x\"]" "$awsvpc"
says "hostname is not supported on container when networkMode=awsvpc." "$m, \"hostname\": \"x\"" "$awsvpc"
says "Extra hosts are not supported on container when networkMode=awsvpc." "$m, \"extraHosts\": [{\"hostname\": \"h\", \"ipAddress\": \"1.2.3.4\"}]" "$awsvpc"
says "Unknown volume 'v'." "$m, \"mountPoints\": [{\"sourceVolume\": \"v\", \"containerPath\": \"/v\"}]"
says "Container names must be unique within a task definition." "$m" "" '{"name": "main", "image": "i", "memory": 64}'
says "Cannot depend on container x because it does not exist." "$m, \"dependsOn\": [{\"containerName\": \"x\", \"condition\": \"START\"}]"
says "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container." \
    "$m, \"dependsOn\": [{\"containerName\": \"a\", \"condition\": \"SUCCESS\"}]" "" '{"name": "a", "image": "i", "memory": 64}'
says "A dependency container with HEALTHY condition must have health check configured." \
    "$m, \"dependsOn\": [{\"containerName\": \"a\", \"condition\": \"HEALTHY\"}]" "" '{"name": "a", "image": "i", "memory": 64}'
says "Soft limit exceeds hard limit for ulimit nofile" "$m, \"ulimits\": [{\"name\": \"nofile\", \"softLimit\": 2, \"hardLimit\": 1}]"
# What is not here yet is named.
for refused in '"environmentFiles": [{"type": "s3", "value": "arn"}]' '"disableNetworking": true' \
    '"firelensConfiguration": {"type": "fluentbit"}' '"credentialSpecs": ["x"]'; do
    name=${refused#\"}
    says "${in}'${name%%\"*}" "$m, $refused"
done
says "${in}'linuxParameters.devices' is not supported" "$m, \"linuxParameters\": {\"devices\": [{\"hostPath\": \"/dev/x\"}]}"
says "${in}'secrets' is not supported" "$m, \"secrets\": [{\"name\": \"s\", \"valueFrom\": \"arn\"}]" '"executionRoleArn": "r"'
says "'networkMode' 'none' is not supported" "$m" '"networkMode": "none"'
for volume in efsVolumeConfiguration:fileSystemId s3filesVolumeConfiguration:fileSystemArn; do
    says "Volume 'v': '${volume%:*}' is not supported." "$m" "\"volumes\": [{\"name\": \"v\", \"${volume%:*}\": {\"${volume#*:}\": \"x\"}}]"
done
asked=0
while read -r verdict name; do
    asked=$((asked + 1))
    [ "$verdict" = ok ] || failed=$((failed + 1))
    [ "$verdict" = ok ] && printf 'ok    %s\n' "$name" || printf '%s  %s\n' "$verdict" "$name"
done < <("$python" "$root/tests/lib/aws_rows.py" "http://127.0.0.1:$first" <"$rows" 2>&1)
expect "every row is asked" "^$asked\$" grep -c . "$rows"

cat >"$work/kept.py" <<'END'
import boto3, sys
ecs = boto3.client("ecs", endpoint_url=sys.argv[1])
given = dict(family="kept", taskRoleArn="arn:aws:iam::1:role/t", executionRoleArn="arn:aws:iam::1:role/e", enableFaultInjection=True,
    ephemeralStorage={"sizeInGiB": 30}, runtimePlatform={"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
    proxyConfiguration={"type": "APPMESH", "containerName": "a", "properties": [{"name": "n", "value": "v"}]},
    volumes=[{"name": "d", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": False, "driver": "local", "labels": {"a": "b"}}},
             {"name": "e", "host": {}}],
    containerDefinitions=[{"name": "a", "image": "i", "memory": 64, "versionConsistency": "disabled", "dockerLabels": {"x": "y"},
        "repositoryCredentials": {"credentialsParameter": "arn:aws:secretsmanager:r:1:secret:s"}, "startTimeout": 5, "stopTimeout": 6,
        "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp", "name": "http", "appProtocol": "http2"}],
        "logConfiguration": {"logDriver": "splunk", "options": {"splunk-url": "u"}, "secretOptions": [{"name": "t", "valueFrom": "arn"}]},
        "linuxParameters": {"maxSwap": 0, "swappiness": 10, "initProcessEnabled": True, "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
                            "tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": ["noatime"]}], "sharedMemorySize": 1},
        "restartPolicy": {"enabled": False}, "ulimits": [{"name": "core", "softLimit": -1, "hardLimit": -1}], "user": "nobody:1"}])
def missing(want, got, at):
    if isinstance(want, dict):
        return [m for k in want for m in (missing(want[k], got[k], at + "." + k) if k in got else [at + "." + k])]
    if isinstance(want, list):
        return [at] if len(want) != len(got) else [m for i, w in enumerate(want) for m in missing(w, got[i], "%s[%d]" % (at, i))]
    return [] if want == got else ["%s: %r" % (at, got)]
arn = ecs.register_task_definition(**given)["taskDefinition"]["taskDefinitionArn"]
print("lost:", missing(given, ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"], ""))
END
expect_boto3 CreateDaemon "what is kept comes back" 'lost: \[\]' "$work/kept.py" "http://127.0.0.1:$first"
printf '%d failed\n' "$failed"
exit $((failed > 0))
