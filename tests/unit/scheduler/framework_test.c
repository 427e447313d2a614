/* What pods get on small clusters: one table of situations, nodes and pods in, node or message out. */
#include "check.h"

/* clang-format off */
#define N(name, labels, more)                                                                                          \
    "{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"kubernetes.io/hostname\":\"" name "\"" labels "}}" more "}"
#define ROOM(cpu, memory)                                                                                              \
    ",\"status\":{\"allocatable\":{\"cpu\":\"" cpu "\",\"memory\":\"" memory "\",\"pods\":\"10\"}}"
#define BIG ROOM("4", "8Gi")
#define P(name, labels, spec)                                                                                          \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"uid\":\"" name "\",\"labels\":{" labels               \
    "}},\"spec\":{" spec "}}"
#define C(cpu, memory)                                                                                                 \
    "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"" cpu "\",\"memory\":\"" memory "\"}}}]"
#define NONE "\"containers\":[{\"name\":\"c\"}]"
#define ON(node) ",\"nodeName\":\"" node "\""
#define NOT_HELPFUL1 " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
#define NO_VICTIMS1 " preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
#define TERM(labels, key) "{\"labelSelector\":{\"matchLabels\":{" labels "}},\"topologyKey\":\"" key "\"}"
#define OWNED(name, node)                                                                                              \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"ownerReferences\":[{\"kind\":\"ReplicaSet\","         \
                                      "\"name\":\"r\",\"uid\":\"u\",\"controller\":true}]},"                           \
    "\"spec\":{" NONE node "}}"
/* clang-format on */

struct situation {
    const char *what;
    const char *nodes[4];
    const char *pods[5]; /* the first is placed */
    const char *node;    /* where it goes, or */
    const char *message; /* why nowhere */
};

