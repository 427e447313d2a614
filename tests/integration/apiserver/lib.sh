# What the cases share: a cluster of etcd and one or two apiservers on free ports, kubectl and curl to them, and checks.
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { # bad WHAT TEXT...
    failed=$((failed + 1))
    echo "FAILED: $1"
    shift
    printf '    %s\n' "$@"
}
is() { # is WHAT WANT GOT
    if [ "$2" = "$3" ]; then ok; else bad "$1" "want: $2" "got:  $3"; fi
}
has() { # has WHAT PART TEXT
    case "$3" in *"$2"*) ok ;; *) bad "$1" "want in it: $2" "got: $3" ;; esac
}
hasnt() { # hasnt WHAT PART TEXT
    case "$3" in *"$2"*) bad "$1" "want not in it: $2" "got: $3" ;; *) ok ;; esac
}
eventually() { # eventually WHAT WANT COMMAND...: at most 10 seconds
    local what=$1 want=$2 got=
    shift 2
    for _ in $(seq 100); do
        got=$("$@" 2>&1)
        [ "$got" = "$want" ] && { ok; return; }
        sleep 0.1
    done
    bad "$what" "want: $want" "got:  $got"
}
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
k() { kubectl "$@" 2> >(grep -v '^WARNING: version difference' >&2); }
# api METHOD PATH [curl arguments]: the body, then the status on a line of its own
api() {
    local method=$1 path=$2
    shift 2
    curl -sk --max-time 20 -X "$method" -H "Authorization: Bearer admin-token" -H 'User-Agent: test' -w '\n%{http_code}' "$@" "$url$path"
}
json() { python3 -c 'import json,sys; d=json.load(sys.stdin)
for p in sys.argv[1].split("."):
    d = d[int(p)] if p.lstrip("-").isdigit() else d.get(p) if isinstance(d, dict) else None
print(d if not isinstance(d, (dict, list)) else json.dumps(d))' "$1" 2>&1; }
body() { sed '$d'; }
code() { tail -n 1; }

pids=()
start_etcd() {
    etcd --name t --data-dir "$work/etcd" --listen-client-urls "http://127.0.0.1:$etcd_port" \
        --advertise-client-urls "http://127.0.0.1:$etcd_port" --listen-peer-urls "http://127.0.0.1:$peer_port" \
        --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" --initial-cluster "t=http://127.0.0.1:$peer_port" \
        --log-level error >>"$work/etcd.log" 2>&1 &
    etcd_pid=$!
    pids+=("$etcd_pid")
    for _ in $(seq 200); do curl -fs "http://127.0.0.1:$etcd_port/health" >/dev/null && return; sleep 0.05; done
    echo "etcd does not start"; exit 1
}
start_apiserver() { # start_apiserver NAME PORT [flags]: sets apiserver_pid
    local name=$1 port=$2
    shift 2
    "$apiserver" --etcd-servers="http://127.0.0.1:$etcd_port" --bind-address=127.0.0.1 --secure-port="$port" \
        --cert-dir="$work/certs-$name" --token-auth-file="$work/tokens.csv" --authorization-mode=Node,RBAC \
        --service-account-key-file="$work/sa.key" --service-account-signing-key-file="$work/sa.key" \
        --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range=10.96.0.0/24 \
        --service-node-port-range=30000-30099 --allow-privileged "$@" >>"$work/$name.log" 2>&1 &
    apiserver_pid=$!
    pids+=("$apiserver_pid")
    for _ in $(seq 200); do curl -fsk "https://127.0.0.1:$port/readyz" >/dev/null && return; sleep 0.05; done
    echo "apiserver $name does not become ready"; tail -n 20 "$work/$name.log"; exit 1
}
finish() {
    for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$work"
}
setup() {
    work=$(mktemp -d /tmp/apiserver-test-XXXXXX)
    trap finish EXIT
    etcd_port=$(free_port) peer_port=$(free_port) port=$(free_port)
    url=https://127.0.0.1:$port
    cat >"$work/tokens.csv" <<END
admin-token,admin,1,"system:masters"
jane-token,jane,2
END
    openssl ecparam -name prime256v1 -genkey -noout -out "$work/sa.key" 2>/dev/null
    cat >"$work/kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: t, cluster: {server: "$url", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: admin-token}}, {name: jane, user: {token: jane-token}}]
contexts: [{name: t, context: {cluster: t, user: admin}}, {name: jane, context: {cluster: t, user: jane}}]
current-context: t
END
    export KUBECONFIG=$work/kubeconfig HOME=$work
    start_etcd
    start_apiserver a "$port"
}
