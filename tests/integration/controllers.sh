#!/usr/bin/env bash
# tests/integration/controllers.sh BUILD - the controller-manager against the real apiserver, seen through kubectl, with hollow nodes
# (tests/lib/hollow_node.c) in place of kubelets.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/release}
for tool in etcd kubectl openssl; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: skipped"; exit 0; }
done
work=$(mktemp -d /tmp/coracle-controllers.XXXXXX)
mkfifo "$work/hold"
pids=()
finish() {
    exec 9>&-
    for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
    wait "$api" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
APISERVER=$build/bin/apiserver "$root/hack/dev-apiserver" "$work/api" <"$work/hold" >"$work/api.out" 2>&1 &
api=$!
exec 9>"$work/hold"
for _ in $(seq 200); do grep -q KUBECONFIG "$work/api.out" && break; sleep 0.05; done
export KUBECONFIG=$work/api/admin.kubeconfig HOME=$work

failed=0
ok() { printf 'ok    %s\n' "$1"; }
bad() { printf 'FAIL  %s\n' "$*"; failed=$((failed + 1)); }
check() { local name=$1 out; shift; if out=$("$@" 2>&1); then ok "$name"; else bad "$name: $out"; fi; }
expect() { # expect NAME REGEX COMMAND...
    local name=$1 regex=$2 out
    shift 2
    out=$("$@" 2>&1)
    if [[ $out =~ $regex ]]; then ok "$name"; else bad "$name: wanted /$regex/, got: $out"; fi
}
soon() { # soon NAME REGEX COMMAND...: the output matches within 20 seconds
    local name=$1 regex=$2 out end=$((SECONDS + 20))
    shift 2
    until out=$("$@" 2>&1); [[ $out =~ $regex ]]; do
        [ $SECONDS -lt $end ] || { bad "$name: wanted /$regex/, last: $out"; return; }
        sleep 0.1
    done
    ok "$name"
}
manager() {
    "$build/bin/controller-manager" --kubeconfig="$work/api/controller-manager.kubeconfig" --root-ca-file="$work/api/ca.crt" \
        --use-service-account-credentials --node-monitor-grace-period=5s --node-eviction-rate=10 2>>"$work/manager.log" &
    manager=$!
    pids+=("$manager")
}
hollow() { # hollow NAME [flags]
    "$build/tests/hollow-node" --kubeconfig="$KUBECONFIG" --node="$@" 2>>"$work/hollow.log" &
    hollow=$!
    pids+=("$hollow")
}
rolled() { kubectl rollout status deploy/web --timeout=30s; }
sizes() { kubectl get rs -o jsonpath='{range .items[*]}{.spec.replicas} {end}'; }
condition() { kubectl get deploy web -o jsonpath="{.status.conditions[?(@.type=='$1')].reason}"; }

manager
hollow n1 --ready-after=100ms
cat >"$work/web.yaml" <<'END'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: "img:1", ports: [{containerPort: 8080, name: http}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
END

echo '# namespaces have what pods need'
soon 'default service account' serviceaccount/default kubectl get sa default -o name
soon 'root CA' BEGIN.CERTIFICATE kubectl get cm kube-root-ca.crt -o jsonpath='{.data.ca\.crt}'

echo '# deployments'
check apply kubectl apply -f "$work/web.yaml"
check 'first rollout' rolled
expect 'its condition' NewReplicaSetAvailable condition Progressing
expect 'status counts' '^4 4 4 4$' kubectl get deploy web -o jsonpath='{.status.replicas} {.status.readyReplicas} {.status.updatedReplicas} {.status.availableReplicas}'
soon 'endpoints' '(10\.[0-9.]+ ?){4}' kubectl get endpoints web -o jsonpath='{.subsets[0].addresses[*].ip}'
soon 'slice' '^8080 (10\.[0-9.]+ ?){4}$' kubectl get endpointslices -l kubernetes.io/service-name=web -o jsonpath='{.items[0].ports[0].port} {.items[0].endpoints[*].addresses[0]}'
check 'new image' kubectl set image deploy/web c=img:2
check 'second rollout' rolled
expect 'two revisions' $'REVISION.*\n1 .*\n2 ' kubectl rollout history deploy/web
check 'undo' kubectl rollout undo deploy/web
check 'rolled back' rolled
expect 'the old template is revision 3' $'REVISION.*\n2 .*\n3 ' kubectl rollout history deploy/web
expect 'image is the old one' 'img:1' kubectl get deploy web -o jsonpath='{.spec.template.spec.containers[0].image}'
check 'scale up' kubectl scale deploy/web --replicas=8
check 'scaled up' rolled
check 'scale down' kubectl scale deploy/web --replicas=3
soon 'scaled down' '^3$' kubectl get deploy web -o jsonpath='{.status.replicas}'
expect 'events tell' 'Scaled up replica set web-[a-z0-9]+ from 0 to 4' kubectl get events
check 'pause' kubectl rollout pause deploy/web
kubectl set image deploy/web c=img:4 >/dev/null
soon 'it is paused' DeploymentPaused condition Progressing
expect 'nothing new while paused' '^2$' sh -c 'kubectl get rs -o name | wc -l'
check 'resume' kubectl rollout resume deploy/web
check 'resumed rollout' rolled
kubectl patch deploy web --type=merge -p '{"spec":{"progressDeadlineSeconds":2,"replicas":4}}' >/dev/null
rolled >/dev/null
kubectl set image deploy/web c=broken:1 >/dev/null
soon 'a rollout that hangs times out' ProgressDeadlineExceeded condition Progressing
expect 'and leaves what works' '^3$' kubectl get deploy web -o jsonpath='{.status.availableReplicas}'
check 'undo of it' kubectl rollout undo deploy/web
check 'healed' rolled
kubectl patch deploy web --type=merge -p '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null},"progressDeadlineSeconds":60}}' >/dev/null
kubectl set image deploy/web c=img:5 >/dev/null
check 'recreate' rolled
kubectl patch deploy web --type=merge -p '{"spec":{"revisionHistoryLimit":1,"strategy":{"type":"RollingUpdate"}}}' >/dev/null
soon 'history is cut' '^2$' sh -c 'kubectl get rs -o name | wc -l'
kubectl delete "$(kubectl get pods -o name | head -1)" --wait=false >/dev/null
soon 'a deleted pod is replaced' '^4 4$' kubectl get deploy web -o jsonpath='{.status.replicas} {.status.readyReplicas}'

echo '# killed in the middle of a rollout'
kill "$hollow"
hollow n1 --ready-after=500ms
kubectl scale deploy/web --replicas=10 >/dev/null
rolled >/dev/null
kubectl set image deploy/web c=img:6 >/dev/null
sleep 0.3
kill -9 "$manager"
wait "$manager" 2>/dev/null
expect 'both templates run' '([1-9][0-9]* ){2}' sizes
manager
check 'the rollout ends' rolled
expect 'with the right number' '^10 10$' kubectl get deploy web -o jsonpath='{.status.replicas} {.status.updatedReplicas}'

echo '# deletions'
kubectl scale deploy/web --replicas=3 >/dev/null
rolled >/dev/null
check 'orphaning delete' kubectl delete deploy web --cascade=orphan
soon 'sets have no owner' '^$' kubectl get rs -o jsonpath='{.items[*].metadata.ownerReferences}'
expect 'pods are there' '^3$' sh -c 'kubectl get pods -o name | wc -l'
check 'applied again' kubectl apply -f "$work/web.yaml"
soon 'orphans are adopted' 'web( web)+' kubectl get rs -o jsonpath='{.items[*].metadata.ownerReferences[0].name}'
rolled >/dev/null
check 'foreground delete' kubectl delete deploy web --cascade=foreground --timeout=20s
expect 'all is gone with it' '^$' kubectl get rs,pods -o name
kubectl apply -f "$work/web.yaml" >/dev/null
soon 'pods again' 'pod/web' kubectl get pods -o name
check 'background delete' kubectl delete deploy web
soon 'all goes' '^$' kubectl get rs,pods -o name
check 'service goes' kubectl delete svc web
soon 'with endpoints and slices' '^endpoints/kubernetes.endpointslice.discovery.k8s.io/kubernetes$' kubectl get endpoints,endpointslices -o name
kubectl create cm owner >/dev/null
kubectl create cm owned >/dev/null
kubectl patch cm owned --type=merge -p "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"owner\",\"uid\":\"$(kubectl get cm owner -o jsonpath='{.metadata.uid}')\"}]}}" >/dev/null
sleep 0.5
expect 'owned stays with its owner' owned kubectl get cm owned -o name
kubectl delete cm owner >/dev/null
soon 'and goes with it' 'NotFound' kubectl get cm owned
kubectl create ns busy >/dev/null
kubectl -n busy apply -f "$work/web.yaml" >/dev/null
kubectl -n busy create secret generic s --from-literal=a=b >/dev/null
kubectl -n busy patch secret s --type=merge -p '{"metadata":{"finalizers":["example.com/hold"]}}' >/dev/null
sleep 1
kubectl delete ns busy --wait=false >/dev/null
soon 'a namespace tells what holds it' 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances' kubectl get ns busy -o jsonpath='{.status.conditions[*].message}'
kubectl -n busy patch secret s --type=merge -p '{"metadata":{"finalizers":null}}' >/dev/null
soon 'and goes in the end' NotFound kubectl get ns busy

echo '# nodes'
hollow n2 --bind=false
soon 'second node' Ready kubectl get node n2
cat >"$work/pods.yaml" <<'END'
apiVersion: v1
kind: Pod
metadata: {name: short}
spec:
  nodeName: n2
  tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}]
  containers: [{name: c, image: x}]
