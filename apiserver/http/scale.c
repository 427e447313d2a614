/* The scale subresource: autoscaling/v1 Scale as a view of replicas and selector. */
#include "api/fielderr.h"
#include "api/selector.h"
#include "apiserver/apiextensions/custom.h"
#include "apiserver/http/body.h"
#include "apiserver/http/patch.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/subresources.h"
#include "apiserver/http/table.h"
#include "apiserver/http/write.h"
#include "apiserver/registry/codec.h"
#include "apiserver/registry/meta.h"
#include "base/limits.h"

static const char *selector_text(struct arena *a, const struct doc *selector)
{
    const struct label_selector *s = NULL;
    struct err ignored = ERR_INIT;
    struct doc *ls = (struct doc *)selector;
    if (selector && !doc_get(selector, "matchLabels") && !doc_get(selector, "matchExpressions") &&
        doc_count(selector)) {
        ls = doc_object(a); /* a replication controller's bare map */
        doc_set(ls, "matchLabels", doc_clone(a, selector, true));
    }
    if (label_selector_from_doc(a, ls, &s, &ignored) < 0)
        return "";
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_SELECTOR);
    label_selector_write(&b, s);
    const char *text = arena_strndup(a, buf_str(&b).p, b.len);
    return text ? text : "";
}

/* What a Scale shows of an object, which for a custom resource stands where its definition says. */
struct scale_view {
    int64_t replicas, current;
    const char *selector;
};

static struct scale_view view_of(const struct resource *res, struct arena *a, const struct doc *obj)
{
    const struct custom *c = res->custom;
    if (!c)
        return (struct scale_view){doc_int_or(doc_path(obj, "spec.replicas"), 0),
                                   doc_int_or(doc_path(obj, "status.replicas"), 0),
                                   selector_text(a, doc_path(obj, "spec.selector"))};
    struct str selector = c->scale_selector ? doc_str(jsonpath_first(c->scale_selector, obj)) : STR("");
    const char *text = arena_strndup(a, selector.p, selector.n);
    return (struct scale_view){doc_int_or(jsonpath_first(c->scale_spec, obj), 0),
                               doc_int_or(jsonpath_first(c->scale_status, obj), 0), text ? text : ""};
}

static struct doc *scale_of(const struct resource *res, struct arena *a, const struct doc *obj)
{
    static const char *const copied[] = {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"};
    struct doc *d = doc_object(a), *meta = doc_object(a), *spec = doc_object(a), *status = doc_object(a);
    doc_set(d, "kind", doc_string(a, STR("Scale")));
    doc_set(d, "apiVersion", doc_string(a, STR("autoscaling/v1")));
    for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
        struct doc *v = doc_get(meta_of(obj), copied[i]);
        if (v)
            doc_set(meta, copied[i], doc_clone(a, v, true));
    }
    doc_set(d, "metadata", meta);
    struct scale_view v = view_of(res, a, obj);
    if (v.replicas)
        doc_set(spec, "replicas", doc_int(a, v.replicas));
    doc_set(d, "spec", spec);
    doc_set(status, "replicas", doc_int(a, v.current));
    if (*v.selector)
        doc_set(status, "selector", doc_string(a, str_of(v.selector)));
    doc_set(d, "status", status);
    return d;
}

static int respond_scale(struct request *r, const struct doc *obj, struct err *err)
{
    struct doc *scale = scale_of(r->res, r->arena, obj);
    if (arena_overflow(r->arena))
        return err_set(err, ERR_TOO_LARGE, "request too large");
    if (r->accept.shape == SHAPE_TABLE)
        return table_respond_object(r, 200, scale, err);
    return respond_doc(r, 200, scale, err);
}

int sub_scale_get(struct request *r, struct err *err)
{
    struct storage_object *o = NULL;
    struct doc *obj = NULL;
    if (negotiate_accept(http_header(r->http, "accept"), request_negotiates(r, NEGOTIATE_OBJECT), &r->accept, err) < 0)
        return -1;
    struct op op = write_op(r);
    if (store_get(&op, true, &obj, &o, err) < 0)
        return -1;
    int result = respond_scale(r, obj, err);
    storage_object_unref(o);
    return result;
}

static bool set_replicas(struct op *op, struct doc *obj, struct doc *number)
{
    if (op->res->custom)
        return jsonpath_set(op->res->custom->scale_spec, op->arena, obj, number);
    return doc_set_path(op->arena, obj, "spec.replicas", number);
}

/* The scaled object with what a Scale may change. */
static int apply_scale(struct op *op, const struct doc *old, const struct doc *scale, struct doc **ret, struct err *err)
{
    int64_t replicas = doc_int_or(doc_path(scale, "spec.replicas"), 0);
    if (replicas < 0) {
        struct field_errors errs = field_errors_in(op->arena);
        field_invalid_int(&errs, FIELD(FIELD(NULL, "spec"), "replicas"), replicas,
                          "must be greater than or equal to 0");
        return field_errors_to_err(&errs, STR("autoscaling"), STR("Scale"), op->name, err);
    }
    struct doc *obj = doc_clone(op->arena, old, true);
    struct doc *number = doc_int(op->arena, replicas);
    if (!obj || !number || !set_replicas(op, obj, number))
        return err_set(err, ERR_TOO_LARGE, "request too large");
    struct str version = meta_str(scale, "resourceVersion"), uid = meta_uid(scale);
    if (version.n)
        meta_set_str(op->arena, obj, "resourceVersion", version);
    else
        meta_remove(obj, "resourceVersion");
    if (uid.n)
        meta_set_str(op->arena, obj, "uid", uid);
    *ret = obj;
    return 0;
}

static int from_scale(void *ctx, struct op *op, const struct doc *old, struct doc **ret, struct err *err)
{
    return apply_scale(op, old, ctx, ret, err);
}

static int from_patch(void *ctx, struct op *op, const struct doc *old, struct doc **ret, struct err *err)
{
    struct doc *scale = NULL;
    if (patch_apply(ctx, scale_of(op->res, op->arena, old), &scale, err) < 0)
        return -1;
    return apply_scale(op, old, scale, ret, err);
}

static int change(struct request *r, store_transform transform, void *ctx, struct err *err)
{
    struct storage_object *o = NULL;
    struct doc *obj = NULL;
    struct op op = write_op(r);
    op.sub = "";
    if (store_update(&op, transform, ctx, &o, err) < 0)
        return -1;
    int result = codec_load(r->res, r->arena, o, &obj, err) < 0 ? -1 : respond_scale(r, obj, err);
    storage_object_unref(o);
    return result;
}

int sub_scale_update(struct request *r, struct err *err)
{
    struct doc *scale = NULL;
    struct body_kind want = body_kind_of(r);
    if (write_check(r, err) < 0 || body_object(r, &want, &scale, err) < 0 || write_check_name(r, scale, err) < 0)
        return -1;
    return change(r, from_scale, scale, err);
}

int sub_scale_patch(struct request *r, struct err *err)
{
    struct patch p;
    if (write_check(r, err) < 0 || patch_read(r, &p, err) < 0)
        return -1;
    return change(r, from_patch, &p, err);
}
