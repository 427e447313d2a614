#include "controllers/replicaset.h"

#include "controllers/claim.h"
#include "make.h"
#include "test.h"

static Appsv1__ReplicaSet *with_template(struct arena *a)
{
    Appsv1__ReplicaSet *rs = make_set(a, "web", 3, 0);
    Corev1__PodTemplateSpec *t = arena_new_of(a, Corev1__PodTemplateSpec);

    corev1__pod_template_spec__init(t);
    t->metadata = make_meta(a, NULL, NULL);
    add_label(a, t->metadata, "app", "web");
    t->spec = arena_new_of(a, Corev1__PodSpec);
    corev1__pod_spec__init(t->spec);
    rs->spec->template_ = t;
    rs->metadata->has_generation = true;
    rs->metadata->generation = 5;
    return rs;
}

static void push(struct arena *a, struct kube_objects *l, const char *name, int64_t ready, bool labeled)
{
    Corev1__Pod *p = make_pod(a, name, "n", "Running", ready);
    if (labeled)
        add_label(a, p->metadata, "app", "web");
    kube_objects_push(l, pack_object(&kube_pods, &p->base));
}

static void status_counts(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    Appsv1__ReplicaSet *rs = with_template(a);
    struct kube_objects pods = {0};
    struct rs_outcome none = {0};

    rs->spec->minreadyseconds = 10;
    push(a, &pods, "a", 100, true);
    push(a, &pods, "b", 195, true);
    push(a, &pods, "c", 0, false);
    const Appsv1__ReplicaSetStatus *s = rs_status(a, rs, &pods, 2, &none, T(200));
    assert_int_equal(s->replicas, 3);
    assert_int_equal(s->fullylabeledreplicas, 2);
    assert_int_equal(s->readyreplicas, 2);
    assert_int_equal(s->availablereplicas, 1);
    assert_int_equal(s->terminatingreplicas, 2);
    assert_int_equal(s->observedgeneration, 5);
    assert_int_equal(next_availability(&pods, 10, T(200)), T(205));
    assert_int_equal(next_availability(&pods, 10, T(300)), 0);
    assert_false(rs_status_equal(rs->status, s));
    assert_true(rs_status_equal(s, s));
    kube_objects_release(&pods);
}

static void failures_come_and_go(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    Appsv1__ReplicaSet *rs = with_template(a);
    struct kube_objects pods = {0};
    struct rs_outcome failed = {-1, true, "quota"}, other = {-1, true, "another reason"}, fine = {0, false, NULL};

    rs->status = rs_status(a, rs, &pods, 0, &failed, T(100));
    assert_int_equal(rs->status->n_conditions, 1);
    assert_string_equal(rs->status->conditions[0]->reason, "FailedCreate");
    assert_string_equal(rs->status->conditions[0]->message, "quota");
    rs->status = rs_status(a, rs, &pods, 0, &other, T(200)); /* as long as it lasts it stays what it was */
    assert_string_equal(rs->status->conditions[0]->message, "quota");
    rs->status = rs_status(a, rs, &pods, 0, &fine, T(300));
    assert_int_equal(rs->status->n_conditions, 0);
    failed.diff = 1;
    rs->status = rs_status(a, rs, &pods, 0, &failed, T(400));
    assert_string_equal(rs->status->conditions[0]->reason, "FailedDelete");
}

static void pods_from_a_template(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    Appsv1__ReplicaSet *rs = with_template(a);
    struct kube_object *o = pack_object(&kube_replica_sets, &rs->base);
    const Corev1__Pod *p = pod_from_template(a, kube_replica_set(o)->spec->template_, o);

    assert_string_equal(p->metadata->generatename, "web-");
    assert_string_equal(p->metadata->namespace_, "default");
    assert_string_equal(meta_label(p->metadata, "app"), "web");
    assert_true(meta_controlled_by(p->metadata, "uid-web"));
    kube_object_unref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_counts),
        cmocka_unit_test(failures_come_and_go),
        cmocka_unit_test(pods_from_a_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