---
apiVersion: v1
kind: Pod
metadata: {name: long}
spec:
  nodeName: n2
  tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute}]
  containers: [{name: c, image: x}]
END
kubectl apply -f "$work/pods.yaml" >/dev/null
soon 'they run' '^Running Running$' kubectl get pods -o jsonpath='{.items[*].status.phase}'
kill "$hollow"
soon 'a silent node is unknown' '^Unknown NodeStatusUnknown$' kubectl get node n2 -o jsonpath="{.status.conditions[?(@.type=='Ready')].status} {.status.conditions[?(@.type=='Ready')].reason}"
soon 'its pods are not ready' '^False$' kubectl get pod long -o jsonpath="{.status.conditions[?(@.type=='Ready')].status}"
soon 'it is tainted' 'NoSchedule.*NoExecute' kubectl get node n2 -o jsonpath='{.spec.taints[*].effect}'
soon 'a pod whose time is over goes' '[0-9]' kubectl get pod short -o jsonpath='{.metadata.deletionTimestamp}'
expect 'one that tolerates it stays' '^$' kubectl get pod long -o jsonpath='{.metadata.deletionTimestamp}'
hollow n2 --bind=false
soon 'back again, without taints' '^$' kubectl get node n2 -o jsonpath='{.spec.taints[*].key}'

