# cluster: --nodes 1
# Deletion with every cascade.

dep() { # a process that ends at once when asked
    k create deployment "$1" --image=coracle.local/busybox:1 --replicas=2 -- sh -c 'trap "exit 0" TERM; while :; do sleep 0.2; done' >/dev/null
    k rollout status deployment/"$1" --timeout=60s >/dev/null
}
none() { [ -z "$(kubectl get "$@" -o name 2>/dev/null)" ]; }

dep back
check "delete in the background" k delete deployment back --cascade=background
soon "replica sets follow" 20 none replicasets -l app=back
soon "pods follow" 60 none pods -l app=back

dep fore
check "delete in the foreground waits for the pods" k delete deployment fore --cascade=foreground --timeout=90s
check "nothing is left" none replicasets,pods -l app=fore

dep orph
rs=$(jp '{.items[0].metadata.name}' replicasets -l app=orph)
check "delete and orphan" k delete deployment orph --cascade=orphan
sleep 1
expect "the replica set stays, without an owner" '^$' jp '{.metadata.ownerReferences}' replicaset "$rs"
expect "its pods stay" 'Running' k get pods -l app=orph
check "delete the replica set" k delete replicaset "$rs"
soon "its pods follow" 60 none pods -l app=orph

k run slow --image=coracle.local/busybox:1 --restart=Never -- sh -c 'trap "echo bye; exit 0" TERM; while :; do sleep 0.2; done' >/dev/null
k wait --for=condition=Ready pod/slow --timeout=20s >/dev/null
check "a graceful deletion ends as soon as the process does" timeout 15 kubectl delete pod slow
k run stubborn --image=coracle.local/busybox:1 --restart=Never -- sh -c 'trap "" TERM; while :; do sleep 0.2; done' >/dev/null
k wait --for=condition=Ready pod/stubborn --timeout=20s >/dev/null
check "a stubborn process is killed after its grace" timeout 15 kubectl delete pod stubborn --grace-period=2
k create configmap kept >/dev/null
k patch configmap kept --type=merge -p '{"metadata":{"finalizers":["example.com/hold"]}}' >/dev/null
k delete configmap kept --wait=false >/dev/null
expect "a finalizer holds it" '20[0-9-]*T' jp '{.metadata.deletionTimestamp}' configmap kept
k patch configmap kept --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]' >/dev/null
soon "and lets go" 5 none configmap kept
