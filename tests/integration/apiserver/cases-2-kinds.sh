# Pods, namespaces, services, workloads: what their strategies and admission do, and how things go away.

J='content-type: application/json'
POD='{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}'
pods=/api/v1/namespaces/default/pods
bind() { api POST "$pods/$1/binding" -H "$J" -d "{\"metadata\":{\"name\":\"$1\"},\"target\":{\"kind\":\"Node\",\"name\":\"$2\"}}"; }

case_pods() {
    is "no pod without a service account" 'pods "p" is forbidden: error looking up service account default/default: serviceaccount "default" not found' \
        "$(api POST $pods -H "$J" -d "$POD" | body | json message)"
    k create sa default >/dev/null
    is "create" 201 "$(api POST $pods -H "$J" -d "$POD" -o "$work/pod" | code)"
    is "phase" Pending "$(json status.phase <"$work/pod")"
    is "quality of service" BestEffort "$(json status.qosClass <"$work/pod")"
    is "generation" 1 "$(json metadata.generation <"$work/pod")"
    is "token mounted" /var/run/secrets/kubernetes.io/serviceaccount "$(json spec.containers.0.volumeMounts.0.mountPath <"$work/pod")"
    is "tolerations" 300 "$(json spec.tolerations.0.tolerationSeconds <"$work/pod")"
    is "priority" 0 "$(json spec.priority <"$work/pod")"
    is "account" default "$(json spec.serviceAccountName <"$work/pod")"
    is "the image may change" 200 "$(api PATCH $pods/p -H 'content-type: application/strategic-merge-patch+json' -d '{"spec":{"containers":[{"name":"c","image":"j"}]}}' | code)"
    is "generation grows" 2 "$(k get pod p -o jsonpath='{.metadata.generation}')"
    has "other fields may not" "pod updates may not change fields other than" "$(k patch pod p --type=merge -p '{"spec":{"hostNetwork":true}}' 2>&1)"
    is "bind" Success "$(bind p n1 | body | json status)"
    is "bind twice" 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"' "$(bind p n2 | body | json message)"
    is "scheduled" True "$(k get pod p -o jsonpath='{.status.conditions[?(@.type=="PodScheduled")].status}')"
    is "by node" p "$(k get pods --field-selector spec.nodeName=n1 -o jsonpath='{.items[*].metadata.name}')"
    is "status" 200 "$(api PATCH $pods/p/status -H 'content-type: application/merge-patch+json' -d '{"status":{"phase":"Running"},"spec":{"nodeName":"n9"}}' | code)"
    is "status leaves spec" "n1 Running" "$(k get pod p -o jsonpath='{.spec.nodeName} {.status.phase}')"
    k delete pod p --wait=false >/dev/null
    is "graceful" 30 "$(k get pod p -o jsonpath='{.metadata.deletionGracePeriodSeconds}')"
    is "a longer grace changes nothing" 30 "$(api DELETE "$pods/p?gracePeriodSeconds=50" | body | json metadata.deletionGracePeriodSeconds)"
    is "a shorter one does" 5 "$(api DELETE "$pods/p?gracePeriodSeconds=5" | body | json metadata.deletionGracePeriodSeconds)"
    is "zero ends it" 200 "$(api DELETE "$pods/p?gracePeriodSeconds=0" | code)"
    has "gone" NotFound "$(k get pod p 2>&1)"
    api POST $pods -H "$J" -d "$POD" >/dev/null
    is "an unscheduled pod goes at once" 200 "$(api DELETE $pods/p | code)"
    has "gone" NotFound "$(k get pod p 2>&1)"
    has "unknown priority class" "no PriorityClass with name nope was found" \
        "$(api POST $pods -H "$J" -d '{"metadata":{"name":"q"},"spec":{"priorityClassName":"nope","containers":[{"name":"c","image":"i"}]}}')"
    is "a priority class" 2000000000 "$(api POST $pods -H "$J" -d '{"metadata":{"name":"q"},"spec":{"priorityClassName":"system-cluster-critical","containers":[{"name":"c","image":"i"}]}}' | body | json spec.priority)"
    k delete pod q --wait=false >/dev/null
}

