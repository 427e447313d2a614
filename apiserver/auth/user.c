#include "apiserver/auth/user.h"

#include <stdatomic.h>

#define SA_PREFIX "system:serviceaccount:"

/* Copies the bytes to *at and moves it on. */
static struct str put(char **at, struct str s)
{
    struct str copy = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

struct user *user_new(struct str name, struct str uid, const struct str *groups, size_t n_groups,
                      const struct user_extra *extra, size_t n_extra)
{
    static _Atomic uint64_t last_id; /* a serial, no state: ids must differ between all authenticators of a process */
    size_t bytes = name.n + uid.n;
    for (size_t i = 0; i < n_groups; i++)
        bytes += groups[i].n;
    for (size_t i = 0; i < n_extra; i++)
        bytes += extra[i].key.n + extra[i].value.n;

    struct user *u = xmalloc(sizeof(*u) + n_groups * sizeof(*groups) + n_extra * sizeof(*extra) + bytes);
    struct str *g = (struct str *)(u + 1);
    struct user_extra *e = (struct user_extra *)(g + n_groups);
    char *at = (char *)(e + n_extra);
    u->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    u->name = put(&at, name);
    u->uid = put(&at, uid);
    for (size_t i = 0; i < n_groups; i++)
        g[i] = put(&at, groups[i]);
    for (size_t i = 0; i < n_extra; i++)
        e[i] = (struct user_extra){put(&at, extra[i].key), put(&at, extra[i].value)};
    u->groups = g;
    u->n_groups = n_groups;
    u->extra = e;
    u->n_extra = n_extra;
    atomic_init(&u->refs, 1);
    return u;
}

struct user *user_ref(struct user *u)
{
    atomic_fetch_add_explicit(&u->refs, 1, memory_order_relaxed);
    return u;
}

struct user *user_unref(struct user *u)
{
    if (u && atomic_fetch_sub_explicit(&u->refs, 1, memory_order_acq_rel) == 1)
        free(u);
    return NULL;
}

bool user_in_group(const struct user *u, struct str group)
{
    for (size_t i = 0; i < u->n_groups; i++)
        if (str_eq(u->groups[i], group))
            return true;
    return false;
}

bool user_service_account(struct str name, struct str *ret_ns, struct str *ret_name)
{
    if (!str_starts(name, STR(SA_PREFIX)))
        return false;
    struct str rest = str_from(name, sizeof(SA_PREFIX) - 1);
    const char *colon = rest.n ? memchr(rest.p, ':', rest.n) : NULL;
    if (!colon)
        return false;
    struct str ns = {rest.p, (size_t)(colon - rest.p)}, account = str_from(rest, ns.n + 1);
    if (!ns.n || !account.n || memchr(account.p, ':', account.n))
        return false;
    *ret_ns = ns;
    *ret_name = account;
    return true;
}
