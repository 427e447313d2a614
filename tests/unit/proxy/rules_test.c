/* From objects to rules, and from rules to transactions. */
#include "objects.h"
#include "proxy/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct rules_options plain = {.cluster_cidr = "10.244.0.0/16", .masquerade_mark = 0x4000};

struct world {
    struct kube_objects services, slices;
    struct arena *arena;
    struct ruleset rules;
};

static void settle(struct world *w, const struct rules_options *o)
{
    struct service_map map;
    w->arena = arena_new(1 << 20);
    service_map_build(w->arena, &w->services, &w->slices, "node-a", &map);
    rules_build(&map, o, &w->rules);
}

static void release(struct world *w)
{
    ruleset_release(&w->rules);
    arena_free(w->arena);
    kube_objects_release(&w->services);
    kube_objects_release(&w->slices);
}

static void print(struct ruleset *r, struct buf *out)
{
    vec_foreach (&r->chains, c)
        buf_printf(out, "%s:\n%s", c->name, c->value);
    vec_foreach (&r->elements, e)
        buf_printf(out, "%s%s%s\n", e->name, *e->value ? " = " : "", e->value);
}

static void expect(struct world *w, const struct rules_options *o, const char *text)
{
    struct buf out = BUF_INIT(1 << 20);
    settle(w, o);
    print(&w->rules, &out);
    buf_putc(&out, '\0');
    assert_string_equal(out.data, text);
    buf_release(&out);
    release(w);
}

static void test_cluster_ip(void **state)
{
    struct world w = {0};
    add_service(&w.services, &(struct test_service){.name = "web", .cluster_ip = "10.96.0.1", .port = 80});
    add_slice(&w.slices, "web", NULL, NULL, 8080, "10.244.1.2 10.244.1.1");
    add_slice(&w.slices, "web", NULL, NULL, 8080, "10.244.1.1 10.244.9.9!"); /* one twice, one not ready */
    add_slice(&w.slices, "other", NULL, NULL, 8080, "10.244.1.7");
    expect(&w, &plain,
           "ep/ns/web/tcp/80/10.244.1.1/8080:\n"
           "ip saddr 10.244.1.1 jump mark-for-masquerade\n"
           "meta l4proto tcp dnat to 10.244.1.1:8080\n"
           "ep/ns/web/tcp/80/10.244.1.2/8080:\n"
           "ip saddr 10.244.1.2 jump mark-for-masquerade\n"
           "meta l4proto tcp dnat to 10.244.1.2:8080\n"
           "svc/ns/web/tcp/80:\n"
           "ip saddr != 10.244.0.0/16 jump mark-for-masquerade\n"
           "numgen random mod 2 vmap { 0 : goto ep/ns/web/tcp/80/10.244.1.1/8080,"
           " 1 : goto ep/ns/web/tcp/80/10.244.1.2/8080 }\n"
           "cluster-ips 10.96.0.1\n"
           "service-ips 10.96.0.1 . tcp . 80 = goto svc/ns/web/tcp/80\n");
}

static void test_node_port_and_affinity(void **state)
{
    struct world w = {0};
    add_service(&w.services, &(struct test_service){.name = "dns",
                                                    .cluster_ip = "10.96.0.2",
                                                    .affinity = "ClientIP",
                                                    .external_ip = "192.0.2.1",
                                                    .port_name = "q",
                                                    .protocol = "UDP",
                                                    .port = 53,
                                                    .node_port = 30053});
    add_slice(&w.slices, "dns", "q", "UDP", 5353, "10.244.1.1");
    add_slice(&w.slices, "dns", "other", "UDP", 5354, "10.244.1.2");
    const struct rules_options all = {.masquerade_all = true, .cluster_cidr = "10.244.0.0/16"};
    expect(&w, &all,
           "ep/ns/dns/udp/53/10.244.1.1/5353:\n"
           "ip saddr 10.244.1.1 jump mark-for-masquerade\n"
           "meta l4proto udp dnat to 10.244.1.1:5353\n"
           "ext/ns/dns/udp/53:\n"
           "jump mark-for-masquerade\n"
           "jhash ip saddr mod 1 vmap { 0 : goto ep/ns/dns/udp/53/10.244.1.1/5353 }\n"
           "svc/ns/dns/udp/53:\n"
           "jump mark-for-masquerade\n"
           "jhash ip saddr mod 1 vmap { 0 : goto ep/ns/dns/udp/53/10.244.1.1/5353 }\n"
           "cluster-ips 10.96.0.2\n"
           "service-ips 10.96.0.2 . udp . 53 = goto svc/ns/dns/udp/53\n"
           "service-ips 192.0.2.1 . udp . 53 = goto ext/ns/dns/udp/53\n"
           "service-nodeports udp . 30053 = goto ext/ns/dns/udp/53\n");
}

