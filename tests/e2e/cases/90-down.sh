# cluster: --nodes 2
# `coracle down` leaves nothing: no process, mount, link, rule or cgroup.

check "down ends" "$bin/coracle" down --data-dir "$data"
expect "no process is left" '^$' sh -c "pgrep -fa 'c[o]ntainerd-shim.*$data|$data/[b]in' || true"
expect "no mount is left" '^$' sh -c "grep ' $data/' /proc/self/mounts || true"
expect "no link but loopback is left" '^lo $' sh -c "ip -o link | awk -F': ' '{printf \"%s \", \$2}'"
expect "no rule is left" '^$' sh -c "nft list tables | grep -v -E 'filter|nat|mangle' || true"
check "up again" "$bin/coracle" up --data-dir "$data"
expect "the state is still there" 'hello' kubectl get deployments
soon "its pods come back" 90 is 4 jp '{.status.readyReplicas}' deployment hello
kill -9 "$(cat "$data/run/coracle.lock")"
check "down after coracle was killed" "$bin/coracle" down --data-dir "$data"
left_over() { # the kernel takes network namespaces down a moment after their last process
    pgrep -fa "$data[/]"
    nft list tables | grep -v -E 'filter|nat|mangle'
    ip -o link | awk -F': ' '{printf "%s ", $2}'
}
soon "nothing is left then either" 10 is "lo " left_over
