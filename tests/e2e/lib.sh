# What the end-to-end cases share: checks that count, waiting with a bound, and a few shorthands. Sourced by run.

results=${results:?set by run}

pass() { printf '  ok    %s\n' "$1" && echo pass >>"$results"; }
fail() {
    printf '  FAIL  %s\n' "$1"
    echo "fail $case_name: $1" >>"$results"
    shift
    [ $# -eq 0 ] || printf '%s\n' "$*" | tail -n 25 | sed 's/^/        | /'
}
skip() { printf '  skip  %s\n' "$1" && echo skip >>"$results"; }

# check NAME COMMAND...: the command must succeed
check() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then pass "$name"; else fail "$name" "exit code $?: $out"; fi
}
# expect NAME REGEX COMMAND...: it must succeed, and its output match (extended, over several lines)
expect() {
    local name=$1 regex=$2 out code=0
    shift 2
    out=$("$@" 2>&1) || code=$?
    if [ $code -ne 0 ]; then
        fail "$name" "exit code $code: $out"
    elif ! [[ $out =~ $regex ]] && ! grep -qzE -- "$regex" <<<"$out"; then # ^ and $ may mean the whole, or a line
        fail "$name" "wanted /$regex/, got: $out"
    else
        pass "$name"
    fi
}
# refuse NAME REGEX COMMAND...: it must fail, and say so
refuse() {
    local name=$1 regex=$2 out code=0
    shift 2
    out=$("$@" 2>&1) || code=$?
    if [ $code -eq 0 ]; then
        fail "$name" "succeeded: $out"
    elif ! [[ $out =~ $regex ]] && ! grep -qzE -- "$regex" <<<"$out"; then # ^ and $ may mean the whole, or a line
        fail "$name" "wanted /$regex/, got: $out"
    else
        pass "$name"
    fi
}
# eventually SECONDS COMMAND...: tries until it succeeds
eventually() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
# soon NAME SECONDS COMMAND...: a check that it succeeds in time
soon() {
    local name=$1 seconds=$2
    shift 2
    if eventually "$seconds" "$@"; then pass "$name"; else fail "$name" "not within $seconds s: $*; last: $("$@" 2>&1)"; fi
}
is() { [ "$("${@:2}" 2>/dev/null)" = "$1" ]; } # is VALUE COMMAND...
matches() { "${@:2}" 2>&1 | grep -qzE -- "$1"; }

k() { kubectl "$@"; }
jp() { kubectl get "${@:2}" -o "jsonpath=$1"; } # jp TEMPLATE KIND NAME
page() { curl -s --max-time 3 "$@"; }
# the process of a container: its pid in this machine's view
container_pid() { # container_pid POD
    local id
    id=$(jp '{.status.containerStatuses[0].containerID}' pod "$1")
    ctr -a "$data/node/1/containerd.sock" -n k8s.io task list | awk -v id="${id#containerd://}" '$1 == id {print $2}'
}
program_pid() { "$bin/coracle" status --data-dir "$data" --output json | jq -r --arg n "$1" '.programs[] | select(.name == $n) | .pid'; }
