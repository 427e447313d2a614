/* DELETE of a collection: a list, then each of its objects. One that is gone meanwhile is no error. */
#include "apiserver/http/respond.h"
#include "apiserver/http/select.h"
#include "apiserver/http/verbs.h"
#include "apiserver/http/write.h"
#include "apiserver/registry/codec.h"
#include "base/limits.h"

static int delete_one(struct request *r, const struct storage_object *o, const struct delete_options *options,
                      struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct delete_options own = *options;
    struct storage_object *now = NULL;
    bool gone;
    const struct object_index *ix = codec_index(r->res, o);
    if (!ix)
        return err_set(err, ERR_INTERNAL, "cannot read an object of the list");
    struct op op = write_op(r);
    op.arena = a;
    op.ns = ix->ns;
    op.name = ix->name;
    if (store_delete(&op, &own, &now, &gone, err) < 0) {
        err->detail = NULL; /* it lived in this arena */
        return -1;
    }
    storage_object_unref(now);
    return 0;
}

/* The list as it was, as upstream answers. */
static int respond_deleted(struct request *r, const struct storage_list *list, struct err *err)
{
    struct doc *d = doc_object(r->arena), *items = doc_array(r->arena), *meta = doc_object(r->arena);
    const char *version =
        *r->res->group ? arena_printf(r->arena, "%s/%s", r->res->group, r->res->version) : r->res->version;
    if (!d || !items || !meta || !version)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    doc_set(d, "kind", doc_string(r->arena, str_of(r->res->list_kind)));
    doc_set(d, "apiVersion", doc_string(r->arena, str_of(version)));
    doc_set(meta, "resourceVersion", doc_printf(r->arena, "%lld", (long long)list->revision));
    doc_set(d, "metadata", meta);
    for (size_t i = 0; i < list->n; i++) {
        struct doc *obj = NULL;
        if (codec_load(r->res, r->arena, list->v[i], &obj, err) < 0)
            return -1;
        doc_remove(obj, "kind");
        doc_remove(obj, "apiVersion");
        doc_append(items, obj);
    }
    doc_set(d, "items", items);
    r->accept.shape = SHAPE_OBJECT;
    return respond_doc(r, 200, d, err);
}

int verb_deletecollection(struct request *r, struct err *err)
{
    struct delete_options options;
    struct read_options o;
    struct storage_list list;
    struct selection s;
    if (write_check(r, err) < 0 || write_delete_options(r, &options, err) < 0 ||
        read_options_parse(r, true, &o, err) < 0 || selection_parse(r, &s, err) < 0)
        return -1;
    struct storage_list_options lo = {
        .at = o.at,
        .revision = o.revision,
        .limit = (size_t)o.limit,
        .continue_token = o.token,
        .match = selection_everything(&s) ? NULL : selection_matches,
        .user = &s,
    };
    if (request_key(r, r->info.ns, STR(""), &lo.prefix, err) < 0)
        return -1;
    if (storage_list(r->server->storage, &lo, &list, err) < 0)
        return read_error(r, err);
    int result = 0;
    for (size_t i = 0; i < list.n && result == 0; i++) {
        result = delete_one(r, list.v[i], &options, err);
        if (result < 0 && err->code == ERR_NOT_FOUND) {
            err_clear(err);
            result = 0;
        }
    }
    if (result == 0)
        result = respond_deleted(r, &list, err);
    storage_list_release(&list);
    return result;
}
