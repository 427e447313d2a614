#include "apiserver/http/health.h"

#include <stdatomic.h>

#include "apiserver/http/respond.h"
#include "apiserver/metrics.h"
#include "apiserver/storage/storage.h"
#include "base/limits.h"

#define ETCD_TIMEOUT_MS 2000
#define LIMIT_METRICS (16 * MIB)

enum { HEALTHZ = 1, LIVEZ = 2, READYZ = 4, EVERYWHERE = 7 };

static bool check_ok(struct apiserver *s)
{
    (void)s;
    return true;
}

static bool check_etcd(struct apiserver *s)
{
    struct err err = ERR_INIT;
    return storage_ping(s->storage, ETCD_TIMEOUT_MS, &err) == 0;
}

static bool check_cache(struct apiserver *s)
{
    return storage_ready(s->storage);
}

static bool check_bootstrap(struct apiserver *s)
{
    return atomic_load(&s->bootstrapped);
}

static bool check_shutdown(struct apiserver *s)
{
    return !atomic_load(&s->stopping);
}

static const struct check {
    const char *name;
    unsigned where;
    bool (*ok)(struct apiserver *s);
} CHECKS[] = {
    {"ping", EVERYWHERE, check_ok},
    {"log", EVERYWHERE, check_ok},
    {"etcd", EVERYWHERE, check_etcd},
    {"etcd-readiness", READYZ, check_etcd},
    {"informer-sync", READYZ, check_cache},
    {"poststarthook/bootstrap-controller", EVERYWHERE, check_bootstrap},
    {"poststarthook/rbac/bootstrap-roles", EVERYWHERE, check_bootstrap},
    {"poststarthook/scheduling/bootstrap-system-priority-classes", EVERYWHERE, check_bootstrap},
    {"shutdown", READYZ, check_shutdown},
};

static const struct {
    const char *path, *name;
    unsigned where;
} ENDPOINTS[] = {{"/healthz", "healthz", HEALTHZ}, {"/livez", "livez", LIVEZ}, {"/readyz", "readyz", READYZ}};

static bool excluded(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->query.n; i++)
        if (str_is(r->query.v[i].key, "exclude") && str_is(r->query.v[i].value, name))
            return true;
    return false;
}

static void answer_all(struct request *r, const char *name, unsigned where)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(64 * KIB);
    bool failed = false;
    for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++) {
        const struct check *c = &CHECKS[i];
        if (!(c->where & where))
            continue;
        if (excluded(r, c->name)) {
            buf_printf(&out, "[+]%s excluded: ok\n", c->name);
            continue;
        }
        bool ok = c->ok(r->server);
        failed = failed || !ok;
        buf_printf(&out, ok ? "[+]%s ok\n" : "[-]%s failed: reason withheld\n", c->name);
    }
    buf_printf(&out, failed ? "%s check failed\n" : "%s check passed\n", name);
    if (failed)
        respond_text(r, 500, buf_str(&out));
    else
        respond_text(r, 200, query_has(&r->query, "verbose") ? buf_str(&out) : STR("ok"));
}

static void answer_one(struct request *r, struct str check, unsigned where)
{
    for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++) {
        if (!(CHECKS[i].where & where) || !str_is(check, CHECKS[i].name))
            continue;
        bool ok = CHECKS[i].ok(r->server);
        respond_text(r, ok ? 200 : 500, ok ? STR("ok") : STR("internal server error: check failed\n"));
        return;
    }
    respond_text(r, 404, STR("404 page not found\n"));
}

int health_handle(struct request *r, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < ARRAY_LEN(ENDPOINTS); i++) {
        struct str path = r->info.path, prefix = str_of(ENDPOINTS[i].path);
        if (!str_starts(path, prefix))
            continue;
        struct str rest = str_from(path, prefix.n);
        if (rest.n > 1)
            answer_one(r, str_from(rest, 1), ENDPOINTS[i].where);
        else
            answer_all(r, ENDPOINTS[i].name, ENDPOINTS[i].where);
        return 0;
    }
    respond_text(r, 404, STR("404 page not found\n"));
    return 0;
}

int version_handle(struct request *r, struct err *err)
{
    (void)err;
    struct doc *d = doc_object(r->arena);
    const char *const members[][2] = {
        {"major", "1"},        {"minor", "36"},           {"gitVersion", r->server->version},
        {"gitCommit", ""},     {"gitTreeState", "clean"}, {"buildDate", "1970-01-01T00:00:00Z"},
        {"goVersion", "none"}, {"compiler", "gcc"},       {"platform", "linux/amd64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        doc_set(d, members[i][0], doc_string(r->arena, str_of(members[i][1])));
    respond_json(r, 200, "application/json", d);
    return 0;
}

int metrics_handle(struct request *r, struct err *err)
{
    struct buf b = BUF_INIT(LIMIT_METRICS);
    metrics_write(r->server->metrics, &b);
    if (!buf_ok(&b)) {
        buf_release(&b);
        return err_set(err, ERR_INTERNAL, "the metrics are too large");
    }
    respond_shared(r, 200, "text/plain; version=0.0.4; charset=utf-8", shared_buf_from(&b));
    return 0;
}