static const struct situation situations[] = {
    {"no node", {NULL}, {P("p", "", NONE)}, NULL, "no nodes available to schedule pods"},
    {"one node", {N("a", "", BIG)}, {P("p", "", NONE)}, "a", NULL},
    {"more than the node ever has",
     {N("a", "", BIG)},
     {P("p", "", C("5", "1"))},
     NULL,
     "0/1 nodes are available: 1 Insufficient cpu." NOT_HELPFUL1},
    {"more than is left",
     {N("a", "", BIG)},
     {P("p", "", C("3", "1")), P("q", "", C("2", "1") ON("a"))},
     NULL,
     "0/1 nodes are available: 1 Insufficient cpu." NO_VICTIMS1},
    {"two things lack",
     {N("a", "", BIG)},
     {P("p", "", C("5", "9Gi"))},
     NULL,
     "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory." NOT_HELPFUL1},
    {"a resource that no node has",
     {N("a", "", BIG)},
     {P("p", "", "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"example.com/gpu\":\"1\"}}}]")},
     NULL,
     "0/1 nodes are available: 1 Insufficient example.com/gpu." NOT_HELPFUL1},
    {"pods are full",
     {N("a", "", ",\"status\":{\"allocatable\":{\"cpu\":\"4\",\"memory\":\"8Gi\",\"pods\":\"1\"}}")},
     {P("p", "", NONE), P("q", "", NONE ON("a"))},
     NULL,
     "0/1 nodes are available: 1 Too many pods." NO_VICTIMS1},
    {"preemption is not wanted",
     {N("a", "", BIG)},
     {P("p", "", C("5", "1") ",\"preemptionPolicy\":\"Never\"")},
     NULL,
     "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."},
    {"reasons are counted and sorted as text",
     {N("a", "", ",\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]}" BIG),
      N("b", "", ",\"spec\":{\"unschedulable\":true}" BIG), N("c", "", ROOM("1", "1Gi")), N("d", "", ROOM("1", "1Gi"))},
     {P("p", "", C("2", "1"))},
     NULL,
     "0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, 2 Insufficient cpu. "
     "preemption: 0/4 nodes are "
     "available: 4 Preemption is not helpful for scheduling."},

    {"a taint tolerated by key",
     {N("a", "", ",\"spec\":{\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoExecute\"}]}" BIG)},
     {P("p", "", NONE ",\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}]")},
     "a",
     NULL},
    {"a taint with another value",
     {N("a", "", ",\"spec\":{\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}]}" BIG)},
     {P("p", "", NONE ",\"tolerations\":[{\"key\":\"k\",\"value\":\"w\"}]")},
     NULL,
     "0/1 nodes are available: 1 node(s) had untolerated taint(s)." NOT_HELPFUL1},
    {"everything tolerated, also unschedulable",
     {N("a", "", ",\"spec\":{\"unschedulable\":true,\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]}" BIG)},
     {P("p", "", NONE ",\"tolerations\":[{\"operator\":\"Exists\"}]")},
     "a",
     NULL},
    {"PreferNoSchedule is only disliked",
     {N("a", "", ",\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"PreferNoSchedule\"}]}" BIG), N("b", "", BIG)},
     {P("p", "", NONE)},
     "b",
     NULL},

    {"nodeSelector",
     {N("a", "", BIG), N("b", ",\"disk\":\"ssd\"", BIG)},
     {P("p", "", NONE ",\"nodeSelector\":{\"disk\":\"ssd\"}")},
     "b",
     NULL},
    {"nodeSelector that fits nowhere",
     {N("a", "", BIG)},
     {P("p", "", NONE ",\"nodeSelector\":{\"disk\":\"ssd\"}")},
     NULL,
     "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." NOT_HELPFUL1},
    {"required affinity: terms are or, requirements and",
     {N("a", ",\"x\":\"5\"", BIG), N("b", ",\"x\":\"9\",\"y\":\"\"", BIG)},
     {P("p", "",
        NONE ",\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"
             "\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":"
             "\"x\",\"operator\":\"Lt\",\"values\":[\"3\"]}]},{\"matchExpressions\":[{\"key\":\"x\",\"operator\":"
             "\"Gt\",\"values\":[\"5\"]},{\"key\":\"y\","
             "\"operator\":\"Exists\"}]}]}}}")},
     "b",
     NULL},
    {"required affinity by field",
     {N("a", "", BIG), N("b", "", BIG)},
     {P("p", "",
        NONE ",\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"
             "\"nodeSelectorTerms\":[{\"matchFields\":[{\"key\":"
             "\"metadata.name\",\"operator\":\"In\",\"values\":[\"b\"]}]}]}}}")},
     "b",
     NULL},
    {"preferred affinity",
     {N("a", "", BIG), N("b", ",\"x\":\"1\"", BIG)},
     {P("p", "",
        NONE ",\"affinity\":{\"nodeAffinity\":{\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":1,"
             "\"preference\":{\"matchExpressions\":"
             "[{\"key\":\"x\",\"operator\":\"In\",\"values\":[\"1\"]}]}}]}}")},
     "b",
     NULL},

    {"a host port that is taken",
     {N("a", "", BIG)},
     {P("p", "",
        "\"containers\":[{\"name\":\"c\",\"ports\":[{\"containerPort\":80,\"hostPort\":80,\"hostIP\":\"10.0.0.1\"}]}]"),
      P("q", "", "\"containers\":[{\"name\":\"c\",\"ports\":[{\"containerPort\":8080,\"hostPort\":80}]}]" ON("a"))},
     NULL,
     "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." NO_VICTIMS1},
    {"the same port of another protocol",
     {N("a", "", BIG)},
     {P("p", "",
        "\"containers\":[{\"name\":\"c\",\"ports\":[{\"containerPort\":80,\"hostPort\":80,\"protocol\":\"UDP\"}]}]"),
      P("q", "", "\"containers\":[{\"name\":\"c\",\"ports\":[{\"containerPort\":80,\"hostPort\":80}]}]" ON("a"))},
     "a",
     NULL},

    {"the emptier node",
     {N("a", "", BIG), N("b", "", BIG)},
     {P("p", "", C("1", "1Gi")), P("q", "", C("1", "2Gi") ON("a"))},
     "b",
     NULL},
    {"pods that ask for nothing weigh something",
     {N("a", "", BIG), N("b", "", BIG)},
     {P("p", "", NONE), P("q", "", NONE ON("a"))},
     "b",
     NULL},
    {"the pods of one controller spread, though the other node is smaller",
     {N("a", "", BIG), N("b", "", ROOM("2", "4Gi"))},
     {OWNED("p", ""), OWNED("q", ON("a"))},
     "b",
     NULL},
    {"zones count too",
     {N("a", ",\"topology.kubernetes.io/zone\":\"1\"", BIG), N("b", ",\"topology.kubernetes.io/zone\":\"1\"", BIG),
      N("c", ",\"topology.kubernetes.io/zone\":\"2\"", ROOM("3", "6Gi"))},
     {OWNED("p", ""), OWNED("q", ON("a"))},
     "c",
     NULL},

    {"a hard spread constraint",
     {N("a", ",\"z\":\"1\"", BIG), N("b", ",\"z\":\"2\"", ROOM("1", "1"))},
     {P("p", "\"app\":\"x\"",
        C("2", "1") ",\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"z\",\"whenUnsatisfiable\":"
                    "\"DoNotSchedule\","
                    "\"labelSelector\":{\"matchLabels\":{\"app\":\"x\"}}}]"),
      P("q", "\"app\":\"x\"", NONE ON("a"))},
     NULL,
     "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match pod topology spread constraints. preemption: "
     "0/2 nodes are available: 1 No "
     "preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."},
    {"a node without the label",
     {N("a", "", BIG)},
     {P("p", "",
        NONE ",\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"z\",\"whenUnsatisfiable\":"
             "\"DoNotSchedule\",\"labelSelector\":{}}]")},
     NULL,
     "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required "
     "label)." NOT_HELPFUL1},
    {"a soft spread constraint",
     {N("a", ",\"z\":\"1\"", BIG), N("b", ",\"z\":\"2\"", ROOM("2", "4Gi"))},
     {P("p", "\"app\":\"x\"",
        NONE
        ",\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"z\",\"whenUnsatisfiable\":\"ScheduleAnyway\","
        "\"labelSelector\":{\"matchLabels\":{\"app\":\"x\"}}}]"),
      P("q", "\"app\":\"x\"", NONE ON("a"))},
     "b",
     NULL},

    {"near another pod",
     {N("a", "", BIG), N("b", "", BIG)},
     {P("p", "",
        NONE ",\"affinity\":{\"podAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[" TERM(
            "\"app\":\"db\"", "kubernetes.io/hostname") "]}}"),
      P("q", "\"app\":\"db\"", C("2", "1Gi") ON("b"))},
     "b",
     NULL},
    {"near a pod that is not there",
     {N("a", "", BIG)},
     {P("p", "",
        NONE ",\"affinity\":{\"podAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[" TERM(
            "\"app\":\"db\"", "kubernetes.io/hostname") "]}}")},
     NULL,
     "0/1 nodes are available: 1 node(s) didn't match pod affinity rules." NOT_HELPFUL1},
    {"the first of a group that wants to be together",
     {N("a", "", BIG)},
     {P("p", "\"app\":\"db\"",
        NONE ",\"affinity\":{\"podAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[" TERM(
            "\"app\":\"db\"", "kubernetes.io/hostname") "]}}")},
     "a",
     NULL},
    {"far from another pod",
     {N("a", "", BIG)},
     {P("p", "",
        NONE ",\"affinity\":{\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[" TERM(
            "\"app\":\"db\"", "kubernetes.io/hostname") "]}}"),
      P("q", "\"app\":\"db\"", NONE ON("a"))},
     NULL,
     "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules." NO_VICTIMS1},
    {"another pod wants to be far from this one",
     {N("a", "", BIG)},
     {P("p", "\"app\":\"web\"", NONE),
      P("q", "",
        NONE ON("a") ",\"affinity\":{\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[" TERM(
            "\"app\":\"web\"", "kubernetes.io/hostname") "]}}")},
     NULL,
     "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules." NO_VICTIMS1},
    {"rather near another pod",
     {N("a", "", BIG), N("b", "", BIG)},
     {P("p", "",
        NONE ",\"affinity\":{\"podAffinity\":{\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":100,"
             "\"podAffinityTerm\":" TERM("\"app\":\"db\"", "kubernetes.io/hostname") "}]}}"),
      P("q", "\"app\":\"db\"", NONE ON("b"))},
     "b",
     NULL},
};

