#include "apiserver/auth/authz_internal.h"

#include "apiserver/auth/node.h"
#include "apiserver/auth/rbac.h"
#include "api/fielderr.h"
#include "api/status.h"

#define SUPERUSERS "system:masters"
#define MODES_MAX 4
#define REASON_MAX 4096

enum mode { MODE_RBAC, MODE_NODE, MODE_ALLOW, MODE_DENY };

static const struct {
    const char *name;
    enum mode mode;
} mode_names[] = {
    {"RBAC", MODE_RBAC},
    {"Node", MODE_NODE},
    {"AlwaysAllow", MODE_ALLOW},
    {"AlwaysDeny", MODE_DENY},
};

struct authorizer {
    enum mode modes[MODES_MAX];
    size_t n;
    struct rbac *rbac; /* NULL without that mode */
    struct node_authorizer *node;
};

static int add_mode(struct authorizer *z, struct str name, const struct auth_store *store, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(mode_names); i++) {
        if (!str_is(name, mode_names[i].name))
            continue;
        for (size_t k = 0; k < z->n; k++)
            if (z->modes[k] == mode_names[i].mode)
                return err_set(err, ERR_BAD_REQUEST, "authorization-mode has mode \"%s\" specified more than once",
                               mode_names[i].name);
        z->modes[z->n++] = mode_names[i].mode;
        if (mode_names[i].mode == MODE_RBAC)
            z->rbac = rbac_new(store);
        if (mode_names[i].mode == MODE_NODE)
            z->node = node_authorizer_new(store);
        return 0;
    }
    return err_set(err, ERR_BAD_REQUEST, "authorization-mode \"" STR_FMT "\" is not a valid mode", STR_ARG(name));
}

int authorizer_new(const char *modes, const struct auth_store *store, struct authorizer **ret, struct err *err)
{
    struct authorizer *z = xcalloc(1, sizeof(*z));
    struct str rest = str_of(modes), name;
    while (str_split(&rest, ',', &name))
        if (add_mode(z, str_trim(name), store, err) < 0) {
            authorizer_free(z);
            return -1;
        }
    if (!z->n) {
        authorizer_free(z);
        return err_set(err, ERR_BAD_REQUEST, "at least one authorization-mode must be passed");
    }
    *ret = z;
    return 0;
}

struct authorizer *authorizer_free(struct authorizer *z)
{
    if (z) {
        rbac_free(z->rbac);
        node_authorizer_free(z->node);
        free(z);
    }
    return NULL;
}

struct rbac *authorizer_rbac(struct authorizer *z)
{
    return z->rbac;
}

static enum authz_decision decide_mode(struct authorizer *z, enum mode mode, const struct authz_attributes *attr,
                                       struct buf *reason)
{
    switch (mode) {
    case MODE_RBAC:
        return rbac_decide(z->rbac, attr, reason);
    case MODE_NODE:
        return node_authorizer_decide(z->node, attr, reason);
    case MODE_ALLOW:
        return AUTHZ_ALLOW;
    case MODE_DENY:
        if (reason)
            buf_puts(reason, "Everything is forbidden.");
        return AUTHZ_NO_OPINION;
    }
    return AUTHZ_NO_OPINION;
}

enum authz_decision authz_decide(struct authorizer *z, const struct authz_attributes *attr, struct buf *reason)
{
    if (user_in_group(attr->user, STR(SUPERUSERS)))
        return AUTHZ_ALLOW;
    for (size_t i = 0; i < z->n; i++) {
        size_t before = reason ? reason->len : 0;
        if (before)
            buf_putc(reason, '\n');
        enum authz_decision d = decide_mode(z, z->modes[i], attr, reason);
        if (reason && d == AUTHZ_ALLOW) { /* what the others had to say does not matter */
            buf_consume(reason, before + (before ? 1 : 0));
            return d;
        }
        if (reason && before && reason->len == before + 1)
            reason->data[--reason->len] = '\0';
        if (d != AUTHZ_NO_OPINION)
            return d;
    }
    return AUTHZ_NO_OPINION;
}

/* --- the answer to a refused request --- */

static void add_escaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        switch (s.p[i]) {
        case '&':
            buf_puts(out, "&amp;");
            break;
        case '<':
            buf_puts(out, "&lt;");
            break;
        case '>':
            buf_puts(out, "&gt;");
            break;
        default:
            buf_putc(out, s.p[i]);
        }
}

static void describe(const struct authz_attributes *attr, struct arena *arena, struct buf *out)
{
    const char *user = field_quote(arena, attr->user->name);
    buf_printf(out, "User %s cannot " STR_FMT, user ? user : "", STR_ARG(attr->verb));
    if (!attr->is_resource) {
        const char *path = field_quote(arena, attr->path);
        buf_printf(out, " path %s", path ? path : "");
        return;
    }
    buf_printf(out, " resource \"" STR_FMT "%s" STR_FMT "\" in API group \"" STR_FMT "\"", STR_ARG(attr->resource),
               attr->subresource.n ? "/" : "", STR_ARG(attr->subresource), STR_ARG(attr->group));
    if (attr->ns.n)
        buf_printf(out, " in the namespace \"" STR_FMT "\"", STR_ARG(attr->ns));
    else
        buf_puts(out, " at the cluster scope");
}

int authz_forbidden(const struct authz_attributes *attr, struct str reason, struct arena *arena, struct err *err)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(REASON_MAX), shown = BUF_INIT(2 * REASON_MAX);
    describe(attr, arena, &text);
    add_escaped(&shown, buf_str(&text));
    if (reason.n)
        buf_printf(&shown, ": " STR_FMT, STR_ARG(reason));
    struct str none = STR("");
    return status_forbidden(err, arena, attr->is_resource ? attr->group : none,
                            attr->is_resource ? attr->resource : none, attr->is_resource ? attr->name : none, "%s",
                            shown.data ? shown.data : "");
}

int authz_require(struct authorizer *z, const struct authz_attributes *attr, struct arena *arena, struct err *err)
{
    if (LIKELY(authz_decide(z, attr, NULL) == AUTHZ_ALLOW))
        return 0;
    _cleanup_(buf_releasep) struct buf reason = BUF_INIT(REASON_MAX);
    if (authz_decide(z, attr, &reason) == AUTHZ_ALLOW) /* granted in this very moment */
        return 0;
    return authz_forbidden(attr, buf_str(&reason), arena, err);
}
