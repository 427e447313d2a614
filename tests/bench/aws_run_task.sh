#!/usr/bin/env bash
# From RunTask to a watcher that sees the ECSTask RUNNING, against the creation of the same pod to a watcher that sees it
# Running, in turn, on one node with real containers. Aim: at most 20 ms more. Starting a container is noisy, so it also
# tells what the gateway adds at both ends: how much later the pod is there, and how long after it runs that is told.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${CORACLE_BENCH:-}" != inside ]; then # as tests/e2e/run: a network of its own
    [ "$(id -u)" = 0 ] || { echo "needs root"; exit 1; }
    CORACLE_BENCH=inside exec unshare --net --mount --propagation private "$0" "$@"
fi
python3 -c 'import botocore, yaml' 2>/dev/null || { echo "botocore or yaml is missing: skipped"; exit 0; }
ip link set lo up
bin=$root/build/release/bin
work=$(mktemp -d /tmp/coracle-run-task.XXXXXX)
finish() {
    "$bin/coracle" down --data-dir "$work/c" --purge >/dev/null
    rm -rf "$work"
}
trap finish EXIT
"$bin/coracle" up --data-dir "$work/c" --nodes 1 >"$work/up.log" 2>&1 || { cat "$work/up.log"; exit 1; }
export AWS_SHARED_CREDENTIALS_FILE=$work/c/aws-credentials AWS_EC2_METADATA_DISABLED=true
python3 "$root/tests/bench/aws_run_task.py" "$work/c/admin.kubeconfig" http://127.0.0.1:4566 "${ROUNDS:-20}"
