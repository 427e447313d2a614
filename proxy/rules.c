#include "proxy/rules.h"

#include <stdio.h>
#include <stdlib.h>

#define RULES_MAX (64 * 1024 * 1024) /* bytes of one chain's rules */

/* --- items --- */

static void add_item(struct rules_items *items, char *name_taken, char *value_taken)
{
    vec_push(items, (struct rules_item){name_taken, value_taken});
}

static void release_items(struct rules_items *items)
{
    vec_foreach (items, i) {
        free(i->name);
        free(i->value);
    }
    vec_release(items);
}

void ruleset_release(struct ruleset *r)
{
    release_items(&r->chains);
    release_items(&r->elements);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct rules_item *)a)->name, ((const struct rules_item *)b)->name);
}

/* Sorts; of equal names the first in the map's order stays (two services cannot share an address, but may for a
 * moment). */
static void settle(struct rules_items *items)
{
    size_t n = 0;
    vec_sort(items, by_name);
    vec_foreach (items, i) {
        if (n && strcmp(items->v[n - 1].name, i->name) == 0) {
            free(i->name);
            free(i->value);
        } else {
            items->v[n++] = *i;
        }
    }
    items->n = n;
}

/* --- one service port --- */

enum pick { ALL, LOCAL };

struct build {
    const struct rules_options *o;
    struct ruleset *out;
};

static size_t count(const struct service_port *sp, enum pick pick)
{
    size_t n = 0;
    for (size_t i = 0; i < sp->n_endpoints; i++)
        n += pick == ALL || sp->endpoints[i].local;
    return n;
}

static char *chain_name(const char *kind, const struct service_port *sp)
{
    return xasprintf("%s/%s/%s/%s/%u", kind, sp->ns, sp->name, sp->protocol, sp->port);
}

static char *endpoint_chain(const struct service_port *sp, const struct proxy_endpoint *e)
{
    return xasprintf("ep/%s/%s/%s/%u/%s/%u", sp->ns, sp->name, sp->protocol, sp->port, e->ip, e->port);
}

/* "numgen random mod 3 vmap { 0 : goto a, 1 : goto b, 2 : goto c }" */
static void put_pick(struct buf *b, const struct service_port *sp, enum pick pick)
{
    size_t k = 0;
    buf_printf(b, "%s mod %zu vmap {", sp->client_ip_affinity ? "jhash ip saddr" : "numgen random", count(sp, pick));
    for (size_t i = 0; i < sp->n_endpoints; i++) {
        if (pick == LOCAL && !sp->endpoints[i].local)
            continue;
        char *name = endpoint_chain(sp, &sp->endpoints[i]);
        buf_printf(b, "%s %zu : goto %s", k ? "," : "", k, name);
        free(name);
        k++;
    }
    buf_puts(b, " }\n");
}

static void add_endpoints(struct build *b, const struct service_port *sp)
{
    for (size_t i = 0; i < sp->n_endpoints; i++) {
        const struct proxy_endpoint *e = &sp->endpoints[i];
        add_item(&b->out->chains, endpoint_chain(sp, e),
                 xasprintf("ip saddr %s jump mark-for-masquerade\n"
                           "meta l4proto %s dnat to %s:%u\n",
                           e->ip, sp->protocol, e->ip, e->port));
    }
}

static void add_service_chain(struct build *b, const struct service_port *sp, enum pick pick)
{
    struct buf rules = BUF_INIT(RULES_MAX);
    if (b->o->masquerade_all)
        buf_puts(&rules, "jump mark-for-masquerade\n");
    else if (b->o->cluster_cidr)
        buf_printf(&rules, "ip saddr != %s jump mark-for-masquerade\n", b->o->cluster_cidr);
    put_pick(&rules, sp, pick);
    add_item(&b->out->chains, chain_name("svc", sp), buf_take(&rules));
}

/* From outside. With the policy Local the client's address is kept and only pods of this node are used, apart from what
 * this node and its pods send themselves. */
static void add_external_chain(struct build *b, const struct service_port *sp)
{
    struct buf rules = BUF_INIT(RULES_MAX);
    if (!sp->external_local) {
        buf_puts(&rules, "jump mark-for-masquerade\n");
        put_pick(&rules, sp, ALL);
    } else {
        char *own = count(sp, sp->internal_local ? LOCAL : ALL) ? chain_name("svc", sp) : NULL;
        if (own && b->o->cluster_cidr)
            buf_printf(&rules, "ip saddr %s goto %s\n", b->o->cluster_cidr, own);
        if (own) {
            buf_puts(&rules, "fib saddr type local jump mark-for-masquerade\n");
            buf_printf(&rules, "fib saddr type local goto %s\n", own);
        }
        free(own);
        if (count(sp, LOCAL))
            put_pick(&rules, sp, LOCAL);
        else
            buf_puts(&rules, "drop\n");
    }
    add_item(&b->out->chains, chain_name("ext", sp), buf_take(&rules));
}

static void add_address(struct build *b, const char *map, const char *ip, const struct service_port *sp,
                        char *verdict_taken)
{
    add_item(&b->out->elements, xasprintf("%s %s . %s . %u", map, ip, sp->protocol, sp->port), verdict_taken);
}

