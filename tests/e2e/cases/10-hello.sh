# cluster: --nodes 1
# The quick start: a Deployment whose pods answer, behind a Service.

check "apply hello.yaml" k apply -f "$root/manifests/hello.yaml"
check "rollout ends" k rollout status deployment/hello --timeout=60s
expect "three pods run and are ready" '(1/1 +Running.*){3}' k get pods -l app=hello --no-headers
ready_endpoints() { jp "{range .items[*].endpoints[*]}{.conditions.ready}{\"\\n\"}{end}" endpointslices -l kubernetes.io/service-name=hello | grep -c true; }
soon "all three are ready endpoints" 10 is 3 ready_endpoints

names=$(jp '{.items[*].metadata.name}' pods -l app=hello)
for p in $names; do
    ip=$(jp '{.status.podIP}' pod "$p")
    expect "$p answers with its own name" "Hello from $p" page "http://$ip:8080/"
done

# reaches_all URL: within 60 requests every pod has answered
reaches_all() {
    local seen p
    seen=$(for _ in $(seq 60); do page "$1"; done | sort -u)
    for p in $names; do grep -q "$p" <<<"$seen" || return 1; done
}
reaches_all_from_pod() {
    local seen p
    seen=$(k exec "${names%% *}" -- sh -c "for i in \$(seq 60); do timeout 3 wget -q -O - $1; done" | sort -u)
    for p in $names; do grep -q "$p" <<<"$seen" || return 1; done
}
cluster_ip=$(jp '{.spec.clusterIP}' service hello)
soon "the ClusterIP reaches all three from the host" 20 reaches_all "http://$cluster_ip:8080/"
soon "the ClusterIP reaches all three from a pod" 20 reaches_all_from_pod "http://$cluster_ip:8080/"
soon "the NodePort reaches all three" 20 reaches_all "http://172.31.99.1:30080/"
soon "the NodePort answers on loopback" 20 page "http://127.0.0.1:30080/"
expect "coracle up again says that it is up" 'up already' "$bin/coracle" up --data-dir "$data"
expect "coracle status shows every program" 'etcd +Running.*apiserver +Running.*kube-proxy +Running' \
    "$bin/coracle" status --data-dir "$data"
expect "coracle kubeconfig prints it" 'client-key-data' "$bin/coracle" kubeconfig --data-dir "$data"
