#!/usr/bin/env bash
# tests/integration/ecs_random.sh BUILD [COUNT [SEED]] - random requests for every operation of ECS to a gateway with a real
# cluster behind it (API server, controllers, two nodes without containers), from three clients at a time. The gateway is
# BUILD's; the rest is the release build's, if there is one, so that a gateway with sanitizers is not kept waiting. Fails
# when an answer is none of the API's, when the gateway ends, or when a sanitizer says something.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
count=${2:-20} seed=${3:-1}
others=$(realpath "${1:-$root/build/release}")
[ ! -x "$root/build/release/tests/hollow-node" ] || others=$root/build/release
export APISERVER=$others/bin/apiserver # for the next line
. "$root/tests/integration/ecs_lib.sh"
python=$(command -v python3) # one with botocore: awscli's own has it in any case
"$python" -c 'import botocore' 2>/dev/null || python=/usr/bin/python3
"$python" -c 'import botocore' 2>/dev/null || { echo "botocore is missing: 1 skipped"; exit 0; }

# ecs_lib's finish ends what is in gateways.
"$others/bin/controller-manager" --kubeconfig="$work/api/controller-manager.kubeconfig" --root-ca-file="$work/api/ca.crt" \
    --use-service-account-credentials 9>&- 2>>"$work/manager.log" &
gateways+=($!)
for node in n1 n2; do
    "$others/tests/hollow-node" --kubeconfig="$KUBECONFIG" --node="$node" --ready-after=20ms 9>&- 2>>"$work/hollow.log" &
    gateways+=($!)
done
export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
gateway "$first"
pid=${gateways[-1]}
for _ in $(seq 100); do [[ $(ecs list-container-instances --cluster default --output text) != None ]] && break; sleep 0.1; done

if "$python" "$root/tests/lib/aws_random.py" --world --threads 3 --count "$count" --seed "$seed" ${VERBOSE:+--verbose} \
    "http://127.0.0.1:$first"; then
    echo "ok    every answer is one of the API's"
else
    echo "FAIL  random requests of seed $seed; what the gateway says:"
    grep -E ' (warn|error) ' "$work/gateway.log" | tail -n 20
    failed=1
fi
kill -TERM "$pid"
wait "$pid"
code=$?
if [ $code = 0 ] && ! grep -qE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$work/gateway.log"; then
    echo "ok    the gateway ended in good order"
else
    echo "FAIL  the gateway ended with $code:"
    grep -nE -A 30 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$work/gateway.log" | head -n 80
    tail -n 5 "$work/gateway.log"
    failed=1
fi
[ "$failed" = 0 ]
