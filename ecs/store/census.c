#include "ecs/store/census.h"

#include "base/map.h"
#include "ecs/map/capacity.h"

#include <pthread.h>
#include <stdlib.h>

#define KEY_MAX 600 /* two DNS names and what stands between */

struct space {
    struct ecs_service_counts counts;
    size_t services;
    char name[];
};

struct counted {
    struct space *space; /* NULL: a task definition that is being deleted */
    bool draining;
    enum ecs_launch_kind launch;
};

struct ecs_census {
    pthread_mutex_t lock;
    struct map spaces;  /* namespace -> struct space */
    struct map objects; /* key_of -> struct counted */
    size_t deleting;
};

struct ecs_census *ecs_census_new(void)
{
    struct ecs_census *c = xcalloc(1, sizeof(*c));

    pthread_mutex_init(&c->lock, NULL);
    map_init(&c->spaces, free);
    map_init(&c->objects, free);
    return c;
}

struct ecs_census *ecs_census_free(struct ecs_census *c)
{
    if (!c)
        return NULL;
    map_release(&c->objects);
    map_release(&c->spaces);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

/* --- what an object counts as --- */

static bool service_counts(const struct doc *o, struct counted *ret)
{
    struct str status = doc_str(doc_path(o, "status.status")), type = doc_str(doc_path(o, "spec.launchType"));
    const struct doc *strategy = doc_path(o, "spec.capacityProviderStrategy");

    if (doc_count(strategy) &&
        capacity_built_in(doc_str(doc_get(doc_at(strategy, 0), "capacityProvider"))) == CAPACITY_FARGATE)
        type = STR("FARGATE");
    ret->launch = ecs_launch_kind_of(type);
    ret->draining = str_is(status, "DRAINING");
    return !str_is(status, "INACTIVE");
}

static bool definition_counts(const struct doc *o, struct counted *ret)
{
    return str_is(doc_str(doc_path(o, "status.status")), "DELETE_IN_PROGRESS");
}

static bool (*const rules[ECS_KINDS])(const struct doc *o, struct counted *ret) = {
    [ECS_SERVICE] = service_counts,
    [ECS_TASK_DEFINITION] = definition_counts,
};

/* --- keeping count --- */

static struct str key_of(char key[KEY_MAX], enum ecs_kind_id k, struct str ns, struct str name)
{
    size_t n = 0;

    if (ns.n + name.n + 2 > KEY_MAX)
        return STR("");
    key[n++] = (char)('a' + (int)k);
    memcpy(key + n, ns.p, ns.n);
    n += ns.n;
    key[n++] = '/';
    memcpy(key + n, name.p, name.n);
    return str_n(key, n + name.n);
}

static struct space *space_of(struct ecs_census *c, struct str ns)
{
    struct space *s = map_get(&c->spaces, ns);

    if (!s) {
        s = xcalloc(1, sizeof(*s) + ns.n + 1);
        memcpy(s->name, ns.p, ns.n);
        map_set(&c->spaces, ns, s);
    }
    return s;
}

static void count(const struct counted *it, int64_t by)
{
    struct ecs_service_counts *n = &it->space->counts;

    if (it->draining) {
        n->draining += by;
        n->of[it->launch].draining += by;
    } else {
        n->active += by;
        n->of[it->launch].active += by;
    }
}

static void forget(struct ecs_census *c, struct str key)
{
    const struct counted *old = map_get(&c->objects, key);

    if (!old)
        return;
    c->deleting -= !old->space;
    if (old->space) {
        count(old, -1);
        if (--old->space->services == 0)
            map_del(&c->spaces, str_of(old->space->name));
    }
    map_del(&c->objects, key);
}

void ecs_census_put(struct ecs_census *c, enum ecs_kind_id k, const struct doc *o)
{
    struct str ns = doc_str(doc_path(o, "metadata.namespace"));
    struct counted now = {0};
    char buf[KEY_MAX];

    if (!rules[k])
        return;
    struct str key = key_of(buf, k, ns, doc_str(doc_path(o, "metadata.name")));
    bool counts = rules[k](o, &now);
    if (!key.n)
        return;
    pthread_mutex_lock(&c->lock);
    if (counts && k == ECS_SERVICE) {
        now.space = space_of(c, ns);
        now.space->services++;
        count(&now, 1);
    }
    forget(c, key);
    if (counts) {
        c->deleting += !now.space;
        struct counted *copy = xmalloc(sizeof(*copy));
        *copy = now;
        map_set(&c->objects, key, copy);
    }
    pthread_mutex_unlock(&c->lock);
}

void ecs_census_remove(struct ecs_census *c, enum ecs_kind_id k, struct str ns, struct str name)
{
    char buf[KEY_MAX];

    if (!rules[k])
        return;
    pthread_mutex_lock(&c->lock);
    forget(c, key_of(buf, k, ns, name));
    pthread_mutex_unlock(&c->lock);
}

struct ecs_service_counts ecs_census_services(struct ecs_census *c, struct str ns)
{
    struct ecs_service_counts counts = {0};

    pthread_mutex_lock(&c->lock);
    const struct space *s = map_get(&c->spaces, ns);
    if (s)
        counts = s->counts;
    pthread_mutex_unlock(&c->lock);
    return counts;
}

bool ecs_census_has_deleting(struct ecs_census *c)
{
    pthread_mutex_lock(&c->lock);
    bool has = c->deleting > 0;
    pthread_mutex_unlock(&c->lock);
    return has;
}

size_t ecs_census_deleting(struct ecs_census *c, struct arena *a, struct str **ret)
{
    size_t found = 0;

    pthread_mutex_lock(&c->lock);
    struct str *v = arena_calloc(a, c->deleting + 1, sizeof(*v));
    if (v && c->deleting)
        map_foreach (&c->objects, it)
            if (!((const struct counted *)it->value)->space)
                v[found++] = arena_str(a, str_from(str_n(it->key, it->key_len), 2)); /* behind "kind/" */
    pthread_mutex_unlock(&c->lock);
    *ret = v;
    return found;
}