static void test_situations(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(situations); i++) {
        const struct situation *s = &situations[i];
        _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
        struct cache c;
        struct node_cursor cursor = {0};
        struct placement place;

        cache_init(&c);
        for (size_t j = 0; j < ARRAY_LEN(s->nodes) && s->nodes[j]; j++)
            put_node(&c, s->nodes[j]);
        struct sched_pod *p = put_pod(&c, s->pods[0]);
        for (size_t j = 1; j < ARRAY_LEN(s->pods) && s->pods[j]; j++)
            put_pod(&c, s->pods[j]);
        place_pod(a, &c, p, &cursor, pick_first, &place);
        if (s->node && (!place.node || strcmp(place.node->name, s->node) != 0))
            fail_msg("%s: %s, not %s", s->what, place.node ? place.node->name : place.message, s->node);
        if (!s->node && (place.node || strcmp(place.message, s->message) != 0))
            fail_msg("%s: %s", s->what, place.node ? place.node->name : place.message);
        if (!s->node)
            assert_true(place.blockers != 0);
        cache_release(&c);
    }
}

static void test_large_clusters_are_sampled(void **state)
{
    assert_int_equal(nodes_to_find(99), 99);
    assert_int_equal(nodes_to_find(100), 100);
    assert_int_equal(nodes_to_find(1000), 420);
    assert_int_equal(nodes_to_find(6000), 300);
    assert_int_equal(nodes_to_find(100000), 5000);
}

