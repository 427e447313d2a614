# Health, discovery, who may come in, and the life of simple objects.

case_health() {
    is "healthz for everybody" ok "$(curl -sk "$url/healthz")"
    is "livez for everybody" ok "$(curl -sk "$url/livez")"
    has "readyz tells its checks" "[+]etcd ok" "$(curl -sk "$url/readyz?verbose")"
    has "readyz tells its checks" "readyz check passed" "$(curl -sk "$url/readyz?verbose")"
    is "one check" ok "$(curl -sk "$url/readyz/etcd")"
    has "version for everybody" '"gitVersion": "v1.36' "$(curl -sk "$url/version")"
    has "metrics" 'apiserver_request_total{code="200"' "$(api GET /metrics)"
    has "metrics" 'process_resident_memory_bytes' "$(api GET /metrics)"
}

case_strangers() {
    is "nobody is refused" 401 "$(curl -sk -w '%{http_code}' -o "$work/out" "$url/api/v1/pods")"
    is "nobody gets a Status" Unauthorized "$(json reason <"$work/out")"
    is "an unknown token" 401 "$(curl -sk -H 'Authorization: Bearer nonsense' -w '%{http_code}' -o /dev/null "$url/api/v1/pods")"
    is "jane may not list" 'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"' \
        "$(k --context jane get pods 2>&1)"
    is "can-i" yes "$(k auth can-i create pods)"
    is "can-i" no "$(k --context jane auth can-i create pods)"
    has "who am I" "jane" "$(k --context jane auth whoami 2>&1)"
    has "impersonation" 'User "bob" cannot list' "$(k --as bob get pods 2>&1)"
}

case_discovery() {
    has "groups" '"name":"apps"' "$(api GET /apis)"
    is "core versions" v1 "$(api GET /api | body | json versions.0)"
    has "a group" '"preferredVersion":{"groupVersion":"apps/v1"' "$(api GET /apis/apps)"
    has "a version" '"name":"deployments/scale"' "$(api GET /apis/apps/v1)"
    is "aggregated" APIGroupDiscoveryList \
        "$(api GET /apis -H 'Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' | body | json kind)"
    is "every resource is found" "deployments.apps" "$(k api-resources -o name 2>/dev/null | grep -x deployments.apps)"
    is "unknown resource" 404 "$(api GET /api/v1/foos | code)"
    is "unknown path" 404 "$(api GET /foo | code)"
    has "explain" "replicas" "$(k explain deployment.spec 2>&1)"
    has "top fails politely" "Metrics API not available" "$(k top nodes 2>&1)"
    has "cluster-info" "is running at" "$(k cluster-info 2>&1)"
}

