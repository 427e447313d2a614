# Watches: order, selectors, bookmarks, resuming, an etcd that dies.

J='content-type: application/json'
cms=/api/v1/namespaces/default/configmaps
# events QUERY: a watch in the background, its lines in $work/events
watch() {
    curl -skN --max-time 30 -H "Authorization: Bearer admin-token" -H "${2:-X-None: 1}" "$url$cms?watch=1&$1" >"$work/events" 2>/dev/null &
    watch_pid=$!
    sleep 0.3
}
types() { sed -n 's/^{"type":"\([A-Z]*\)".*"name":"\([^"]*\)".*/\1 \2/p' "$work/events" | paste -sd, -; }
end_watch() { sleep 0.3; kill "$watch_pid" 2>/dev/null; wait "$watch_pid" 2>/dev/null; }

list_version() { api GET "$cms?limit=1" | body | json metadata.resourceVersion; }

case_watch() {
    local rv
    k create cm w1 >/dev/null
    watch "fieldSelector=metadata.name!=kube-root-ca.crt"
    k label cm w1 a=b >/dev/null
    k create cm w2 >/dev/null
    k delete cm w1 >/dev/null
    end_watch
    is "present state, then changes" "ADDED w1,MODIFIED w1,ADDED w2,DELETED w1" "$(types)"
    rv=$(list_version)
    k label cm w2 a=b >/dev/null
    k create cm w3 >/dev/null
    watch "resourceVersion=$rv"
    end_watch
    is "from a version on" "MODIFIED w2,ADDED w3" "$(types)"
    watch "labelSelector=a%3Dc&resourceVersion=$(list_version)"
    k label cm w2 a=c --overwrite >/dev/null
    k label cm w2 x=y >/dev/null
    k label cm w2 a=d --overwrite >/dev/null
    end_watch
    is "in and out of a selector" "ADDED w2,MODIFIED w2,DELETED w2" "$(types)"
    watch "fieldSelector=metadata.name%3Dw3"
    k label cm w3 q=r >/dev/null
    k label cm w2 q=r >/dev/null
    end_watch
    is "one object" "ADDED w3,MODIFIED w3" "$(types)"
    k delete cm --all >/dev/null
}

case_watch_forms() {
    k create cm w1 >/dev/null
    watch "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    end_watch
    has "initial events end with a bookmark" '"k8s.io/initial-events-end":"true"' "$(cat "$work/events")"
    watch "" "Accept: application/json;as=Table;v=v1;g=meta.k8s.io"
    end_watch
    has "as a table" '{"type":"ADDED","object":{"kind":"Table"' "$(cat "$work/events")"
    watch "timeoutSeconds=1"
    sleep 1.5
    is "ends by itself" gone "$(kill -0 "$watch_pid" 2>/dev/null && echo there || echo gone)"
    end_watch
    k delete cm w1 >/dev/null
}

case_etcd_dies() {
    k create cm before >/dev/null
    watch "fieldSelector=metadata.name!=kube-root-ca.crt"
    { kill -9 "$etcd_pid"; wait "$etcd_pid"; } 2>/dev/null
    is "not ready without etcd" 500 "$(curl -sk -o /dev/null -w '%{http_code}' "$url/readyz")"
    is "the cache still answers" 200 "$(api GET "$cms?resourceVersion=0" | code)"
    start_etcd
    eventually "writes work again" "configmap/after created" kubectl_quiet create cm after
    k label cm before a=b >/dev/null
    end_watch
    is "nothing lost, nothing twice" "ADDED before,ADDED after,MODIFIED before" "$(types)"
    k delete cm before after >/dev/null
}
kubectl_quiet() { kubectl "$@" 2>/dev/null; }
