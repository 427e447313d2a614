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

void pod_prepare_update(struct op *op, struct doc *obj, const struct doc *old)
{
    if (*op->sub)
        doc_keep(op->arena, obj, old, "status");
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
