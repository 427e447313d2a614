# cluster: --nodes 1
# kill -9 of a container, of every program, of etcd and containerd: nothing acknowledged is lost, nothing restarts that need not.

k apply -f "$root/manifests/hello.yaml" >/dev/null
k rollout status deployment/hello --timeout=60s >/dev/null

pod=$(jp '{.items[0].metadata.name}' pods -l app=hello)
kill -9 "$(container_pid "$pod")"
soon "a killed container is restarted and counted" 30 is 1 jp '{.status.containerStatuses[0].restartCount}' pod "$pod"
soon "and ready again" 30 is true jp '{.status.containerStatuses[0].ready}' pod "$pod"
expect "its last state tells" '^137$' jp '{.status.containerStatuses[0].lastState.terminated.exitCode}' pod "$pod"

k create deployment steady --image=coracle.local/busybox:1 --replicas=2 -- sleep 3600 >/dev/null
k rollout status deployment/steady --timeout=60s >/dev/null
steady() { jp '{range .items[*]}{.metadata.name}={.status.containerStatuses[0].restartCount}={.status.containerStatuses[0].containerID} {end}' pods -l app=steady; }
before=$(steady)

round=0
for program in apiserver scheduler controller-manager kubelet kube-proxy etcd containerd; do
    round=$((round + 1))
    check "start a rollout" k set env deployment/hello ROUND=$round
    written=0
    for i in 1 2 3; do k create configmap "w-$program-$i" >/dev/null 2>&1 && written=$((written + 1)); done
    pid=$(program_pid "$program")
    kill -9 "$pid"
    for i in 4 5 6 7 8; do k create configmap "w-$program-$i" >/dev/null 2>&1 && written=$((written + 1)); done
    soon "killed $program: it is back" 30 matches "$program +Running" "$bin/coracle" status --data-dir "$data"
    soon "killed $program: the rollout ends" 90 k rollout status deployment/hello --timeout=5s
    expect "killed $program: the rollout is of the new template" "^$round$" \
        jp '{.spec.template.spec.containers[0].env[?(@.name=="ROUND")].value}' deployment hello
    found=$(k get configmaps -o name | grep -c "w-$program-")
    if [ "$found" -ge "$written" ]; then pass "killed $program: all $written acknowledged writes are there"; else fail "killed $program: $written writes acknowledged, $found found"; fi
done
kill -9 "$(cat "$data/run/coracle.lock")"
check "killed coracle itself: up again" "$bin/coracle" up --data-dir "$data"
soon "its nodes are ready" 30 matches ' Ready ' k get nodes
soon "no container was restarted that need not be" 5 is "$before" steady
soon "the pods still answer" 20 page "http://172.31.99.1:30080/"
k delete deployment steady --wait=false >/dev/null
