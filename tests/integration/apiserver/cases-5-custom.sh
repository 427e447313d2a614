# Custom resources: definitions, objects, every way to write and read them, deletion, two apiservers.

ct=/apis/stable.example.com/v1/namespaces/default/crontabs
crd_name=crontabs.stable.example.com
crontab_crd() {
    cat <<'END'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        description: A cron tab.
        properties:
          spec:
            type: object
            description: What is wanted.
            required: [cronSpec]
            properties:
              cronSpec: {type: string, pattern: '^(\d+|\*)(\s+(\d+|\*)(/\d+)?){4}$', description: When.}
              image: {type: string, default: busybox}
              replicas: {type: integer, minimum: 1, maximum: 10, default: 1}
              mode: {type: string, enum: [fast, slow]}
              port: {x-kubernetes-int-or-string: true}
              extra: {type: object, x-kubernetes-preserve-unknown-fields: true}
              list: {type: array, maxItems: 2, items: {type: object, required: [name], properties: {name: {type: string}, size: {type: integer, default: 3}}}}
          status: {type: object, properties: {replicas: {type: integer}, selector: {type: string}}}
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Image, type: string, jsonPath: .spec.image, priority: 1}
    selectableFields: [{jsonPath: .spec.image}]
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
END
}
crontab() { # crontab NAME [more of the spec]
    printf 'apiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: {name: %s}\nspec: {cronSpec: "* * * * */5"%s}\n' "$1" "${2:+, $2}"
}
install_crontabs() {
    crontab_crd | k apply -f - >/dev/null 2>&1
    k wait --for=condition=Established "crd/$crd_name" --timeout=10s >/dev/null
}

case_crd_conditions() {
    local out
    out=$(crontab_crd | k create -f - 2>&1)
    has "created" "$crd_name created" "$out"
    is "established" "condition met" "$(k wait --for=condition=Established "crd/$crd_name" --timeout=10s | sed 's/.*\(condition met\)/\1/')"
    out=$(k get crd $crd_name -o json)
    is "accepted" NoConflicts "$(json status.conditions.0.reason <<<"$out")"
    is "established" InitialNamesAccepted "$(json status.conditions.1.reason <<<"$out")"
    is "singular by default" crontab "$(json status.acceptedNames.singular <<<"$out")"
    is "list kind by default" CronTabList "$(json status.acceptedNames.listKind <<<"$out")"
    is "stored versions" '["v1"]' "$(json status.storedVersions <<<"$out")"
    is "conversion" None "$(json spec.conversion.strategy <<<"$out")"
    crontab_crd | sed 's/crontabs/cronjobs/g; s/shortNames: \[ct\]/shortNames: [ct]/; s/kind: CronTab/kind: CronOther/' | k create -f - >/dev/null
    eventually "a short name is taken once" '"ct" is already in use' \
        k get crd cronjobs.stable.example.com -o 'jsonpath={.status.conditions[?(@.type=="NamesAccepted")].message}'
    is "not established" False "$(k get crd cronjobs.stable.example.com -o 'jsonpath={.status.conditions[?(@.type=="Established")].status}')"
    k delete crd cronjobs.stable.example.com >/dev/null
}

case_crd_objects() {
    local out
    install_crontabs
    crontab a "extra: {z: 1, a: {b: 2}}, port: http, list: [{name: x}]" | k create -f - >/dev/null
    out=$(k get ct a -o json)
    is "default" busybox "$(json spec.image <<<"$out")"
    is "default in a list" 3 "$(json spec.list.0.size <<<"$out")"
    is "unknown members kept" '{"a": {"b": 2}, "z": 1}' "$(json spec.extra <<<"$out")"
    is "generation" 1 "$(json metadata.generation <<<"$out")"
    is "columns" "NAME SPEC REPLICAS,a * * * * */5 1" "$(k get ct | tr -s ' ' | sed 's/ $//' | paste -sd,)"
    has "wide" busybox "$(k get crontab -o wide)"
    is "category" crontab.stable.example.com/a "$(k get all -o name | grep crontab)"
    has "in JSON in etcd" '"apiVersion":"stable.example.com/v1"' \
        "$(curl -s "http://127.0.0.1:$etcd_port/v3/kv/range" -d "{\"key\":\"$(printf /registry/stable.example.com/crontabs/default/a | base64 -w0)\"}" | json kvs.0.value | base64 -d)"
    is "another version" stable.example.com/v1beta1 "$(k get crontabs.v1beta1.stable.example.com a -o 'jsonpath={.apiVersion}' 2>/dev/null)"
    has "a deprecated version" 'Warning: stable.example.com/v1beta1 CronTab is deprecated' "$(k get crontabs.v1beta1.stable.example.com a 2>&1)"
    is "protobuf is not offered" 406 "$(api GET "$ct/a" -H 'Accept: application/vnd.kubernetes.protobuf' | code)"
    is "but for metadata" 200 "$(api GET "$ct/a" -H 'Accept: application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' -o /dev/null | code)"
    is "field selector" crontab.stable.example.com/a "$(k get ct --field-selector spec.image=busybox -o name)"
    is "field selector, none" "" "$(k get ct --field-selector spec.image=x -o name)"
    has "unknown field selector" '"spec.mode" is not a known field selector' "$(k get ct --field-selector spec.mode=x 2>&1)"
    k delete ct a >/dev/null
}

