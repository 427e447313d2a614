/* DELETE of one object. */
#include "api/status.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/verbs.h"
#include "apiserver/http/write.h"
#include "apiserver/registry/codec.h"
#include "apiserver/registry/meta.h"

static int respond_gone(struct request *r, const struct storage_object *o, struct err *err)
{
    struct doc *obj = NULL;
    if (codec_load(r->res, r->arena, o, &obj, err) < 0)
        return -1;
    const struct status_details details = {
        .group = str_of(r->res->group),
        .kind = str_of(r->res->name),
        .name = r->info.name,
        .uid = meta_uid(obj),
    };
    struct doc *status = status_success(r->arena, &details);
    if (!status)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    r->accept.shape = SHAPE_OBJECT;
    return respond_doc(r, 200, status, err);
}

int verb_delete(struct request *r, struct err *err)
{
    struct delete_options options;
    struct storage_object *o = NULL;
    bool gone = false;
    if (write_check(r, err) < 0 || write_delete_options(r, &options, err) < 0)
        return -1;
    struct op op = write_op(r);
    if (store_delete(&op, &options, &o, &gone, err) < 0)
        return -1;
    if (gone && !(op.strategy->flags & STRATEGY_RETURN_DELETED)) {
        int result = respond_gone(r, o, err);
        storage_object_unref(o);
        return result;
    }
    int status = !gone && options.has_orphan && !options.orphan ? 202 : 200;
    return write_respond(r, status, o, err);
}
