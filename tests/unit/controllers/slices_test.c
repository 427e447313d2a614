#include "controllers/endpoints/rules.h"

#include "service.h"
#include "test.h"

static struct arena *a;
static struct kube_object *svc;

static int setup(void **state)
{
    a = arena_new(256 << 20);
    svc = pack_object(&kube_services, &make_service(a, make_text(a, "web"))->base);
    return 0;
}

static int teardown(void **state)
{
    kube_object_unref(svc);
    a = arena_free(a);
    return 0;
}

static const char *zone_of(void *ctx, const char *node)
{
    return strcmp(node, "n1") == 0 ? "zone-a" : NULL;
}

static const struct node_zone nodes = {zone_of, NULL};

static void add_pods(struct kube_objects *l, int from, int n, int port)
{
    for (int i = from; i < from + n; i++)
        kube_objects_push(
            l, pack_object(&kube_pods, &make_backend(a, arena_printf(a, "p%d", i),
                                                     arena_printf(a, "10.0.%d.%d", i / 250, i % 250), port, true)
                                            ->base));
}

/* The slices after the plan was carried out. */
static void carry_out(struct kube_objects *present, const struct slice_plan *p)
{
    static int serial;
    struct kube_objects after = {0};

    for (size_t i = 0; i < present->n; i++) {
        const char *uid = present->v[i]->meta->uid;
        bool stays = true;
        for (size_t j = 0; j < p->n_remove; j++)
            stays &= strcmp(p->remove[j]->meta->uid, uid) != 0;
        for (size_t j = 0; j < p->n_update; j++)
            stays &= strcmp(p->update[j]->metadata->uid, uid) != 0;
        if (stays)
            kube_objects_push(&after, kube_object_ref(present->v[i]));
    }
    for (size_t j = 0; j < p->n_update; j++)
        kube_objects_push(&after, pack_object(&kube_endpoint_slices, &p->update[j]->base));
    for (size_t j = 0; j < p->n_create; j++) {
        p->create[j]->metadata->uid = arena_printf(a, "slice-%d", serial++);
        kube_objects_push(&after, pack_object(&kube_endpoint_slices, &p->create[j]->base));
    }
    kube_objects_release(present);
    *present = after;
}

static size_t total(const struct kube_objects *slices)
{
    size_t n = 0;
    kube_objects_foreach(slices, o) n += kube_endpoint_slice(o)->n_endpoints;
    return n;
}

static struct slice_plan step(const struct kube_objects *pods, struct kube_objects *present)
{
    struct slice_plan p;

    plan_slices(a, svc, pods, present, "IPv4", 100, &nodes, &p);
    carry_out(present, &p);
    struct slice_plan again;
    plan_slices(a, svc, pods, present, "IPv4", 100, &nodes, &again);
    assert_int_equal(again.n_create + again.n_update + again.n_remove, 0); /* and then all is well */
    return p;
}

static void from_none_to_some_and_back(void **state)
{
    struct kube_objects pods = {0}, present = {0};

    struct slice_plan p = step(&pods, &present);
    assert_int_equal(p.n_create, 1); /* an empty slice */
    const Discoveryv1__EndpointSlice *s = kube_endpoint_slice(present.v[0]);
    assert_int_equal(s->n_endpoints, 0);
    assert_string_equal(meta_label(s->metadata, "kubernetes.io/service-name"), "web");
    assert_string_equal(meta_label(s->metadata, "endpointslice.kubernetes.io/managed-by"),
                        "endpointslice-controller.k8s.io");
    assert_string_equal(meta_label(s->metadata, "team"), "x");
    assert_true(meta_controlled_by(s->metadata, "uid-web"));
    add_pods(&pods, 0, 3, 8080);
    p = step(&pods, &present);
    assert_int_equal(p.n_update, 1); /* the empty one is used again */
    assert_int_equal(p.n_create + p.n_remove, 0);
    s = kube_endpoint_slice(present.v[0]);
    assert_int_equal(s->n_endpoints, 3);
    assert_int_equal(s->ports[0]->port, 8080);
    assert_string_equal(s->endpoints[0]->zone, "zone-a");
    assert_string_equal(s->endpoints[0]->nodename, "n1");
    kube_objects_release(&pods);
    p = step(&pods, &present);
    assert_int_equal(present.n, 1);
    assert_int_equal(total(&present), 0);
    kube_objects_release(&present);
}

static void many_pods_fill_slices(void **state)
{
    struct kube_objects pods = {0}, present = {0};

    add_pods(&pods, 0, 250, 8080);
    struct slice_plan p = step(&pods, &present);
    assert_int_equal(p.n_create, 3);
    assert_int_equal(total(&present), 250);
    add_pods(&pods, 250, 30, 8080);
    p = step(&pods, &present);
    assert_int_equal(p.n_create, 0); /* there is room in one of them */
    assert_int_equal(p.n_update, 1);
    assert_int_equal(total(&present), 280);
    kube_object_unref(pods.v[--pods.n]);
    p = step(&pods, &present);
    assert_int_equal(p.n_update, 1); /* one write for one pod */
    assert_int_equal(total(&present), 279);
    kube_objects_release(&pods);
    kube_objects_release(&present);
}

static void a_pod_that_changes_is_changed_in_place(void **state)
{
    struct kube_objects pods = {0}, present = {0};

    add_pods(&pods, 0, 2, 8080);
    step(&pods, &present);
    kube_object_unref(pods.v[1]);
    pods.v[1] = pack_object(&kube_pods, &make_backend(a, "p1", "10.0.0.1", 8080, false)->base);
    step(&pods, &present);
    const Discoveryv1__EndpointSlice *s = kube_endpoint_slice(present.v[0]);
    assert_int_equal(s->n_endpoints, 2);
    assert_true(s->endpoints[0]->conditions->ready);
    assert_false(s->endpoints[1]->conditions->ready);
    kube_objects_release(&pods);
    kube_objects_release(&present);
}

static void different_ports_are_different_slices(void **state)
{
    struct kube_objects pods = {0}, present = {0};

    add_pods(&pods, 0, 2, 8080);
    add_pods(&pods, 2, 1, 9090);
    step(&pods, &present);
    assert_int_equal(present.n, 2);
    assert_int_equal(total(&present), 3);
    kube_objects_release(&pods);
    add_pods(&pods, 0, 2, 8080);
    step(&pods, &present);
    assert_int_equal(present.n, 1);
    kube_objects_release(&pods);
    kube_objects_release(&present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_none_to_some_and_back),
        cmocka_unit_test(many_pods_fill_slices),
        cmocka_unit_test(a_pod_that_changes_is_changed_in_place),
        cmocka_unit_test(different_ports_are_different_slices),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