static void test_no_endpoints(void **state)
{
    struct world w = {0};
    add_service(&w.services,
                &(struct test_service){.name = "web", .cluster_ip = "10.96.0.1", .port = 80, .node_port = 30080});
    add_slice(&w.slices, "web", NULL, "TCP", 8080, "10.244.1.1!");
    expect(&w, &plain,
           "cluster-ips 10.96.0.1\n"
           "no-endpoint-nodeports tcp . 30080 = goto reject-chain\n"
           "no-endpoint-services 10.96.0.1 . tcp . 80 = goto reject-chain\n");
    struct world t = {0}; /* those that terminate are better than none */
    add_service(&t.services, &(struct test_service){.name = "web", .cluster_ip = "10.96.0.1", .port = 80});
    add_slice(&t.slices, "web", NULL, "TCP", 8080, "10.244.1.1! 10.244.1.2~");
    settle(&t, &plain);
    assert_int_equal(t.rules.chains.n, 2);
    assert_string_equal(t.rules.chains.v[0].name, "ep/ns/web/tcp/80/10.244.1.2/8080");
    release(&t);
}

static void test_local_policies(void **state)
{
    struct world w = {0};
    add_service(
        &w.services,
        &(struct test_service){
            .name = "ext", .cluster_ip = "10.96.0.1", .external_policy = "Local", .port = 80, .node_port = 30080});
    add_slice(&w.slices, "ext", NULL, "TCP", 80, "10.244.1.1@node-a 10.244.2.1@node-b");
    add_service(&w.services, &(struct test_service){
                                 .name = "int", .cluster_ip = "10.96.0.2", .internal_policy = "Local", .port = 80});
    add_slice(&w.slices, "int", NULL, "TCP", 80, "10.244.2.2@node-b");
    settle(&w, &plain);
    struct buf out = BUF_INIT(1 << 20);
    print(&w.rules, &out);
    buf_putc(&out, '\0');
    assert_non_null(strstr(out.data, "ext/ns/ext/tcp/80:\n"
                                     "ip saddr 10.244.0.0/16 goto svc/ns/ext/tcp/80\n"
                                     "fib saddr type local jump mark-for-masquerade\n"
                                     "fib saddr type local goto svc/ns/ext/tcp/80\n"
                                     "numgen random mod 1 vmap { 0 : goto ep/ns/ext/tcp/80/10.244.1.1/80 }\n"));
    assert_non_null(strstr(out.data, "no-endpoint-services 10.96.0.2 . tcp . 80 = drop\n"));
    buf_release(&out);
    release(&w);
}

static void test_not_ours(void **state)
{
    struct world w = {0};
    add_service(&w.services, &(struct test_service){.name = "headless", .cluster_ip = "None", .port = 80});
    add_service(&w.services,
                &(struct test_service){.name = "name", .cluster_ip = "", .type = "ExternalName", .port = 80});
    add_service(&w.services, &(struct test_service){.name = "v6", .cluster_ip = "fd00::1", .port = 80});
    expect(&w, &plain, "");
}

static void test_only_what_differs(void **state)
{
    struct world before = {0}, after = {0};
    const struct test_service web = {.name = "web", .cluster_ip = "10.96.0.1", .port = 80};
    const struct test_service same = {.name = "same", .cluster_ip = "10.96.0.9", .port = 80};
    add_service(&before.services, &web);
    add_service(&before.services, &same);
    add_slice(&before.slices, "web", NULL, "TCP", 80, "10.244.1.1 10.244.1.2");
    add_slice(&before.slices, "same", NULL, "TCP", 80, "10.244.1.9");
    add_service(&after.services, &web);
    add_service(&after.services, &same);
    add_slice(&after.slices, "web", NULL, "TCP", 80, "10.244.1.2");
    add_slice(&after.slices, "same", NULL, "TCP", 80, "10.244.1.9");
    settle(&before, &plain);
    settle(&after, &plain);
    struct buf script = BUF_INIT(1 << 20);
    rules_diff(&before.rules, &after.rules, &script);
    assert_string_equal(script.data,
                        "flush chain ip kube-proxy svc/ns/web/tcp/80\n"
                        "add rule ip kube-proxy svc/ns/web/tcp/80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade\n"
                        "add rule ip kube-proxy svc/ns/web/tcp/80 numgen random mod 1 vmap { 0 : goto "
                        "ep/ns/web/tcp/80/10.244.1.2/80 }\n"
                        "flush chain ip kube-proxy ep/ns/web/tcp/80/10.244.1.1/80\n"
                        "delete chain ip kube-proxy ep/ns/web/tcp/80/10.244.1.1/80\n");
    buf_clear(&script);
    rules_diff(&after.rules, &after.rules, &script);
    assert_int_equal(script.len, 0);
    struct ruleset nothing = {0};
    rules_diff(&after.rules, &nothing, &script);
    assert_non_null(strstr(script.data, "delete element ip kube-proxy service-ips { 10.96.0.1 . tcp . 80 }\n"));
    assert_non_null(strstr(script.data, "delete chain ip kube-proxy svc/ns/web/tcp/80\n"));
    buf_release(&script);
    release(&before);
    release(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cluster_ip),   cmocka_unit_test(test_node_port_and_affinity),
        cmocka_unit_test(test_no_endpoints), cmocka_unit_test(test_local_policies),
        cmocka_unit_test(test_not_ours),     cmocka_unit_test(test_only_what_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
