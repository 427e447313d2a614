#!/usr/bin/env bash
# tests/integration/ecs_resources.sh BUILD - clusters, capacity providers, account settings, tags and task definitions
# as boto3 sees them. No kubelet: tasks stay as they are made.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/integration/ecs_lib.sh"

printf '[alice]\naws_access_key_id = AKIAECSTESTALICE0001\naws_secret_access_key = of-alice\n' >>"$work/credentials"
make_node one 4 4Gi
gateway "$first"
expect "every operation" 'done$' python3 "$root/tests/integration/ecs_resources.py" "http://127.0.0.1:$first"
expect "kubectl shows a capacity provider" 'mine +ACTIVE' kubectl get capacityproviders
expect "kubectl shows a setting" 'containerInsights +enhanced +arn:aws:iam::000000000000:user/alice' kubectl get ecsaccountsettings
printf '%d failed\n' "$failed"
exit $((failed > 0))
