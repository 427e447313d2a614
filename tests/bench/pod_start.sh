#!/usr/bin/env bash
# From the creation of a busybox pod to a watcher seeing it Running, against the bare CRI calls for the same pod.
# Aim: at most 1.5 times as long. The node, its runtime and the apiserver are those of tests/integration/kubelet.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
case_measure() { "$root/build/release/bench/pod_start" "$KUBECONFIG" "unix://$work/ctr/containerd.sock" node1 "${ROUNDS:-20}"; }
export -f case_measure
"$root/tests/integration/kubelet/run" "$root/build/release/bin/kubelet" "$root/build/release/bin/apiserver" case_node case_measure |
    grep -v passed
