#include "apiserver/auth/rbac.h"

#include "apiserver/auth/rbac_snapshot.h"

#include <pthread.h>

#define MISSING_ROLES_MAX 8 /* named in a reason */

struct rbac {
    const struct auth_store *store;
    pthread_mutex_t current_lock; /* held to take or replace the pointer, never while compiling */
    struct rbac_snapshot *current;
    pthread_mutex_t compile_lock; /* one compiles at a time */
};

struct rbac *rbac_new(const struct auth_store *store)
{
    struct rbac *r = xcalloc(1, sizeof(*r));
    r->store = store;
    pthread_mutex_init(&r->current_lock, NULL);
    pthread_mutex_init(&r->compile_lock, NULL);
    return r;
}

struct rbac *rbac_free(struct rbac *r)
{
    if (r) {
        rbac_snapshot_unref(r->current);
        pthread_mutex_destroy(&r->current_lock);
        pthread_mutex_destroy(&r->compile_lock);
        free(r);
    }
    return NULL;
}

static struct rbac_snapshot *take_current(struct rbac *r)
{
    pthread_mutex_lock(&r->current_lock);
    struct rbac_snapshot *s = r->current ? rbac_snapshot_ref(r->current) : NULL;
    pthread_mutex_unlock(&r->current_lock);
    return s;
}

static bool fresh(const struct rbac *r, const struct rbac_snapshot *s)
{
    return s && rbac_snapshot_generation(s) == r->store->rbac_generation(r->store->ud);
}

static struct rbac_snapshot *replace_current(struct rbac *r, struct rbac_snapshot *made)
{
    pthread_mutex_lock(&r->current_lock);
    struct rbac_snapshot *old = r->current;
    r->current = rbac_snapshot_ref(made);
    pthread_mutex_unlock(&r->current_lock);
    rbac_snapshot_unref(old);
    return made;
}

/* The snapshot to decide by: the current one, compiled anew when the objects changed. While one thread compiles the
 * others go on with the old one, as they would if the change had come a moment later; only at the very beginning they
 * wait. When compiling fails the old one stays in force. NULL with err when there is none at all. */
static struct rbac_snapshot *snapshot(struct rbac *r, struct err *err)
{
    struct rbac_snapshot *s = take_current(r), *made = NULL;
    struct err why = ERR_INIT;
    if (fresh(r, s))
        return s;
    if (s && pthread_mutex_trylock(&r->compile_lock) != 0)
        return s;
    if (!s)
        pthread_mutex_lock(&r->compile_lock);
    rbac_snapshot_unref(s);
    s = take_current(r); /* it may have become fresh while we took the lock */
    if (!fresh(r, s) && rbac_snapshot_new(r->store, &made, &why) == 0) {
        rbac_snapshot_unref(s);
        s = replace_current(r, made);
    }
    pthread_mutex_unlock(&r->compile_lock);
    if (!s)
        *err = why;
    return s;
}

/* --- decisions --- */

struct decision {
    const struct authz_attributes *attr;
    const struct rbac_grant *by;
    const struct rbac_grant *missing[MISSING_ROLES_MAX];
    size_t n_missing;
};

static bool decide_grant(void *arg, const struct rbac_grant *g)
{
    struct decision *d = arg;
    if (!g->role) {
        if (d->n_missing < MISSING_ROLES_MAX)
            d->missing[d->n_missing++] = g;
        return true;
    }
    for (size_t i = 0; i < g->role->n; i++)
        if (rbac_rule_allows(&g->role->rules[i], d->attr)) {
            d->by = g;
            return false;
        }
    return true;
}

static void write_missing(const struct decision *d, struct buf *reason)
{
    if (!d->n_missing)
        return;
    buf_puts(reason, d->n_missing > 1 ? "RBAC: [" : "RBAC: ");
    for (size_t i = 0; i < d->n_missing; i++) {
        const struct rbac_grant *g = d->missing[i];
        buf_printf(reason, "%s%s.rbac.authorization.k8s.io \"" STR_FMT "\" not found", i ? ", " : "",
                   str_is(g->role_kind, "Role") ? "role" : "clusterrole", STR_ARG(g->role_name));
    }
    if (d->n_missing > 1)
        buf_putc(reason, ']');
}

enum authz_decision rbac_decide(struct rbac *r, const struct authz_attributes *attr, struct buf *reason)
{
    struct err err = ERR_INIT;
    _cleanup_(rbac_snapshot_unrefp) struct rbac_snapshot *s = snapshot(r, &err);
    if (!s) {
        if (reason)
            buf_printf(reason, "RBAC: %s", err.msg);
        return AUTHZ_NO_OPINION;
    }
    struct decision d = {.attr = attr};
    rbac_snapshot_visit(s, attr->user, attr->is_resource ? attr->ns : STR(""), decide_grant, &d);
    if (reason && d.by)
        buf_printf(reason, "RBAC: allowed by %s", d.by->by);
    else if (reason)
        write_missing(&d, reason);
    return d.by ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
}

struct rules_for {
    struct arena *arena;
    struct doc *array;
};

static bool add_rules(void *arg, const struct rbac_grant *g)
{
    struct rules_for *f = arg;
    for (size_t i = 0; g->role && i < g->role->n; i++)
        doc_append(f->array, rbac_rule_doc(f->arena, &g->role->rules[i]));
    return true;
}

int rbac_rules_for(struct rbac *r, const struct user *user, struct str ns, struct arena *arena, struct doc *array,
                   struct err *err)
{
    _cleanup_(rbac_snapshot_unrefp) struct rbac_snapshot *s = snapshot(r, err);
    if (!s)
        return -1;
    struct rules_for f = {arena, array};
    rbac_snapshot_visit(s, user, ns, add_rules, &f);
    return 0;
}

int rbac_role_rules(struct rbac *r, struct str ns, struct str name, struct arena *arena, struct doc *array,
                    struct err *err)
{
    _cleanup_(rbac_snapshot_unrefp) struct rbac_snapshot *s = snapshot(r, err);
    if (!s)
        return -1;
    const struct rbac_role *role = rbac_snapshot_role(s, ns, name);
    if (!role)
        return err_set(err, ERR_NOT_FOUND, "%s.rbac.authorization.k8s.io \"" STR_FMT "\" not found",
                       ns.n ? "role" : "clusterrole", STR_ARG(name));
    for (size_t i = 0; i < role->n; i++)
        doc_append(array, rbac_rule_doc(arena, &role->rules[i]));
    return 0;
}
