#include "ecs/controllers/leading.h"

#include "base/log.h"

#include <pthread.h>

#define AGAIN_NS (1 * NS_PER_S)

struct leading {
    struct leading_options o;
    pthread_t thread;
};

static void lead(void *ctx, struct stop *lost)
{
    struct leading *l = ctx;

    for (size_t i = 0; i < l->o.n_controllers; i++)
        controller_start(l->o.controllers[i]);
    (void)stop_wait(lost, -1);
    for (size_t i = l->o.n_controllers; i-- > 0;)
        controller_stop(l->o.controllers[i]);
}

static void *run(void *arg)
{
    struct leading *l = arg;
    struct leader_options o = l->o.election->options;

    o.place = l->o.place;
    o.harmless = true; /* leading.h */
    if (!l->o.election->elect) {
        lead(l, l->o.stop);
        return NULL;
    }
    while (!stop_requested(l->o.stop)) {
        struct err err = ERR_INIT;
        if (leader_run(l->o.client, &o, l->o.stop, lead, l, &err) == 0)
            continue;
        log_warn("the controllers have stopped: another gateway may lead", LOG_ERR(&err));
        (void)stop_wait(l->o.stop, AGAIN_NS);
    }
    return NULL;
}

int leading_start(const struct leading_options *o, struct leading **ret, struct err *err)
{
    struct leading *l = xcalloc(1, sizeof(*l));

    l->o = *o;
    int r = pthread_create(&l->thread, NULL, run, l);
    if (r) {
        free(l);
        return err_errno(err, r, "cannot start a thread");
    }
    *ret = l;
    return 0;
}

struct leading *leading_free(struct leading *l)
{
    if (!l)
        return NULL;
    pthread_join(l->thread, NULL);
    free(l);
    return NULL;
}
