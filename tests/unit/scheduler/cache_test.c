#include "check.h"

#define NODE(name, more) "{\"metadata\":{\"name\":\"" name "\"}" more "}"
#define POD(name, node)                                                                                                \
    "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"nodeName\":\"" node                                             \
    "\",\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]}}"

static void test_node_changes_are_told_apart(void **state)
{
    struct cache *c = *state;

    assert_int_equal(put_node(c, NODE("n", ",\"status\":{\"allocatable\":{\"cpu\":\"1\"}}")), EVENT_NODE_ADD);
    assert_int_equal(put_node(c, NODE("n", ",\"status\":{\"allocatable\":{\"cpu\":\"1000m\"},\"conditions\":[{\"type\":"
                                           "\"Ready\",\"status\":\"True\"}]}")),
                     0);
    assert_int_equal(put_node(c, NODE("n", ",\"status\":{\"allocatable\":{\"cpu\":\"2\"}}")), EVENT_NODE_ALLOCATABLE);
    assert_int_equal(put_node(c, NODE("n", ",\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]},"
                                           "\"status\":{\"allocatable\":{\"cpu\":\"2\"}}")),
                     EVENT_NODE_TAINT);
    assert_int_equal(put_node(c, "{\"metadata\":{\"name\":\"n\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"unschedulable\":"
                                 "true},\"status\":{\"allocatable\":{\"cpu\":\"2\"}}}"),
                     EVENT_NODE_TAINT | EVENT_NODE_LABEL);
    assert_int_equal(c->n_nodes, 1);
}

static void test_pods_count_on_their_node(void **state)
{
    struct cache *c = *state;

    put_node(c, NODE("n", ""));
    struct sched_pod *p = put_pod(c, POD("a", "n")), *q = put_pod(c, POD("b", "n"));
    struct sched_node *n = p->node;
    assert_int_equal(n->requested.cpu_milli, 2000);
    assert_int_equal(n->n_pods, 2);
    put_pod(c, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\","
               "\"resources\":{\"requests\":{\"cpu\":\"3\"}}}]}}");
    assert_int_equal(n->requested.cpu_milli, 4000);
    cache_remove_pod(c, p);
    assert_int_equal(n->requested.cpu_milli, 1000);
    assert_ptr_equal(n->pods[0], q);
    assert_int_equal(q->node_at, 0);
}

static void test_pods_may_come_before_their_node_and_outlive_it(void **state)
{
    struct cache *c = *state;
    struct sched_pod *p = put_pod(c, POD("a", "n"));

    assert_int_equal(c->n_nodes, 0);
    put_node(c, NODE("n", ""));
    put_node(c, NODE("m", ""));
    assert_int_equal(c->n_nodes, 2);
    assert_int_equal(c->nodes[0]->requested.cpu_milli, 1000);
    cache_remove_node(c, STR("n"));
    assert_int_equal(c->n_nodes, 1);
    assert_int_equal(c->nodes[0]->at, 0);
    assert_string_equal(p->node->name, "n");
    cache_remove_pod(c, p);
    assert_null(map_gets(&c->node_map, "n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {CACHE_TEST(test_node_changes_are_told_apart),
                                       CACHE_TEST(test_pods_count_on_their_node),
                                       CACHE_TEST(test_pods_may_come_before_their_node_and_outlive_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