case_eviction() {
    api POST $pods -H "$J" -d "$POD" >/dev/null
    bind p n1 >/dev/null
    api PATCH $pods/p/status -H 'content-type: application/merge-patch+json' -d '{"status":{"phase":"Running"}}' >/dev/null
    api POST /apis/policy/v1/namespaces/default/poddisruptionbudgets -H "$J" \
        -d '{"metadata":{"name":"b"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"a":"b"}}}}' >/dev/null
    api PATCH /apis/policy/v1/namespaces/default/poddisruptionbudgets/b/status -H 'content-type: application/merge-patch+json' \
        -d '{"status":{"observedGeneration":1,"disruptionsAllowed":0,"desiredHealthy":1,"currentHealthy":1}}' >/dev/null
    local e='{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"p"}}'
    is "a budget blocks" 429 "$(api POST $pods/p/eviction -H "$J" -d "$e" -o "$work/e" | code)"
    is "and says why" "The disruption budget b needs 1 healthy pods and has 1 currently" "$(json details.causes.0.message <"$work/e")"
    api PATCH /apis/policy/v1/namespaces/default/poddisruptionbudgets/b/status -H 'content-type: application/merge-patch+json' \
        -d '{"status":{"disruptionsAllowed":1}}' >/dev/null
    is "with room it goes" 201 "$(api POST $pods/p/eviction -H "$J" -d "$e" | code)"
    is "the budget is charged" 0 "$(k get pdb b -o jsonpath='{.status.disruptionsAllowed}')"
    is "being deleted" 30 "$(k get pod p -o jsonpath='{.metadata.deletionGracePeriodSeconds}')"
    k delete pod p --force --grace-period=0 >/dev/null 2>&1
    k delete pdb b >/dev/null
}

case_deletion() {
    local d=/apis/apps/v1/namespaces/default/deployments
    k create cm f >/dev/null
    k patch cm f --type=merge -p '{"metadata":{"finalizers":["example.com/hold"]}}' >/dev/null
    k delete cm f --wait=false >/dev/null
    is "held by its finalizer" 0 "$(k get cm f -o jsonpath='{.metadata.deletionGracePeriodSeconds}')"
    k patch cm f --type=merge -p '{"metadata":{"finalizers":null}}' >/dev/null
    has "gone with the last one" NotFound "$(k get cm f 2>&1)"
    k create deploy d --image=i >/dev/null
    k delete deploy d --cascade=foreground --wait=false >/dev/null
    is "foreground" '["foregroundDeletion"]' "$(k get deploy d -o jsonpath='{.metadata.finalizers}')"
    k patch deploy d --type=merge -p '{"metadata":{"finalizers":null}}' >/dev/null
    k create deploy d --image=i >/dev/null
    k delete deploy d --cascade=orphan --wait=false >/dev/null
    is "orphan" '["orphan"]' "$(k get deploy d -o jsonpath='{.metadata.finalizers}')"
    k patch deploy d --type=merge -p '{"metadata":{"finalizers":null}}' >/dev/null
    k create deploy d --image=i >/dev/null
    k delete deploy d --wait=false >/dev/null
    has "background" NotFound "$(k get deploy d 2>&1)"
    is "an unknown policy" 422 "$(api DELETE "$d/d?propagationPolicy=Sideways" | code)"
}

case_namespaces() {
    has "default stays" "this namespace may not be deleted" "$(k delete ns default 2>&1)"
    k create ns n >/dev/null
    is "name label" n "$(k get ns n -o jsonpath='{.metadata.labels.kubernetes\.io/metadata\.name}')"
    is "finalizer" '["kubernetes"]' "$(k get ns n -o jsonpath='{.spec.finalizers}')"
    k delete ns n --wait=false >/dev/null
    is "terminating" Terminating "$(k get ns n -o jsonpath='{.status.phase}')"
    api POST /api/v1/namespaces/n/configmaps -H "$J" -d '{"metadata":{"name":"x"}}' >"$work/x"
    is "nothing new in it" 'configmaps "x" is forbidden: unable to create new content in namespace n because it is being terminated' "$(body <"$work/x" | json message)"
    is "with its cause" NamespaceTerminating "$(body <"$work/x" | json details.causes.0.reason)"
    k get ns n -o json | sed 's/"kubernetes"//' | k replace --raw /api/v1/namespaces/n/finalize -f - >/dev/null
    has "gone" NotFound "$(k get ns n 2>&1)"
}

