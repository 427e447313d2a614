#!/usr/bin/env bash
# The gateway before a real API server: signed describe-clusters a second on one core, with an empty cluster and with
# TASKS (1,000) running tasks in it, and what the gateway then has in memory. The aims are 10,000/s and 15 MB.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/release
. "$root/tests/integration/ecs_lib.sh"

TASKS=${TASKS:-1000}
asks() { printf '%s:\n' "$1" && "$build/bench/bench_aws" "$first" "$pid" demo | sed 's/^/  /'; }
resident() { awk -v what="$1" '/^(VmRSS|RssAnon):/ {v[$1] = $2 / 1024} END {printf "%-48s %8.1f MiB, %.1f of its own\n", what, v["VmRSS:"], v["RssAnon:"]}' "/proc/$pid/status"; }
running() { kubectl get ecstasks -n ecs-demo --no-headers 2>/dev/null | grep -c RUNNING; }

kubectl apply -f - >/dev/null <<'END'
apiVersion: v1
kind: Node
metadata: {name: node1}
status:
  allocatable: {cpu: "4000", memory: 8000Gi, pods: "5000"}
  conditions: [{type: Ready, status: "True"}]
END
gateway "$first"
pid=${gateways[0]}
ecs create-cluster --cluster-name demo >/dev/null
kubectl create serviceaccount default -n ecs-demo >/dev/null # no controller manager is here to make it
resident "resident, an empty cluster"
asks "describe-clusters, an empty cluster"

# The tasks: asked for with boto3, ten a call; their pods say what a kubelet would say.
python3 - "$first" "$TASKS" <<'END' || exit 1
import boto3, sys
ecs = boto3.client("ecs", endpoint_url="http://127.0.0.1:" + sys.argv[1])
ecs.register_task_definition(
    family="web", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
    containerDefinitions=[{"name": "web", "image": "example/web:1", "portMappings": [{"containerPort": 80}],
                           "environment": [{"name": "STAGE", "value": "test"}]}])
for _ in range(int(sys.argv[2]) // 10):
    answer = ecs.run_task(cluster="demo", taskDefinition="web", launchType="FARGATE", count=10,
                          networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}})
    assert len(answer["tasks"]) == 10, answer
END
done=0
for _ in $(seq 120); do
    done=$((done + $(python3 "$root/tests/lib/pods_run.py" "$KUBECONFIG" node1 ecs-demo)))
    [ "$done" -lt "$TASKS" ] || break
    sleep 0.5
done
for _ in $(seq 120); do [ "$(running)" -lt "$TASKS" ] || break; sleep 0.5; done
[ "$(running)" = "$TASKS" ] || { echo "only $(running) of $TASKS tasks run"; exit 1; }
resident "resident, $TASKS running tasks that it has made"
asks "describe-clusters, $TASKS running tasks"
ecs describe-tasks --cluster demo --tasks $(ecs list-tasks --cluster demo --query 'taskArns[:100]' --output text) >/dev/null
resident "resident after that"
python3 - "$first" <<'END'
import boto3, sys
ecs = boto3.client("ecs", endpoint_url="http://127.0.0.1:" + sys.argv[1])
for _ in range(2100): # calls that change something, and need no write
    ecs.create_cluster(clusterName="demo")
END
resident "resident with a full trail"
kill "$pid"
wait "$pid" 2>/dev/null
gateway "$first"
pid=${gateways[1]}
sleep 1
resident "resident after a restart"
