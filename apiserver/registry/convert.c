#include "apiserver/registry/convert.h"

#include "api/json.h"
#include "base/limits.h"

/* --- events: the same fields under other names ------------------------------------------------------------------ */

static const struct {
    const char *core, *events;
} EVENT_NAMES[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
    {"reportingComponent", "reportingController"},
};

static void rename_member(struct doc *obj, const char *from, const char *to)
{
    struct doc *value = doc_remove(obj, from);
    if (value)
        doc_set(obj, to, value);
}

static void event_from_storage(struct arena *a, struct doc *obj)
{
    (void)a;
    for (size_t i = 0; i < ARRAY_LEN(EVENT_NAMES); i++)
        rename_member(obj, EVENT_NAMES[i].core, EVENT_NAMES[i].events);
}

static void event_to_storage(struct arena *a, struct doc *obj)
{
    (void)a;
    for (size_t i = 0; i < ARRAY_LEN(EVENT_NAMES); i++)
        rename_member(obj, EVENT_NAMES[i].events, EVENT_NAMES[i].core);
}

/* --- autoscalers: v1 knows CPU only, the rest travels in annotations -------------------------------------------- */

#define HPA_METRICS "autoscaling.alpha.kubernetes.io/metrics"
#define HPA_CURRENT "autoscaling.alpha.kubernetes.io/current-metrics"
#define HPA_CONDITIONS "autoscaling.alpha.kubernetes.io/conditions"
#define HPA_BEHAVIOR "autoscaling.alpha.kubernetes.io/behavior"

static struct doc *annotation_json(struct arena *a, const struct doc *value)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_ANNOTATIONS);
    json_write(&b, value);
    return buf_ok(&b) ? doc_string_copy(a, buf_str(&b)) : NULL;
}

static void to_annotation(struct arena *a, struct doc *obj, const char *key, const struct doc *value)
{
    struct doc *meta = doc_need_object(a, obj, "metadata");
    struct doc *annotations = meta ? doc_need_object(a, meta, "annotations") : NULL;
    struct doc *text = annotation_json(a, value);
    if (annotations && text)
        doc_set(annotations, key, text);
}

/* The annotation taken out and parsed; NULL when absent or unreadable. */
static struct doc *from_annotation(struct arena *a, struct doc *obj, const char *key)
{
    struct doc *annotations = doc_path(obj, "metadata.annotations");
    struct doc *text = doc_is(annotations, DOC_OBJECT) ? doc_remove(annotations, key) : NULL;
    struct doc *value = NULL;
    struct err err = ERR_INIT;
    if (!text || json_parse(a, doc_str(text), NULL, &value, &err) < 0)
        return NULL;
    return value;
}

static bool is_cpu_utilization(const struct doc *metric, const char *side)
{
    return str_is(doc_str(doc_get(metric, "type")), "Resource") &&
           str_is(doc_str(doc_path(metric, "resource.name")), "cpu") &&
           doc_get(doc_get(doc_get(metric, "resource"), side), "averageUtilization");
}

/* Moves the CPU utilization out of the metrics into a number of its own; what is left goes to the annotation. */
static void metrics_to_v1(struct arena *a, struct doc *obj, struct doc *part, const char *list, const char *side,
                          const char *number, const char *annotation)
{
    struct doc *metrics = doc_remove(part, list);
    doc_foreach (metrics, m) {
        if (!is_cpu_utilization(m, side))
            continue;
        doc_set(part, number, doc_remove(doc_get(doc_get(m, "resource"), side), "averageUtilization"));
        doc_unlink(metrics, m);
        break;
    }
    if (doc_count(metrics))
        to_annotation(a, obj, annotation, metrics);
}

static void hpa_from_storage(struct arena *a, struct doc *obj)
{
    struct doc *spec = doc_get(obj, "spec"), *status = doc_get(obj, "status");
    if (doc_is(spec, DOC_OBJECT)) {
        metrics_to_v1(a, obj, spec, "metrics", "target", "targetCPUUtilizationPercentage", HPA_METRICS);
        struct doc *behavior = doc_remove(spec, "behavior");
        if (doc_count(behavior))
            to_annotation(a, obj, HPA_BEHAVIOR, behavior);
    }
    if (doc_is(status, DOC_OBJECT)) {
        metrics_to_v1(a, obj, status, "currentMetrics", "current", "currentCPUUtilizationPercentage", HPA_CURRENT);
        struct doc *conditions = doc_remove(status, "conditions");
        if (doc_count(conditions))
            to_annotation(a, obj, HPA_CONDITIONS, conditions);
    }
}

