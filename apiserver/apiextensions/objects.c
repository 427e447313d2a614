/* Custom resources on their way in and out: form, strategy, validation, rows of tables, selectable fields. */
#include "api/conform.h"
#include "api/status.h"
#include "apiserver/apiextensions/custom.h"
#include "apiserver/registry/meta.h"
#include "apiserver/validation/common.h"
#include "base/limits.h"
#include "base/parse.h"

/* --- form -------------------------------------------------------------------------------------------------------- */

static bool is_type_or_meta(struct str key)
{
    return str_is(key, "apiVersion") || str_is(key, "kind") || str_is(key, "metadata");
}

/* metadata is a Go struct even in a custom resource. */
static int conform_meta(struct arena *a, struct doc *obj, struct doc_warnings *unknown, struct err *err)
{
    const struct schema_kind *k = schema_kind_find(STR("meta.k8s.io"), STR("v1"), STR("PartialObjectMetadata"));
    struct doc *partial = doc_object(a), *meta = doc_get(obj, "metadata"), *out = NULL;
    if (!k || !partial)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    if (meta)
        doc_set(partial, "metadata", doc_clone(a, meta, true));
    if (conform(a, partial, k->message, unknown, &out, err) < 0)
        return -1;
    struct doc *made = doc_remove(out, "metadata");
    doc_set(obj, "metadata", made ? made : doc_object(a));
    return 0;
}

/* What stands inside of an object that is a whole resource itself has a Go metadata as well; it is left as it is. */
int custom_accept(const struct custom *c, struct arena *a, struct doc *obj, struct doc_warnings *unknown,
                  struct err *err)
{
    if (conform_meta(a, obj, unknown, err) < 0)
        return -1;
    structural_prune(a, obj, c->schema, unknown);
    structural_default(a, obj, c->schema);
    doc_sort_members(obj, true);
    return arena_overflow(a) ? err_set(err, ERR_TOO_LARGE, "request too large") : 0;
}

void custom_restore(const struct custom *c, struct arena *a, struct doc *obj)
{
    structural_prune(a, obj, c->schema, NULL);
    structural_default(a, obj, c->schema);
}

/* --- strategy ---------------------------------------------------------------------------------------------------- */

static void prepare_create(struct op *op, struct doc *obj)
{
    if (op->res->custom->has_status)
        doc_remove(obj, "status");
}

static void prepare_update(struct op *op, struct doc *obj, const struct doc *old)
{
    if (op->res->custom->has_status)
        doc_keep(op->arena, obj, old, "status");
}

/* All but the status is as it was. */
static void prepare_status(struct op *op, struct doc *obj, const struct doc *old)
{
    static const char *const meta[] = {"labels", "annotations", "finalizers", "ownerReferences", "generateName"};
    doc_foreach (obj, m) {
        if (!is_type_or_meta(doc_key(m)) && !str_is(doc_key(m), "status"))
            doc_unlink(obj, m);
    }
    doc_foreach (old, m) {
        struct doc *copy = NULL;
        if (!is_type_or_meta(doc_key(m)) && !str_is(doc_key(m), "status"))
            copy = doc_clone(op->arena, m, true);
        if (copy)
            doc_set_str(obj, doc_key(m), copy);
    }
    for (size_t i = 0; i < ARRAY_LEN(meta); i++)
        meta_keep(op->arena, obj, old, meta[i]);
}

static bool contained(const struct doc *a, const struct doc *b)
{
    doc_foreach (a, m) {
        const struct doc *other = doc_get_str(b, doc_key(m));
        if (!is_type_or_meta(doc_key(m)) && (!other || !doc_equal(m, other)))
            return false;
    }
    return true;
}

/* Any change but of metadata counts; the status of who has one apart was put back before. */
static bool generation_grows(const struct doc *obj, const struct doc *old)
{
    return !contained(obj, old) || !contained(old, obj);
}

static int refuse_while_terminating(struct op *op, struct doc *obj, const struct doc *old, struct reservation **ret,
                                    struct err *err)
{
    (void)obj;
    (void)ret;
    if (old || !atomic_load(&op->res->custom->crd->terminating))
        return 0;
    (void)status_method_not_supported(err, op->arena, str_of(op->res->group), str_of(op->res->name), "create");
    const void *detail = err->detail;
    (void)err_set(err, ERR_METHOD_NOT_ALLOWED, "create not allowed while custom resource definition is terminating");
    err->detail = detail;
    return -1;
}

void custom_fill_strategy(struct custom *c)
{
    c->strategy = (struct strategy){
        .group = c->res.group,
        .resource = c->res.name,
        .flags = STRATEGY_GENERATION | STRATEGY_NEEDS_VERSION,
        .prepare_create = prepare_create,
        .prepare_update = prepare_update,
        .prepare_status = prepare_status,
        .generation_grows = generation_grows,
        .reserve = refuse_while_terminating,
    };
}

