# cluster: --nodes 2
# `coracle down` leaves nothing: no process, mount, link, rule or cgroup.

cgroup=coracle-$(printf %s "${data#/tmp/}" | tr -c 'A-Za-z0-9-' _) # as cli/cluster.c names it, nodes with -node-K behind
cgroups() { find /sys/fs/cgroup -maxdepth 3 -type d -name "$cgroup*"; }
expect "there are cgroups of the pods" "$cgroup" cgroups
check "down ends" "$bin/coracle" down --data-dir "$data"
expect "no process is left" '^$' sh -c "pgrep -fa '$data[/]' || true"
expect "no mount is left" '^$' sh -c "grep ' $data/' /proc/self/mounts || true"
expect "no cgroup is left" '^$' cgroups
expect "no link but loopback is left" '^lo $' sh -c "ip -o link | awk -F': ' '{printf \"%s \", \$2}'"
expect "no rule is left" '^$' sh -c "nft list tables | grep -v -E 'filter|nat|mangle' || true"
check "up again" "$bin/coracle" up --data-dir "$data"
expect "the state is still there" 'hello' kubectl get deployments
soon "its pods come back" 90 is 4 jp '{.status.readyReplicas}' deployment hello
kill -9 "$(cat "$data/run/coracle.lock")"
check "down after coracle was killed" "$bin/coracle" down --data-dir "$data"
left_over() { # the kernel takes network namespaces down a moment after their last process
    pgrep -fa "$data[/]"
    cgroups
    nft list tables | grep -v -E 'filter|nat|mangle'
    ip -o link | awk -F': ' '{printf "%s ", $2}'
}
soon "nothing is left then either" 10 is "lo " left_over
