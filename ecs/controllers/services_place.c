#include "ecs/controllers/services_room.h"

#include "base/random.h"

static const struct doc *spec_of(const struct service_round *r)
{
    return doc_get(r->service, "spec");
}

/* A service's default: over the zones, then over the instances. */
static struct doc *default_strategy(struct arena *a)
{
    static const char *const fields[] = {"attribute:ecs.availability-zone", "instanceId"};
    struct doc *list = doc_array(a);

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct doc *s = doc_append(list, doc_object(a));
        doc_set(s, "type", doc_string(a, STR("spread")));
        doc_set(s, "field", doc_string(a, str_of(fields[i])));
    }
    return list;
}

/* Tasks that have not been told to stop count for the shares of the providers. */
static void count_providers(struct places *x, const struct service_round *r)
{
    struct str primary = doc_str(doc_get(service_primary(r->service), "id"));

    x->n_sheet = capacity_sheet(x->providers, x->sheet);
    for (size_t i = 0; i < r->n_tasks; i++)
        if (!r->tasks[i].stopping && !r->tasks[i].stopped && str_eq(r->tasks[i].deployment, primary))
            (void)capacity_add(x->sheet, x->n_sheet, r->tasks[i].provider);
}

static int set_request(struct places *x, const struct service_round *r, struct err *err)
{
    const struct doc *definition = doc_get(x->definition, "spec"), *spec = spec_of(r);
    const struct doc *strategy = doc_get(spec, "placementStrategy");
    struct pod_port *ports = NULL;

    if (!definition)
        return 0;
    if (pod_ports(r->a, definition, &ports, &x->req.n_ports, err) < 0 ||
        taskdef_size(definition, NULL, &x->req.size, err) < 0)
        return -1;
    x->req.ports = ports;
    x->req.group = str_of(arena_printf(r->a, "service:" STR_FMT, STR_ARG(service_name(r->service))));
    x->req.taskdef = definition;
    x->req.constraints[0] = doc_get(definition, "placementConstraints");
    x->req.constraints[1] = doc_get(spec, "placementConstraints");
    x->req.strategy = doc_count(strategy) ? strategy : default_strategy(r->a);
    return 0;
}

int places_init(struct places *x, const struct service_round *r, struct ecs_store *s, const char *cluster,
                const char *ns, struct err *err)
{
    const struct doc *strategy = doc_get(spec_of(r), "capacityProviderStrategy");

    x->providers = doc_count(strategy) ? strategy : NULL;
    x->fargate = !x->providers && str_is(doc_str(doc_get(spec_of(r), "launchType")), "FARGATE");
    x->n_pools = 0;
    count_providers(x, r);
    if (ecs_instances_observe(s, r->a, cluster, ns, &x->v, &x->p, &x->n, err) < 0)
        return -1;
    return set_request(x, r, err);
}

/* Does a task of this service stand there, or come to? */
static bool stands_there(const struct service_round *r, struct str instance)
{
    for (size_t i = 0; i < r->n_tasks; i++)
        if (!r->tasks[i].stopped && !r->tasks[i].stopping && str_eq(r->tasks[i].instance, instance))
            return true;
    return false;
}

/* Constraints count, and that the node can be reached; room does not. */
static int belongs(const struct places *x, const struct service_round *r, size_t i, bool *ret, struct err *err)
{
    struct placement_instance p = x->p[i];

    *ret = false;
    if (strcmp(x->v[i].status, "ACTIVE") != 0 || (!p.connected && !stands_there(r, str_of(x->v[i].name))))
        return 0;
    p.active = true; /* a cordoned node keeps its task */
    return placement_admits(r->a, &p, 1, &x->req, ret, err);
}

