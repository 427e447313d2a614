#include "ecs/store/usage_index.h"

#include <stdlib.h>

static void add_ports(struct placement_instance *p, struct placement_port *dynamic, const struct usage_ports *ports)
{
    for (size_t i = 0; i < ports->n; i++) {
        if (placement_port_is_dynamic(ports->v[i].port))
            dynamic[p->n_dynamic++] = ports->v[i];
        else if (p->n_ports < PLACEMENT_PORTS_MAX && ports->v[i].port)
            p->ports[p->n_ports++] = ports->v[i];
    }
}

/* Tasks of this cluster on the node, and the ports that are taken there by anything. */
static bool add_loads(struct arena *a, const struct usage_node *n, const struct usage_space *s, struct ecs_instance *in,
                      struct placement_instance *p)
{
    size_t ports = 0;

    list_foreach (&n->loads, struct usage_load, l, link)
        ports += usage_ports_of(l)->n;
    struct placement_task *tasks = arena_calloc(a, n->n + 1, sizeof(*tasks));
    struct placement_port *dynamic = arena_calloc(a, ports + 1, sizeof(*dynamic));
    if (!tasks || !dynamic)
        return false;
    p->tasks = tasks;
    p->dynamic = dynamic;
    list_foreach (&n->loads, struct usage_load, l, link) {
        add_ports(p, dynamic, usage_ports_of(l));
        if (!l->by_task || l->space != s)
            continue;
        tasks[p->n_tasks++].group = arena_str(a, str_of(l->task.group));
        in->running += l->task.phase == PHASE_RUNNING;
        in->pending += l->task.phase == PHASE_PENDING;
    }
    return true;
}

static bool add_node(struct arena *a, const struct usage_node *n, const struct usage_space *s, struct ecs_instance *in,
                     struct placement_instance *p)
{
    in->connected = n->known && n->ready;
    in->schedulable = n->schedulable;
    in->size = usage_size_of(n);
    p->remaining = usage_left_on(n);
    p->pods = n->n;
    p->pods_max = (size_t)n->pods_max;
    return add_loads(a, n, s, in, p);
}

static bool add_instance(struct ecs_usage *u, struct arena *a, const struct usage_space *s, struct usage_facts *f,
                         struct ecs_instance *in, struct placement_instance *p)
{
    const struct usage_node *n = map_get(&u->nodes, f->node);

    *in = (struct ecs_instance){.name = f->name.p,
                                .node = f->node.p,
                                .arn = f->arn.p,
                                .status = f->status.p,
                                .ec2_instance_id = f->ec2_instance_id.p,
                                .capacity_provider = f->capacity_provider.p,
                                .registered = f->registered};
    *p = (struct placement_instance){.arn = f->arn,
                                     .ec2_instance_id = f->ec2_instance_id,
                                     .agent_version = f->agent_version,
                                     .registered_at = f->registered_at,
                                     .attributes = f->attributes,
                                     .n_attributes = f->n};
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    arena_defer(a, usage_unref_facts, f);
    placement_reserve(p);
    if (n && !add_node(a, n, s, in, p))
        return false;
    p->running_text = str_of(arena_printf(a, "%lld", (long long)in->running));
    p->connected = in->connected;
    p->active = str_is(f->status, "ACTIVE") && in->schedulable;
    return !arena_overflow(a);
}

static int by_name(const void *x, const void *y)
{
    return str_cmp((*(struct usage_facts *const *)x)->name, (*(struct usage_facts *const *)y)->name);
}

/* Those of the space in order, in the arena. */
static struct usage_facts **chosen(struct arena *a, const struct usage_space *s, const char *name, size_t *ret_n)
{
    struct usage_facts **v = arena_calloc(a, (s ? s->instances.n : 0) + 1, sizeof(struct usage_facts *));
    size_t n = 0;

    if (!v)
        return NULL;
    if (s && name) {
        v[0] = map_gets(&s->instances, name);
        n = v[0] != NULL;
    } else if (s) {
        map_foreach (&s->instances, it)
            v[n++] = it->value;
    }
    qsort(v, n, sizeof(struct usage_facts *), by_name);
    *ret_n = n;
    return v;
}

bool ecs_usage_instances(struct ecs_usage *u, struct arena *a, struct str ns, const char *name,
                         struct ecs_instance **ret, struct placement_instance **ret_p, size_t *ret_n)
{
    struct ecs_instance *in = NULL;
    struct placement_instance *p = NULL;
    size_t n = 0, done = 0;

    pthread_mutex_lock(&u->lock);
    const struct usage_space *s = map_get(&u->spaces, ns);
    struct usage_facts **v = chosen(a, s, name, &n);
    if (v) {
        in = arena_calloc(a, n + 1, sizeof(*in));
        p = arena_calloc(a, n + 1, sizeof(*p));
    }
    while (in && p && done < n && add_instance(u, a, s, v[done], &in[done], &p[done]))
        done++;
    pthread_mutex_unlock(&u->lock);
    if (!in || !p || done < n)
        return false;
    *ret = in;
    *ret_p = p;
    *ret_n = n;
    return true;
}

bool ecs_usage_has_instance(struct ecs_usage *u, struct str ns, struct str name)
{
    pthread_mutex_lock(&u->lock);
    const struct usage_space *s = map_get(&u->spaces, ns);
    bool has = s && map_has(&s->instances, name);
    pthread_mutex_unlock(&u->lock);
    return has;
}

struct ecs_instance_counts ecs_usage_count_instances(struct ecs_usage *u, struct str ns)
{
    struct ecs_instance_counts n = {0};

    pthread_mutex_lock(&u->lock);
    const struct usage_space *s = map_get(&u->spaces, ns);
    if (s)
        map_foreach (&s->instances, it) {
            const struct usage_facts *f = it->value;
            if (str_is(f->status, "INACTIVE"))
                continue;
            n.active++;
            n.registered += f->registered;
        }
    pthread_mutex_unlock(&u->lock);
    return n;
}

struct ecs_task_counts ecs_usage_tasks(struct ecs_usage *u, struct str ns)
{
    struct ecs_task_counts n = {0};

    pthread_mutex_lock(&u->lock);
    const struct usage_space *s = map_get(&u->spaces, ns);
    if (s)
        n = s->counts;
    pthread_mutex_unlock(&u->lock);
    return n;
}

void ecs_usage_ports(struct ecs_usage *u, void (*fn)(void *ctx, uint16_t port), void *ctx)
{
    pthread_mutex_lock(&u->lock);
    map_foreach (&u->loads, it) {
        const struct usage_load *l = it->value;
        for (size_t i = 0; i < l->task.ports.n; i++)
            fn(ctx, l->task.ports.v[i].port);
    }
    pthread_mutex_unlock(&u->lock);
}
