#!/usr/bin/env bash
# From RunTask to a watcher seeing the task RUNNING, against the creation of a plain pod to a watcher seeing it Running:
# the same image, in turn, on a whole cluster of one node. Aim: 20 ms more at most. ROUNDS (20) of each.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ "${CORACLE_BENCH:-}" != inside ]; then
    CORACLE_BENCH=inside exec unshare --net --mount --propagation private "$0" "$@"
fi
ip link set lo up
bin=${CORACLE_BIN:-$root/build/release/bin}
work=$(mktemp -d /tmp/coracle-bench.XXXXXX)
data=$work/c
finish() {
    "$bin/coracle" down --data-dir "$data" --purge >"$work/down.log" 2>&1 || cat "$work/down.log"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
"$bin/coracle" up --data-dir "$data" >"$work/up.log" 2>&1 || {
    cat "$work/up.log"
    exit 1
}
export KUBECONFIG=$data/admin.kubeconfig HOME=$work AWS_SHARED_CREDENTIALS_FILE=$data/aws-credentials
export AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
python3 "$here/task_start.py" "http://127.0.0.1:4566" "${ROUNDS:-20}"
