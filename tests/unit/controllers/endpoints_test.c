#include "controllers/endpoints/rules.h"

#include "service.h"
#include "test.h"

static struct arena *a;

static int setup(void **state)
{
    a = arena_new(64 << 20);
    return 0;
}

static int teardown(void **state)
{
    a = arena_free(a);
    return 0;
}

static void push(struct kube_objects *l, Corev1__Pod *p)
{
    kube_objects_push(l, pack_object(&kube_pods, &p->base));
}

static void selection(void **state)
{
    Corev1__Service *s = make_service(a, NULL);
    Corev1__Pod *p = make_backend(a, "p", "10.0.0.1", 8080, true);

    assert_true(service_selects(s, p->metadata));
    p->metadata->labels[0]->value = (char *)"other";
    assert_false(service_selects(s, p->metadata));
    s->spec->n_selector = 0;
    assert_false(service_selects(s, p->metadata)); /* no selector: none of ours */
}

static void ports(void **state)
{
    Corev1__Pod *p = make_backend(a, "p", "10.0.0.1", 8080, true);
    struct port got[1];

    assert_int_equal(resolve_ports(make_service(a, make_int(a, 9090)), p, got), 1);
    assert_int_equal(got[0].number, 9090);
    assert_int_equal(resolve_ports(make_service(a, NULL), p, got), 1);
    assert_int_equal(got[0].number, 80);
    assert_int_equal(resolve_ports(make_service(a, make_text(a, "web")), p, got), 1);
    assert_int_equal(got[0].number, 8080);
    assert_int_equal(resolve_ports(make_service(a, make_text(a, "grpc")), p, got), 0);
}

static void who_counts(void **state)
{
    Corev1__Pod *p = make_backend(a, "p", "10.0.0.1", 8080, true);

    assert_true(pod_is_endpoint(p, false));
    p->metadata->deletiontimestamp = make_time(a, 1);
    assert_false(pod_is_endpoint(p, false));
    assert_true(pod_is_endpoint(p, true));
    p->status->phase = (char *)"Failed";
    assert_false(pod_is_endpoint(p, true));
    assert_false(pod_is_endpoint(make_backend(a, "p", "", 8080, true), true));
    assert_string_equal(pod_address(p, "IPv4"), "10.0.0.1");
    assert_null(pod_address(p, "IPv6"));
}

static void subsets(void **state)
{
    Corev1__Service *s = make_service(a, make_text(a, "web"));
    Corev1__Endpoints e = COREV1__ENDPOINTS__INIT;
    struct kube_objects pods = {0};

    push(&pods, make_backend(a, "b", "10.0.0.2", 8080, true));
    push(&pods, make_backend(a, "a", "10.0.0.1", 8080, true));
    push(&pods, make_backend(a, "c", "10.0.0.3", 8080, false));
    push(&pods, make_backend(a, "d", "10.0.0.4", 9090, true)); /* the same name, another number */
    push(&pods, make_backend(a, "e", "10.0.0.5", 0, true));    /* does not have the port */
    subsets_of(a, s, &pods, &e);
    assert_int_equal(e.n_subsets, 2);
    assert_int_equal(e.subsets[0]->n_addresses, 2);
    assert_string_equal(e.subsets[0]->addresses[0]->ip, "10.0.0.1");
    assert_string_equal(e.subsets[0]->addresses[0]->targetref->name, "a");
    assert_int_equal(e.subsets[0]->n_notreadyaddresses, 1);
    assert_int_equal(e.subsets[0]->ports[0]->port, 8080);
    assert_int_equal(e.subsets[1]->ports[0]->port, 9090);
    s->spec->has_publishnotreadyaddresses = s->spec->publishnotreadyaddresses = true;
    subsets_of(a, s, &pods, &e);
    assert_int_equal(e.subsets[0]->n_addresses, 3);
    kube_objects_release(&pods);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selection),
        cmocka_unit_test(ports),
        cmocka_unit_test(who_counts),
        cmocka_unit_test(subsets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