int places_of_daemon(struct places *x, const struct service_round *r, struct str **ret, size_t *ret_n, struct err *err)
{
    struct str *v = arena_calloc(r->a, x->n + 1, sizeof(*v));
    size_t n = 0;

    if (!v)
        return err_set(err, ERR_TOO_LARGE, "too many instances");
    for (size_t i = 0; x->definition && i < x->n; i++) {
        bool here;
        if (belongs(x, r, i, &here, err) < 0)
            return -1;
        if (here)
            v[n++] = str_of(x->v[i].name);
    }
    *ret = v;
    *ret_n = n;
    return 0;
}

/* Made at the first use: copies, since each keeps another selection. */
static struct pool *pool_of(struct places *x, const struct service_round *r, struct str provider)
{
    for (size_t i = 0; i < x->n_pools; i++)
        if (str_eq(x->pools[i].provider, provider))
            return &x->pools[i];
    if (x->n_pools == ARRAY_LEN(x->pools))
        return NULL;
    struct pool *p = &x->pools[x->n_pools];
    *p = (struct pool){.provider = provider,
                       .v = arena_calloc(r->a, x->n + 1, sizeof(*p->v)),
                       .p = arena_calloc(r->a, x->n + 1, sizeof(*p->p))};
    if (!p->v || !p->p)
        return NULL;
    memcpy(p->v, x->v, x->n * sizeof(*p->v));
    memcpy(p->p, x->p, x->n * sizeof(*p->p));
    p->n = ecs_instances_of_provider(p->v, p->p, x->n, provider);
    x->n_pools++;
    return p;
}

/* What a task takes there is gone for the tasks of every provider. */
static void take(struct places *x, const char *instance)
{
    for (size_t k = 0; k < x->n_pools; k++)
        for (size_t i = 0; i < x->pools[k].n; i++)
            if (strcmp(x->pools[k].v[i].name, instance) == 0)
                placement_take(&x->pools[k].p[i], &x->req);
}

static int choose_named(struct places *x, const struct service_round *r, struct pool *pool, struct str name,
                        size_t *ret, const char **ret_reason, struct err *err)
{
    for (size_t i = 0; i < pool->n; i++) {
        if (!str_is(name, pool->v[i].name))
            continue;
        *ret = i;
        if (placement_fits(r->a, &pool->p[i], &x->req, ret_reason, err) < 0)
            return -1;
        return *ret_reason ? 1 : 0;
    }
    *ret = pool->n;
    return 1;
}

static int choose_instance(struct places *x, const struct service_round *r, struct str provider, struct str name,
                           struct task_start *ret, const char **ret_event, struct err *err)
{
    struct pool *pool = pool_of(x, r, provider);
    const char *reason = NULL;
    size_t at = 0;

    if (!pool)
        return err_set(err, ERR_TOO_LARGE, "too many instances");
    x->req.random = random_below(UINT32_MAX);
    int got = name.n ? choose_named(x, r, pool, name, &at, &reason, err)
                     : placement_choose(r->a, pool->p, pool->n, &x->req, &at, &reason, err);
    if (got < 0)
        return -1;
    if (got > 0) {
        struct str nearest = at < pool->n ? str_of(pool->v[at].name) : STR("");
        *ret_event = service_event_unplaced(r->a, service_name(r->service), pool->n ? reason : NULL, nearest);
        return 1;
    }
    ret->instance = &pool->v[at];
    take(x, pool->v[at].name);
    return 0;
}

int places_choose(struct places *x, const struct service_round *r, struct str instance, struct task_start *ret,
                  const char **ret_event, struct err *err)
{
    *ret = (struct task_start){.id = NULL};
    if (!x->definition) {
        *ret_event = service_event_unstartable(r->a, service_name(r->service), "The task definition is gone");
        return 1;
    }
    if (x->providers)
        ret->provider = capacity_next(x->providers, x->sheet, x->n_sheet);
    if (x->fargate || capacity_built_in(ret->provider) == CAPACITY_FARGATE)
        return 0;
    return choose_instance(x, r, ret->provider, instance, ret, ret_event, err);
}
