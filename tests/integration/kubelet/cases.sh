# A node and its pods: what runs, what does not and why, and what survives.

# pod NAME SPEC...: applies a pod bound to the node; SPEC is what stands in spec, in YAML flow style
pod() {
    local name=$1
    shift
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {app: %s}}\nspec: {nodeName: node1, terminationGracePeriodSeconds: 1, %s}\n' \
        "$name" "$name" "$*" | k apply -f - >/dev/null
}
# c NAME COMMAND [MORE]: a container of busybox that runs a shell command
c() { printf '{name: %s, image: busybox, imagePullPolicy: IfNotPresent, command: [sh, -c, "%s"]%s}' "$1" "$2" "${3:+, $3}"; }
field() { k get pod "$1" -o jsonpath="$2"; }
status() { k get pod "$1" --no-headers | awk '{print $2, $3}'; }
events() { k get events --field-selector "involvedObject.name=$1" -o jsonpath='{range .items[*]}{.reason}: {.message}{"\n"}{end}'; }
gone() { k get pod "$1" --ignore-not-found; }

case_node() {
    eventually "registered and ready" True k get node node1 -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}'
    is "its words" "kubelet is posting ready status" "$(k get node node1 -o jsonpath='{.status.conditions[?(@.type=="Ready")].message}')"
    is "pods" 110 "$(k get node node1 -o jsonpath='{.status.allocatable.pods}')"
    is "port" "$kubelet_port" "$(k get node node1 -o jsonpath='{.status.daemonEndpoints.kubeletEndpoint.Port}')"
    is "heartbeat" node1 "$(k -n kube-node-lease get lease node1 -o jsonpath='{.spec.holderIdentity}')"
    is "nobody gets in" 401 "$(curl -sk -o /dev/null -w '%{http_code}' "https://127.0.0.1:$kubelet_port/pods")"
    is "healthz is open" ok "$(curl -sk "https://127.0.0.1:$kubelet_port/healthz")"
    is "the apiserver's certificate does" 200 "$(curl -sk --cert "$work/kubelet-client.crt" --key "$work/kubelet-client.key" \
        -o /dev/null -w '%{http_code}' "https://127.0.0.1:$kubelet_port/pods")"
}

case_runs() {
    pod run "containers: [$(c main 'echo hello $NAME; sleep 0.3; echo err >&2; sleep 1000' 'env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]')]"
    eventually "it runs" "1/1 Running" status run
    eventually "its log" $'hello run\nerr' k logs run
    is "the tail" err "$(k logs run --tail=1)"
    has "with time stamps" "Z hello run" "$(k logs run --timestamps)"
    is "exec" "run" "$(k exec run -- hostname)"
    is "standard input" "abc" "$(echo abc | k exec -i run -- cat)"
    k exec run -- sh -c 'exit 7' >/dev/null 2>&1
    is "exit code" 7 $?
    has "hosts" "$(field run '{.status.podIP}')	run" "$(k exec run -- cat /etc/hosts)"
    has "resolver" "search default.svc.cluster.local svc.cluster.local cluster.local" "$(k exec run -- cat /etc/resolv.conf)"
    is "token" default "$(k exec run -- cat /var/run/secrets/kubernetes.io/serviceaccount/namespace)"
    has "environment of services" "KUBERNETES_SERVICE_HOST=10." "$(k exec run -- env)"
    has "events" "Started: Container started" "$(events run)"
    is "conditions" "True True True True True" "$(field run '{.status.conditions[*].status}')"
    is "another container's log" "error: container nope is not valid for pod run" "$(k logs run -c nope 2>&1)"
}

case_follow() {
    pod follow "containers: [$(c main 'for i in 1 2 3 4; do echo line $i; sleep 0.3; done')]" 
    eventually "it started" yes sh -c 'kubectl logs follow >/dev/null 2>&1 && echo yes'
    is "following ends with the container" $'line 1\nline 2\nline 3\nline 4' "$(timeout 10 kubectl logs -f follow 2>&1 | head -4)"
}

case_ends() {
    pod good "restartPolicy: Never, containers: [$(c main 'exit 0')]"
    pod bad "restartPolicy: Never, containers: [$(c main 'echo too bad; exit 3' 'terminationMessagePolicy: FallbackToLogsOnError')]"
    pod late "activeDeadlineSeconds: 1, containers: [$(c main 'sleep 1000')]"
    eventually "success" Succeeded field good '{.status.phase}'
    eventually "failure" Failed field bad '{.status.phase}'
    is "exit code and last words" "3 Error too bad" "$(field bad '{.status.containerStatuses[0].state.terminated.exitCode} {.status.containerStatuses[0].state.terminated.reason} {.status.containerStatuses[0].state.terminated.message}')"
    is "reason" PodCompleted "$(field good '{.status.conditions[?(@.type=="Ready")].reason}')"
    eventually "deadline" DeadlineExceeded field late '{.status.reason}'
}

