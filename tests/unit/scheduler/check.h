/* What the scheduler's tests share: objects from JSON, a cache of them, one placement in one line. */
#ifndef TEST_SCHEDULER_CHECK_H
#define TEST_SCHEDULER_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "api/json.h"
#include "api/proto_codec.h"
#include "api/schema.h"
#include "base/limits.h"
#include "scheduler/cache.h"
#include "scheduler/framework.h"

static inline struct kube_object *object_of(const struct kube_kind *kind, const char *json)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(4 * MIB);
    _cleanup_(buf_releasep) struct buf raw = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct kube_object *o = NULL;
    struct doc *d;
    const struct schema_kind *k = schema_kind_find(str_of(kind->group), str_of(kind->version), str_of(kind->kind));

    if (json_parse(a, str_of(json), NULL, &d, &err) < 0 || proto_encode(&raw, d, k->message, &err) < 0 ||
        kube_object_decode(kind, buf_str(&raw), &o, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return o;
}

static inline unsigned put_node(struct cache *c, const char *json)
{
    struct kube_object *o = object_of(&kube_nodes, json);
    unsigned events = cache_set_node(c, o);
    kube_object_unref(o);
    return events;
}

/* A pod, on its spec.nodeName when it has one. */
static inline struct sched_pod *put_pod(struct cache *c, const char *json)
{
    struct kube_object *o = object_of(&kube_pods, json);
    struct sched_pod *p = cache_set_pod(c, o);
    const char *node = p->pod->spec ? kstr(p->pod->spec->nodename) : "";
    if (*node && !p->node)
        cache_assign(c, p, node);
    kube_object_unref(o);
    return p;
}

static inline uint64_t pick_first(uint64_t n)
{
    return 1; /* never 0: the first of equals stays */
}

static inline int cache_setup(void **state)
{
    struct cache *c = xcalloc(1, sizeof(*c));
    cache_init(c);
    *state = c;
    return 0;
}

static inline int cache_teardown(void **state)
{
    cache_release(*state);
    free(*state);
    return 0;
}
#define CACHE_TEST(fn) cmocka_unit_test_setup_teardown(fn, cache_setup, cache_teardown)

#endif
