#include "ecs/controllers/services_room.h"

#include "ecs/ops/names.h"
#include "ecs/ops/new_task.h"

#define KNOWN_MAX 4096
#define VERIFY_MAX 64 /* numbers that are asked of the server when another one gave them out */

/* --- observing --- */

int round_get(struct round *x, enum ecs_kind_id k, const char *ns, const char *name, struct doc **ret, struct err *err)
{
    return ecs_store_find(x->c->store, x->r.a, k, ns, name, ret, err) < 0 ? -1 : 0;
}

static int add_task(void *ctx, const struct doc *o, struct err *err)
{
    struct round *x = ctx;
    size_t n = x->r.n_tasks;

    if (!str_eq(doc_str(doc_path(o, "spec.service")), service_name(x->r.service)))
        return 0;
    if ((n & (n - 1)) == 0) { /* a power of two: it is full */
        size_t cap = n ? n * 2 : 1;
        struct round_task *v = arena_grow(x->r.a, x->r.tasks, n * sizeof(*v), cap * sizeof(*v));
        if (!v)
            return err_set(err, ERR_TOO_LARGE, "the service has too many tasks");
        x->r.tasks = v;
    }
    round_task_read(x->r.a, o, &x->r.tasks[x->r.n_tasks++]);
    return 0;
}

static bool has_task(const struct round *x, const char *id)
{
    for (size_t i = 0; i < x->r.n_tasks; i++)
        if (str_is(x->r.tasks[i].id, id))
            return true;
    return false;
}

const char *round_task_id(struct round *x, struct str deployment, int64_t number)
{
    const char *key = service_round_task_key(x->r.a, x->r.service, deployment, number);

    return ecs_task_id_of(x->r.a, str_of(key ? key : ""));
}

int64_t round_known(struct round *x, struct str deployment, int64_t set)
{
    const char *key = arena_printf(x->r.a, "%s/%s\n" STR_FMT, x->ns, x->name, STR_ARG(deployment));

    if (!key)
        return 0;
    pthread_mutex_lock(&x->c->lock);
    if (set && x->c->known.n >= KNOWN_MAX)
        map_clear(&x->c->known); /* costs asking again */
    if (set)
        map_set(&x->c->known, str_of(key), (void *)(uintptr_t)set);
    int64_t n = (int64_t)(uintptr_t)map_gets(&x->c->known, key);
    pthread_mutex_unlock(&x->c->lock);
    return n;
}

/* Tasks whose numbers another gateway gave out, or this one in a former life, may not have come to our copy yet: the
 * server is asked for them, so that none is replaced that is there. */
static int find_foreign(struct round *x, struct err *err)
{
    const struct doc *primary = service_primary(x->r.service);
    struct str deployment = doc_str(doc_get(primary, "id"));
    struct service_x sx;

    service_x_get(primary, &sx);
    int64_t from = MAX_OF(round_known(x, deployment, 0) - 1, sx.started - VERIFY_MAX);
    for (int64_t i = MAX_OF(from, (int64_t)0); i < sx.started; i++) {
        const char *id = round_task_id(x, deployment, i);
        struct doc *o;

        if (has_task(x, id))
            continue;
        if (round_get(x, ECS_TASK, x->ns, id, &o, err) < 0 || (o && add_task(x, o, err) < 0))
            return -1;
    }
    round_known(x, deployment, sx.started + 1);
    return 0;
}

int round_observe_tasks(struct round *x, struct err *err)
{
    const char *holds = arena_printf(x->r.a, "\"" STR_FMT "\"", STR_ARG(service_name(x->r.service)));

    x->r.tasks = NULL;
    x->r.n_tasks = 0;
    if (ecs_store_each(x->c->store, ECS_TASK, x->ns, holds, add_task, x, err) < 0)
        return -1;
    return service_primary(x->r.service) ? find_foreign(x, err) : 0;
}

static int definition_of(struct round *x, const struct doc *deployment, struct doc **ret, struct err *err)
{
    struct str family, name = ecs_name_of(doc_str(doc_get(deployment, "taskDefinition")), "task-definition");
    int64_t revision;

    *ret = NULL;
    if (!ecs_split_revision(name, &family, &revision) || !revision)
        return 0;
    const char *object = arena_printf(x->r.a, "%s-%lld", ecs_object_label(x->r.a, "", family), (long long)revision);
    return object ? round_get(x, ECS_TASK_DEFINITION, NULL, object, ret, err) : 0;
}

static bool has_check(const struct doc *definition)
{
    doc_foreach (doc_path(definition, "spec.containerDefinitions"), c)
        if (doc_true(doc_get(c, "essential")) && doc_get(c, "healthCheck"))
            return true;
    return false;
}

int round_observe_definitions(struct round *x, struct err *err)
{
    size_t k = 0;
    bool *checks = arena_calloc(x->r.a, doc_count(service_deployments(x->r.service)) + 1, sizeof(bool));

    x->places.definition = NULL;
    if (!checks)
        return err_set(err, ERR_TOO_LARGE, "too many deployments");
    doc_foreach (service_deployments(x->r.service), d) {
        struct doc *definition;
        if (definition_of(x, d, &definition, err) < 0)
            return -1;
        if (k == 0)
            x->places.definition = definition;
        checks[k++] = has_check(definition);
    }
    x->r.has_check = checks;
    return 0;
}

static struct str zone_of(const struct placement_instance *p)
{
    for (size_t i = 0; i < p->n_attributes; i++)
        if (str_is(p->attributes[i].name, "ecs.availability-zone"))
            return p->attributes[i].value;
    return STR("");
}

/* Two services must not choose the same room. */
static void round_lock(struct round *x)
{
    if (!x->placing)
        pthread_mutex_lock(&x->c->placing);
    x->placing = true;
}

void round_unlock(struct round *x)
{
    if (x->placing)
        pthread_mutex_unlock(&x->c->placing);
    x->placing = false;
}

int round_observe_instances(struct round *x, struct err *err)
{
    const char *cluster = arena_str(x->r.a, doc_str(doc_path(x->r.service, "spec.clusterName"))).p;
    struct places *p = &x->places;
    struct str *daemons = NULL;

    if (!str_is(doc_str(doc_path(x->r.service, "spec.launchType")), "FARGATE"))
        round_lock(x);
    if (places_init(p, &x->r, x->c->store, cluster, x->ns, err) < 0)
        return -1;
    struct round_instance *v = arena_calloc(x->r.a, p->n + 1, sizeof(*v));
    if (!v)
        return err_set(err, ERR_TOO_LARGE, "too many instances");
    for (size_t i = 0; i < p->n; i++)
        v[i] = (struct round_instance){.name = str_of(p->v[i].name),
                                       .zone = zone_of(&p->p[i]),
                                       .draining = strcmp(p->v[i].status, "DRAINING") == 0};
    x->r.instances = v;
    x->r.n_instances = p->n;
    x->r.n_daemon_instances = 0;
    if (service_is_daemon(x->r.service) && places_of_daemon(p, &x->r, &daemons, &x->r.n_daemon_instances, err) < 0)
        return -1;
    x->r.daemon_instances = daemons;
    return 0;
}
