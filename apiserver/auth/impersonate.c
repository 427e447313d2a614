#include "apiserver/auth/authn.h"
#include "apiserver/auth/authz.h"

#include "api/status.h"
#include "base/buf.h"

#define AUTHN_GROUP "authentication.k8s.io"
#define AUTHENTICATED "system:authenticated"
#define UNAUTHENTICATED "system:unauthenticated"
#define ANONYMOUS "system:anonymous"

struct asking {
    struct authorizer *z;
    const struct user *real;
    struct arena *arena;
};

static int may(const struct asking *q, const char *group, const char *resource, struct str sub, struct str ns,
               struct str name, struct err *err)
{
    struct authz_attributes attr = {.user = q->real,
                                    .verb = STR("impersonate"),
                                    .is_resource = true,
                                    .ns = ns,
                                    .group = str_of(group),
                                    .version = STR("v1"),
                                    .resource = str_of(resource),
                                    .subresource = sub,
                                    .name = name};
    return authz_require(q->z, &attr, q->arena, err);
}

static int may_all(const struct asking *q, const struct authn_impersonation *imp, struct err *err)
{
    struct str ns, account, none = STR("");
    int r = user_service_account(imp->user, &ns, &account) ? may(q, "", "serviceaccounts", none, ns, account, err)
                                                           : may(q, "", "users", none, none, imp->user, err);
    for (size_t i = 0; r == 0 && i < imp->n_groups; i++)
        r = may(q, "", "groups", none, none, imp->groups[i], err);
    for (size_t i = 0; r == 0 && i < imp->n_extra; i++)
        r = may(q, AUTHN_GROUP, "userextras", imp->extra[i].key, none, imp->extra[i].value, err);
    if (r == 0 && imp->uid.n)
        r = may(q, AUTHN_GROUP, "uids", none, none, imp->uid, err);
    return r;
}

static bool among(const struct str *groups, size_t n, const char *group)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(groups[i], group))
            return true;
    return false;
}

int authn_impersonate(struct authorizer *z, struct user *real, const struct authn_impersonation *imp,
                      struct arena *arena, struct user **ret, struct err *err)
{
    struct asking q = {z, real, arena};
    if (!imp->user.n)
        return status_internal(err, arena,
                               "requested impersonation of groups, extra or uid without impersonating a user");
    if (imp->n_groups + 3 > USER_GROUPS_MAX)
        return status_bad_request(err, "too many groups to impersonate");
    if (may_all(&q, imp, err) < 0)
        return -1;
    struct str groups[USER_GROUPS_MAX], ns, account;
    size_t n = 0;
    _cleanup_(buf_releasep) struct buf ns_group = BUF_INIT(1024);
    for (; n < imp->n_groups; n++)
        groups[n] = imp->groups[n];
    if (!n && user_service_account(imp->user, &ns, &account)) {
        buf_printf(&ns_group, "system:serviceaccounts:" STR_FMT, STR_ARG(ns));
        groups[n++] = STR("system:serviceaccounts");
        groups[n++] = buf_str(&ns_group);
    }
    if (str_is(imp->user, ANONYMOUS)) {
        if (!among(groups, n, UNAUTHENTICATED))
            groups[n++] = STR(UNAUTHENTICATED);
    } else if (!among(groups, n, AUTHENTICATED) && !among(groups, n, UNAUTHENTICATED)) {
        groups[n++] = STR(AUTHENTICATED);
    }
    *ret = user_new(imp->user, imp->uid, groups, n, imp->extra, imp->n_extra);
    return 0;
}
