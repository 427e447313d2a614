#include "apiserver/registry/codec.h"

static struct str unschedulable(const struct doc *obj, struct arena *a)
{
    (void)a;
    return doc_true(doc_path(obj, "spec.unschedulable")) ? STR("true") : STR("false");
}

static struct str host_network(const struct doc *obj, struct arena *a)
{
    (void)a;
    return doc_true(doc_path(obj, "spec.hostNetwork")) ? STR("true") : STR("false");
}

static struct str pod_ip(const struct doc *obj, struct arena *a)
{
    (void)a;
    const struct doc *ips = doc_path(obj, "status.podIPs");
    if (doc_count(ips))
        return doc_str(doc_get(doc_at(ips, 0), "ip"));
    return doc_str(doc_path(obj, "status.podIP"));
}

static struct str event_source(const struct doc *obj, struct arena *a)
{
    (void)a;
    struct str component = doc_str(doc_path(obj, "source.component"));
    return component.n ? component : doc_str(doc_get(obj, "reportingComponent"));
}

static struct str decimal(const struct doc *d, struct arena *a)
{
    struct str text = doc_text(d);
    (void)a;
    return text.n ? text : STR("0");
}

static struct str rc_replicas(const struct doc *obj, struct arena *a)
{
    return decimal(doc_path(obj, "status.replicas"), a);
}

static struct str job_successful(const struct doc *obj, struct arena *a)
{
    return decimal(doc_path(obj, "status.succeeded"), a);
}

/* "true", "false", or "" when it is not said. */
static struct str automount(const struct doc *obj, struct arena *a)
{
    const struct doc *d = doc_get(obj, "automountServiceAccountToken");
    (void)a;
    return !doc_is(d, DOC_BOOL) ? STR("") : d->b ? STR("true") : STR("false");
}

static struct str pull_secrets(const struct doc *obj, struct arena *a)
{
    (void)a;
    return doc_count(doc_get(obj, "imagePullSecrets")) ? STR("some") : STR("");
}

static struct str global_default(const struct doc *obj, struct arena *a)
{
    (void)a;
    return doc_true(doc_get(obj, "globalDefault")) ? STR("true") : STR("false");
}

#define P(path_)                                                                                                       \
    {                                                                                                                  \
        .label = path_, .path = path_                                                                                  \
    }
#define AS(label_, path_)                                                                                              \
    {                                                                                                                  \
        .label = label_, .path = path_                                                                                 \
    }
#define FN(label_, fn_)                                                                                                \
    {                                                                                                                  \
        .label = label_, .value = fn_                                                                                  \
    }
#define HIDDEN(label_, fn_)                                                                                            \
    {                                                                                                                  \
        .label = label_, .value = fn_, .hidden = true                                                                  \
    }

static const struct field_def PODS[] = {
    P("spec.nodeName"),      AS("spec.host", "spec.nodeName"), P("spec.restartPolicy"),
    P("spec.schedulerName"), P("spec.serviceAccountName"),     FN("spec.hostNetwork", host_network),
    P("status.phase"),       FN("status.podIP", pod_ip),       P("status.nominatedNodeName"),
};
static const struct field_def NODES[] = {FN("spec.unschedulable", unschedulable)};
static const struct field_def NAMESPACES[] = {P("status.phase")};
static const struct field_def SECRETS[] = {P("type")};
static const struct field_def SERVICES[] = {P("spec.clusterIP"), P("spec.type")};
static const struct field_def CONTROLLERS[] = {FN("status.replicas", rc_replicas)};
static const struct field_def JOBS[] = {FN("status.successful", job_successful)};
static const struct field_def CSRS[] = {P("spec.signerName")};
static const struct field_def ACCOUNTS[] = {HIDDEN("automount", automount), HIDDEN("pullSecrets", pull_secrets)};
static const struct field_def PRIORITIES[] = {HIDDEN("globalDefault", global_default)};
static const struct field_def SLICES[] = {P("spec.driver"), P("spec.nodeName")};
/* The two tables of events index the same stored object: same paths in the same order. */
static const struct field_def EVENTS[] = {
    P("involvedObject.kind"),
    P("involvedObject.namespace"),
    P("involvedObject.name"),
    P("involvedObject.uid"),
    P("involvedObject.apiVersion"),
    P("involvedObject.resourceVersion"),
    P("involvedObject.fieldPath"),
    P("reason"),
    P("reportingComponent"),
    FN("source", event_source),
    P("type"),
};
static const struct field_def NEW_EVENTS[] = {
    AS("regarding.kind", "involvedObject.kind"),
    AS("regarding.namespace", "involvedObject.namespace"),
    AS("regarding.name", "involvedObject.name"),
    AS("regarding.uid", "involvedObject.uid"),
    AS("regarding.apiVersion", "involvedObject.apiVersion"),
    AS("regarding.resourceVersion", "involvedObject.resourceVersion"),
    AS("regarding.fieldPath", "involvedObject.fieldPath"),
    P("reason"),
    AS("reportingController", "reportingComponent"),
    FN("source", event_source),
    P("type"),
};

#define ROW(group_, resource_, defs_)                                                                                  \
    {                                                                                                                  \
        group_, resource_, defs_, ARRAY_LEN(defs_)                                                                     \
    }
static const struct {
    const char *group, *resource;
    const struct field_def *defs;
    size_t n;
} TABLE[] = {
    ROW("", "pods", PODS),
    ROW("", "nodes", NODES),
    ROW("", "namespaces", NAMESPACES),
    ROW("", "secrets", SECRETS),
    ROW("", "services", SERVICES),
    ROW("", "replicationcontrollers", CONTROLLERS),
    ROW("", "serviceaccounts", ACCOUNTS),
    ROW("scheduling.k8s.io", "priorityclasses", PRIORITIES),
    ROW("", "events", EVENTS),
    ROW("events.k8s.io", "events", NEW_EVENTS),
    ROW("batch", "jobs", JOBS),
    ROW("certificates.k8s.io", "certificatesigningrequests", CSRS),
    ROW("resource.k8s.io", "resourceslices", SLICES),
};

size_t codec_fields(const struct resource *res, const struct field_def **ret)
{
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        if (strcmp(TABLE[i].group, res->group) == 0 && strcmp(TABLE[i].resource, res->name) == 0) {
            *ret = TABLE[i].defs;
            return TABLE[i].n;
        }
    *ret = NULL;
    return 0;
}

bool codec_field_known(const struct resource *res, struct str label)
{
    if (str_is(label, "metadata.name") || (res->namespaced && str_is(label, "metadata.namespace")))
        return true;
    const struct field_def *defs;
    size_t n = codec_fields(res, &defs);
    for (size_t i = 0; i < n; i++)
        if (!defs[i].hidden && str_is(label, defs[i].label))
            return true;
    return false;
}

struct str codec_field_value(const struct resource *res, const struct object_index *ix, struct str label)
{
    if (str_is(label, "metadata.name"))
        return ix->name;
    if (str_is(label, "metadata.namespace"))
        return ix->ns;
    const struct field_def *defs;
    size_t n = codec_fields(res, &defs);
    for (size_t i = 0; i < n && i < ix->n_fields; i++)
        if (str_is(label, defs[i].label))
            return ix->fields[i];
    return STR("");
}
