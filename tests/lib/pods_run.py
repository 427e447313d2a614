#!/usr/bin/env python3
"""pods_run.py KUBECONFIG NODE [NAMESPACE] - plays scheduler and kubelet without containers: every pod that is there is
bound to NODE and said to be Running, with the status a kubelet writes. Prints how many. For measurements and tests of
what stands above pods; the kubeconfig is one of hack/dev-apiserver."""
import datetime
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kube_api import Api  # noqa: E402


def status_of(pod, number, now):
    address = "10.88.%d.%d" % (number // 250, number % 250 + 1)
    statuses = [{
        "name": c["name"], "ready": True, "started": True, "restartCount": 0, "image": c["image"],
        "imageID": "sha256:%064x" % 0xabc, "containerID": "containerd://%064x" % (number * 64 + i),
        "state": {"running": {"startedAt": now}}} for i, c in enumerate(pod["spec"]["containers"])]
    conditions = [{"type": t, "status": "True", "lastTransitionTime": now}
                  for t in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
    return {"phase": "Running", "hostIP": "172.31.99.1", "podIP": address, "podIPs": [{"ip": address}],
            "startTime": now, "conditions": conditions, "containerStatuses": statuses}


def main():
    api, node = Api(sys.argv[1]), sys.argv[2]
    space = "/namespaces/" + sys.argv[3] if len(sys.argv) > 3 else ""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = 0
    for number, pod in enumerate(api.call("GET", "/api/v1%s/pods" % space)[1]["items"]):
        meta = pod["metadata"]
        path = "/api/v1/namespaces/%s/pods/%s" % (meta["namespace"], meta["name"])
        if pod.get("status", {}).get("phase") != "Pending" or "deletionTimestamp" in meta:
            continue
        if not pod["spec"].get("nodeName"):
            api.call("POST", path + "/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]},
                                                 "target": {"kind": "Node", "name": node}})
        code, answer = api.call("PATCH", path + "/status", {"status": status_of(pod, number, now)},
                                "application/merge-patch+json")
        if code != 200:
            sys.exit("%s: %s" % (path, answer))
        done += 1
    print(done)


main()
