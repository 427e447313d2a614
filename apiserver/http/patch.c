/* PATCH of the three kinds. A patch that names no resourceVersion is tried again on the newest object. */
#include "api/patch.h"

#include "apiserver/http/patch.h"
#include "apiserver/http/verbs.h"
#include "apiserver/http/write.h"
#include "apiserver/registry/meta.h"

int patch_read(struct request *r, struct patch *ret, struct err *err)
{
    struct patch p = {.r = r, .kind = body_kind_of(r)};
    struct doc_warnings found = {.n = 0};
    if (negotiate_patch_type(http_header(r->http, "content-type"), &p.type, err) < 0)
        return -1;
    if (p.kind.custom && p.type == PATCH_STRATEGIC)
        return err_set(err, ERR_UNSUPPORTED_MEDIA,
                       "the body of the request was in an unknown format - accepted media types include: "
                       "application/json-patch+json, application/merge-patch+json");
    if (body_tree(r, &found, &p.doc, err) < 0)
        return err_set(err, ERR_BAD_REQUEST, "error decoding patch: %s", arena_strdup(r->arena, err->msg));
    if (p.type == PATCH_JSON && !doc_is(p.doc, DOC_ARRAY))
        return err_set(err, ERR_BAD_REQUEST,
                       "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch");
    if (p.type != PATCH_JSON && !doc_is(p.doc, DOC_OBJECT))
        return err_set(
            err, ERR_BAD_REQUEST,
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}");
    *ret = p;
    return 0;
}

static int apply(const struct patch *p, struct doc **target, struct err *err)
{
    struct arena *a = p->r->arena;
    switch (p->type) {
    case PATCH_JSON:
        return json_patch_apply(a, target, p->doc, err);
    case PATCH_MERGE:
        merge_patch_apply(a, target, p->doc);
        return 0;
    case PATCH_STRATEGIC:
        break;
    }
    return strategic_merge_apply(a, target, p->doc, p->kind.message, err);
}

int patch_apply(const struct patch *p, const struct doc *old, struct doc **ret, struct err *err)
{
    struct doc_warnings found = {.n = 0};
    struct doc *obj = doc_clone(p->r->arena, old, true);
    if (!obj)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    if (apply(p, &obj, err) < 0)
        return -1;
    if (!doc_is(obj, DOC_OBJECT))
        return err_set(err, ERR_INVALID, "the patch does not leave an object");
    return body_finish(p->r, &p->kind, obj, &found, ret, err);
}

static int transform(void *ctx, struct op *op, const struct doc *old, struct doc **ret, struct err *err)
{
    (void)op;
    return patch_apply(ctx, old, ret, err);
}

int verb_patch(struct request *r, struct err *err)
{
    struct patch p;
    struct storage_object *o = NULL;
    if (write_check(r, err) < 0 || patch_read(r, &p, err) < 0)
        return -1;
    struct op op = write_op(r);
    if (store_update(&op, transform, &p, &o, err) < 0)
        return -1;
    return write_respond(r, 200, o, err);
}
