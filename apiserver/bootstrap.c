#include "apiserver/bootstrap.h"

#include <pthread.h>

#include "api/conform.h"
#include "api/defaults.h"
#include "api/json.h"
#include "apiserver/auth/rbac.h"
#include "apiserver/endpoints.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/service_alloc.h"
#include "apiserver/registry/store.h"
#include "base/limits.h"
#include "base/log.h"

#define ROUND_S 5 /* a lease of the endpoints lives three rounds */
#define REPAIR_ROUNDS 12
#define RETRY_MS 200

struct bootstrap {
    struct registry *registry;
    struct bootstrap_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool stopping; /* under lock */
};

/* --- fixed objects ------------------------------------------------------------------------------------------------ */

#define NAMESPACE(name_) "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name_ "\"}}"
#define PRIORITY(name_, value_, text_)                                                                                 \
    "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":{\"name\":\"" name_              \
    "\"},\"value\":" value_ ",\"description\":\"" text_ "\"}"

static const struct {
    const char *group, *resource, *json;
} FIXED[] = {
    {"", "namespaces", NAMESPACE("default")},
    {"", "namespaces", NAMESPACE("kube-system")},
    {"", "namespaces", NAMESPACE("kube-public")},
    {"", "namespaces", NAMESPACE("kube-node-lease")},
    {"scheduling.k8s.io", "priorityclasses",
     PRIORITY("system-node-critical", "2000001000",
              "Used for system critical pods that must not be moved from their current node.")},
    {"scheduling.k8s.io", "priorityclasses",
     PRIORITY("system-cluster-critical", "2000000000",
              "Used for system critical pods that must run in the cluster, but can be moved to another node if "
              "necessary.")},
};

static int create(struct registry *g, struct arena *a, const struct resource *res, struct doc *d, struct err *err)
{
    struct storage_object *o = NULL;
    struct doc *conformed = NULL;
    const struct schema_kind *k = schema_kind_find(str_of(res->group), str_of(res->version), str_of(res->kind));
    if (!k || conform(a, d, res->message, NULL, &conformed, err) < 0)
        return err_wrap(err, "bootstrap %s", res->name);
    defaults_apply(a, conformed, k);
    struct op op = registry_op(g, a, res, meta_namespace(conformed), meta_name(conformed));
    if (store_create(&op, conformed, &o, err) < 0) {
        if (err->code != ERR_ALREADY_EXISTS)
            return err_wrap(err, "bootstrap %s", res->name);
        err_clear(err); /* another apiserver was faster */
    }
    storage_object_unref(o);
    return 0;
}

/* 1 = it is there. */
static int there(struct registry *g, struct arena *a, const struct resource *res, struct str ns, struct str name,
                 struct doc **ret, struct err *err)
{
    if (registry_get(g, a, res, ns, name, ret, err) == 0)
        return 1;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

static int need(struct registry *g, struct arena *a, const struct resource *res, struct doc *d, struct err *err)
{
    struct doc *now = NULL;
    int r = there(g, a, res, meta_namespace(d), meta_name(d), &now, err);
    return r ? (r < 0 ? -1 : 0) : create(g, a, res, d, err);
}

static int make_fixed(struct registry *g, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    for (size_t i = 0; i < ARRAY_LEN(FIXED); i++) {
        struct doc *d = NULL;
        const struct resource *res = registry_resource(FIXED[i].group, FIXED[i].resource);
        if (!res)
            continue;
        if (json_parse(a, str_of(FIXED[i].json), NULL, &d, err) < 0 || need(g, a, res, d, err) < 0)
            return -1;
        arena_reset(a);
    }
    return 0;
}

/* --- the RBAC policy ---------------------------------------------------------------------------------------------- */

struct given {
    struct doc *doc;
};

static int give(void *ctx, struct op *op, const struct doc *old, struct doc **ret, struct err *err)
{
    const struct given *g = ctx;
    (void)old;
    *ret = doc_clone(op->arena, g->doc, true);
    return *ret ? 0 : err_set(err, ERR_TOO_LARGE, "request too large");
}

static int make_rbac_object(struct registry *g, struct arena *a, size_t i, struct err *err)
{
    struct rbac_bootstrap what = rbac_bootstrap_at(i);
    const struct resource *res = registry_resource("rbac.authorization.k8s.io", what.resource);
    struct doc *now = NULL;
    if (!res)
        return 0;
    int r = there(g, a, res, str_of(what.ns), str_of(what.name), &now, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return create(g, a, res, rbac_bootstrap_doc(i, a), err);
    struct given better = {rbac_bootstrap_reconcile(i, now, a)};
    if (!better.doc)
        return 0;
    struct storage_object *o = NULL;
    struct op op = registry_op(g, a, res, str_of(what.ns), str_of(what.name));
    if (store_update(&op, give, &better, &o, err) < 0)
        return err_wrap(err, "reconciling %s %s", what.resource, what.name);
    storage_object_unref(o);
    return 0;
}

/* Several threads take the objects one after the other: each write waits for etcd's disk. */
struct rbac_work {
    struct registry *registry;
    _Atomic size_t next;
    _Atomic int failed;
    struct err err; /* of the first failure */
    pthread_mutex_t lock;
};

#define RBAC_THREADS 24

static void *rbac_thread(void *arg)
{
    struct rbac_work *w = arg;
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    for (size_t i = w->next++; i < rbac_bootstrap_count() && !w->failed; i = w->next++) {
        struct err err = ERR_INIT;
        if (make_rbac_object(w->registry, a, i, &err) < 0) {
            pthread_mutex_lock(&w->lock);
            if (!w->failed)
                w->err = err;
            w->failed = 1;
            pthread_mutex_unlock(&w->lock);
        }
        arena_reset(a);
    }
    return NULL;
}

static int make_rbac(struct registry *g, struct err *err)
{
    struct rbac_work w = {.registry = g, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[RBAC_THREADS];
    size_t n = 0;
    while (n < RBAC_THREADS && pthread_create(&threads[n], NULL, rbac_thread, &w) == 0)
        n++;
    if (!n)
        rbac_thread(&w);
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    if (!w.failed)
        return 0;
    *err = w.err;
    err->detail = NULL; /* it lived in that thread's arena */
    return -1;
}

/* --- the service of the API itself -------------------------------------------------------------------------------- */

static int make_service(struct bootstrap *b, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct registry *g = b->registry;
    char ip[SERVICE_IP_MAX];
    struct doc *d = NULL;
    service_alloc_first_ip(g->services, ip);
    const char *json = arena_printf(
        a,
        "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"kubernetes\",\"namespace\":\"default\","
        "\"labels\":{\"component\":\"apiserver\",\"provider\":\"kubernetes\"}},\"spec\":{\"type\":\"ClusterIP\","
        "\"clusterIP\":\"%s\",\"ports\":[{\"name\":\"https\",\"port\":443,\"protocol\":\"TCP\",\"targetPort\":%lld}]}}",
        ip, (long long)b->options.secure_port);
    if (json_parse(a, str_of(json), NULL, &d, err) < 0)
        return -1;
    return need(g, a, registry_resource("", "services"), d, err);
}

static int make_cidr(struct registry *g, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    const struct resource *res = registry_resource("networking.k8s.io", "servicecidrs");
    struct doc *d = NULL;
    if (!res)
        return 0;
    const char *json = arena_printf(a,
                                    "{\"kind\":\"ServiceCIDR\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{"
                                    "\"name\":\"kubernetes\"},\"spec\":{\"cidrs\":[\"" STR_FMT "\"]}}",
                                    STR_ARG(service_alloc_cidr(g->services)));
    if (json_parse(a, str_of(json), NULL, &d, err) < 0)
        return -1;
    return need(g, a, res, d, err);
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

/* False when stopping. */
static bool pause_ms(struct bootstrap *b, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + ms * NS_PER_MS;
    until.tv_sec += ns / NS_PER_S;
    until.tv_nsec = ns % NS_PER_S;
    pthread_mutex_lock(&b->lock);
    while (!b->stopping && pthread_cond_timedwait(&b->cond, &b->lock, &until) == 0)
        ;
    bool go_on = !b->stopping;
    pthread_mutex_unlock(&b->lock);
    return go_on;
}

static int upkeep(struct bootstrap *b, struct err *err)
{
    if (make_service(b, err) < 0)
        return -1;
    if (!b->options.reconcile_endpoints)
        return 0;
    return endpoints_reconcile(b->registry, b->options.advertise_address, b->options.secure_port, 3 * ROUND_S, err);
}

static int first_round(struct bootstrap *b, struct err *err)
{
    if (make_fixed(b->registry, err) < 0 || make_rbac(b->registry, err) < 0 || make_cidr(b->registry, err) < 0)
        return -1;
    return upkeep(b, err);
}

static void *run(void *arg)
{
    struct bootstrap *b = arg;
    struct err err = ERR_INIT;
    while (first_round(b, &err) < 0) {
        log_warn("the first objects are not complete yet", LOG_ERR(&err));
        err_clear(&err);
        if (!pause_ms(b, RETRY_MS))
            return NULL;
    }
    b->options.done(b->options.ud);
    for (unsigned round = 0;; round++) {
        err_clear(&err);
        if (round % REPAIR_ROUNDS == 0 && service_alloc_repair(b->registry, &err) < 0)
            log_warn("cannot repair the service allocations", LOG_ERR(&err));
        if (!pause_ms(b, ROUND_S * 1000))
            break;
        err_clear(&err);
        if (upkeep(b, &err) < 0)
            log_warn("cannot keep up the service default/kubernetes", LOG_ERR(&err));
    }
    if (b->options.reconcile_endpoints)
        endpoints_withdraw(b->registry, b->options.advertise_address);
    return NULL;
}

int bootstrap_start(struct registry *g, const struct bootstrap_options *o, struct bootstrap **ret, struct err *err)
{
    struct bootstrap *b = xcalloc(1, sizeof(*b));
    b->registry = g;
    b->options = *o;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->cond, NULL);
    int r = pthread_create(&b->thread, NULL, run, b);
    if (r) {
        free(b);
        return err_errno(err, r, "cannot start a thread");
    }
    *ret = b;
    return 0;
}

struct bootstrap *bootstrap_stop(struct bootstrap *b)
{
    if (!b)
        return NULL;
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    pthread_cond_signal(&b->cond);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->cond);
    pthread_mutex_destroy(&b->lock);
    free(b);
    return NULL;
}