static char *go(const char *kind, const struct service_port *sp)
{
    char *name = chain_name(kind, sp), *verdict = xasprintf("goto %s", name);
    free(name);
    return verdict;
}

static void add_dead_port(struct build *b, const struct service_port *sp)
{
    add_address(b, "no-endpoint-services", sp->cluster_ip, sp, xstrdup("goto reject-chain"));
    for (size_t i = 0; i < sp->n_external_ips; i++)
        add_address(b, "no-endpoint-services", sp->external_ips[i], sp, xstrdup("goto reject-chain"));
    if (sp->node_port)
        add_item(&b->out->elements, xasprintf("no-endpoint-nodeports %s . %u", sp->protocol, sp->node_port),
                 xstrdup("goto reject-chain"));
}

static void add_service_port(struct build *b, const struct service_port *sp)
{
    enum pick internal = sp->internal_local ? LOCAL : ALL;
    add_item(&b->out->elements, xasprintf("cluster-ips %s", sp->cluster_ip), xstrdup(""));
    if (sp->n_endpoints == 0) {
        add_dead_port(b, sp);
        return;
    }
    add_endpoints(b, sp);
    if (count(sp, internal)) {
        add_service_chain(b, sp, internal);
        add_address(b, "service-ips", sp->cluster_ip, sp, go("svc", sp));
    } else { /* there are endpoints, but none that this node may use */
        add_address(b, "no-endpoint-services", sp->cluster_ip, sp, xstrdup("drop"));
    }
    if (!sp->node_port && !sp->n_external_ips)
        return;
    add_external_chain(b, sp);
    for (size_t i = 0; i < sp->n_external_ips; i++)
        add_address(b, "service-ips", sp->external_ips[i], sp, go("ext", sp));
    if (sp->node_port)
        add_item(&b->out->elements, xasprintf("service-nodeports %s . %u", sp->protocol, sp->node_port), go("ext", sp));
}

void rules_build(const struct service_map *m, const struct rules_options *o, struct ruleset *ret)
{
    *ret = (struct ruleset){0};
    struct build b = {o, ret};
    for (size_t i = 0; i < m->n; i++)
        add_service_port(&b, &m->v[i]);
    settle(&ret->chains);
    settle(&ret->elements);
}

/* --- transactions --- */

static void put_rules(struct buf *out, const struct rules_item *chain)
{
    struct str rest = str_of(chain->value), line;
    while (str_split(&rest, '\n', &line))
        if (line.n)
            buf_printf(out, "add rule " PROXY_TABLE " %s " STR_FMT "\n", chain->name, STR_ARG(line));
}

static void put_element(struct buf *out, const char *verb, const struct rules_item *e, bool with_value)
{
    const char *key = strchr(e->name, ' ');
    buf_printf(out, "%s element " PROXY_TABLE " " STR_FMT " {%s%s%s }\n", verb, (int)(key - e->name), e->name, key,
               with_value && *e->value ? " : " : "", with_value ? e->value : "");
}

/* Walks two sorted lists side by side: fn(ctx, old, new) with NULL for the one that is not there. */
static void walk(const struct rules_items *from, const struct rules_items *to,
                 void (*fn)(struct buf *out, const struct rules_item *from, const struct rules_item *to),
                 struct buf *out)
{
    size_t i = 0, k = 0;
    while (i < from->n || k < to->n) {
        int c = i == from->n ? 1 : k == to->n ? -1 : strcmp(from->v[i].name, to->v[k].name);
        fn(out, c <= 0 ? &from->v[i] : NULL, c >= 0 ? &to->v[k] : NULL);
        i += c <= 0;
        k += c >= 0;
    }
}

static void declare_chain(struct buf *out, const struct rules_item *from, const struct rules_item *to)
{
    if (!from)
        buf_printf(out, "add chain " PROXY_TABLE " %s\n", to->name);
}

static void fill_chain(struct buf *out, const struct rules_item *from, const struct rules_item *to)
{
    if (!to || (from && strcmp(from->value, to->value) == 0))
        return;
    if (from)
        buf_printf(out, "flush chain " PROXY_TABLE " %s\n", to->name);
    put_rules(out, to);
}

static void remove_element(struct buf *out, const struct rules_item *from, const struct rules_item *to)
{
    if (from && (!to || strcmp(from->value, to->value) != 0))
        put_element(out, "delete", from, false);
}

static void add_element(struct buf *out, const struct rules_item *from, const struct rules_item *to)
{
    if (to && (!from || strcmp(from->value, to->value) != 0))
        put_element(out, "add", to, true);
}

static void empty_chain(struct buf *out, const struct rules_item *from, const struct rules_item *to)
{
    if (!to)
        buf_printf(out, "flush chain " PROXY_TABLE " %s\n", from->name);
}

static void remove_chain(struct buf *out, const struct rules_item *from, const struct rules_item *to)
{
    if (!to)
        buf_printf(out, "delete chain " PROXY_TABLE " %s\n", from->name);
}

