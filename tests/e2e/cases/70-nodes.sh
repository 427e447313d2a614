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

keeper=$(program_pid node-2)
kill -9 "$(pgrep -P "$keeper" | head -1)"
soon "a node that lost power is NotReady or back" 90 matches 'NotReady|( Ready .*){2}' k get nodes --no-headers
soon "all four are ready again in the end" 120 is 4 jp '{.status.readyReplicas}' deployment hello
