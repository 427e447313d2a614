# cluster: --nodes 1
# What people type every day, on the Deployment of the quick start.

k apply -f "$root/manifests/hello.yaml" >/dev/null
k rollout status deployment/hello --timeout=60s >/dev/null
pod=$(jp '{.items[0].metadata.name}' pods -l app=hello)

expect "get nodes" 'Ready' k get nodes
expect "get pods -A" 'NAMESPACE +NAME +READY +STATUS +RESTARTS +AGE' k get pods -A
expect "get -o wide" 'IP +NODE +NOMINATED NODE +READINESS GATES' k get pods -o wide
expect "get -o yaml" 'kind: Pod' k get pod "$pod" -o yaml
expect "get -o json" '"kind": "Pod"' k get pod "$pod" -o json
expect "get -o jsonpath" '^3$' jp '{.status.readyReplicas}' deployment hello
expect "get -o name" 'deployment.apps/hello' k get deployments -o name
expect "get several kinds" 'deployment.apps/hello.*replicaset.apps/hello-' k get deployments,replicasets
expect "get all" 'service/hello' k get all
expect "get by label" "$pod" k get pods -l 'app in (hello),pod-template-hash'
expect "get by field" "$pod" k get pods --field-selector "metadata.name=$pod,status.phase=Running"
expect "get --sort-by" "$pod" k get pods --sort-by=.metadata.creationTimestamp
expect "get --show-labels" 'app=hello' k get pods --show-labels
expect "get with chunks" "$pod" k get pods --chunk-size=1
expect "describe a pod" 'Status: +Running.*Started .*kubelet' k describe pod "$pod"
expect "describe a deployment" 'StrategyType: +RollingUpdate.*Scaled up replica set' k describe deployment hello
expect "describe a service" 'Endpoints: +10\.244' k describe service hello
expect "describe a node" 'Allocated resources' k describe node
expect "explain" 'containers.*-required-' k explain pod.spec.containers
expect "events" 'Scheduled' k get events
expect "api-resources" 'deployments +deploy +apps/v1 +true +Deployment' k api-resources
expect "api-versions" 'apps/v1' k api-versions
expect "version" 'v1\.36\.' k version
expect "cluster-info" 'Kubernetes control plane.* is running at' k cluster-info
expect "auth can-i as admin" 'yes' k auth can-i create pods
refuse "auth can-i as nobody" 'no' k auth can-i create pods --as=nobody
refuse "top fails politely" 'Metrics API not available' k top pods

# watch: a line for the change
k get pods -w --no-headers >watch.out 2>&1 &
watcher=$!
eventually 10 test -s watch.out # what is there is listed: the watch is on
k run watched --image=coracle.local/busybox:1 --restart=Never -- true >/dev/null
soon "get -w shows a pod from Pending to Completed" 20 matches 'watched .*Pending.*watched .*Completed' cat watch.out
kill $watcher
k delete pod watched --wait=false >/dev/null

# logs
k run counter --image=coracle.local/busybox:1 --restart=Never -- sh -c 'for i in 1 2 3 4 5 6; do echo line $i; sleep 0.5; done' >/dev/null
k wait --for=jsonpath='{.status.phase}'=Running pod/counter --timeout=20s >/dev/null
expect "logs -f follows to the end" 'line 1.*line 6' timeout 20 kubectl logs -f counter
expect "logs --tail" '^line 5.line 6.$' k logs counter --tail=2
expect "logs --timestamps" '^20[0-9-]*T[0-9:.]*Z line 1' k logs counter --timestamps
expect "logs --since" 'line 6' k logs counter --since=60s
expect "logs of a deployment" '' k logs deployment/hello
k delete pod counter --now >/dev/null

# exec
expect "exec" 'hello' k exec "$pod" -- echo hello
refuse "exec carries the exit code" 'exit code 7' k exec "$pod" -- sh -c 'exit 7'
expect "exec -i passes stdin to its end" '^5$' sh -c "echo hell | kubectl exec -i $pod -- wc -c"
expect "exec -it has a terminal" '/dev/pts' timeout 20 script -qec "kubectl exec -it $pod -- tty" /dev/null
kubectl_dir=$(dirname "$(readlink -f "$(command -v kubectl)")")
for v in 27 28 29 30 31 32 33; do
    if [ -x "$kubectl_dir/kubectl.1.$v" ]; then
        # kubectl may still be making its streams when the empty message comes that says the connection stands, and grumbles
        expect "exec with kubectl 1.$v" '^6$' bash -c "echo hello | $kubectl_dir/kubectl.1.$v exec -i $pod -- wc -c 2> >(grep -v 'Unknown stream id 1, discarding' >&2)"
        expect "exec -it with kubectl 1.$v" '/dev/pts' timeout 20 script -qec "$kubectl_dir/kubectl.1.$v exec -it $pod -- tty" /dev/null
        expect "apply with kubectl 1.$v" 'unchanged' "$kubectl_dir/kubectl.1.$v" apply -f "$root/manifests/hello.yaml"
    else
        skip "kubectl 1.$v is not on this machine"
    fi