case_workloads() {
    local d=/apis/apps/v1/namespaces/default/deployments
    k create deploy w --image=i --replicas=2 >/dev/null
    is "generation" 1 "$(k get deploy w -o jsonpath='{.metadata.generation}')"
    is "defaults" "600 25% IfNotPresent" "$(k create deploy w2 --image=i:1 -o jsonpath='{.spec.progressDeadlineSeconds} {.spec.strategy.rollingUpdate.maxSurge} {.spec.template.spec.containers[0].imagePullPolicy}')"
    k scale deploy w --replicas=5 >/dev/null
    is "scaled" "5 2" "$(k get deploy w -o jsonpath='{.spec.replicas} {.metadata.generation}')"
    is "scale" "Scale 5 app=w" "$(api GET $d/w/scale | body | python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["kind"], d["spec"]["replicas"], d["status"]["selector"])')"
    has "a negative scale" "must be greater than or equal to 0" "$(k scale deploy w --replicas=-1 2>&1)$(api PUT $d/w/scale -H "$J" -d '{"metadata":{"name":"w"},"spec":{"replicas":-1}}')"
    has "the selector stays" "field is immutable" "$(k patch deploy w --type=merge -p '{"spec":{"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"x":"y"}}}}}' 2>&1)"
    is "status does not touch spec" 5 "$(api PUT $d/w/status -H "$J" -d "$(k get deploy w -o json | sed 's/"replicas": 5/"replicas": 7/')" | body | json spec.replicas)"
    is "annotations count" 3 "$(k annotate deploy w a=b >/dev/null; k get deploy w -o jsonpath='{.metadata.generation}')"
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ap}\ndata: {a: "1", b: "2"}\n' | k apply -f - >/dev/null
    is "apply with a removed field" '{"a":"1"}' "$(printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ap}\ndata: {a: "1"}\n' | k apply -f - >/dev/null; k get cm ap -o jsonpath='{.data}')"
    has "diff" '-  a: "1"' "$(printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ap}\ndata: {a: "9"}\n' | k diff -f - 2>&1)"
    k delete deploy w w2 >/dev/null
    k delete cm ap >/dev/null
}

case_events() {
    api POST /apis/events.k8s.io/v1/namespaces/default/events -H "$J" -d '{"metadata":{"name":"e1"},"eventTime":"2026-01-02T03:04:05.000006Z",
        "reportingController":"t","reportingInstance":"t-1","action":"Do","reason":"Because","type":"Normal","regarding":{"kind":"Pod","namespace":"default","name":"p"},"note":"hello"}' >"$work/e"
    is "new events" 201 "$(code <"$work/e")"
    is "read as core events" "hello p t" "$(k get --raw /api/v1/namespaces/default/events/e1 | python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["message"], d["involvedObject"]["name"], d["reportingComponent"])')"
    is "by field in both names" "1 1" "$(k get --raw '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=p' | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["items"]), end=" ")')$(k get --raw '/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name=p' | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["items"]))')"
    k delete events --all >/dev/null 2>&1
}

case_autoscalers() {
    local v1=/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers v2=/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers
    api POST $v1 -H "$J" -d '{"metadata":{"name":"h"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"},"maxReplicas":3,"targetCPUUtilizationPercentage":60}}' >/dev/null
    is "v1 as v2" "cpu 60" "$(api GET $v2/h | body | python3 -c 'import json,sys; m=json.load(sys.stdin)["spec"]["metrics"][0]["resource"]; print(m["name"], m["target"]["averageUtilization"])')"
    is "v2 as v1" 60 "$(api GET $v1/h | body | json spec.targetCPUUtilizationPercentage)"
    k delete hpa h >/dev/null
}

case_tokens() {
    local t
    t=$(k create token default 2>&1)
    is "a service account's token" "system:serviceaccount:default:default" \
        "$(curl -sk -H "Authorization: Bearer $t" -H "$J" -d '{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}' "$url/apis/authentication.k8s.io/v1/selfsubjectreviews" | json status.userInfo.username)"
    is "may nothing" 403 "$(curl -sk -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $t" "$url$pods")"
    k create clusterrolebinding v --clusterrole=view --serviceaccount=default:default >/dev/null
    eventually "until it is bound" 200 curl -sk -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $t" "$url$pods"
    is "not that far" 403 "$(curl -sk -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $t" "$url/api/v1/namespaces/default/secrets")"
    is "review" true "$(printf '{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{"token":"%s"}}' "$t" | api POST /apis/authentication.k8s.io/v1/tokenreviews -H "$J" --data-binary @- | body | json status.authenticated | tr T t)"
    has "keys" '"kty"' "$(api GET /openid/v1/jwks)"
    k delete clusterrolebinding v >/dev/null
}