case_crash() {
    pod crash "containers: [$(c main 'echo once; echo bye >/dev/termination-log; exit 7')]"
    eventually "crash loop" CrashLoopBackOff field crash '{.status.containerStatuses[0].state.waiting.reason}'
    has "back-off" "restarting failed container=main pod=crash_default(" "$(field crash '{.status.containerStatuses[0].state.waiting.message}')"
    is "last state" "7 bye" "$(field crash '{.status.containerStatuses[0].lastState.terminated.exitCode} {.status.containerStatuses[0].lastState.terminated.message}')"
    is "previous log" once "$(k logs crash -p)"
    has "event" "BackOff: Back-off restarting failed container main in pod crash_default(" "$(events crash)"
}

case_images() {
    pod noimage 'containers: [{name: c, image: "127.0.0.1:1/no/such:1"}]'
    pod never 'containers: [{name: c, image: "no.such/x:1", imagePullPolicy: Never}]'
    pod badname 'containers: [{name: c, image: "no/UPPER"}]'
    eventually "back-off" ImagePullBackOff field noimage '{.status.containerStatuses[0].state.waiting.reason}'
    has "message" 'Back-off pulling image "127.0.0.1:1/no/such:1": ErrImagePull: ' "$(field noimage '{.status.containerStatuses[0].state.waiting.message}')"
    is "log" 'Error from server (BadRequest): container "c" in pod "noimage" is waiting to start: trying and failing to pull image' "$(k logs noimage 2>&1)"
    eventually "never" ErrImageNeverPull field never '{.status.containerStatuses[0].state.waiting.reason}'
    eventually "a bad name" InvalidImageName field badname '{.status.containerStatuses[0].state.waiting.reason}'
    has "its words" "repository name (no/UPPER) must be lowercase" "$(field badname '{.status.containerStatuses[0].state.waiting.message}')"
}

case_init() {
    pod init "volumes: [{name: d, emptyDir: {}}], initContainers: [$(c one 'echo 1 >/d/one' 'volumeMounts: [{name: d, mountPath: /d}]'), $(c side 'while true; do sleep 1; done' 'restartPolicy: Always'), $(c two 'cat /d/one >/d/two' 'volumeMounts: [{name: d, mountPath: /d}]')], containers: [$(c main 'cat /d/two; sleep 1000' 'volumeMounts: [{name: d, mountPath: /d}]')]"
    eventually "init containers and a sidecar" "2/2 Running" status init
    is "in order" 1 "$(k logs init -c main)"
}

case_volumes() {
    k create configmap cm --from-literal=a=1 --from-literal=b.txt=two >/dev/null
    k create secret generic s --from-literal=pw=hush >/dev/null
    pod vols "securityContext: {fsGroup: 2000}, volumes: [{name: cm, configMap: {name: cm}}, {name: s, secret: {secretName: s, defaultMode: 0400, items: [{key: pw, path: deep/pw}]}}, {name: down, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}, {name: mem, emptyDir: {medium: Memory}}, {name: host, hostPath: {path: /etc, type: Directory}}], containers: [$(c main 'sleep 1000' 'securityContext: {runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}, resources: {limits: {memory: 32Mi, cpu: 200m}}, env: [{name: PW, valueFrom: {secretKeyRef: {name: s, key: pw}}}], volumeMounts: [{name: cm, mountPath: /cm}, {name: cm, mountPath: /one, subPath: b.txt}, {name: s, mountPath: /s}, {name: down, mountPath: /down}, {name: mem, mountPath: /mem}, {name: host, mountPath: /host, readOnly: true}]')]"
    eventually "it runs" "1/1 Running" status vols
    is "user and groups" "uid=1000 gid=0(root) groups=0(root),2000" "$(k exec vols -- id)"
    is "config map" 1 "$(k exec vols -- cat /cm/a)"
    is "sub path" two "$(k exec vols -- cat /one)"
    is "secret" "hush hush" "$(k exec vols -- sh -c 'echo $(cat /s/deep/pw) $PW')"
    is "labels" 'app="vols"' "$(k exec vols -- cat /down/labels)"
    is "memory" tmpfs "$(k exec vols -- sh -c 'df /mem | tail -1 | cut -d" " -f1')"
    is "the host's" 0 "$(k exec vols -- sh -c 'cat /host/hostname >/dev/null; echo $?')"
    has "read only" "Read-only file system" "$(k exec vols -- touch /x 2>&1)"
    is "no capabilities" "CapEff:	0000000000000000" "$(k exec vols -- grep CapEff /proc/1/status)"
    is "quality of service" Guaranteed "$(field vols '{.status.qosClass}')"
    pod nocm "containers: [$(c main 'sleep 1' 'env: [{name: X, valueFrom: {configMapKeyRef: {name: none, key: a}}}]')]"
    eventually "a missing config map" 'configmap "none" not found' field nocm '{.status.containerStatuses[0].state.waiting.message}'
}

