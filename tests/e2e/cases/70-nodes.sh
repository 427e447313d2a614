# cluster: --nodes 2
# Two nodes: pods on both, reaching each other; then nothing is left behind.

soon "two nodes are ready" 30 matches '( Ready .*){2}' k get nodes --no-headers
k apply -f "$root/manifests/hello.yaml" >/dev/null
k scale deployment hello --replicas=4 >/dev/null
check "rollout ends" k rollout status deployment/hello --timeout=90s
nodes=$(jp '{range .items[*]}{.spec.nodeName}{"\n"}{end}' pods -l app=hello | sort -u | wc -l)
expect "pods are spread over both" '^2$' echo "$nodes"

first=$(jp '{.items[0].metadata.name}' pods -l app=hello)
for p in $(jp '{.items[*].metadata.name}' pods -l app=hello); do
    ip=$(jp '{.status.podIP}' pod "$p")
    expect "$first reaches $p" "Hello from $p" k exec "$first" -- timeout 3 wget -q -O - "http://$ip:8080/"
    expect "logs work on its node" '' k logs "$p"
done
ip=$(jp '{.spec.clusterIP}' service hello)
for node in $(jp '{.items[*].metadata.name}' nodes); do
    p=$(k get pods -l app=hello --field-selector "spec.nodeName=$node" -o jsonpath='{.items[0].metadata.name}')
    expect "the ClusterIP answers on $node" 'Hello from' k exec "$p" -- timeout 3 wget -q -O - "http://$ip:8080/"
done
expect "the NodePort answers on node 2" 'Hello from' page http://172.31.99.2:30080/

# A power cut on node 2: everything there is gone at once, the node starts again, its pods get new containers.
second=$(jp '{.items[1].metadata.name}' nodes)
containers_there() { k get pods -l app=hello --field-selector "spec.nodeName=$second" -o 'jsonpath={.items[*].status.containerStatuses[0].containerID}'; }
before=$(containers_there)
fresh_there() {
    local id now
    now=$(containers_there)
    [ "$(wc -w <<<"$now")" = "$(wc -w <<<"$before")" ] || return 1
    for id in $before; do ! grep -q "$id" <<<"$now" || return 1; done
}
keeper=$(program_pid node-2)
kill -9 "$(pgrep -P "$keeper" | head -1)"
soon "after a power cut the pods of node 2 have new containers" 120 fresh_there
soon "all four are ready again" 60 is 4 jp '{.status.readyReplicas}' deployment hello
p=$(k get pods -l app=hello --field-selector "spec.nodeName=$second" -o jsonpath='{.items[0].metadata.name}')
soon "they answer from node 1" 30 k exec "$first" -- timeout 3 wget -q -O - "http://$(jp '{.status.podIP}' pod "$p"):8080/"