case_upgrade_names() {
    api POST /api/v1/namespaces/default/secrets -H "$J" -d '{"metadata":{"name":"s"},"stringData":{"a":"b"}}' >/dev/null
    is "stringData becomes data" "Yg== " "$(k get secret s -o jsonpath='{.data.a} {.stringData}')"
    is "type" Opaque "$(k get secret s -o jsonpath='{.type}')"
    is "by type" s "$(k get secrets --field-selector type=Opaque -o jsonpath='{.items[*].metadata.name}')"
    has "immutable type" "field is immutable" "$(k patch secret s --type=merge -p '{"type":"x"}' 2>&1)"
    k delete secret s >/dev/null
    api POST /apis/coordination.k8s.io/v1/namespaces/default/leases -H "$J" -d '{"metadata":{"name":"l"},"spec":{"holderIdentity":"me"}}' >/dev/null
    is "a lease needs a version" 422 "$(api PUT /apis/coordination.k8s.io/v1/namespaces/default/leases/l -H "$J" -d '{"metadata":{"name":"l"},"spec":{"holderIdentity":"you"}}' | code)"
    is "a lease may be put into being" 201 "$(api PUT /apis/coordination.k8s.io/v1/namespaces/default/leases/new -H "$J" -d '{"metadata":{"name":"new"}}' | code)"
    k delete lease --all >/dev/null
}

case_contention() {
    local i jobs=
    k create cm busy >/dev/null
    for i in $(seq 12); do
        api PATCH /api/v1/namespaces/default/configmaps/busy -H 'content-type: application/merge-patch+json' -d "{\"data\":{\"k$i\":\"$i\"}}" >/dev/null &
        jobs="$jobs $!"
    done
    wait $jobs
    is "patches of many at once all count" 12 "$(k get cm busy -o json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["data"]))')"
    is "edit" "configmap/busy edited" "$(KUBE_EDITOR='sed -i s/k1:/z1:/' k edit cm busy)"
    is "edited" 1 "$(k get cm busy -o jsonpath='{.data.z1}')"
    is "a no-op writes nothing" "$(k get cm busy -o jsonpath='{.metadata.resourceVersion}')" "$(k label cm busy q- >/dev/null; api PATCH /api/v1/namespaces/default/configmaps/busy -H 'content-type: application/merge-patch+json' -d '{}' | body | json metadata.resourceVersion)"
    k delete cm busy >/dev/null
}

case_limit_ranges() {
    local p=/api/v1/namespaces/lim/pods
    k create ns lim >/dev/null
    k create sa default -n lim >/dev/null
    api POST /api/v1/namespaces/lim/limitranges -H "$J" -d '{"metadata":{"name":"l"},"spec":{"limits":[{"type":"Container",
        "default":{"cpu":"500m"},"defaultRequest":{"cpu":"100m","memory":"64Mi"},"max":{"cpu":"1"},"min":{"cpu":"50m"}},
        {"type":"Pod","max":{"cpu":"1500m"}}]}}' >/dev/null
    api POST $p -H "$J" -d "$POD" >"$work/pod"
    is "defaults" '{"limits": {"cpu": "500m"}, "requests": {"cpu": "100m", "memory": "64Mi"}}' "$(body <"$work/pod" | json spec.containers.0.resources)"
    is "noted" "LimitRanger plugin set: cpu limit for container c; cpu, memory request for container c" \
        "$(body <"$work/pod" | python3 -c 'import json,sys; print(json.load(sys.stdin)["metadata"]["annotations"]["kubernetes.io/limit-ranger"])')"
    is "the class follows" Burstable "$(body <"$work/pod" | json status.qosClass)"
    lpod() { printf '{"metadata":{"name":"x"},"spec":{"containers":[%s]}}' "$1"; }
    lc() { printf '{"name":"%s","image":"i","resources":{"requests":{"cpu":"%s"},"limits":{"cpu":"%s"}}}' "$1" "$2" "$3"; }
    is "too much" 'pods "x" is forbidden: maximum cpu usage per Container is 1, but limit is 2' \
        "$(api POST $p -H "$J" -d "$(lpod "$(lc a 100m 2)" | sed 's/},{"type":"Pod".*//')" | body | json message | sed 's/\[\(.*\), maximum cpu usage per Pod.*/\1/')"
    is "too little" 'pods "x" is forbidden: minimum cpu usage per Container is 50m, but request is 10m' "$(api POST $p -H "$J" -d "$(lpod "$(lc a 10m 60m)")" | body | json message)"
    is "together" 'pods "x" is forbidden: maximum cpu usage per Pod is 1500m, but limit is 2' "$(api POST $p -H "$J" -d "$(lpod "$(lc a 100m 1),$(lc b 100m 1)")" | body | json message)"
    is "within" 201 "$(api POST $p -H "$J" -d "$(lpod "$(lc a 100m 1)")" | code)"
    k delete pods --all -n lim --wait=false >/dev/null
    k delete ns lim --wait=false >/dev/null
}
