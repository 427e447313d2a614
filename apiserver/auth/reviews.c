#include "apiserver/auth/reviews.h"

#include "apiserver/auth/authz_internal.h"
#include "apiserver/auth/rbac.h"
#include "api/fielderr.h"
#include "api/status.h"
#include "base/buf.h"

#define AUTHZ_GROUP "authorization.k8s.io"
#define AUTHN_GROUP "authentication.k8s.io"
#define REASON_MAX 4096
#define AUDIENCES_MAX 64

static struct str text(const struct doc *obj, const char *key)
{
    return doc_str(doc_get(obj, key));
}

static void set_text(struct arena *a, struct doc *obj, const char *key, struct str s)
{
    doc_set(obj, key, doc_string_copy(a, s));
}

static int finish(struct arena *a, struct doc *out, struct doc *status, struct doc **ret, struct err *err)
{
    doc_set(out, "status", status);
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the review is too large");
    *ret = out;
    return 0;
}

static struct doc *user_info(struct arena *a, const struct user *u)
{
    struct doc *info = doc_object(a), *groups = doc_array(a), *extra = doc_object(a);
    set_text(a, info, "username", u->name);
    if (u->uid.n)
        set_text(a, info, "uid", u->uid);
    for (size_t i = 0; i < u->n_groups; i++)
        doc_append(groups, doc_string_copy(a, u->groups[i]));
    for (size_t i = 0; i < u->n_extra; i++) {
        struct doc *values = doc_get_str(extra, u->extra[i].key);
        if (!values)
            values = doc_set_str(extra, arena_str(a, u->extra[i].key), doc_array(a));
        doc_append(values, doc_string_copy(a, u->extra[i].value));
    }
    if (doc_count(groups))
        doc_set(info, "groups", groups);
    if (doc_count(extra))
        doc_set(info, "extra", extra);
    return info;
}

/* --- TokenReview --- */

int review_token(struct authn *a, struct arena *arena, const struct doc *in, struct doc **ret, struct err *err)
{
    const struct doc *spec = doc_get(in, "spec");
    struct str token = text(spec, "token"), audiences[AUDIENCES_MAX];
    if (!token.n)
        return status_bad_request(err, "token is required for TokenReview in authentication");
    size_t n = 0;
    doc_foreach (doc_get(spec, "audiences"), it) {
        if (n == AUDIENCES_MAX)
            return status_bad_request(err, "too many audiences");
        audiences[n++] = doc_str(it);
    }
    struct doc *out = doc_clone(arena, in, true), *status = doc_object(arena), *good_for = NULL;
    _cleanup_(user_unrefp) struct user *user = NULL;
    struct err why = ERR_INIT;
    if (authn_token(a, token, audiences, n, arena, &user, &good_for, &why) < 0) {
        doc_set(status, "user", doc_object(arena));
        doc_set(status, "error", doc_printf(arena, "[invalid bearer token, %s]", why.msg));
    } else {
        doc_set(status, "authenticated", doc_bool(arena, true));
        doc_set(status, "user", user_info(arena, user));
        if (doc_count(good_for))
            doc_set(status, "audiences", good_for);
    }
    return finish(arena, out, status, ret, err);
}

/* --- access reviews --- */

static struct authz_attributes attributes_of(const struct doc *spec, const struct user *user)
{
    const struct doc *r = doc_get(spec, "resourceAttributes"), *p = doc_get(spec, "nonResourceAttributes");
    struct authz_attributes attr = {.user = user, .is_resource = doc_is(r, DOC_OBJECT)};
    if (!attr.is_resource) {
        attr.path = text(p, "path");
        attr.verb = text(p, "verb");
        return attr;
    }
    attr.ns = text(r, "namespace");
    attr.verb = text(r, "verb");
    attr.group = text(r, "group");
    attr.version = text(r, "version");
    attr.resource = text(r, "resource");
    attr.subresource = text(r, "subresource");
    attr.name = text(r, "name");
    return attr;
}

