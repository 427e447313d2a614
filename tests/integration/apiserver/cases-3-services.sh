# Addresses and ports of services, each given out once: also by two apiservers at a time, and after a kill -9.

J='content-type: application/json'
services=/api/v1/namespaces/default/services
svc() { printf '{"metadata":{"name":"%s"},"spec":{"ports":[{"port":80%s}]%s}}' "$1" "${3:-}" "${2:+,$2}"; }
post() { api POST $services -H "$J" -d "$1"; }

case_service_addresses() {
    is "the API's own" 10.96.0.1 "$(k get svc kubernetes -o jsonpath='{.spec.clusterIP}')"
    is "its endpoints" "$port" "$(k get endpoints kubernetes -o jsonpath='{.subsets[0].ports[0].port}' 2>/dev/null)"
    is "given" '10.96.0.9 ["10.96.0.9"] ["IPv4"] SingleStack' \
        "$(post "$(svc a '"clusterIP":"10.96.0.9"')" >/dev/null; k get svc a -o jsonpath='{.spec.clusterIP} {.spec.clusterIPs} {.spec.ipFamilies} {.spec.ipFamilyPolicy}')"
    is "twice" 'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.9"]: failed to allocate IP 10.96.0.9: provided IP is already allocated' \
        "$(post "$(svc b '"clusterIP":"10.96.0.9"')" | body | json message)"
    is "outside" 'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.97.0.9"]: failed to allocate IP 10.97.0.9: the provided IP (10.97.0.9) is not in the valid range. The range of valid IPs is 10.96.0.0/24' \
        "$(post "$(svc b '"clusterIP":"10.97.0.9"')" | body | json message)"
    is "headless" None "$(post "$(svc h '"clusterIP":"None"')" | body | json spec.clusterIP)"
    is "external" None "$(api POST $services -H "$J" -d '{"metadata":{"name":"e"},"spec":{"type":"ExternalName","externalName":"example.com"}}' | body | json spec.clusterIP)"
    is "its IPAddress" services/default/a "$(k get ipaddress 10.96.0.9 --no-headers -o custom-columns=X:.spec.parentRef.resource,Y:.spec.parentRef.namespace,Z:.spec.parentRef.name | tr -s ' ' /)"
    has "immutable" "may not change once set" "$(k patch svc a --type=merge -p '{"spec":{"clusterIP":"10.96.0.10","clusterIPs":["10.96.0.10"]}}' 2>&1)"
    k patch svc a --type=merge -p '{"spec":{"type":"ExternalName","externalName":"example.com","clusterIP":"","clusterIPs":null}}' >/dev/null
    has "given back" NotFound "$(k get ipaddress 10.96.0.9 2>&1)"
    k patch svc e --type=merge -p '{"spec":{"type":"ClusterIP","externalName":null,"ports":[{"port":1}]}}' >/dev/null
    has "taken later" 10.96.0. "$(k get svc e -o jsonpath='{.spec.clusterIP}')"
    k delete svc a h e >/dev/null
    is "all given back" 10.96.0.1 "$(k get ipaddresses -o jsonpath='{.items[*].metadata.name}')"
}

case_node_ports() {
    is "given" 30010 "$(post "$(svc a '"type":"NodePort"' ',"nodePort":30010')" | body | json spec.ports.0.nodePort)"
    is "twice" 'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30010: provided port is already allocated' \
        "$(post "$(svc b '"type":"NodePort"' ',"nodePort":30010')" | body | json message)"
    is "the address of the failed one is free again" 2 "$(k get ipaddresses --no-headers | wc -l)"
    is "outside" 'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-30099' \
        "$(post "$(svc b '"type":"NodePort"' ',"nodePort":80')" | body | json message)"
    k apply -f - >/dev/null 2>&1 <<<'{"kind":"Service","apiVersion":"v1","metadata":{"name":"a"},"spec":{"type":"NodePort","ports":[{"port":80}]}}'
    is "kept by an apply without it" 30010 "$(k get svc a -o jsonpath='{.spec.ports[0].nodePort}')"
    k patch svc a --type=merge -p '{"spec":{"type":"ClusterIP","ports":[{"port":80}]}}' >/dev/null
    is "given back with the type" 30010 "$(post "$(svc b '"type":"NodePort"' ',"nodePort":30010')" | body | json spec.ports.0.nodePort)"
    k delete svc a b >/dev/null
}

many() { # many PREFIX PORT N: creates services until N or the server is gone
    local i
    for i in $(seq "$3"); do
        curl -sk --max-time 10 -o /dev/null -H "Authorization: Bearer admin-token" -H "$J" "https://127.0.0.1:$2$services" \
            -d "$(svc "$1-$i" '"type":"NodePort"')"
    done
}
no_doubles() { # no_doubles WHAT
    local all
    all=$(k get svc -A -o jsonpath='{range .items[*]}{.spec.clusterIP}{"\n"}{end}' | grep -v None | sort)
    is "$1: no address twice" "" "$(echo "$all" | uniq -d)"
    is "$1: no port twice" "" "$(k get svc -A -o jsonpath='{range .items[*]}{.spec.ports[*].nodePort}{"\n"}{end}' | tr ' ' '\n' | grep . | sort | uniq -d)"
    is "$1: each has its IPAddress" "" "$(comm -23 <(echo "$all") <(k get ipaddresses -o name | cut -d/ -f2 | sort))"
}

case_two_servers() {
    local second jobs
    second=$(free_port)
    start_apiserver b "$second"
    many one "$port" 20 & jobs=$!
    many two "$second" 20 & jobs="$jobs $!"
    many three "$second" 20 & jobs="$jobs $!"
    wait $jobs
    is "all are there" 61 "$(k get svc -A --no-headers | wc -l)"
    no_doubles "two servers"
    eventually "both serve the API" 1 bash -c "kubectl get endpoints kubernetes -o jsonpath='{.subsets[0].addresses}' 2>/dev/null | grep -o ip | wc -l"
    k delete svc --all >/dev/null
    many four "$second" 20 & jobs=$!
    many five "$port" 20 & jobs="$jobs $!"
    sleep 0.15
    { kill -9 "$apiserver_pid"; wait "$apiserver_pid"; } 2>/dev/null
    wait $jobs
    start_apiserver b "$second"
    has "a watch from before its time" '"code":410' \
        "$(curl -sk --max-time 1 -H 'Authorization: Bearer admin-token' "https://127.0.0.1:$second/api/v1/services?watch=1&resourceVersion=2")"
    many six "$second" 10
    no_doubles "after kill -9"
    kill "$apiserver_pid"
    k delete svc --all >/dev/null
    eventually "the API's own comes back" 1 bash -c "kubectl get svc -A --no-headers 2>/dev/null | grep -c ."
}
