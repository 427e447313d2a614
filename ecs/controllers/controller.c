#include "ecs/controllers/controller.h"

#include <pthread.h>

#define KEY_MAX 512

struct controller {
    struct controller_options o;
    pthread_mutex_t lock;    /* of queue, against those who add */
    struct workqueue *queue; /* NULL: stopped */
    struct workers *workers;
    bool stops; /* atomic */
};

struct controller *controller_new(const struct controller_options *o)
{
    struct controller *c = xcalloc(1, sizeof(*c));

    c->o = *o;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void controller_start(struct controller *c)
{
    const struct workqueue_options o = {.name = c->o.name, .backoff_max_ns = c->o.backoff_max_ns};
    struct workqueue *q = workqueue_new(&o);

    __atomic_store_n(&c->stops, false, __ATOMIC_RELEASE);
    pthread_mutex_lock(&c->lock);
    c->queue = q;
    pthread_mutex_unlock(&c->lock);
    if (c->o.seed)
        c->o.seed(c->o.ctx);
    c->workers = workers_start(q, c->o.workers, c->o.sync, c->o.ctx);
}

void controller_stop(struct controller *c)
{
    pthread_mutex_lock(&c->lock);
    struct workqueue *q = TAKE(c->queue);
    pthread_mutex_unlock(&c->lock);
    if (!q)
        return;
    __atomic_store_n(&c->stops, true, __ATOMIC_RELEASE);
    workqueue_shutdown(q);
    c->workers = workers_join(c->workers);
    workqueue_free(q);
}

struct controller *controller_free(struct controller *c)
{
    if (!c)
        return NULL;
    controller_stop(c);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

bool controller_stops(const struct controller *c)
{
    return __atomic_load_n(&c->stops, __ATOMIC_ACQUIRE);
}

void controller_add(struct controller *c, struct str ns, struct str name, int64_t delay_ns)
{
    char key[KEY_MAX];

    if (ns.n + name.n + 1 > sizeof(key))
        return;
    memcpy(key, ns.p, ns.n);
    key[ns.n] = '/';
    memcpy(key + ns.n + 1, name.p, name.n);
    struct str k = str_n(key, ns.n + 1 + name.n);
    pthread_mutex_lock(&c->lock);
    if (c->queue && delay_ns > 0)
        workqueue_add_after(c->queue, k, delay_ns);
    else if (c->queue)
        workqueue_add(c->queue, k);
    pthread_mutex_unlock(&c->lock);
}

static void add_now(void *ctx, struct str ns, struct str name)
{
    controller_add(ctx, ns, name, 0);
}

void controller_add_all(struct controller *c, struct ecs_store *s, enum ecs_kind_id k, const char *ns)
{
    ecs_store_each_name(s, k, ns, add_now, c);
}
