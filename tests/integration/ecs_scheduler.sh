#!/usr/bin/env bash
# tests/integration/ecs_scheduler.sh BUILD - the service scheduler and leader election before the real apiserver, with nodes
# that have no kubelets: what becomes of pods the test says itself.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/integration/ecs_lib.sh"

quick=(--leader-elect-lease-duration 4s --leader-elect-renew-deadline 3s --leader-elect-retry-period 500ms)
gateway "$first" "${quick[@]}"
gateway "$second" "${quick[@]}"
expect_boto3 RunTask "the rules, one by one" 'done$' "$root/tests/integration/ecs_scheduler.py" "http://127.0.0.1:$first" \
    "http://127.0.0.1:$second" "$work/api"

# --- who leads ---
holder() { kubectl get lease -n kube-system ecs-controllers -o 'jsonpath={.spec.holderIdentity}'; }
running() { kubectl get ecstasks -n ecs-lead --no-headers 2>/dev/null | grep -vc STOPPED; }
eventually() { # eventually SECONDS REGEX COMMAND...
    local end=$((SECONDS + $1)) regex=$2
    shift 2
    until [[ $("$@") =~ $regex ]]; do
        [ $SECONDS -lt $end ] || break
        sleep 0.1
    done
    "$@"
}
ecs create-cluster --cluster-name lead >/dev/null
ecs create-service --cluster lead --service-name web --task-definition net --launch-type FARGATE --desired-count 2 \
    --network-configuration 'awsvpcConfiguration={subnets=[s]}' >/dev/null
expect "tasks are made" '^2$' eventually 10 '^2$' running
steal() {
    kubectl patch lease -n kube-system ecs-controllers --type=merge -p \
        "{\"spec\": {\"holderIdentity\": \"thief\", \"renewTime\": \"$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)\"}}"
}
leaders() { grep -c "the controllers have stopped" "$work/gateway.log"; }
before=$(leaders)
steal >/dev/null
expect "a lost Lease stops the controllers" "^$((before + 1))$" eventually 5 "^$((before + 1))$" leaders
ecs update-service --cluster lead --service web --desired-count 5 >/dev/null
expect "not the process" '"desiredCount": 5' ecs describe-services --cluster lead --services web
expect "it leads again when the Lease has run out" ':[0-9]+_' eventually 12 ':[0-9]+_' holder
expect "and goes on" '^5$' eventually 10 '^5$' running
# An API server that hangs in the middle of work.
ecs update-service --cluster lead --service web --desired-count 400 >/dev/null
kill -STOP "$(cat "$work/api/apiserver.pid")"
sleep 9
kill -CONT "$(cat "$work/api/apiserver.pid")"
expect "an API server that hangs ends no gateway" '^0$' eval 'kill -0 "${gateways[0]}" && kill -0 "${gateways[1]}"; echo $?'
expect "when it is back they go on" '^400$' eventually 40 '^400$' running
ecs update-service --cluster lead --service web --desired-count 5 >/dev/null
expect "and down again" '^5$' eventually 20 '^5$' running
kill "${gateways[@]}"
wait "${gateways[@]}" 2>/dev/null
expect "who ends gives the Lease back" '^$' holder
# Held by a gateway of the same host, address and port, before the machine was started anew; by another one.
hold() {
    kubectl patch lease -n kube-system ecs-controllers --type=merge -p "{\"spec\": {\"holderIdentity\": \"$1\", \"leaseDurationSeconds\": 15,
        \"renewTime\": \"$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)\"}}" >/dev/null
}
hold "$(hostname)/127.0.0.1:${first}_00000000-1-1-1"
gateway "$first"
expect "a gateway goes on at once where one was before" '^'"$(hostname)/127.0.0.1:$first"'_[0-9a-f]{8}-' eventually 4 "127.0.0.1:${first}_[1-9a-f]" holder
kubectl delete ecsservice -n ecs-lead web >/dev/null
expect "the tasks of a service that kubectl deletes stop" '^0$' eventually 10 '^0$' running
kill "${gateways[2]}"
wait "${gateways[2]}" 2>/dev/null
hold another
gateway "$first" --leader-elect=false
ecs create-service --cluster lead --service-name web --task-definition net --launch-type FARGATE --desired-count 2 \
    --network-configuration 'awsvpcConfiguration={subnets=[s]}' >/dev/null
ecs update-service --cluster lead --service web --desired-count 3 >/dev/null
expect "without an election they run at once" '^3$' eventually 10 '^3$' running
gateway "$second" --leader-elect=false
expect_boto3 RunTask "two that both lead all the time make no task twice" 'done$' "$root/tests/integration/ecs_scheduler.py" \
    "http://127.0.0.1:$first" "http://127.0.0.1:$second" "$work/api" never_more_than_once
kill "${gateways[@]:3}"
wait "${gateways[@]:3}" 2>/dev/null
gateways=()
findings() { grep -cE "Sanitizer|runtime error" "$work/gateway.log"; }
expect "a build with sanitizers found nothing" '^0$' findings

[ "$failed" = 0 ] || tail -n 60 "$work/gateway.log"
printf '%d failed\n' "$failed"
exit $((failed > 0))
