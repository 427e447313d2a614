/* pods/binding: puts a pod on a node, once. */
#include "api/fielderr.h"
#include "api/status.h"
#include "apiserver/http/body.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/subresources.h"
#include "apiserver/http/write.h"
#include "apiserver/registry/codec.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/registry.h"

#define TRIES 64

static int check_target(struct request *r, const struct doc *binding, struct err *err)
{
    static const char *const kinds[] = {"Node", "<empty>"};
    const struct doc *target = doc_get(binding, "target");
    struct str kind = doc_str(doc_get(target, "kind"));
    struct field_errors errs = field_errors_in(r->arena);
    const struct field_path *p = FIELD(NULL, "target");
    if (kind.n && !str_is(kind, "Node"))
        field_not_supported_str(&errs, FIELD(p, "kind"), kind, kinds, ARRAY_LEN(kinds));
    if (!doc_str(doc_get(target, "name")).n)
        field_required(&errs, FIELD(p, "name"), "%s", "");
    return field_errors_to_err(&errs, STR(""), STR("Binding"), meta_name(binding), err);
}

static int refuse(struct op *op, struct err *err, const char *why)
{
    return status_conflict(err, op->arena, STR(""), STR("pods/binding"), op->name, "%s", why ? why : "");
}

static void set_scheduled(struct op *op, struct doc *pod)
{
    struct doc *status = doc_need_object(op->arena, pod, "status");
    struct doc *conditions = status ? doc_need_array(op->arena, status, "conditions") : NULL;
    doc_foreach (conditions, c) {
        if (str_is(doc_str(doc_get(c, "type")), "PodScheduled"))
            doc_unlink(conditions, c);
    }
    struct doc *c = doc_object(op->arena);
    if (!c || !conditions)
        return;
    doc_set(c, "type", doc_string(op->arena, STR("PodScheduled")));
    doc_set(c, "status", doc_string(op->arena, STR("True")));
    doc_set(c, "lastProbeTime", doc_null(op->arena));
    doc_set(c, "lastTransitionTime", meta_time(op->arena, op->now));
    int64_t generation = meta_generation(pod);
    if (generation)
        doc_set(c, "observedGeneration", doc_int(op->arena, generation));
    doc_append(conditions, c);
}

static void merge_annotations(struct op *op, struct doc *pod, const struct doc *binding)
{
    const struct doc *from = doc_get(meta_of(binding), "annotations");
    struct doc *to = doc_count(from) ? doc_need_object(op->arena, meta_need(op->arena, pod), "annotations") : NULL;
    doc_foreach (from, a) {
        if (to)
            doc_set_str(to, doc_key(a), doc_clone(op->arena, a, true));
    }
}

static int bind(struct op *op, struct doc *pod, const struct doc *binding, struct err *err)
{
    struct str node = doc_str(doc_path(pod, "spec.nodeName")), uid = meta_uid(binding);
    if (uid.n && !str_eq(uid, meta_uid(pod)))
        return refuse(op, err,
                      arena_printf(op->arena,
                                   "Precondition failed: UID in precondition: " STR_FMT
                                   ", UID in object meta: " STR_FMT,
                                   STR_ARG(uid), STR_ARG(meta_uid(pod))));
    if (meta_is_deleting(pod))
        return refuse(op, err,
                      arena_printf(op->arena, "pod " STR_FMT " is being deleted, cannot be assigned to a host",
                                   STR_ARG(op->name)));
    if (node.n)
        return refuse(op, err,
                      arena_printf(op->arena, "pod " STR_FMT " is already assigned to node \"" STR_FMT "\"",
                                   STR_ARG(op->name), STR_ARG(node)));
    if (doc_count(doc_path(pod, "spec.schedulingGates")))
        return refuse(
            op, err, arena_printf(op->arena, "pod " STR_FMT " has non-empty .spec.schedulingGates", STR_ARG(op->name)));
    doc_set(doc_need_object(op->arena, pod, "spec"), "nodeName",
            doc_string(op->arena, doc_str(doc_path(binding, "target.name"))));
    merge_annotations(op, pod, binding);
    set_scheduled(op, pod);
    return 0;
}

static int bind_stored(struct op *op, const struct doc *binding, struct err *err)
{
    for (int i = 0; i < TRIES; i++) {
        _cleanup_(storage_object_unrefp) struct storage_object *out = NULL;
        struct storage_object *now = NULL;
        struct doc *pod = NULL;
        if (store_get(op, i > 0, &pod, &now, err) < 0)
            return -1;
        arena_defer(op->arena, (void (*)(void *))storage_object_unref, now);
        if (bind(op, pod, binding, err) == 0 && store_write(op, pod, now->mod_revision, &out, err) == 0)
            return 0;
        /* The cache may have been behind: what fails against it is looked at again with etcd's version. */
        if (i > 0 && (err->code != ERR_CONFLICT || err->detail))
            return -1;
        err_clear(err);
    }
    return status_modified(err, op->arena, STR(""), STR("pods"), op->name);
}

int sub_binding(struct request *r, struct err *err)
{
    const struct resource *pods = registry_resource("", "pods");
    const struct schema_kind *k = schema_kind_find(STR(""), STR("v1"), STR("Binding"));
    struct doc *binding = NULL;
    if (!pods || !k)
        return err_set(err, ERR_INTERNAL, "no schema for Binding");
    struct body_kind want = {"", "v1", "Binding", k->message};
    if (write_check(r, err) < 0 || body_object(r, &want, &binding, err) < 0)
        return -1;
    if (!r->info.name.n)
        r->info.name = meta_name(binding);
    if (write_check_name(r, binding, err) < 0 || check_target(r, binding, err) < 0)
        return -1;
    struct op op = write_op(r);
    op.res = pods;
    op.sub = "";
    op.strategy = strategy_of(pods);
    if (bind_stored(&op, binding, err) < 0)
        return -1;
    r->accept.shape = SHAPE_OBJECT;
    return respond_doc(r, 201, status_success(r->arena, NULL), err);
}