case_configmaps() {
    is "create" "configmap/one created" "$(k create configmap one --from-literal=a=1)"
    is "create twice" 'error: failed to create configmap: configmaps "one" already exists' "$(k create configmap one 2>&1)"
    is "get" 1 "$(k get cm one -o jsonpath='{.data.a}')"
    local rv
    rv=$(k get cm one -o jsonpath='{.metadata.resourceVersion}')
    k patch cm one --type=merge -p '{"data":{"b":"2"}}' >/dev/null
    is "merge patch" '{"a":"1","b":"2"}' "$(k get cm one -o jsonpath='{.data}')"
    k patch cm one --type=json -p '[{"op":"test","path":"/data/b","value":"2"},{"op":"remove","path":"/data/a"}]' >/dev/null
    is "json patch" '{"b":"2"}' "$(k get cm one -o jsonpath='{.data}')"
    k patch cm one -p '{"data":{"c":"3"}}' >/dev/null
    is "strategic patch" '{"b":"2","c":"3"}' "$(k get cm one -o jsonpath='{.data}')"
    is "an old version conflicts" 409 "$(api PUT /api/v1/namespaces/default/configmaps/one -H 'content-type: application/json' \
        -d "{\"metadata\":{\"name\":\"one\",\"resourceVersion\":\"$rv\"}}" | code)"
    is "without a version it does not" 200 "$(api PUT /api/v1/namespaces/default/configmaps/one -H 'content-type: application/json' \
        -d '{"metadata":{"name":"one"},"data":{"z":"26"}}' | code)"
    rv=$(k get cm one -o jsonpath='{.metadata.resourceVersion}')
    k label cm one x=y >/dev/null && k label cm one x=y >/dev/null
    k annotate cm one x=y >/dev/null
    is "labels select" one "$(k get cm -l x=y -o jsonpath='{.items[*].metadata.name}')"
    is "labels select" "" "$(k get cm -l x!=y,x -o jsonpath='{.items[*].metadata.name}')"
    is "fields select" one "$(k get cm --field-selector metadata.name=one -o jsonpath='{.items[*].metadata.name}')"
    has "an unknown field selector" 'is not a known field selector: only "metadata.name", "metadata.namespace"' "$(k get cm --field-selector a=b 2>&1)"
    is "generateName" 201 "$(api POST /api/v1/namespaces/default/configmaps -H 'content-type: application/json' -d '{"metadata":{"generateName":"gen-"}}' | code)"
    is "dry run" "configmap/dry created (server dry run)" "$(k create cm dry --dry-run=server)"
    has "dry run leaves nothing" NotFound "$(k get cm dry 2>&1)"
    local uid
    uid=$(k get cm one -o jsonpath='{.metadata.uid}')
    is "delete with another uid" 409 "$(api DELETE /api/v1/namespaces/default/configmaps/one -H 'content-type: application/json' \
        -d '{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"nope"}}' | code)"
    is "delete" "Success $uid" "$(api DELETE /api/v1/namespaces/default/configmaps/one | body | python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["status"], d["details"]["uid"])')"
    has "gone" NotFound "$(k get cm one 2>&1)"
    k delete cm --all >/dev/null
    is "deletecollection" "" "$(k get cm -o name)"
}