done
expect "cp to and from a pod" 'payload' sh -c "echo payload >cp.in && kubectl cp cp.in $pod:/tmp/x && kubectl cp $pod:/tmp/x cp.out && cat cp.out"

# changing things
check "label" k label pod "$pod" colour=blue
expect "the label is there" 'blue' k get pods -L colour
check "label removed" k label pod "$pod" colour-
check "annotate" k annotate pod "$pod" note=x
check "scale to 5" k scale deployment hello --replicas=5
check "scaled" k rollout status deployment/hello --timeout=60s
soon "five run" 20 is 5 jp '{.status.readyReplicas}' deployment hello
check "scale back" k scale deployment hello --replicas=3
soon "three run" 20 is 3 jp '{.status.replicas}' deployment hello
check "strategic merge patch" k patch deployment hello -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"EXTRA","value":"1"}]}]}}}}'
expect "it merged by name" 'GREETING POD_NAME EXTRA|EXTRA GREETING POD_NAME' jp '{.spec.template.spec.containers[0].env[*].name}' deployment hello
check "its rollout ends" k rollout status deployment/hello --timeout=60s
check "merge patch" k patch deployment hello --type=merge -p '{"metadata":{"labels":{"tier":"web"}}}'
check "JSON patch" k patch deployment hello --type=json -p '[{"op":"test","path":"/metadata/labels/tier","value":"web"},{"op":"remove","path":"/metadata/labels/tier"}]'
refuse "JSON patch with a failing test" 'request is invalid' k patch deployment hello --type=json -p '[{"op":"test","path":"/spec/replicas","value":99}]'
expect "edit" 'edited' env KUBE_EDITOR="sed -i s/revisionHistoryLimit:.10/revisionHistoryLimit:\ 5/" kubectl edit deployment hello
expect "the edit is there" '^5$' jp '{.spec.revisionHistoryLimit}' deployment hello
check "set env" k set env deployment/hello LEVEL=2
check "its rollout ends, too" k rollout status deployment/hello --timeout=60s
expect "rollout history" 'REVISION.*1 .*2 .*3 ' k rollout history deployment/hello
expect "rollout history of one revision" 'EXTRA' k rollout history deployment/hello --revision=2
expect "rollout undo" 'rolled back' k rollout undo deployment/hello
check "the rollback ends" k rollout status deployment/hello --timeout=60s
expect "LEVEL is gone" '^(GREETING|POD_NAME|EXTRA| )*$' jp '{.spec.template.spec.containers[0].env[*].name}' deployment hello
check "rollout pause" k rollout pause deployment/hello
check "rollout resume" k rollout resume deployment/hello
check "rollout restart" k rollout restart deployment/hello
check "the restart ends" k rollout status deployment/hello --timeout=60s

# apply: a change, and a field taken away
cat >cm.yaml <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: applied, labels: {a: "1", b: "2"}}
data: {p: "1", q: "2"}
Y
expect "apply creates" 'created' k apply -f cm.yaml
expect "apply again changes nothing" 'unchanged' k apply -f cm.yaml
sed -i 's/p: "1", q: "2"/p: "9"/' cm.yaml
refuse "diff shows both changes" '-  q: "2"' k diff -f cm.yaml
expect "apply a change and a removed field" 'configured' k apply -f cm.yaml
expect "the change is there, the field gone" '^\{"p":"9"\}$' jp '{.data}' configmap applied
check "diff is empty afterwards" k diff -f cm.yaml
expect "dry run by the server" 'server dry run' k apply -f cm.yaml --dry-run=server
expect "replace" 'replaced' k replace -f cm.yaml
expect "create from literals" 'created' k create configmap lit --from-literal=a=b
expect "create a secret" 'created' k create secret generic s --from-literal=p=q
expect "the secret is base64" '^cQ==$' jp '{.data.p}' secret s
expect "create a namespace" 'created' k create namespace extra
soon "it has a default service account" 10 k get serviceaccount default -n extra
soon "it has the root CA" 10 k get configmap kube-root-ca.crt -n extra
expect "create a token" '^ey' k create token default -n extra
expect "expose" 'exposed' k expose deployment hello --name=hello2 --port=80 --target-port=8080
expect "delete a namespace with content" 'deleted' k delete namespace extra --timeout=60s
refuse "it is gone" 'NotFound' k get namespace extra
k delete configmap applied lit >/dev/null
k delete secret s >/dev/null
k delete service hello2 >/dev/null