static void test_the_search_goes_round(void **state)
{
    struct cache *c = *state;
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    struct node_cursor cursor = {0};
    struct placement place;

    for (int i = 0; i < 150; i++) {
        _cleanup_(freep) char *json = xasprintf("{\"metadata\":{\"name\":\"n%d\"}" BIG "}", i);
        put_node(c, json);
    }
    struct sched_pod *p = put_pod(c, P("p", "", NONE));
    for (int i = 0; i < 3; i++) {
        place_pod(a, c, p, &cursor, pick_first, &place);
        assert_int_equal(place.evaluated, 100);
        assert_int_equal(cursor.next, (size_t)(100 * (i + 1)) % 150);
    }
}

static uint64_t pick_zero(uint64_t n)
{
    return 0;
}

static void test_equal_nodes_have_equal_chances(void **state)
{
    struct cache *c = *state;
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    struct node_cursor cursor = {0};
    struct placement place;

    put_node(c, N("a", "", BIG));
    put_node(c, N("b", "", BIG));
    struct sched_pod *p = put_pod(c, P("p", "", NONE));
    place_pod(a, c, p, &cursor, pick_first, &place);
    assert_string_equal(place.node->name, "a");
    place_pod(a, c, p, &cursor, pick_zero, &place);
    assert_string_equal(place.node->name, "b");
}

static void test_events_find_their_plugins(void **state)
{
    for (size_t i = 0; i < plugins_n; i++) {
        bool filters = plugins[i].filter != NULL;
        assert_int_equal((plugins_for_events(EVENT_NODE_ADD) >> i & 1) != 0,
                         filters); /* a new node may help each that can refuse */
        assert_true(!plugins[i].score || plugins[i].weight > 0);
    }
    assert_int_equal(plugins_for_events(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_situations), cmocka_unit_test(test_large_clusters_are_sampled),
        CACHE_TEST(test_the_search_goes_round), CACHE_TEST(test_equal_nodes_have_equal_chances),
        cmocka_unit_test(test_events_find_their_plugins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
