#include "apiserver/http/write.h"

#include "api/fielderr.h"
#include "api/status.h"
#include "apiserver/http/body.h"
#include "apiserver/http/respond.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/registry.h"

struct op write_op(struct request *r)
{
    struct op op = registry_op(r->server->registry, r->arena, r->res, r->info.ns, r->info.name);
    op.sub = r->sub ? r->sub->name : "";
    op.user = r->user;
    op.dry_run = r->dry_run;
    op.warnings = &r->warnings;
    return op;
}

int write_check(struct request *r, struct err *err)
{
    static const char *const supported[] = {"All"};
    struct str dry = query_get(&r->query, "dryRun");
    if (negotiate_accept(http_header(r->http, "accept"), request_negotiates(r, NEGOTIATE_OBJECT), &r->accept, err) < 0)
        return -1;
    if (!dry.n || str_is(dry, "All"))
        return 0;
    struct field_errors errs = field_errors_in(r->arena);
    field_not_supported_str(&errs, FIELD(NULL, "dryRun"), dry, supported, ARRAY_LEN(supported));
    const char *kind = str_is(r->info.verb, "create")   ? "CreateOptions"
                       : str_is(r->info.verb, "update") ? "UpdateOptions"
                       : str_is(r->info.verb, "patch")  ? "PatchOptions"
                                                        : "DeleteOptions";
    return field_errors_to_err(&errs, STR("meta.k8s.io"), str_of(kind), STR(""), err);
}

int write_check_name(struct request *r, struct doc *obj, struct err *err)
{
    struct str name = meta_name(obj), ns = meta_namespace(obj);
    if (!name.n)
        meta_set_str(r->arena, obj, "name", r->info.name);
    else if (!str_eq(name, r->info.name))
        return err_set(err, ERR_BAD_REQUEST,
                       "the name of the object (" STR_FMT ") does not match the name on the URL (" STR_FMT ")",
                       STR_ARG(name), STR_ARG(r->info.name));
    if (!r->res->namespaced)
        return 0;
    if (!ns.n)
        meta_set_str(r->arena, obj, "namespace", r->info.ns);
    else if (!str_eq(ns, r->info.ns))
        return err_set(err, ERR_BAD_REQUEST,
                       "the namespace of the object (" STR_FMT ") does not match the namespace on the request (" STR_FMT
                       ")",
                       STR_ARG(ns), STR_ARG(r->info.ns));
    return 0;
}

int write_given(void *ctx, struct op *op, const struct doc *old, struct doc **ret, struct err *err)
{
    (void)old;
    *ret = doc_clone(op->arena, ctx, true);
    return *ret ? 0 : err_set(err, ERR_TOO_LARGE, "request too large");
}

int write_respond(struct request *r, int status, struct storage_object *taken, struct err *err)
{
    int result = respond_object(r, status, taken, err);
    storage_object_unref(taken);
    return result;
}

/* --- DeleteOptions ------------------------------------------------------------------------------------------------ */

static void options_from_body(const struct doc *d, struct delete_options *o)
{
    const struct doc *preconditions = doc_get(d, "preconditions"), *dry = doc_get(d, "dryRun");
    (void)dry;
    o->uid = doc_str(doc_get(preconditions, "uid"));
    o->resource_version = doc_str(doc_get(preconditions, "resourceVersion"));
    o->has_grace = doc_to_int(doc_get(d, "gracePeriodSeconds"), &o->grace);
    const struct doc *orphan = doc_get(d, "orphanDependents");
    o->has_orphan = doc_is(orphan, DOC_BOOL);
    o->orphan = doc_true(orphan);
    o->propagation = doc_str(doc_get(d, "propagationPolicy"));
}

static int options_from_query(struct request *r, struct delete_options *o, struct err *err)
{
    if (query_int(&r->query, "gracePeriodSeconds", &o->has_grace, &o->grace, err) < 0)
        return -1;
    o->has_orphan = query_has(&r->query, "orphanDependents");
    o->orphan = o->has_orphan && query_bool(&r->query, "orphanDependents");
    o->propagation = query_get(&r->query, "propagationPolicy");
    return 0;
}

static int check_options(struct request *r, const struct delete_options *o, struct err *err)
{
    static const char *const policies[] = {"Background", "Foreground", "Orphan", "nil"};
    struct field_errors errs = field_errors_in(r->arena);
    if (o->has_orphan && o->propagation.n)
        field_invalid_str(&errs, FIELD(NULL, "propagationPolicy"), o->propagation,
                          "orphanDependents and deletionPropagation cannot be both set");
    if (o->propagation.n && !str_is(o->propagation, "Background") && !str_is(o->propagation, "Foreground") &&
        !str_is(o->propagation, "Orphan"))
        field_not_supported_str(&errs, FIELD(NULL, "propagationPolicy"), o->propagation, policies, ARRAY_LEN(policies));
    return field_errors_to_err(&errs, STR("meta.k8s.io"), STR("DeleteOptions"), STR(""), err);
}

int write_delete_options(struct request *r, struct delete_options *ret, struct err *err)
{
    struct delete_options o = {0};
    if (r->body.n) {
        const struct schema_kind *k = schema_kind_find(STR("meta.k8s.io"), STR("v1"), STR("DeleteOptions"));
        if (!k)
            k = schema_kind_find(STR(""), STR("v1"), STR("DeleteOptions"));
        struct doc *d = NULL;
        if (!k)
            return err_set(err, ERR_INTERNAL, "no schema for DeleteOptions");
        /* The body may name any group: the kind is known to all of them. */
        if (body_any_version(r, k->message, "DeleteOptions", &d, err) < 0)
            return -1;
        options_from_body(d, &o);
        if (str_is(doc_str(doc_at(doc_get(d, "dryRun"), 0)), "All"))
            r->dry_run = true;
    } else if (options_from_query(r, &o, err) < 0) {
        return -1;
    }
    if (check_options(r, &o, err) < 0)
        return -1;
    *ret = o;
    return 0;
}