case_probes() {
    pod probes "containers: [$(c web 'echo hi >/tmp/ok; httpd -p 8080 -h /tmp; sleep 1000' 'ports: [{name: http, containerPort: 8080}], startupProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}, readinessProbe: {httpGet: {path: /ok, port: http}, periodSeconds: 1, failureThreshold: 1}, livenessProbe: {exec: {command: [test, "!", -e, /tmp/die]}, periodSeconds: 1, failureThreshold: 1}')]"
    eventually "ready" "1/1 Running" status probes
    k exec probes -- rm /tmp/ok
    eventually "not ready" "0/1 Running" status probes
    has "event" "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404" "$(events probes)"
    k exec probes -- touch /tmp/die
    eventually "restarted" 1 field probes '{.status.containerStatuses[0].restartCount}'
    has "event" "Killing: Container web failed liveness probe, will be restarted" "$(events probes)"
}

case_killed() {
    pod kill "containers: [$(c main 'sleep 98765')]"
    eventually "it runs" "1/1 Running" status kill
    kill -9 "$(pgrep -f '^sleep 98765')"
    eventually "restarted" 1 field kill '{.status.containerStatuses[0].restartCount}'
    is "how it ended" 137 "$(field kill '{.status.containerStatuses[0].lastState.terminated.exitCode}')"
}

case_survives() {
    local before after
    pod stay "containers: [$(c main 'trap \"exit 0\" TERM; while true; do sleep 0.2; done')]"
    eventually "it runs" "1/1 Running" status stay
    before=$(field stay '{.status.containerStatuses[0].containerID}')
    kill -9 "$kubelet_pid"
    wait "$kubelet_pid" 2>/dev/null
    kubelet_start
    kill -9 "$(cat "$work/ctr/pid")"
    sleep 0.5
    rm -f "$work/ctr/pid"
    containerd_start
    eventually "exec works again" fine sh -c 'kubectl exec stay -- echo fine 2>/dev/null'
    after=$(field stay '{.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}')
    is "the same container" "$before 0" "$after"
    k delete pod stay >/dev/null
    is "deleted" "" "$(gone stay)"
}

case_stuck_hook() {
    pod stuck "containers: [$(c main 'sleep 1000' 'lifecycle: {postStart: {exec: {command: [sleep, "1000"]}}}')]"
    eventually "waits for its hook" ContainerCreating field stuck '{.status.containerStatuses[0].state.waiting.reason}'
    sleep 1
    is "is deleted all the same" 'pod "stuck" deleted' "$(timeout 20 kubectl delete pod stuck 2>&1 | head -1)"
    pod failing "restartPolicy: Never, containers: [$(c main 'sleep 1000' 'lifecycle: {postStart: {exec: {command: ["false"]}}}')]"
    eventually "a hook that fails" "FailedPostStartHook: PostStartHook failed" sh -c "kubectl get events --field-selector involvedObject.name=failing,reason=FailedPostStartHook -o jsonpath='{.items[0].reason}: {.items[0].message}'"
}

case_power_cut() {
    pod cut "containers: [$(c main 'sleep 1000')]"
    eventually "it runs" "1/1 Running" status cut
    "$root/hack/dev-containerd" stop "$work/ctr" "$bridge" # with everything that ran in it
    containerd_start
    eventually "made anew" "1/1 Running 1" sh -c "kubectl get pod cut --no-headers | awk '{print \$2, \$3, \$4}'"
    has "and said" "SandboxChanged: Pod sandbox changed, it will be killed and re-created." "$(events cut)"
}

case_deletion() {
    local uid
    pod hook "containers: [$(c main 'trap \"echo term; exit 0\" TERM; while true; do sleep 0.1; done' 'lifecycle: {preStop: {exec: {command: [sh, -c, "echo before >/proc/1/fd/1"]}}}')]"
    eventually "it runs" "1/1 Running" status hook
    uid=$(field hook '{.metadata.uid}')
    (timeout 20 kubectl logs -f hook >"$work/hook.log" 2>&1) &
    sleep 0.5
    k delete pod hook >/dev/null
    wait $!
    is "hook, then the signal" $'before\nterm' "$(cat "$work/hook.log")"
    k delete pods --all >/dev/null
    eventually "no folders" "" sh -c "ls $work/kubelet/pods $work/podlogs | grep -v :"
    eventually "no containers" 0 sh -c "ctr -a $work/ctr/containerd.sock -n k8s.io containers ls -q | wc -l"
    eventually "no cgroups" 0 sh -c "find /sys/fs/cgroup -type d -name 'pod$uid' | wc -l"
    eventually "no mounts" 0 sh -c "grep -c $work/kubelet /proc/mounts"
}