case_crd_validation() {
    local out
    install_crontabs
    out=$(crontab a "replicas: x, mode: never, list: [{size: 1}, {name: b}, {name: c}]" | sed "s|\* .*/5|bad|" | k create -f - 2>&1)
    has "type" 'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"' "$out"
    has "enum" 'spec.mode: Unsupported value: "never": supported values: "fast", "slow"' "$out"
    has "pattern" "spec.cronSpec in body should match '^(" "$out"
    has "required" 'spec.list[0].name: Required value' "$out"
    has "max items" 'spec.list: Too many: 3: must have at most 2 items' "$out"
    out=$(crontab a "replicas: 11" | k create -f - 2>&1)
    has "maximum" 'spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10' "$out"
    out=$(crontab a "bogus: 1" | k create -f - 2>&1)
    has "strict" 'CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: unknown field "spec.bogus"' "$out"
    out=$(crontab a "bogus: 1" | k create --validate=warn -f - 2>&1)
    has "warned" 'Warning: unknown field "spec.bogus"' "$out"
    is "pruned" "" "$(k get ct a -o 'jsonpath={.spec.bogus}')"
    out=$(crontab Upper | k create -f - 2>&1)
    has "metadata" 'metadata.name: Invalid value: "Upper": a lowercase RFC 1123 subdomain' "$out"
    k delete ct a >/dev/null
}

case_crd_writes() {
    local out
    install_crontabs
    crontab a | k apply -f - >/dev/null
    crontab a "replicas: 4" | k apply -f - >/dev/null
    is "applied" "2 4" "$(k get ct a -o 'jsonpath={.metadata.generation} {.spec.replicas}')"
    k patch ct a --type=json -p '[{"op":"replace","path":"/spec/replicas","value":5}]' >/dev/null
    is "JSON patch" 5 "$(k get ct a -o 'jsonpath={.spec.replicas}')"
    has "no strategic patch" 415 "$(api PATCH "$ct/a" -H 'content-type: application/strategic-merge-patch+json' -d '{}' | code)"
    k patch ct a --subresource=status --type=merge -p '{"status":{"replicas":2,"selector":"a=b"},"spec":{"replicas":9}}' >/dev/null
    is "status alone" "3 5 2" "$(k get ct a -o 'jsonpath={.metadata.generation} {.spec.replicas} {.status.replicas}')"
    k patch ct a --type=merge -p '{"status":{"replicas":7}}' >/dev/null
    is "status is kept" 2 "$(k get ct a -o 'jsonpath={.status.replicas}')"
    out=$(api GET "$ct/a/scale" | body)
    is "scale" '{"replicas": 5} {"replicas": 2, "selector": "a=b"}' "$(json spec <<<"$out") $(json status <<<"$out")"
    k scale ct a --replicas=6 >/dev/null
    is "scaled" 6 "$(k get ct a -o 'jsonpath={.spec.replicas}')"
    out=$(api PUT "$ct/a" -H 'content-type: application/json' -d '{"apiVersion":"stable.example.com/v1","kind":"CronTab","metadata":{"name":"a"},"spec":{"cronSpec":"* * * * *"}}')
    is "an update needs a version" 422 "$(code <<<"$out")"
    k delete ct a >/dev/null
}

case_crd_documents() {
    local out
    install_crontabs
    is "api-resources" "crontabs ct stable.example.com/v1 true CronTab" "$(k api-resources --api-group=stable.example.com --no-headers | tr -s ' ')"
    has "explain" 'What is wanted.' "$(k explain ct.spec)"
    has "explain a field" 'When.' "$(k explain ct.spec.cronSpec)"
    out=$(api GET /apis/stable.example.com | body)
    is "preferred version" v1 "$(json preferredVersion.version <<<"$out")"
    out=$(api GET /apis/stable.example.com/v1 | body)
    has "subresource" '"name":"crontabs/status"' "$out"
    has "storage version hash" '"storageVersionHash"' "$out"
    is "v2 has it" stable.example.com "$(api GET /openapi/v2 | body | python3 -c 'import json,sys; print(json.load(sys.stdin)["definitions"]["com.example.stable.v1.CronTab"]["x-kubernetes-group-version-kind"][0]["group"])')"
}

