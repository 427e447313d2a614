#include "controllers/run.h"

#include "base/log.h"

#define CONTROLLERS_MAX 32

struct running {
    const struct controllers_run *r;
    struct informer_factory *informers;
    struct stop *stop;
    struct controller *controllers[CONTROLLERS_MAX];
    struct kube_client *clients[CONTROLLERS_MAX]; /* NULL where the program's own is used */
    size_t n;
};

static void make_one(struct running *s, const struct controller_def *def)
{
    struct controller_env env = {s->r->client, s->informers, s->r->options, s->stop};
    struct kube_client_options o = {.user_agent = s->r->user_agent, .max_idle = 2};
    struct err err = ERR_INIT;

    if (s->r->options->use_service_account_credentials) {
        if (kube_client_new_account(s->r->config, &o, s->r->client, "kube-system", def->account, &env.client, &err) <
            0) {
            log_error("controller not started", LOG_S("controller", def->name), LOG_ERR(&err));
            return;
        }
        s->clients[s->n] = env.client;
    }
    struct controller *c = def->make(&env);
    if (c)
        s->controllers[s->n] = c;
    else
        log_info("controller has nothing to do", LOG_S("controller", def->name));
    s->n++;
}

void controllers_run(const struct controllers_run *r, struct stop *stop)
{
    struct running s = {.r = r, .stop = stop, .informers = informer_factory_new(r->client, stop)};

    for (size_t i = 0; controller_table[i] && s.n < CONTROLLERS_MAX; i++)
        if (controller_enabled(&r->options->controllers, controller_table[i]))
            make_one(&s, controller_table[i]);
    informer_factory_start(s.informers);
    if (informer_factory_wait_synced(s.informers, -1)) {
        for (size_t i = 0; i < s.n; i++)
            if (s.controllers[i])
                controller_start(s.controllers[i]);
        log_info("controllers run", LOG_I("n", s.n));
        stop_wait(stop, -1);
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.controllers[i])
            controller_end(s.controllers[i]);
    informer_factory_free(s.informers);
    for (size_t i = 0; i < s.n; i++) {
        if (s.controllers[i])
            s.controllers[i]->def->unmake(s.controllers[i]);
        kube_client_free(s.clients[i]);
    }
}
