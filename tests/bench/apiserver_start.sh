#!/usr/bin/env bash
# How long from the start of apiserver until /readyz says ok (etcd up already), and what it occupies when idle.
# Aims: 200 ms, 15 MB.
set -euo pipefail
bin=$(cd "$(dirname "$0")/../../build/release/bin" && pwd)
work=$(mktemp -d /tmp/coracle-bench.XXXXXX)
pids=()
finish() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
port=$((20000 + RANDOM % 5000))
etcd --data-dir "$work/etcd" --listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
    --listen-peer-urls "http://127.0.0.1:$((port + 1))" --initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" \
    --initial-cluster "default=http://127.0.0.1:$((port + 1))" >"$work/etcd.log" 2>&1 &
pids+=($!)
until curl -sf "http://127.0.0.1:$port/health" >/dev/null 2>&1; do sleep 0.05; done
echo 'secret,admin,1,"system:masters"' >"$work/tokens"
openssl ecparam -name prime256v1 -genkey -noout -out "$work/sa.key" 2>/dev/null

now_ms() { echo $(($(date +%s%N) / 1000000)); }
start_one() {
    local begin api
    begin=$(now_ms)
    "$bin/apiserver" --etcd-servers "http://127.0.0.1:$port" --secure-port $((port + 2)) --bind-address 127.0.0.1 \
        --cert-dir "$work/certs" --token-auth-file "$work/tokens" --service-account-key-file "$work/sa.key" \
        --service-account-signing-key-file "$work/sa.key" --service-account-issuer https://kubernetes.default.svc \
        --service-cluster-ip-range 10.96.0.0/16 --authorization-mode RBAC >"$work/api.log" 2>&1 &
    api=$!
    pids+=("$api")
    until curl -skf --max-time 1 -H 'Authorization: Bearer secret' "https://127.0.0.1:$((port + 2))/readyz" >/dev/null 2>&1; do
        kill -0 $api 2>/dev/null || { tail -5 "$work/api.log"; exit 1; }
        sleep 0.002
    done
    echo "$1: ready after $(($(now_ms) - begin)) ms"
    sleep 3
    awk '/^VmRSS|^RssAnon/ {printf "  %s %.1f MB", $1, $2 / 1024} END {print ""}' "/proc/$api/status"
    kill $api
    wait $api 2>/dev/null || true
}
start_one "empty etcd (bootstrap objects are written)"
start_one "second start"
