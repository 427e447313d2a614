#include "client/store.h"

#include "make.h"
#include "test.h"

static void put(struct store *s, struct kube_object *o)
{
    kube_object_unref(store_set(s, o));
    kube_object_unref(o);
}

static size_t count_of(struct store *s, int index, const char *value)
{
    struct kube_objects l = {0};
    store_by_index(s, index, str_of(value), &l);
    size_t n = l.n;
    kube_objects_release(&l);
    return n;
}

static void indexes_follow_every_change(void **state)
{
    struct store *s = store_new();
    int ns = store_add_index(s, informer_index_namespace);
    int node = store_add_index(s, informer_index_pod_node);

    assert_int_equal(store_add_index(s, informer_index_namespace), ns);
    put(s, make_pod("a", "1", NULL, NULL));
    put(s, make_pod("a", "2", "n1", NULL));
    put(s, make_pod("b", "1", "n1", NULL));
    assert_int_equal(store_count(s), 3);
    assert_int_equal(count_of(s, ns, "a"), 2);
    assert_int_equal(count_of(s, node, "n1"), 2);
    assert_int_equal(count_of(s, node, ""), 0); /* no node, no entry */
    put(s, make_pod("a", "1", "n2", NULL));
    assert_int_equal(count_of(s, node, "n2"), 1);
    kube_object_unref(store_take(s, STR("a/2")));
    assert_int_equal(count_of(s, node, "n1"), 1);
    assert_int_equal(count_of(s, ns, "a"), 1);
    assert_null(store_take(s, STR("a/2")));
    assert_null(store_get(s, STR("a/2")));
    store_free(s);
}

static void readers_keep_what_they_got(void **state)
{
    struct store *s = store_new();

    put(s, make_pod("a", "1", "old", NULL));
    struct kube_object *o = store_get(s, STR("a/1"));
    put(s, make_pod("a", "1", "new", NULL));
    store_free(s);
    assert_string_equal(kube_pod(o)->spec->nodename, "old");
    kube_object_unref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indexes_follow_every_change),
        cmocka_unit_test(readers_keep_what_they_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