static void metrics_from_v1(struct arena *a, struct doc *obj, struct doc *part, const char *list, const char *side,
                            const char *number, const char *annotation)
{
    struct doc *metrics = from_annotation(a, obj, annotation);
    struct doc *cpu = doc_remove(part, number);
    if (!doc_is(metrics, DOC_ARRAY))
        metrics = doc_array(a);
    if (cpu && cpu->type == DOC_NUMBER) {
        struct doc *m = doc_object(a), *value = doc_object(a), *resource = doc_object(a);
        if (!m || !value || !resource || !metrics)
            return;
        if (str_is(str_of(side), "target"))
            doc_set(value, "type", doc_string(a, STR("Utilization")));
        doc_set(value, "averageUtilization", cpu);
        doc_set(resource, "name", doc_string(a, STR("cpu")));
        doc_set(resource, side, value);
        doc_set(m, "type", doc_string(a, STR("Resource")));
        doc_set(m, "resource", resource);
        doc_insert_before(metrics, metrics->first, m);
    }
    if (doc_count(metrics))
        doc_set(part, list, metrics);
}

static void hpa_to_storage(struct arena *a, struct doc *obj)
{
    struct doc *spec = doc_get(obj, "spec"), *status = doc_get(obj, "status");
    if (doc_is(spec, DOC_OBJECT)) {
        metrics_from_v1(a, obj, spec, "metrics", "target", "targetCPUUtilizationPercentage", HPA_METRICS);
        struct doc *behavior = from_annotation(a, obj, HPA_BEHAVIOR);
        if (behavior)
            doc_set(spec, "behavior", behavior);
    }
    struct doc *conditions = from_annotation(a, obj, HPA_CONDITIONS);
    if (conditions && !status)
        status = doc_need_object(a, obj, "status");
    if (doc_is(status, DOC_OBJECT)) {
        metrics_from_v1(a, obj, status, "currentMetrics", "current", "currentCPUUtilizationPercentage", HPA_CURRENT);
        if (conditions)
            doc_set(status, "conditions", conditions);
    }
}

/* --- the table --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *group, *version, *resource;
    void (*from_storage)(struct arena *a, struct doc *obj);
    void (*to_storage)(struct arena *a, struct doc *obj);
} CONVERSIONS[] = {
    {"events.k8s.io", "v1", "events", event_from_storage, event_to_storage},
    {"autoscaling", "v1", "horizontalpodautoscalers", hpa_from_storage, hpa_to_storage},
};

bool convert_is_storage_version(const struct resource *res)
{
    return !res->storage_group ||
           (strcmp(res->group, res->storage_group) == 0 && strcmp(res->version, res->storage_version) == 0);
}

static void set_type(struct arena *a, struct doc *obj, const char *group, const char *version)
{
    struct doc *v = *group ? doc_printf(a, "%s/%s", group, version) : doc_string(a, str_of(version));
    if (v)
        doc_set(obj, "apiVersion", v);
}

static int find(const struct resource *res)
{
    for (size_t i = 0; i < ARRAY_LEN(CONVERSIONS); i++)
        if (strcmp(res->group, CONVERSIONS[i].group) == 0 && strcmp(res->version, CONVERSIONS[i].version) == 0 &&
            strcmp(res->name, CONVERSIONS[i].resource) == 0)
            return (int)i;
    return -1;
}

void convert_from_storage(const struct resource *res, struct arena *a, struct doc *obj)
{
    int i = convert_is_storage_version(res) ? -1 : find(res);
    if (i >= 0)
        CONVERSIONS[i].from_storage(a, obj);
    set_type(a, obj, res->group, res->version);
}

void convert_to_storage(const struct resource *res, struct arena *a, struct doc *obj)
{
    int i = convert_is_storage_version(res) ? -1 : find(res);
    if (i >= 0)
        CONVERSIONS[i].to_storage(a, obj);
    set_type(a, obj, res->storage_group ? res->storage_group : res->group,
             res->storage_version ? res->storage_version : res->version);
}
