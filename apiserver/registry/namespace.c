/* Namespaces: the kubernetes finalizer in spec, and a deletion that ends when their content is gone. */
#include "apiserver/registry/meta.h"
#include "apiserver/registry/strategy.h"

#define NAME_LABEL "kubernetes.io/metadata.name"

static void set_name_label(struct op *op, struct doc *obj)
{
    struct doc *meta = meta_need(op->arena, obj);
    struct doc *labels = meta ? doc_need_object(op->arena, meta, "labels") : NULL;
    if (labels && meta_name(obj).n)
        doc_set(labels, NAME_LABEL, doc_string(op->arena, meta_name(obj)));
}

void namespace_prepare_create(struct op *op, struct doc *obj)
{
    struct doc *status = doc_object(op->arena), *spec = doc_need_object(op->arena, obj, "spec");
    struct doc *finalizers = spec ? doc_need_array(op->arena, spec, "finalizers") : NULL;
    if (!status || !finalizers)
        return;
    doc_set(status, "phase", doc_string(op->arena, STR("Active")));
    doc_set(obj, "status", status);
    bool there = false;
    doc_foreach (finalizers, f)
        there = there || str_is(doc_str(f), "kubernetes");
    if (!there)
        doc_append(finalizers, doc_string(op->arena, STR("kubernetes")));
    set_name_label(op, obj);
}

void namespace_prepare_update(struct op *op, struct doc *obj, const struct doc *old)
{
    if (strcmp(op->sub, "finalize") == 0)
        doc_keep(op->arena, obj, old, "status");
    else
        doc_keep(op->arena, obj, old, "spec");
    set_name_label(op, obj);
}

enum delete_step namespace_delete_step(struct op *op, struct doc *obj, struct delete_options *options)
{
    (void)options;
    if (meta_is_deleting(obj))
        return doc_count(doc_path(obj, "spec.finalizers")) || doc_count(meta_finalizers(obj)) ? DELETE_PENDING
                                                                                              : DELETE_NOW;
    struct doc *status = doc_need_object(op->arena, obj, "status");
    doc_set(meta_need(op->arena, obj), "deletionTimestamp", meta_time(op->arena, op->now));
    if (status)
        doc_set(status, "phase", doc_string(op->arena, STR("Terminating")));
    return DELETE_MARKED;
}

bool namespace_gone_after_update(const struct doc *obj)
{
    return !doc_count(doc_path(obj, "spec.finalizers"));
}
