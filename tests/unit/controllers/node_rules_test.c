#include "controllers/nodes/rules.h"

#include "controllers/pods.h"
#include "make.h"
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

static Corev1__Node *make_node(const char *type, const char *status)
{
    Corev1__Node *n = arena_new_of(a, Corev1__Node);
    Corev1__NodeCondition *c = arena_new_of(a, Corev1__NodeCondition);

    corev1__node__init(n);
    n->metadata = make_meta(a, NULL, "n1");
    n->spec = arena_new_of(a, Corev1__NodeSpec);
    corev1__node_spec__init(n->spec);
    n->status = arena_new_of(a, Corev1__NodeStatus);
    corev1__node_status__init(n->status);
    corev1__node_condition__init(c);
    c->type = (char *)type, c->status = (char *)status, c->lastheartbeattime = make_time(a, 50);
    n->status->conditions = arena_calloc(a, 1, sizeof(c));
    n->status->conditions[0] = c;
    n->status->n_conditions = 1;
    return n;
}

static void add_taint(Corev1__Node *n, const char *key, const char *effect, int64_t since)
{
    Corev1__Taint **list = arena_calloc(a, n->spec->n_taints + 1, sizeof(*list)), *t = arena_new_of(a, Corev1__Taint);

    corev1__taint__init(t);
    t->key = (char *)key, t->effect = (char *)effect;
    t->timeadded = since ? make_time(a, since) : NULL;
    for (size_t i = 0; i < n->spec->n_taints; i++)
        list[i] = n->spec->taints[i];
    list[n->spec->n_taints++] = t;
    n->spec->taints = list;
}

