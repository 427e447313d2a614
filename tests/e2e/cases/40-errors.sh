# cluster: --nodes 1
# Mistakes, and what upstream says to them.

yaml() { { echo ---; cat; } >bad.yaml; } # without the dashes kubectl takes {...} for JSON
pod() { printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  restartPolicy: %s\n  terminationGracePeriodSeconds: 1\n  containers:\n  - %s\n' "$1" "$2" "$3" | kubectl apply -f - >/dev/null; }

pod huge Never '{name: c, image: "coracle.local/busybox:1", command: [sleep, "1"], resources: {requests: {cpu: "500"}}}'
soon "a pod that cannot fit stays Pending" 10 matches 'FailedScheduling.*0/1 nodes are available: 1 Insufficient cpu' k describe pod huge
expect "with the condition" '0/1 nodes are available: 1 Insufficient cpu\..*"reason":"Unschedulable"' jp '{.status.conditions[?(@.type=="PodScheduled")]}' pod huge
pod nosuch Never '{name: c, image: "coracle.local/no-such-image:1"}'
soon "a bad image: ErrImagePull or ImagePullBackOff" 20 matches 'ErrImagePull|ImagePullBackOff' k get pod nosuch
soon "with an event" 20 matches 'Failed to pull image' k describe pod nosuch
pod never Never '{name: c, image: "coracle.local/no-such-image:2", imagePullPolicy: Never}'
soon "ErrImageNeverPull" 20 matches 'ErrImageNeverPull' k get pod never
pod badname Never '{name: c, image: "UPPER CASE"}'
soon "InvalidImageName" 20 matches 'InvalidImageName' k get pod badname
pod crash Always '{name: c, image: "coracle.local/busybox:1", command: [sh, -c, "echo dying; exit 3"]}'
soon "a crashing container: CrashLoopBackOff" 60 matches 'CrashLoopBackOff' k get pod crash
expect "its exit code" '^3$' jp '{.status.containerStatuses[0].lastState.terminated.exitCode}' pod crash
expect "logs --previous" 'dying' k logs crash --previous
pod done Never '{name: c, image: "coracle.local/busybox:1", command: ["true"]}'
soon "a container that ends: Completed" 20 matches 'Completed' k get pod done
pod bad Never '{name: c, image: "coracle.local/busybox:1", command: ["false"]}'
soon "a container that fails: Error" 20 matches 'Error' k get pod bad
pod oom Never '{name: c, image: "coracle.local/busybox:1", command: [sh, -c, "a=x; while :; do a=$a$a; done"], resources: {limits: {memory: 16Mi}}}'
soon "too much memory: OOMKilled" 30 matches 'OOMKilled' k get pod oom
k delete pods --all --now --wait=false >/dev/null

yaml <<<'a: [1, 2'
refuse "invalid YAML" 'error (parsing|converting)' k apply -f bad.yaml
yaml <<<'{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, dta: {a: b}}'
refuse "an unknown field" 'unknown field "dta"' k apply -f bad.yaml
yaml <<<'{apiVersion: apps/v7, kind: Deployment, metadata: {name: x}}'
refuse "a wrong apiVersion" 'no matches for kind "Deployment" in version "apps/v7"' k apply -f bad.yaml
yaml <<<'{apiVersion: v1, kind: ConfigMap, metadata: {name: BigName}}'
refuse "a name with capitals" 'The ConfigMap "BigName" is invalid: metadata.name: Invalid value: "BigName": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters' k apply -f bad.yaml
yaml <<<'{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: []}}'
refuse "a pod without containers" 'spec.containers: Required value' k apply -f bad.yaml
yaml <<<'{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: i}]}}}}'
refuse "a selector that does not fit" '`selector` does not match template `labels`' k apply -f bad.yaml
refuse "a patch of an immutable field" 'spec.clusterIPs\[0\]: Invalid value: .*may not change once set' k patch service kubernetes -p '{"spec":{"clusterIP":"10.96.99.99"}}'
refuse "what is not there" 'Error from server \(NotFound\): pods "nothing" not found' k get pod nothing
refuse "what is there already" 'AlreadyExists' k create namespace default
refuse "into a namespace that is not there" 'namespaces "nowhere" not found' k create configmap x -n nowhere
head -c 4000000 /dev/zero | tr '\0' 'x' >big
refuse "a body of 4 MB" 'limit is 3145728|RequestEntityTooLarge|too large|too long' k create configmap big --from-file=big
refuse "a broken token" 'Unauthorized|must be logged in' kubectl --kubeconfig /dev/null --server "https://172.31.99.1:6443" --insecure-skip-tls-verify --token=broken get pods
expect "anonymous gets a Status of 401" '"code": ?401' curl -sk https://172.31.99.1:6443/api/v1/pods
refuse "no permission" 'Error from server \(Forbidden\): pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"' k get pods --as=nobody