echo '== aggregated cluster roles'
soon 'edit holds what it aggregates' 'deployments' kubectl get clusterrole edit -o jsonpath='{.rules[*].resources}'
kubectl apply -f - >/dev/null <<'END'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: crontabs, labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules: [{verbs: [get], apiGroups: [example.com], resources: [crontabs]}]
END
soon 'a new role comes in' 'crontabs' kubectl get clusterrole view -o jsonpath='{.rules[*].resources}'
soon 'and on through view, edit and admin' 'crontabs' kubectl get clusterrole admin -o jsonpath='{.rules[*].resources}'
kubectl delete clusterrole crontabs >/dev/null
soon 'and goes again' '^0$' bash -c "kubectl get clusterrole admin -o jsonpath='{.rules[*].resources}' | grep -c crontabs"

echo '== custom resources'
kubectl apply -f - >/dev/null <<'END'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, kind: Thing}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
END
check 'a definition' kubectl wait --for=condition=Established crd/things.example.com --timeout=10s
kubectl create ns things >/dev/null
thing() { # thing NAME [OWNER UID]
    printf 'apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: %s\n  namespace: things\n' "$1"
    [ $# -lt 3 ] || printf '  ownerReferences: [{apiVersion: example.com/v1, kind: Thing, name: %s, uid: %s, blockOwnerDeletion: true}]\n' "$2" "$3"
}
uid_of() { kubectl get thing -n things "$1" -o jsonpath='{.metadata.uid}'; }
for o in owner orphans; do thing $o | kubectl apply -f - >/dev/null; done
thing child owner "$(uid_of owner)" | kubectl apply -f - >/dev/null
thing left orphans "$(uid_of orphans)" | kubectl apply -f - >/dev/null
kubectl create cm -n things owned >/dev/null
kubectl patch cm -n things owned --type=merge -p "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"name\":\"owner\",\"uid\":\"$(uid_of owner)\"}]}}" >/dev/null
sleep 4 # until the collector watches things
kubectl delete thing -n things owner --cascade=foreground --wait=false >/dev/null
soon 'the owner goes after its dependents' '^$' kubectl get thing -n things owner child --ignore-not-found -o name
soon 'a built-in kind owned by a custom one too' '^$' kubectl get cm -n things owned --ignore-not-found -o name
kubectl delete thing -n things orphans --cascade=orphan >/dev/null
soon 'an orphan stays, without its owner' '^ left$' kubectl get thing -n things left -o jsonpath='{.metadata.ownerReferences} {.metadata.name}'
kubectl delete ns things --wait=false >/dev/null
soon 'a namespace goes with its custom resources' '^$' kubectl get ns things --ignore-not-found -o name
expect 'none is left' 'No resources found' kubectl get things -A

if [ $failed -gt 0 ]; then
    grep -v ' info ' "$work/manager.log" | tail -n 20
    echo "$failed failed"
    exit 1
fi
echo 'all passed'