void rules_diff(const struct ruleset *from, const struct ruleset *to, struct buf *script)
{
    /* The order matters: what is referred to exists before, and nothing refers to what goes. */
    walk(&from->chains, &to->chains, declare_chain, script);
    walk(&from->chains, &to->chains, fill_chain, script);
    walk(&from->elements, &to->elements, remove_element, script);
    walk(&from->elements, &to->elements, add_element, script);
    walk(&from->chains, &to->chains, empty_chain, script);
    walk(&from->chains, &to->chains, remove_chain, script);
}

void rules_cleanup(struct buf *script)
{
    buf_puts(script, "add table " PROXY_TABLE "\ndelete table " PROXY_TABLE "\n");
}

#define T PROXY_TABLE

static const char *const base[] = {
    "add table " T " { comment \"rules for kube-proxy\"; }",
    "add map " T " service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }",
    "add map " T " service-nodeports { type inet_proto . inet_service : verdict; }",
    "add map " T " no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; }",
    "add map " T " no-endpoint-nodeports { type inet_proto . inet_service : verdict; }",
    "add set " T " cluster-ips { type ipv4_addr; }",
    "add chain " T " services",
    "add chain " T " mark-for-masquerade",
    "add chain " T " masquerading",
    "add chain " T " reject-chain",
    "add chain " T " service-endpoints-check",
    "add chain " T " nodeport-endpoints-check",
    "add chain " T " cluster-ips-check",
    "add chain " T " nat-prerouting { type nat hook prerouting priority dstnat; }",
    "add chain " T " nat-output { type nat hook output priority -100; }",
    "add chain " T " nat-postrouting { type nat hook postrouting priority srcnat; }",
    "add chain " T " filter-input { type filter hook input priority -110; }",
    "add chain " T " filter-forward { type filter hook forward priority -110; }",
    "add chain " T " filter-output { type filter hook output priority -110; }",
    "add chain " T " filter-output-post-dnat { type filter hook output priority -90; }",
    "add rule " T " nat-prerouting jump services",
    "add rule " T " nat-output jump services",
    "add rule " T " nat-postrouting jump masquerading",
    "add rule " T " filter-input ct state new jump nodeport-endpoints-check",
    "add rule " T " filter-input ct state new jump service-endpoints-check",
    "add rule " T " filter-forward ct state new jump service-endpoints-check",
    "add rule " T " filter-forward ct state new jump cluster-ips-check",
    "add rule " T " filter-output ct state new jump service-endpoints-check",
    "add rule " T " filter-output ct state new jump nodeport-endpoints-check",
    "add rule " T " filter-output-post-dnat ct state new jump cluster-ips-check",
    "add rule " T " service-endpoints-check ip daddr . meta l4proto . th dport vmap @no-endpoint-services",
    "add rule " T " cluster-ips-check ip daddr @cluster-ips goto reject-chain",
    "add rule " T " reject-chain meta l4proto tcp reject with tcp reset",
    "add rule " T " reject-chain reject",
    "add rule " T " services ip daddr . meta l4proto . th dport vmap @service-ips",
};

/* "ip daddr { a, b } fib daddr type local" or less, as the options have it */
static void put_nodeport_match(struct buf *b, const struct rules_options *o)
{
    if (o->n_nodeport_addresses) {
        buf_puts(b, "ip daddr {");
        for (size_t i = 0; i < o->n_nodeport_addresses; i++)
            buf_printf(b, "%s %s", i ? "," : "", o->nodeport_addresses[i]);
        buf_puts(b, " } ");
    } else if (!o->localhost_nodeports) {
        buf_puts(b, "ip daddr != 127.0.0.0/8 ");
    }
    buf_puts(b, "fib daddr type local meta l4proto . th dport vmap ");
}

void rules_rebuild(const struct rules_options *o, const struct ruleset *to, struct buf *b)
{
    static const struct ruleset nothing = {0};
    rules_cleanup(b);
    for (size_t i = 0; i < ARRAY_LEN(base); i++)
        buf_printf(b, "%s\n", base[i]);
    buf_puts(b, "add rule " T " services ");
    put_nodeport_match(b, o);
    buf_puts(b, "@service-nodeports\nadd rule " T " nodeport-endpoints-check ");
    put_nodeport_match(b, o);
    buf_puts(b, "@no-endpoint-nodeports\n");
    if (o->localhost_nodeports) /* 127.0.0.1 is routed for our node ports, so strangers must be kept off it */
        buf_puts(b, "add rule " T " filter-input ip daddr 127.0.0.0/8 ip saddr != 127.0.0.0/8 ct status != dnat "
                    "ct state != { established, related } drop\n");
    buf_printf(b, "add rule " T " mark-for-masquerade meta mark set meta mark | 0x%x\n", o->masquerade_mark);
    buf_printf(b, "add rule " T " masquerading meta mark & 0x%x == 0 return\n", o->masquerade_mark);
    buf_printf(b, "add rule " T " masquerading meta mark set meta mark ^ 0x%x\n", o->masquerade_mark);
    buf_puts(b, "add rule " T " masquerading masquerade fully-random\n");
    rules_diff(&nothing, to, b);
}