case_crd_mistakes() {
    local out
    k delete crd --all >/dev/null 2>&1
    out=$(crontab_crd | sed 's/name: crontabs.stable.example.com/name: other.stable.example.com/' | k create -f - 2>&1)
    has "name" 'metadata.name: Invalid value: "other.stable.example.com": must be spec.names.plural+"."+spec.group' "$out"
    out=$(crontab_crd | sed 's/storage: false/storage: true/' | k create -f - 2>&1)
    has "storage versions" 'must have exactly one version marked as storage version' "$out"
    out=$(crontab_crd | sed 's/status: {type: object, /status: {/' | k create -f - 2>&1)
    has "structural" 'spec.versions[0].schema.openAPIV3Schema.properties[status].type: Required value: must not be empty for specified object fields' "$out"
    out=$(crontab_crd | sed 's/default: 1}/default: 11}/' | k create -f - 2>&1)
    has "default" 'openAPIV3Schema.properties[spec].properties[replicas].default: Invalid value: 11' "$out"
    out=$(crontab_crd | sed "s/pattern: '^/pattern: '(^/" | k create -f - 2>&1)
    has "pattern" 'error parsing regexp: missing closing )' "$out"
    out=$(crontab_crd | sed 's/  scope: Namespaced/  scope: Namespaced\n  conversion: {strategy: Webhook}/' | k create -f - 2>&1)
    has "webhook" 'conversion webhooks are not supported by this server' "$out"
    out=$(crontab_crd | sed "s/mode: {type: string,/mode: {type: string, x-kubernetes-validations: [{rule: 'true'}],/" | k create -f - 2>&1)
    has "rules are not evaluated" 'Warning: x-kubernetes-validations are stored' "$out"
    k delete crd $crd_name >/dev/null
    install_crontabs
    out=$(k patch crd $crd_name --type=merge -p '{"spec":{"scope":"Cluster"}}' 2>&1)
    has "immutable" 'spec.scope: Invalid value: "Cluster": field is immutable' "$out"
}

case_crd_watch_and_change() {
    install_crontabs
    curl -skN --max-time 30 -H "Authorization: Bearer admin-token" "$url$ct?watch=1" >"$work/events" 2>/dev/null &
    watch_pid=$!
    sleep 0.3
    crontab a | k create -f - >/dev/null
    k label ct a x=y >/dev/null
    k delete ct a >/dev/null
    sleep 0.3
    is "events" "ADDED a,MODIFIED a,DELETED a" "$(sed -n 's/^{"type":"\([A-Z]*\)".*"name":"\([^"]*\)".*/\1 \2/p' "$work/events" | paste -sd, -)"
    crontab_crd | sed 's/maximum: 10/maximum: 20/' | k apply -f - >/dev/null
    wait "$watch_pid"
    is "a watch ends with its schema" 0 "$?"
    crontab b "replicas: 15" | k create -f - >/dev/null
    is "the new schema counts" 15 "$(k get ct b -o 'jsonpath={.spec.replicas}')"
    k delete ct b >/dev/null
}

case_crd_deletion() {
    local other out
    install_crontabs
    other=$(free_port)
    start_apiserver b "$other"
    crontab a | k create -f - >/dev/null
    is "another apiserver has it" crontab.stable.example.com/a "$(k -s "https://127.0.0.1:$other" get ct -o name)"
    k patch ct a --type=merge -p '{"metadata":{"finalizers":["example.com/hold"]}}' >/dev/null
    k delete crd $crd_name --wait=false >/dev/null
    eventually "the objects go first" true sh -c "kubectl get ct a -o 'jsonpath={.metadata.deletionTimestamp}' | grep -q . && echo true"
    is "terminating" True "$(k get crd $crd_name -o 'jsonpath={.status.conditions[?(@.type=="Terminating")].status}')"
    out=$(crontab c | k create -f - 2>&1)
    has "nothing new" 'create not allowed while custom resource definition is terminating' "$out$(api POST "$ct" -H 'content-type: application/json' -d '{"apiVersion":"stable.example.com/v1","kind":"CronTab","metadata":{"name":"c"},"spec":{"cronSpec":"* * * * *"}}')"
    k patch ct a --type=merge -p '{"metadata":{"finalizers":null}}' >/dev/null
    eventually "then the definition" "" k get crd -o name
    eventually "not served" 404 sh -c "curl -sk -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer admin-token' $url$ct"
    eventually "nor by the other" 404 sh -c "curl -sk -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer admin-token' https://127.0.0.1:$other$ct"
    kill "$apiserver_pid"
    wait "$apiserver_pid" 2>/dev/null
}

case_crd_restart() {
    install_crontabs
    crontab a | k create -f - >/dev/null
    kill "${pids[1]}"
    wait "${pids[1]}" 2>/dev/null
    start_apiserver a "$port"
    pids[1]=$apiserver_pid
    is "served after a restart" crontab.stable.example.com/a "$(k get ct -o name)"
    k delete crd $crd_name >/dev/null
}