static void taints_follow_conditions(void **state)
{
    static const struct {
        const char *type, *status;
        bool evict, unschedulable;
        const char *want[3]; /* key:effect */
    } rows[] = {
        {"Ready", "True", false, false, {NULL}},
        {"Ready", "True", true, false, {NULL}},
        {"Ready", "False", false, false, {"node.kubernetes.io/not-ready:NoSchedule"}},
        {"Ready",
         "False",
         true,
         false,
         {"node.kubernetes.io/not-ready:NoSchedule", "node.kubernetes.io/not-ready:NoExecute"}},
        {"Ready",
         "Unknown",
         true,
         false,
         {"node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"}},
        {"DiskPressure", "True", true, false, {"node.kubernetes.io/disk-pressure:NoSchedule"}},
        {"Ready", "True", false, true, {"node.kubernetes.io/unschedulable:NoSchedule"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Corev1__Node *n = make_node(rows[i].type, rows[i].status);
        Corev1__Taint **got;
        size_t count, want = 0;
        n->spec->unschedulable = rows[i].unschedulable;
        bool changed = wanted_taints(a, n, rows[i].evict, T(100), &got, &count);
        for (; want < 3 && rows[i].want[want]; want++) {
            char text[128];
            snprintf(text, sizeof(text), "%s:%s", got[want]->key, got[want]->effect);
            assert_string_equal(text, rows[i].want[want]);
            assert_int_equal(time_ns(got[want]->timeadded), T(100));
        }
        assert_int_equal(count, want);
        assert_int_equal(changed, want > 0);
        n->spec->taints = got, n->spec->n_taints = count;
        assert_false(wanted_taints(a, n, rows[i].evict, T(999), &got, &count)); /* a second time nothing changes */
    }
}

static void foreign_taints_stay_and_ours_go(void **state)
{
    Corev1__Node *n = make_node("Ready", "True");
    Corev1__Taint **got;
    size_t count;

    add_taint(n, "dedicated", "NoExecute", 1);
    add_taint(n, TAINT_UNREACHABLE, "NoExecute", 1);
    assert_true(has_noexecute_of_ours(n));
    assert_true(wanted_taints(a, n, false, T(100), &got, &count));
    assert_int_equal(count, 1);
    assert_string_equal(got[0]->key, "dedicated");
}

static void silence(void **state)
{
    Corev1__Node *n = make_node("Ready", "True");
    n->status = silent_status(a, n, T(100));

    const Corev1__NodeCondition *c = node_condition(n, "Ready");
    assert_string_equal(c->status, "Unknown");
    assert_string_equal(c->reason, "NodeStatusUnknown");
    assert_int_equal(time_ns(c->lastheartbeattime), T(50));
    assert_int_equal(time_ns(c->lasttransitiontime), T(100));
    c = node_condition(n, "MemoryPressure");
    assert_string_equal(c->reason, "NodeStatusNeverUpdated");
    assert_int_equal(n->status->n_conditions, 4);
    assert_string_equal(node_ready(n), "Unknown");
}

static void zones(void **state)
{
    assert_int_equal(zone_state(3, 0), ZONE_NORMAL);
    assert_int_equal(zone_state(1, 1), ZONE_NORMAL);
    assert_int_equal(zone_state(0, 1), ZONE_FULL);
    assert_int_equal(zone_state(2, 3), ZONE_PARTIAL);
    assert_int_equal(zone_state(7, 3), ZONE_NORMAL);
    assert_int_equal(zone_state(0, 0), ZONE_NORMAL);
}

static void tolerate(Corev1__Pod *p, const char *key, const char *op, int64_t seconds)
{
    Corev1__Toleration **list = arena_calloc(a, p->spec->n_tolerations + 1, sizeof(*list)),
                       *t = arena_new_of(a, Corev1__Toleration);

    corev1__toleration__init(t);
    t->key = (char *)key, t->operator_ = (char *)op, t->effect = (char *)"NoExecute";
    t->has_tolerationseconds = seconds >= 0;
    t->tolerationseconds = seconds;
    for (size_t i = 0; i < p->spec->n_tolerations; i++)
        list[i] = p->spec->tolerations[i];
    list[p->spec->n_tolerations++] = t;
    p->spec->tolerations = list;
}

static void evictions(void **state)
{
    Corev1__Node *n = make_node("Ready", "Unknown");
    Corev1__Pod *p = make_pod(a, "p", "n1", "Running", 1);

    assert_int_equal(eviction_time(p, n->spec->taints, n->spec->n_taints, T(100)), -1); /* no taints */
    add_taint(n, TAINT_UNREACHABLE, "NoSchedule", 90);
    assert_int_equal(eviction_time(p, n->spec->taints, n->spec->n_taints, T(100)),
                     -1); /* that keeps new ones out only */
    add_taint(n, TAINT_UNREACHABLE, "NoExecute", 90);
    assert_int_equal(eviction_time(p, n->spec->taints, n->spec->n_taints, T(100)), 0);
    tolerate(p, TAINT_UNREACHABLE, "Exists", 300);
    assert_int_equal(eviction_time(p, n->spec->taints, n->spec->n_taints, T(100)), T(390));
    tolerate(p, "", "Exists", 20); /* the shorter of two counts */
    assert_int_equal(eviction_time(p, n->spec->taints, n->spec->n_taints, T(100)), T(110));
    Corev1__Pod *forever = make_pod(a, "q", "n1", "Running", 1);
    tolerate(forever, TAINT_UNREACHABLE, "Exists", -1);
    assert_int_equal(eviction_time(forever, n->spec->taints, n->spec->n_taints, T(100)), -1);
    add_taint(n, "other", "NoExecute", 95);
    assert_int_equal(eviction_time(forever, n->spec->taints, n->spec->n_taints, T(100)), 0);
}

static void tolerations(void **state)
{
    Corev1__Taint taint = COREV1__TAINT__INIT;
    Corev1__Toleration t = COREV1__TOLERATION__INIT;

    taint.key = (char *)"k", taint.value = (char *)"v", taint.effect = (char *)"NoExecute";
    assert_false(tolerates(&t, &taint)); /* an empty one with Equal tolerates nothing */
    t.operator_ = (char *)"Exists";
    assert_true(tolerates(&t, &taint)); /* everything */
    t.operator_ = NULL, t.key = (char *)"k", t.value = (char *)"v";
    assert_true(tolerates(&t, &taint));
    t.value = (char *)"w";
    assert_false(tolerates(&t, &taint));
    t.value = (char *)"v", t.effect = (char *)"NoSchedule";
    assert_false(tolerates(&t, &taint));
}

static void pod_conditions(void **state)
{
    Corev1__Pod *p = make_pod(a, "p", "n1", "Running", 100);
    Corev1__PodStatus *s;

    assert_true(pod_condition_set(a, p, "Ready", "False", "", "", T(200), &s));
    p->status = s;
    assert_false(pod_is_ready(p));
    assert_int_equal(time_ns(pod_condition(p, "Ready")->lasttransitiontime), T(200));
    assert_false(pod_condition_set(a, p, "Ready", "False", "", "", T(300), &s));
    assert_true(pod_condition_set(a, p, "DisruptionTarget", "True", "R", "M", T(300), &s));
    assert_int_equal(s->n_conditions, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taints_follow_conditions),
        cmocka_unit_test(foreign_taints_stay_and_ours_go),
        cmocka_unit_test(silence),
        cmocka_unit_test(zones),
        cmocka_unit_test(evictions),
        cmocka_unit_test(tolerations),
        cmocka_unit_test(pod_conditions),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