/* --- validation -------------------------------------------------------------------------------------------------- */

/* Are the members that scale shows what they must be? */
static void check_scale(const struct custom *c, const struct doc *obj, struct field_errors *errs)
{
    const struct doc *spec = jsonpath_first(c->scale_spec, obj), *status = jsonpath_first(c->scale_status, obj);
    const struct doc *found[] = {spec, status};
    for (size_t i = 0; i < ARRAY_LEN(found); i++) {
        int64_t v;
        if (!found[i] || !doc_to_int(found[i], &v))
            continue;
        path_t p = FIELD(NULL, i ? "status.replicas" : "spec.replicas");
        if (v < 0)
            field_invalid(errs, p, found[i], "should be a non-negative integer");
        else if (v > INT32_MAX)
            field_invalid(errs, p, found[i], "should be less than or equal to %d", INT32_MAX);
    }
}

int custom_validate(const struct custom *c, struct op *op, const struct doc *obj, const struct doc *old,
                    struct err *err)
{
    struct field_errors errs = field_errors_in(op->arena);
    path_t meta = FIELD(NULL, "metadata");
    if (old)
        v_object_meta_update(&errs, meta, v_get(obj, "metadata"), v_get(old, "metadata"));
    else
        v_object_meta(&errs, meta, v_get(obj, "metadata"), c->res.namespaced, name_dns1123_subdomain);
    /* The whole object, for a status too, as upstream. */
    structural_validate(c->schema, obj, "", &errs);
    if (c->has_scale)
        check_scale(c, obj, &errs);
    return field_errors_to_err(&errs, str_of(c->res.group), str_of(c->res.kind), meta_name(obj), err);
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

static struct doc *age(struct arena *a, const struct doc *value, int64_t now_s)
{
    char text[HUMAN_DURATION_MAX];
    int64_t then;
    if (!meta_parse_time(value, &then))
        return doc_string(a, STR("<invalid>"));
    printer_human_duration(now_s - then, text);
    return doc_string_copy(a, str_of(text));
}

static struct doc *as_text(struct arena *a, const struct doc *value)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_BODY);
    if (value->type == DOC_STRING || value->type == DOC_NUMBER)
        return doc_string_copy(a, doc_text(value));
    json_write(&b, value);
    return doc_string_copy(a, buf_str(&b));
}

static struct doc *as_integer(struct arena *a, const struct doc *value)
{
    double v;
    if (value->flags & DOC_F_INT || !doc_to_double(value, &v))
        return doc_clone(a, value, true);
    return v >= -9e18 && v <= 9e18 ? doc_int(a, (int64_t)v) : doc_null(a);
}

/* A value that is not of the column's type shows as nothing. */
static struct doc *cell(struct arena *a, const struct printer_column *col, const struct doc *value, int64_t now_s)
{
    if (!value || value->type == DOC_NULL)
        return doc_null(a);
    if (strcmp(col->type, "string") == 0)
        return as_text(a, value);
    if (strcmp(col->type, "date") == 0 && value->type == DOC_STRING)
        return age(a, value, now_s);
    if (strcmp(col->type, "integer") == 0 && value->type == DOC_NUMBER)
        return as_integer(a, value);
    if (strcmp(col->type, "number") == 0 && value->type == DOC_NUMBER)
        return doc_clone(a, value, true);
    if (strcmp(col->type, "boolean") == 0 && value->type == DOC_BOOL)
        return doc_bool(a, value->b);
    return doc_null(a);
}

struct doc *custom_row(const struct custom *c, struct arena *a, const struct doc *obj, int64_t now_ns)
{
    struct doc *row = doc_object(a), *cells = doc_array(a);
    if (!row || !cells)
        return NULL;
    doc_set(row, "cells", cells);
    doc_append(cells, doc_string(a, meta_name(obj)));
    for (size_t i = 1; i < c->printer.n_columns; i++) {
        struct doc *d = cell(a, &c->printer.columns[i], jsonpath_first(c->cells[i - 1], obj), now_ns / NS_PER_S);
        if (d)
            doc_append(cells, d);
    }
    return row;
}

/* --- selectable fields ------------------------------------------------------------------------------------------- */

static size_t find_field(const struct custom *c, struct str label)
{
    size_t i = 0;
    while (i < c->n_fields && !str_eq(c->fields[i], label))
        i++;
    return i;
}

bool custom_field_known(const struct custom *c, struct str label)
{
    return find_field(c, label) < c->n_fields;
}

struct str custom_field(const struct custom *c, const struct doc *obj, struct str label)
{
    size_t i = find_field(c, label);
    const struct doc *d = i < c->n_fields ? jsonpath_first(c->field_paths[i], obj) : NULL;
    if (doc_is(d, DOC_BOOL))
        return d->b ? STR("true") : STR("false");
    return doc_text(d);
}
