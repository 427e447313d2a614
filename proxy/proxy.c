#include "proxy/proxy.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "client/informer.h"
#include "client/kinds.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define SCRIPT_MAX (256 * MIB)
#define RETRY_NS (2 * NS_PER_S)
#define GATHER_NS (10 * NS_PER_MS) /* changes come in bursts: a service, then its slice */

struct proxy {
    const struct proxy_options *o;
    struct proxy_status *status;
    struct nft *nft;
    struct informer *services, *slices;
    struct ruleset applied;
    bool known; /* applied is what the kernel has */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool dirty, stopping;
};

/* --- changes --- */

static void mark_dirty(struct proxy *p)
{
    int64_t none = 0;
    pthread_mutex_lock(&p->lock);
    p->dirty = true;
    atomic_compare_exchange_strong(&p->status->dirty_since, &none, clock_mono(&clock_system));
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static void on_add(void *ctx, struct kube_object *o)
{
    mark_dirty(ctx);
}

static void on_update(void *ctx, struct kube_object *old, struct kube_object *o)
{
    mark_dirty(ctx);
}

static void on_stop(void *ctx)
{
    struct proxy *p = ctx;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

/* Waits for a change, at most until the time given (monotonic). False when it is time to end. */
static bool wait_for_change(struct proxy *p, int64_t until, bool *ret_changed)
{
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->dirty && !p->stopping && rc == 0)
        rc = pthread_cond_timedwait(&p->wake, &p->lock, &ts);
    *ret_changed = p->dirty;
    bool go_on = !p->stopping;
    pthread_mutex_unlock(&p->lock);
    return go_on;
}

static void take_changes(struct proxy *p)
{
    pthread_mutex_lock(&p->lock);
    p->dirty = false;
    pthread_mutex_unlock(&p->lock);
}

/* --- a sync --- */

static void wanted_rules(struct proxy *p, struct ruleset *ret)
{
    _cleanup_(kube_objects_releasep) struct kube_objects services = {0}, slices = {0};
    _cleanup_(arena_freep) struct arena *a = arena_new(SCRIPT_MAX);
    struct service_map map;
    size_t endpoints = 0;
    informer_list(p->services, &services);
    informer_list(p->slices, &slices);
    service_map_build(a, &services, &slices, p->o->node_name, &map);
    for (size_t i = 0; i < map.n; i++)
        endpoints += map.v[i].n_endpoints;
    p->status->services = map.n;
    p->status->endpoints = endpoints;
    rules_build(&map, &p->o->rules, ret);
}

static int apply(struct proxy *p, struct ruleset *wanted, struct err *err)
{
    _cleanup_(buf_releasep) struct buf script = BUF_INIT(SCRIPT_MAX);
    bool whole = !p->known;
    if (whole)
        rules_rebuild(&p->o->rules, wanted, &script);
    else
        rules_diff(&p->applied, wanted, &script);
    if (!buf_ok(&script))
        return err_set(err, ERR_TOO_LARGE, "too many rules");
    if (script.len && nft_apply(p->nft, script.data, err) < 0) {
        p->known = false; /* somebody else has been at it, or we are wrong: all of it next time */
        return -1;
    }
    if (script.len)
        log_info("rules changed", LOG_I("chains", wanted->chains.n), LOG_I("elements", wanted->elements.n),
                 LOG_I("bytes", script.len), LOG_S("mode", whole ? "rebuilt" : "updated"));
    ruleset_release(&p->applied);
    p->applied = *wanted;
    *wanted = (struct ruleset){0};
    p->known = true;
    return 0;
}

static bool sync_once(struct proxy *p)
{
    _cleanup_(ruleset_releasep) struct ruleset wanted = {0};
    struct err err = ERR_INIT;
    int64_t started = clock_mono(&clock_system);
    take_changes(p);
    wanted_rules(p, &wanted);
    int rc = apply(p, &wanted, &err);
    if (rc < 0 && !p->known) /* what we thought was there was not */
        rc = apply(p, &wanted, &err);
    p->status->syncs++;
    if (rc < 0) {
        p->status->failures++;
        log_error("cannot change the rules", LOG_ERR(&err));
        return false;
    }
    p->status->last_took_ns = clock_mono(&clock_system) - started;
    p->status->updated_ns = clock_wall(&clock_system);
    p->status->dirty_since = 0;
    return true;
}

static void loop(struct proxy *p, struct stop *stop)
{
    bool ok = sync_once(p), changed = false;
    int64_t last = clock_mono(&clock_system);
    for (;;) {
        int64_t next = last + (ok ? p->o->sync_period_ns : RETRY_NS);
        if (!wait_for_change(p, next, &changed))
            return;
        int64_t due = MAX_OF(last + p->o->min_sync_period_ns, clock_mono(&clock_system) + GATHER_NS);
        if (changed && stop_wait(stop, due - clock_mono(&clock_system)))
            return;
        if (!changed && ok && nft_has_table(p->nft)) { /* nothing new, and nobody has taken it away */
            last = clock_mono(&clock_system);
            p->status->updated_ns = clock_wall(&clock_system);
            continue;
        }
        if (!changed && ok) {
            log_warn("the rules have been removed; putting them back");
            p->known = false;
        }
        ok = sync_once(p);
        last = clock_mono(&clock_system);
    }
}

int proxy_run(struct kube_client *client, struct nft *nft, const struct proxy_options *o, struct proxy_status *status,
              struct stop *stop, struct err *err)
{
    struct proxy p = {.o = o, .status = status, .nft = nft};
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p.wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&p.lock, NULL);
    struct informer_factory *f = informer_factory_new(client, stop);
    const struct informer_options others = {.label_selector = "!service.kubernetes.io/service-proxy-name"};
    const struct informer_options slices = {
        .label_selector = "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name"};
    const struct informer_handler handler = {&p, on_add, on_update, on_add};
    p.services = informer_of(f, &kube_services, &others);
    p.slices = informer_of(f, &kube_endpoint_slices, &slices);
    informer_add_handler(p.services, &handler);
    informer_add_handler(p.slices, &handler);
    struct stop_hook *hook = stop_on(stop, on_stop, &p);
    informer_factory_start(f);
    if (informer_factory_wait_synced(f, -1)) /* not before: half the services would lose their rules */
        loop(&p, stop);
    stop_off(stop, hook);
    informer_factory_free(f);
    ruleset_release(&p.applied);
    pthread_cond_destroy(&p.wake);
    pthread_mutex_destroy(&p.lock);
    return 0;
}

/* --- the kernel's settings --- */

static bool set_kernel(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    close(fd);
    return ok;
}

void proxy_prepare_kernel(bool localhost_nodeports)
{
    static const struct {
        const char *path, *without;
        bool only_localhost;
    } table[] = {
        {"/proc/sys/net/ipv4/ip_forward", "pods cannot be reached from elsewhere", false},
        {"/proc/sys/net/bridge/bridge-nf-call-iptables",
         "pods of one node may not reach each other through services (modprobe br_netfilter)", false},
        {"/proc/sys/net/ipv4/conf/all/route_localnet", "node ports do not answer on 127.0.0.1", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if ((!table[i].only_localhost || localhost_nodeports) && !set_kernel(table[i].path, "1"))
            log_warn("cannot set a kernel parameter", LOG_S("path", table[i].path), LOG_S("without", table[i].without));
}
