#include "controllers/controller.h"

void *controller_alloc(size_t size, const struct controller_def *def, const struct controller_env *env)
{
    struct controller *c = xcalloc(1, size);
    struct workqueue_options o = {.name = def->name};

    c->def = def;
    c->env = *env;
    c->queue = workqueue_new(&o);
    if (def->component)
        c->recorder = recorder_new(env->client, def->component, NULL);
    return c;
}

static void *tick(void *arg)
{
    struct controller *c = arg;

    do
        c->def->tick(c);
    while (!stop_wait(c->env.stop, c->def->tick_ns));
    return NULL;
}

void controller_start(struct controller *c)
{
    const char *options = (const char *)c->env.options;

    if (c->def->sync)
        c->workers =
            workers_start(c->queue, (int)*(const int64_t *)(const void *)(options + c->def->workers), c->def->sync, c);
    if (c->def->tick) {
        c->ticking = true;
        if (pthread_create(&c->ticker, NULL, tick, c) != 0)
            abort();
    }
}

void controller_end(struct controller *c)
{
    workqueue_shutdown(c->queue);
    c->workers = workers_join(c->workers);
    if (c->ticking)
        pthread_join(c->ticker, NULL);
    c->ticking = false;
    c->recorder = recorder_free(c->recorder);
}

void controller_free(struct controller *c)
{
    workqueue_free(c->queue);
    free(c);
}

void controller_enqueue(void *ctx, struct kube_object *o)
{
    struct controller *c = ctx;
    workqueue_add(c->queue, o->key);
}

void controller_enqueue_update(void *ctx, struct kube_object *old, struct kube_object *o)
{
    controller_enqueue(ctx, o);
}

void controller_watch(struct controller *c, struct informer *i)
{
    struct informer_handler h = {c, controller_enqueue, controller_enqueue_update, controller_enqueue};
    informer_add_handler(i, &h);
}

bool controller_enabled(const struct flag_list *list, const struct controller_def *def)
{
    bool star = list->n == 0;

    for (size_t i = 0; i < list->n; i++) {
        struct str s = list->items[i];
        bool minus = s.n && s.p[0] == '-';
        if (minus)
            s = str_from(s, 1);
        if (str_is(s, def->name) || (def->alias && str_is(s, def->alias)))
            return !minus;
        star |= !minus && str_is(s, "*");
    }
    return star;
}

static void unref(void *o)
{
    kube_object_unref(o);
}

struct kube_object *sync_keep(struct arena *a, struct kube_object *o)
{
    if (o)
        arena_defer(a, unref, o);
    return o;
}