static struct doc *decide(struct authorizer *z, struct arena *a, const struct authz_attributes *attr)
{
    _cleanup_(buf_releasep) struct buf reason = BUF_INIT(REASON_MAX);
    struct doc *status = doc_object(a);
    enum authz_decision d = authz_decide(z, attr, &reason);
    doc_set(status, "allowed", doc_bool(a, d == AUTHZ_ALLOW));
    if (d == AUTHZ_DENY)
        doc_set(status, "denied", doc_bool(a, true));
    if (reason.len)
        set_text(a, status, "reason", buf_str(&reason));
    return status;
}

static bool metadata_empty(const struct doc *in, bool allow_ns)
{
    doc_foreach (doc_get(in, "metadata"), it) {
        struct str key = doc_key(it);
        if (str_is(key, "managedFields") || str_is(key, "creationTimestamp") || (allow_ns && str_is(key, "namespace")))
            continue;
        if (it->type != DOC_NULL && !(it->type == DOC_STRING && !it->n))
            return false;
    }
    return true;
}

static void check_attributes(struct field_errors *errs, const struct doc *spec)
{
    const struct field_path *p = FIELD(NULL, "spec");
    const struct doc *r = doc_get(spec, "resourceAttributes"), *n = doc_get(spec, "nonResourceAttributes");
    bool has_r = doc_is(r, DOC_OBJECT), has_n = doc_is(n, DOC_OBJECT);
    if (has_r && has_n)
        field_invalid(errs, FIELD(p, "nonResourceAttributes"), n,
                      "cannot be specified in combination with resourceAttributes");
    if (!has_r && !has_n)
        field_invalid(errs, FIELD(p, "resourceAttributes"), NULL,
                      "exactly one of nonResourceAttributes or resourceAttributes must be specified");
}

static void check_subject(struct field_errors *errs, const struct doc *spec)
{
    if (!text(spec, "user").n && !doc_count(doc_get(spec, "groups")))
        field_invalid_str(errs, FIELD(FIELD(NULL, "spec"), "user"), STR(""),
                          "at least one of user or group must be specified");
}

/* The user that a SubjectAccessReview is about. */
static struct user *subject_of(const struct doc *spec)
{
    struct str groups[USER_GROUPS_MAX];
    size_t n = 0;
    doc_foreach (doc_get(spec, "groups"), it)
        if (n < USER_GROUPS_MAX)
            groups[n++] = doc_str(it);
    return user_new(text(spec, "user"), text(spec, "uid"), groups, n, NULL, 0);
}

static int review_subject(struct authorizer *z, struct arena *arena, const char *kind, struct field_errors *errs,
                          const struct doc *in, struct doc **ret, struct err *err)
{
    const struct doc *spec = doc_get(in, "spec");
    check_attributes(errs, spec);
    check_subject(errs, spec);
    if (field_errors_to_err(errs, STR(AUTHZ_GROUP), str_of(kind), STR(""), err) < 0)
        return -1;
    _cleanup_(user_unrefp) struct user *user = subject_of(spec);
    struct authz_attributes attr = attributes_of(spec, user);
    return finish(arena, doc_clone(arena, in, true), decide(z, arena, &attr), ret, err);
}

int review_subject_access(struct authorizer *z, struct arena *arena, const struct doc *in, struct doc **ret,
                          struct err *err)
{
    struct field_errors errs = field_errors_in(arena);
    if (!metadata_empty(in, false))
        field_invalid(&errs, FIELD(NULL, "metadata"), doc_get(in, "metadata"), "must be empty");
    return review_subject(z, arena, "SubjectAccessReview", &errs, in, ret, err);
}

