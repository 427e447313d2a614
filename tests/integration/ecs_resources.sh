#!/usr/bin/env bash
# tests/integration/ecs_resources.sh BUILD - clusters, capacity providers, account settings, tags and task definitions
# as boto3 sees them. No kubelet: tasks stay as they are made.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/integration/ecs_lib.sh"

printf '[alice]\naws_access_key_id = AKIAECSTESTALICE0001\naws_secret_access_key = of-alice\n' >>"$work/credentials"
make_node one 4 4Gi
gateway "$first"
if ! expect_boto3 CreateDaemon "every operation" 'done$' "$root/tests/integration/ecs_resources.py" "http://127.0.0.1:$first"; then
    exit 0
fi
expect "kubectl shows a capacity provider" 'mine +ACTIVE' kubectl get capacityproviders
expect "kubectl shows a setting" 'containerInsights +enhanced +arn:aws:iam::000000000000:user/alice' kubectl get ecsaccountsettings

# A day after their end their objects go; a cluster of that name that is there again stays.
ecs create-cluster --cluster-name again >/dev/null
ecs delete-cluster --cluster again >/dev/null
kubectl patch ecscluster spot --type=merge -p '{"status": {"inactiveAt": 1}}' >/dev/null
kubectl patch ecscluster hers --type=merge -p '{"status": {"inactiveAt": 1}}' >/dev/null
for _ in $(seq 50); do kubectl get ecscluster spot >/dev/null 2>&1 || break; sleep 0.1; done
expect "an INACTIVE cluster goes after a day" 'NotFound' kubectl get ecscluster spot
expect "not before" 'INACTIVE' kubectl get ecscluster again
expect "an ACTIVE one does not go" 'ACTIVE' kubectl get ecscluster hers
printf '%d failed\n' "$failed"
exit $((failed > 0))
