/* How long the scheduler looks for a node: pods of one Deployment, and pods of their own, on clusters of several sizes.
 */
#include <stdio.h>

#include "api/json.h"
#include "api/proto_codec.h"
#include "api/schema.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "scheduler/framework.h"

#define PODS 2000

static struct kube_object *object_of(const struct kube_kind *kind, const char *json)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(4 * MIB);
    _cleanup_(buf_releasep) struct buf raw = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct kube_object *o = NULL;
    struct doc *d;
    const struct schema_kind *k = schema_kind_find(str_of(kind->group), str_of(kind->version), str_of(kind->kind));

    if (json_parse(a, str_of(json), NULL, &d, &err) < 0 || proto_encode(&raw, d, k->message, &err) < 0 ||
        kube_object_decode(kind, buf_str(&raw), &o, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    return o;
}

static void add_nodes(struct cache *c, int n)
{
    for (int i = 0; i < n; i++) {
        _cleanup_(freep) char *json =
            xasprintf("{\"metadata\":{\"name\":\"node-%d\",\"labels\":{\"kubernetes.io/"
                      "hostname\":\"node-%d\",\"topology.kubernetes.io/zone\":\"z%d\"}},"
                      "\"status\":{\"allocatable\":{\"cpu\":\"32\",\"memory\":\"128Gi\",\"pods\":\"110\"}}}",
                      i, i, i % 3);
        struct kube_object *o = object_of(&kube_nodes, json);
        cache_set_node(c, o);
        kube_object_unref(o);
    }
}

static void run(int nodes, bool owned)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * MIB);
    struct node_cursor cursor = {0};
    struct cache c;
    int64_t total = 0;

    cache_init(&c);
    add_nodes(&c, nodes);
    for (int i = 0; i < PODS; i++) {
        _cleanup_(freep) char *owner = owned ? xasprintf(",\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":"
                                                         "\"r\",\"uid\":\"u\",\"controller\":true}]")
                                             : xstrdup("");
        _cleanup_(freep) char *json = xasprintf(
            "{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"ns\"%s},\"spec\":{\"containers\":[{\"name\":\"c\","
            "\"resources\":{\"requests\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"}}}]}}",
            i, owner);
        struct kube_object *o = object_of(&kube_pods, json);
        struct sched_pod *p = cache_set_pod(&c, o);
        struct placement place;
        kube_object_unref(o);
        int64_t start = clock_mono(&clock_system);
        arena_reset(a);
        place_pod(a, &c, p, &cursor, random_below, &place);
        if (place.node)
            cache_assign(&c, p, place.node->name);
        total += clock_mono(&clock_system) - start;
    }
    printf("%5d nodes, %d pods %-18s %8.1f us a pod, %8.0f pods/s\n", nodes, PODS,
           owned ? "of one controller" : "of their own", (double)total / PODS / 1000, PODS * 1e9 / (double)total);
    cache_release(&c);
}

int main(void)
{
    static const int sizes[] = {10, 100, 1000, 5000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        run(sizes[i], false);
        run(sizes[i], true);
    }
    return 0;
}