int review_local_subject_access(struct authorizer *z, struct arena *arena, struct str ns, const struct doc *in,
                                struct doc **ret, struct err *err)
{
    struct field_errors errs = field_errors_in(arena);
    const struct doc *spec = doc_get(in, "spec"), *r = doc_get(spec, "resourceAttributes");
    if (!str_eq(text(doc_get(in, "metadata"), "namespace"), ns))
        return status_bad_request(err, "spec.resourceAttributes.namespace must match namespace: " STR_FMT, STR_ARG(ns));
    if (!metadata_empty(in, true))
        field_invalid(&errs, FIELD(NULL, "metadata"), doc_get(in, "metadata"), "must be empty except for namespace");
    if (doc_is(r, DOC_OBJECT) && !str_eq(text(r, "namespace"), ns))
        field_invalid_str(&errs, FIELD(FIELD(FIELD(NULL, "spec"), "resourceAttributes"), "namespace"),
                          text(r, "namespace"), "must match metadata.namespace");
    if (doc_is(doc_get(spec, "nonResourceAttributes"), DOC_OBJECT))
        field_invalid(&errs, FIELD(FIELD(NULL, "spec"), "nonResourceAttributes"),
                      doc_get(spec, "nonResourceAttributes"), "disallowed on this kind of request");
    return review_subject(z, arena, "LocalSubjectAccessReview", &errs, in, ret, err);
}

int review_self_subject_access(struct authorizer *z, struct arena *arena, const struct user *user, const struct doc *in,
                               struct doc **ret, struct err *err)
{
    struct field_errors errs = field_errors_in(arena);
    const struct doc *spec = doc_get(in, "spec");
    if (!metadata_empty(in, false))
        field_invalid(&errs, FIELD(NULL, "metadata"), doc_get(in, "metadata"), "must be empty");
    check_attributes(&errs, spec);
    if (field_errors_to_err(&errs, STR(AUTHZ_GROUP), STR("SelfSubjectAccessReview"), STR(""), err) < 0)
        return -1;
    struct authz_attributes attr = attributes_of(spec, user);
    return finish(arena, doc_clone(arena, in, true), decide(z, arena, &attr), ret, err);
}

/* --- what may I, who am I --- */

static struct doc *everything(struct arena *a, bool resources)
{
    struct doc *rule = doc_object(a);
    static const char *const keys[2][4] = {{"verbs", "nonResourceURLs", NULL},
                                           {"verbs", "apiGroups", "resources", NULL}};
    for (const char *const *key = keys[resources]; *key; key++) {
        struct doc *all = doc_array(a);
        doc_append(all, doc_string(a, STR("*")));
        doc_set(rule, *key, all);
    }
    return rule;
}

int review_self_subject_rules(struct authorizer *z, struct arena *arena, const struct user *user, const struct doc *in,
                              struct doc **ret, struct err *err)
{
    struct str ns = text(doc_get(in, "spec"), "namespace");
    if (!ns.n)
        return status_bad_request(err, "no namespace on request");
    struct doc *status = doc_object(arena), *rules = doc_array(arena);
    struct doc *resources = doc_array(arena), *urls = doc_array(arena);
    struct rbac *rbac = authorizer_rbac(z);
    if (rbac && rbac_rules_for(rbac, user, ns, arena, rules, err) < 0)
        return -1;
    if (user_in_group(user, STR("system:masters"))) {
        doc_append(resources, everything(arena, true));
        doc_append(urls, everything(arena, false));
    }
    doc_foreach (rules, rule) {
        bool non_resource = doc_count(doc_get(rule, "nonResourceURLs")) > 0;
        doc_append(non_resource ? urls : resources, doc_clone(arena, rule, true));
    }
    doc_set(status, "resourceRules", resources);
    doc_set(status, "nonResourceRules", urls);
    doc_set(status, "incomplete", doc_bool(arena, !rbac));
    return finish(arena, doc_clone(arena, in, true), status, ret, err);
}

int review_self_subject(struct arena *arena, const struct user *user, const struct doc *in, struct doc **ret,
                        struct err *err)
{
    struct doc *status = doc_object(arena);
    doc_set(status, "userInfo", user_info(arena, user));
    return finish(arena, doc_clone(arena, in, true), status, ret, err);
}
