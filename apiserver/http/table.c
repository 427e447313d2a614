#include "apiserver/http/table.h"

#include "apiserver/apiextensions/custom.h"
#include "apiserver/http/respond.h"
#include "apiserver/printers/printers.h"
#include "apiserver/registry/codec.h"
#include "apiserver/registry/meta.h"
#include "base/limits.h"

#define LIMIT_TABLE (256 * MIB)

static const char *table_version(const struct request *r)
{
    return r->accept.beta ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1";
}

static const struct printer *printer_of(const struct request *r)
{
    struct str resource = r->info.resource;
    if (r->sub && strcmp(r->sub->name, "scale") == 0)
        resource = str_of(arena_printf(r->arena, "%s/scale", r->res->name));
    else if (r->res->custom)
        return &r->res->custom->printer;
    return printer_find(r->info.group, resource);
}

int table_check_query(const struct request *r, struct err *err)
{
    struct str v = query_get(&r->query, "includeObject");
    if (!v.n || str_is(v, "None") || str_is(v, "Metadata") || str_is(v, "Object"))
        return 0;
    return err_set(err, ERR_BAD_REQUEST, "unrecognized includeObject value: \"" STR_FMT "\"", STR_ARG(v));
}

/* What goes into a row's `object`; NULL = nothing. */
static struct doc *row_object(const struct request *r, struct arena *a, struct doc *obj)
{
    struct str include = query_get(&r->query, "includeObject");
    if (str_is(include, "None"))
        return NULL;
    if (str_is(include, "Object"))
        return obj;
    return codec_partial_metadata(a, obj, r->accept.beta);
}

static struct doc *make_row(const struct request *r, struct arena *a, const struct printer *p, struct doc *obj)
{
    int64_t now = clock_wall(r->server->clock);
    bool custom = r->res->custom && p == &r->res->custom->printer;
    struct doc *row = custom ? custom_row(r->res->custom, a, obj, now) : printer_row(a, p, obj, now);
    struct doc *object = row_object(r, a, obj);
    if (row && object)
        doc_set(row, "object", object);
    return row;
}

/* Everything of a table up to the first row: the object without its end, and "rows":[ open. */
static void open_table(const struct request *r, struct arena *a, const struct printer *p, struct doc *meta,
                       bool with_columns, struct buf *out)
{
    struct doc *t = printer_table(a, p, table_version(r));
    buf_printf(out, "{\"kind\":\"Table\",\"apiVersion\":\"%s\",\"metadata\":", table_version(r));
    json_write(out, meta);
    buf_puts(out, ",\"columnDefinitions\":");
    if (with_columns)
        json_write(out, doc_get(t, "columnDefinitions"));
    else
        buf_puts(out, "[]");
    buf_puts(out, ",\"rows\":[");
}

static struct doc *list_meta(struct arena *a, struct str revision)
{
    struct doc *meta = doc_object(a);
    if (meta && revision.n)
        doc_set(meta, "resourceVersion", doc_string(a, revision));
    return meta;
}

static int answer(struct request *r, int status, struct buf *b, struct err *err)
{
    if (!buf_ok(b))
        return err_set(err, ERR_INTERNAL, "the table is too large");
    respond_shared(r, status, "application/json", shared_buf_from(b));
    return 0;
}

int table_respond_object(struct request *r, int status, const struct doc *obj, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_TABLE);
    if (table_check_query(r, err) < 0)
        return -1;
    const struct printer *p = printer_of(r);
    struct doc *copy = doc_clone(r->arena, obj, true);
    open_table(r, r->arena, p, list_meta(r->arena, meta_str(obj, "resourceVersion")), true, &b);
    if (copy)
        json_write(&b, make_row(r, r->arena, p, copy));
    buf_puts(&b, "]}\n");
    return answer(r, status, &b, err);
}

static int write_row(const struct request *r, struct arena *scratch, const struct printer *p,
                     const struct storage_object *o, struct buf *out, struct err *err)
{
    struct doc *obj = NULL;
    if (codec_load(r->res, scratch, o, &obj, err) < 0)
        return -1;
    struct doc *row = make_row(r, scratch, p, obj);
    if (!row)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    json_write(out, row);
    return 0;
}

int table_respond_list(struct request *r, const struct storage_list *list, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_TABLE);
    _cleanup_(arena_freep) struct arena *scratch = arena_new(LIMIT_DOC_ARENA);
    const struct printer *p = printer_of(r);
    struct doc *meta = list_meta(r->arena, str_of(arena_printf(r->arena, "%lld", (long long)list->revision)));
    if (!meta)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    if (list->continue_token) {
        doc_set(meta, "continue", doc_string_copy(r->arena, str_of(list->continue_token)));
        if (list->remaining >= 0)
            doc_set(meta, "remainingItemCount", doc_int(r->arena, list->remaining));
    }
    open_table(r, r->arena, p, meta, true, &b);
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            buf_putc(&b, ',');
        if (write_row(r, scratch, p, list->v[i], &b, err) < 0)
            return -1;
        arena_reset(scratch);
    }
    buf_puts(&b, "]}\n");
    return answer(r, 200, &b, err);
}

int table_write_event(const struct request *r, const struct storage_object *o, bool with_columns, struct buf *out,
                      struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    const struct printer *p = printer_of(r);
    open_table(r, a, p, list_meta(a, str_of(arena_printf(a, "%lld", (long long)o->mod_revision))), with_columns, out);
    if (write_row(r, a, p, o, out, err) < 0)
        return -1;
    buf_puts(out, "]}");
    return 0;
}