case_paging() {
    local i page n=0 token= query
    for i in 1 2 3 4 5 6 7; do k create cm "page-$i" >/dev/null; done
    for i in 1 2 3 4; do
        page=$(api GET "/api/v1/namespaces/default/configmaps?limit=2&continue=$token" | body)
        n=$((n + $(echo "$page" | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["items"]))')))
        [ "$i" != 1 ] || is "remaining" 5 "$(echo "$page" | json metadata.remainingItemCount)"
        token=$(echo "$page" | json metadata.continue)
    done
    is "all pages together" 7 "$n"
    is "no further page" None "$token"
    query=$(api GET '/api/v1/namespaces/default/configmaps?continue=nonsense' | code)
    is "a token that is none" 400 "$query"
    is "kubectl pages" 7 "$(k get cm --chunk-size=3 --no-headers | wc -l)"
    k delete cm --all >/dev/null
}

case_forms() {
    k create cm form --from-literal=a=b >/dev/null
    local p=/api/v1/namespaces/default/configmaps
    is "protobuf" "k8s" "$(api GET $p/form -H 'Accept: application/vnd.kubernetes.protobuf' 2>/dev/null | head -c 3)"
    is "a list in protobuf" "k8s" "$(api GET $p -H 'Accept: application/vnd.kubernetes.protobuf' 2>/dev/null | head -c 3)"
    api GET $p/form -H 'Accept: application/vnd.kubernetes.protobuf' -o "$work/form.pb" >/dev/null
    k delete cm form >/dev/null
    has "a protobuf body is read" "resourceVersion should not be set on objects to be created" \
        "$(api POST $p -H 'content-type: application/vnd.kubernetes.protobuf' --data-binary "@$work/form.pb")"
    is "a YAML body is read" 201 "$(printf 'metadata: {name: yaml}\ndata: {x: "1"}\n' | api POST $p -H 'content-type: application/yaml' --data-binary @- | code)"
    is "a table" Table "$(api GET $p -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io' | body | json kind)"
    is "a table of one" yaml "$(api GET $p/yaml -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io' | body | json rows.0.cells.0)"
    is "metadata only" PartialObjectMetadata "$(api GET $p/yaml -H 'Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' | body | json kind)"
    is "metadata only, no data" None "$(api GET $p/yaml -H 'Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' | body | json data)"
    is "a list of metadata" PartialObjectMetadataList "$(api GET $p -H 'Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' | body | json kind)"
    is "nothing that fits" 406 "$(api GET $p -H 'Accept: text/html' | code)"
    is "no body of that type" 415 "$(api POST $p -H 'content-type: text/plain' -d x | code)"
    is "no patch of that type" 415 "$(api PATCH $p/yaml -H 'content-type: application/apply-patch+yaml' -d x | code)"
    is "no such method" 405 "$(api PUT $p | code)"
    k delete cm --all >/dev/null
}

case_mistakes() {
    local p=/api/v1/namespaces/default/configmaps j='content-type: application/json'
    is "unknown field, strict" 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dataa"' \
        "$(api POST "$p?fieldValidation=Strict" -H "$j" -d '{"metadata":{"name":"m"},"dataa":{}}' | body | json message)"
    has "unknown field, warning" 'warning: 299 - "unknown field \"dataa\""' \
        "$(api POST "$p?fieldValidation=Warn&dryRun=All" -H "$j" -d '{"metadata":{"name":"m"},"dataa":{}}' -i | tr 'W' 'w')"
    has "twice the same field" 'duplicate field \"data\"' \
        "$(api POST "$p?fieldValidation=Strict" -H "$j" -d '{"metadata":{"name":"m"},"data":{},"data":{}}')"
    has "a wrong type" 'cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32' \
        "$(api POST /apis/apps/v1/namespaces/default/deployments -H "$j" -d '{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"m"},"spec":{"replicas":"three"}}')"
    has "another version" 'the API version in the data (apps/v1) does not match the expected API version (v1)' \
        "$(api POST "$p" -H "$j" -d '{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"m"}}')"
    has "no JSON" 'unexpected end of JSON input' "$(api POST "$p" -H "$j" -d '{"a')"
    has "another namespace" 'the namespace of the provided object does not match the namespace sent on the request' \
        "$(api POST "$p" -H "$j" -d '{"metadata":{"name":"m","namespace":"other"}}')"
    has "capitals" 'a lowercase RFC 1123 subdomain must consist of' "$(k create cm BAD 2>&1)"
    head -c 4000000 /dev/zero | tr '\0' a >"$work/big"
    has "4 MB" "Request entity too large: limit is 3145728" "$(k create cm big --from-file="$work/big" 2>&1)"
    head -c 1200000 /dev/zero | tr '\0' a >"$work/big"
    has "more than a ConfigMap holds" "Too long: may not be more than 1048576 bytes" "$(k create cm big --from-file="$work/big" 2>&1)"
    has "a missing namespace" 'namespaces "nowhere" not found' "$(k create cm x -n nowhere 2>&1)"
    k create cm m >/dev/null
    has "a patch cannot rename" "field is immutable" "$(k patch cm m --type=merge -p '{"metadata":{"name":"n"}}' 2>&1)"
    has "a patch that does not apply" "the server rejected our request due to an error in our request" "$(k patch cm m --type=json -p '[{"op":"remove","path":"/data/nope"}]' 2>&1)"
    has "a patch that is none" "error decoding patch" "$(api PATCH "$p/m" -H 'content-type: application/merge-patch+json' -d '[1]')"
    has "a dry run of another kind" 'Unsupported value: \"Some\"' "$(api POST "$p?dryRun=Some" -H "$j" -d '{"metadata":{"name":"q"}}')"
    k delete cm m >/dev/null
}
