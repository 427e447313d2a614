#include "client/meta.h"

#include "make.h"
#include "test.h"

typedef Metav1__ObjectMeta__LabelsEntry label;

static bool matches(const char *op, const char *key, char **values, size_t n, const Metav1__ObjectMeta *m)
{
    Metav1__LabelSelector s = METAV1__LABEL_SELECTOR__INIT;
    Metav1__LabelSelectorRequirement r = METAV1__LABEL_SELECTOR_REQUIREMENT__INIT, *rp = &r;

    r.operator_ = (char *)op, r.key = (char *)key, r.values = values, r.n_values = n;
    s.n_matchexpressions = 1, s.matchexpressions = &rp;
    return selector_matches(&s, m);
}

static void selectors(void **state)
{
    label a = METAV1__OBJECT_META__LABELS_ENTRY__INIT, *labels[] = {&a};
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    char *web[] = {(char *)"x", (char *)"web"}, *other[] = {(char *)"other"};
    Metav1__LabelSelector empty = METAV1__LABEL_SELECTOR__INIT;

    a.key = (char *)"app", a.value = (char *)"web";
    m.n_labels = 1, m.labels = labels;
    assert_true(matches("In", "app", web, 2, &m));
    assert_false(matches("In", "app", other, 1, &m));
    assert_false(matches("NotIn", "app", web, 2, &m));
    assert_true(matches("NotIn", "tier", web, 2, &m)); /* absent counts as not in */
    assert_true(matches("Exists", "app", NULL, 0, &m));
    assert_false(matches("Exists", "tier", NULL, 0, &m));
    assert_true(matches("DoesNotExist", "tier", NULL, 0, &m));
    assert_false(matches("Exists", "app", web, 1, &m)); /* no such shape */
    assert_false(matches("Gt", "app", web, 1, &m));
    assert_true(selector_matches(&empty, &m));
    assert_true(selector_empty(&empty));
    assert_false(selector_matches(NULL, &m));
}

static void controllers(void **state)
{
    struct kube_object *o = make_pod("a", "b", NULL, "u1");

    assert_string_equal(meta_controller(o->meta)->uid, "u1");
    assert_true(meta_controlled_by(o->meta, "u1"));
    assert_false(meta_controlled_by(o->meta, "u2"));
    kube_object_unref(o);
}

static void keys(void **state)
{
    char *ns, *name;

    key_split(STR("kube-system/dns"), &ns, &name);
    assert_string_equal(ns, "kube-system");
    assert_string_equal(name, "dns");
    free(ns);
    key_split(STR("node-1"), &ns, &name);
    assert_string_equal(ns, "");
    assert_string_equal(name, "node-1");
    free(ns);
}

static void times(void **state)
{
    Metav1__Time t;
    Metav1__MicroTime u;
    int64_t ns = 1700000000 * NS_PER_S + 123456789;

    time_set(&t, ns);
    microtime_set(&u, ns);
    assert_int_equal(time_ns(&t), 1700000000 * NS_PER_S);
    assert_int_equal(microtime_ns(&u), 1700000000 * NS_PER_S + 123456000);
    assert_int_equal(time_ns(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors),
        cmocka_unit_test(controllers),
        cmocka_unit_test(keys),
        cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
