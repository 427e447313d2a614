#include "controllers/run.h"

#include "base/log.h"

#define CONTROLLERS_MAX 32

struct running {
    struct controllers_run *r;
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

static void set_running(struct controllers_run *r, struct running *s)
{
    pthread_mutex_lock(&r->lock);
    r->running = s;
    pthread_mutex_unlock(&r->lock);
}

static void put_metric(struct buf *out, const char *name, const char *type, const char *help,
                       const struct workqueue_numbers *n, size_t count,
                       uint64_t (*value)(const struct workqueue_numbers *))
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s{name=\"%s\"} %llu\n", name, n[i].name, (unsigned long long)value(&n[i]));
}

/* clang-format off */
static uint64_t depth(const struct workqueue_numbers *n) { return n->depth; }
static uint64_t adds(const struct workqueue_numbers *n) { return n->adds; }
static uint64_t retries(const struct workqueue_numbers *n) { return n->retries; }
/* clang-format on */

void controllers_metrics(struct controllers_run *r, struct buf *out)
{
    struct workqueue_numbers n[CONTROLLERS_MAX];
    size_t count = 0;

    pthread_mutex_lock(&r->lock);
    bool leads = r->running != NULL;
    for (size_t i = 0; leads && i < r->running->n; i++)
        if (r->running->controllers[i])
            n[count++] = workqueue_numbers(r->running->controllers[i]->queue);
    pthread_mutex_unlock(&r->lock);
    buf_printf(out,
               "# HELP leader_election_master_status Whether this process leads.\n"
               "# TYPE leader_election_master_status gauge\nleader_election_master_status{name=\"%s\"} %d\n",
               r->options->election.options.name, leads);
    put_metric(out, "workqueue_depth", "gauge", "Keys that wait.", n, count, depth);
    put_metric(out, "workqueue_adds_total", "counter", "Keys added.", n, count, adds);
    put_metric(out, "workqueue_retries_total", "counter", "Keys that came back after a failure.", n, count, retries);
}

void controllers_run(struct controllers_run *r, struct stop *stop)
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
        set_running(r, &s);
        stop_wait(stop, -1);
        set_running(r, NULL);
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
