/* Pods: what creates and updates set, and how they are deleted. */
#include "api/quantity.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/strategy.h"

/* --- quality of service ------------------------------------------------------------------------------------------- */

struct qos {
    bool any, limits_everywhere;
    struct quantity cpu_request, cpu_limit, mem_request, mem_limit;
};

static bool counted(struct str resource)
{
    return str_is(resource, "cpu") || str_is(resource, "memory");
}

static void sum(const struct doc *list, struct quantity *cpu, struct quantity *mem, bool *any)
{
    doc_foreach (list, q) {
        struct quantity v;
        if (!counted(doc_key(q)) || !quantity_read(doc_text(q), &v) || quantity_is_zero(&v))
            continue;
        *any = true;
        quantity_add(str_is(doc_key(q), "cpu") ? cpu : mem, &v);
    }
}

static void qos_containers(const struct doc *containers, struct qos *q)
{
    doc_foreach (containers, c) {
        const struct doc *limits = doc_path(c, "resources.limits");
        sum(doc_path(c, "resources.requests"), &q->cpu_request, &q->mem_request, &q->any);
        sum(limits, &q->cpu_limit, &q->mem_limit, &q->any);
        struct quantity v;
        bool cpu = quantity_read(doc_text(doc_get(limits, "cpu")), &v) && !quantity_is_zero(&v);
        bool mem = quantity_read(doc_text(doc_get(limits, "memory")), &v) && !quantity_is_zero(&v);
        if (!cpu || !mem)
            q->limits_everywhere = false;
    }
}

const char *pod_qos_class(const struct doc *pod)
{
    struct qos q = {.limits_everywhere = true};
    qos_containers(doc_path(pod, "spec.initContainers"), &q);
    qos_containers(doc_path(pod, "spec.containers"), &q);
    if (!q.any)
        return "BestEffort";
    bool equal = quantity_cmp(&q.cpu_request, &q.cpu_limit) == 0 && quantity_cmp(&q.mem_request, &q.mem_limit) == 0;
    return q.limits_everywhere && equal ? "Guaranteed" : "Burstable";
}

/* --- create ------------------------------------------------------------------------------------------------------- */

static void gated_condition(struct op *op, struct doc *status)
{
    struct doc *list = doc_need_array(op->arena, status, "conditions"), *c = doc_object(op->arena);
    if (!list || !c)
        return;
    doc_set(c, "type", doc_string(op->arena, STR("PodScheduled")));
    doc_set(c, "status", doc_string(op->arena, STR("False")));
    doc_set(c, "lastProbeTime", doc_null(op->arena));
    doc_set(c, "lastTransitionTime", doc_null(op->arena));
    doc_set(c, "reason", doc_string(op->arena, STR("SchedulingGated")));
    doc_set(c, "message", doc_string(op->arena, STR("Scheduling is blocked due to non-empty scheduling gates")));
    doc_append(list, c);
}

void pod_prepare_create(struct op *op, struct doc *obj)
{
    struct doc *status = doc_object(op->arena);
    if (!status)
        return;
    doc_set(obj, "status", status);
    doc_set(status, "phase", doc_string(op->arena, STR("Pending")));
    if (doc_count(doc_path(obj, "spec.schedulingGates")))
        gated_condition(op, status);
    doc_set(status, "qosClass", doc_string(op->arena, str_of(pod_qos_class(obj))));
}

/* --- update ------------------------------------------------------------------------------------------------------- */

/* Through ephemeralcontainers only that list changes. */
static void only_ephemeral(struct op *op, struct doc *obj, const struct doc *old)
{
    struct doc *list = doc_remove(doc_get(obj, "spec"), "ephemeralContainers");
    doc_keep(op->arena, obj, old, "spec");
    struct doc *spec = doc_get(obj, "spec");
    if (list)
        doc_set(spec, "ephemeralContainers", list);
    else
        doc_remove(spec, "ephemeralContainers");
}

static void move_member(struct doc *to, struct doc *from, const char *field)
{
    struct doc *v = doc_remove(from, field);
    if (v)
        doc_set(to, field, v);
    else
        doc_remove(to, field);
}

static void move_resources(struct doc *to, struct doc *from)
{
    struct doc *b = doc_count(from) ? from->first : NULL;
    for (struct doc *a = doc_count(to) ? to->first : NULL; a && b; a = a->next, b = b->next) {
        move_member(a, b, "resources");
        move_member(a, b, "resizePolicy");
    }
}

static bool same_names(const struct doc *x, const struct doc *y)
{
    if (doc_count(x) != doc_count(y))
        return false;
    const struct doc *b = doc_count(y) ? y->first : NULL;
    for (const struct doc *a = doc_count(x) ? x->first : NULL; a && b; a = a->next, b = b->next)
        if (!str_eq(doc_str(doc_get(a, "name")), doc_str(doc_get(b, "name"))))
            return false;
    return true;
}

/* Through resize only resources change. Lists that do not fit together are left for validation to refuse. */
static void only_resources(struct op *op, struct doc *obj, const struct doc *old)
{
    struct doc *asked = doc_get(obj, "spec");
    const struct doc *was = doc_get(old, "spec");
    if (!same_names(doc_get(asked, "containers"), doc_get(was, "containers")) ||
        !same_names(doc_get(asked, "initContainers"), doc_get(was, "initContainers")))
        return;
    struct doc *spec = doc_clone(op->arena, was, true);
    if (!spec)
        return;
    move_resources(doc_get(spec, "containers"), doc_get(asked, "containers"));
    move_resources(doc_get(spec, "initContainers"), doc_get(asked, "initContainers"));
    move_member(spec, asked, "resources");
    doc_set(obj, "spec", spec);
}

void pod_prepare_update(struct op *op, struct doc *obj, const struct doc *old)
{
    if (!*op->sub)
        return;
    doc_keep(op->arena, obj, old, "status");
    if (strcmp(op->sub, "ephemeralcontainers") == 0)
        only_ephemeral(op, obj, old);
    else if (strcmp(op->sub, "resize") == 0)
        only_resources(op, obj, old);
}

void pod_prepare_status(struct op *op, struct doc *obj, const struct doc *old)
{
    struct doc *status = doc_get(obj, "status");
    meta_keep(op->arena, obj, old, "ownerReferences");
    if (doc_is(status, DOC_OBJECT) && !doc_str(doc_get(status, "qosClass")).n)
        doc_keep(op->arena, status, doc_get(old, "status"), "qosClass");
}

bool pod_generation_grows(const struct doc *obj, const struct doc *old)
{
    return !doc_same(doc_get(obj, "spec"), doc_get(old, "spec"));
}

/* --- delete ------------------------------------------------------------------------------------------------------- */

enum delete_step pod_delete_step(struct op *op, struct doc *obj, struct delete_options *o)
{
    (void)op;
    struct str phase = doc_str(doc_path(obj, "status.phase"));
    int64_t grace = o->has_grace ? o->grace : doc_int_or(doc_path(obj, "spec.terminationGracePeriodSeconds"), 0);
    if (!doc_str(doc_path(obj, "spec.nodeName")).n || str_is(phase, "Failed") || str_is(phase, "Succeeded"))
        grace = 0;
    if (grace < 0)
        grace = 1;
    o->grace = grace;
    o->has_grace = true;
    return grace > 0 ? DELETE_MARKED : DELETE_NOW;
}
