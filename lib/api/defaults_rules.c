/* Defaults that a row of defaults.tsv cannot say: one small function a message. */
#include "api/defaults_rules.h"

#include "api/json.h"
#include "base/clock.h"

static struct doc *json(struct arena *a, const char *text)
{
    struct err err = ERR_INIT;
    struct doc *d;

    return json_parse(a, str_of(text), NULL, &d, &err) == 0 ? d : NULL;
}

static struct doc *text(struct arena *a, const char *s)
{
    return doc_string(a, str_of(s));
}

/* --- volumes and images --- */

/* A volume without a source is an empty directory. */
void default_volume_source(struct arena *a, struct doc *volume, const struct schema_message *m)
{
    doc_foreach (volume, it)
        if (!str_is(doc_key(it), "name") && it->type != DOC_NULL)
            return;
    default_put(volume, m, "emptyDir", doc_object(a));
}

/* The tag of an image reference: "latest" when it has neither tag nor digest, "" with a digest alone. */
static struct str image_tag(struct str image)
{
    const char *digest = memchr(image.p, '@', image.n), *slash = NULL, *colon = NULL;
    struct str name = digest ? str_n(image.p, (size_t)(digest - image.p)) : image;

    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '/')
            slash = name.p + i;
        else if (name.p[i] == ':')
            colon = name.p + i;
    }
    if (colon && (!slash || colon > slash))
        return str_from(name, (size_t)(colon - name.p) + 1);
    return digest ? STR("") : STR("latest");
}

static void pull_policy(struct arena *a, struct doc *obj, const struct schema_message *m, const char *image,
                        const char *policy)
{
    struct str reference = doc_str(doc_get(obj, image));
    bool latest = reference.n && str_is(image_tag(reference), "latest");

    default_unset_put(obj, m, policy, text(a, latest ? "Always" : "IfNotPresent"));
}

void default_image_pull_policy(struct arena *a, struct doc *container, const struct schema_message *m)
{
    pull_policy(a, container, m, "image", "imagePullPolicy");
}

void default_image_volume_pull_policy(struct arena *a, struct doc *image, const struct schema_message *m)
{
    pull_policy(a, image, m, "reference", "pullPolicy");
}

/* --- services --- */

static void default_affinity(struct arena *a, struct doc *spec, const struct schema_message *m)
{
    if (str_is(doc_str(doc_get(spec, "sessionAffinity")), "None"))
        doc_remove(spec, "sessionAffinityConfig");
    else if (str_is(doc_str(doc_get(spec, "sessionAffinity")), "ClientIP") &&
             !doc_path(spec, "sessionAffinityConfig.clientIP.timeoutSeconds"))
        default_put(spec, m, "sessionAffinityConfig", json(a, "{\"clientIP\":{\"timeoutSeconds\":10800}}"));
}

static void default_target_ports(struct arena *a, struct doc *spec, const struct schema_message *m)
{
    const struct schema_message *port = default_message(m, "ports");

    doc_foreach (doc_get(spec, "ports"), it) {
        struct doc *target = doc_get(it, "targetPort");
        bool set = doc_is(target, DOC_STRING) ? target->n > 0 : doc_int_or(target, 0) != 0;
        if (!set && doc_get(it, "port"))
            default_put(it, port, "targetPort", doc_clone(a, doc_get(it, "port"), true));
    }
}

static void default_ip_mode(struct arena *a, struct doc *service, const struct schema_message *m)
{
    const struct schema_message *ingress = default_message(m, "status.loadBalancer.ingress");

    doc_foreach (doc_path(service, "status.loadBalancer.ingress"), it)
        if (doc_str(doc_get(it, "ip")).n)
            default_unset_put(it, ingress, "ipMode", text(a, "VIP"));
}

void default_service(struct arena *a, struct doc *service, const struct schema_message *m)
{
    const struct schema_message *ms = default_message(m, "spec");
    struct doc *spec = doc_get(service, "spec");
    struct str type = doc_str(doc_get(spec, "type"));
    bool balancer = str_is(type, "LoadBalancer"), node_port = str_is(type, "NodePort"),
         cluster = str_is(type, "ClusterIP");

    if (!doc_is(spec, DOC_OBJECT))
        return;
    default_affinity(a, spec, ms);
    default_target_ports(a, spec, ms);
    if (balancer || node_port || (cluster && doc_count(doc_get(spec, "externalIPs"))))
        default_unset_put(spec, ms, "externalTrafficPolicy", text(a, "Cluster"));
    if (balancer || node_port || cluster)
        default_unset_put(spec, ms, "internalTrafficPolicy", text(a, "Cluster"));
    if (balancer)
        default_ip_mode(a, service, m);
}

/* --- copies of what stands elsewhere --- */

/* Members of `from` that `to` lacks; `to` is made when absent, if there is anything. */
static void copy_missing(struct arena *a, struct doc *obj, const struct schema_message *m, const char *to,
                         const struct doc *from)
{
    if (!doc_is(from, DOC_OBJECT))
        return;
    if (!doc_is(doc_get(obj, to), DOC_OBJECT))
        default_put(obj, m, to, doc_object(a));
    struct doc *map = doc_get(obj, to);
    doc_foreach (from, it)
        if (map && !doc_get_str(map, doc_key(it)))
            doc_set_str(map, doc_key(it), doc_clone(a, it, true));
    if (map)
        doc_sort_members(map, false);
}

static void copy_when_empty(struct arena *a, struct doc *obj, const struct schema_message *m, const char *to,
                            const struct doc *from)
{
    if (doc_count(from) && !doc_count(doc_get(obj, to)))
        default_put(obj, m, to, doc_clone(a, from, true));
}

void default_limit_range_item(struct arena *a, struct doc *item, const struct schema_message *m)
{
    if (!str_is(doc_str(doc_get(item, "type")), "Container"))
        return;
    copy_missing(a, item, m, "default", doc_get(item, "max"));
    copy_missing(a, item, m, "defaultRequest", doc_get(item, "default"));
    copy_missing(a, item, m, "defaultRequest", doc_get(item, "min"));
}

void default_namespace(struct arena *a, struct doc *ns, const struct schema_message *m)
{
    struct doc *meta = doc_get(ns, "metadata"), *name = doc_get(meta, "name");

    if (doc_str(name).n == 0)
        return;
    if (!doc_is(doc_get(meta, "labels"), DOC_OBJECT))
        default_put(meta, default_message(m, "metadata"), "labels", doc_object(a));
    struct doc *labels = doc_get(meta, "labels");
    doc_set(labels, "kubernetes.io/metadata.name", doc_string(a, doc_str(name)));
    if (labels)
        doc_sort_members(labels, false);
}

void default_node_allocatable(struct arena *a, struct doc *status, const struct schema_message *m)
{
    copy_when_empty(a, status, m, "allocatable", doc_get(status, "capacity"));
}

void default_replication_controller(struct arena *a, struct doc *rc, const struct schema_message *m)
{
    const struct doc *labels = doc_path(rc, "spec.template.metadata.labels");

    copy_when_empty(a, doc_get(rc, "spec"), default_message(m, "spec"), "selector", labels);
    copy_when_empty(a, doc_get(rc, "metadata"), default_message(m, "metadata"), "labels", labels);
}

void default_job(struct arena *a, struct doc *job, const struct schema_message *m)
{
    const struct schema_message *ms = default_message(m, "spec");
    struct doc *spec = doc_get(job, "spec");

    if (!doc_get(spec, "completions") && !doc_get(spec, "parallelism"))
        default_unset_put(spec, ms, "completions", doc_int(a, 1));
    default_unset_put(spec, ms, "parallelism", doc_int(a, 1));
    copy_when_empty(a, doc_get(job, "metadata"), default_message(m, "metadata"), "labels",
                    doc_path(spec, "template.metadata.labels"));
}

/* --- the rest --- */

void default_network_policy(struct arena *a, struct doc *policy, const struct schema_message *m)
{
    struct doc *spec = doc_get(policy, "spec");
    bool egress = doc_count(doc_get(spec, "egress")) > 0;

    default_unset_put(spec, default_message(m, "spec"), "policyTypes",
                      json(a, egress ? "[\"Ingress\",\"Egress\"]" : "[\"Ingress\"]"));
}

void default_crd_stored_versions(struct arena *a, struct doc *crd, const struct schema_message *m)
{
    struct doc *status = doc_get(crd, "status");

    if (doc_count(doc_get(status, "storedVersions")) || !doc_is(status, DOC_OBJECT))
        return;
    doc_foreach (doc_path(crd, "spec.versions"), it) {
        if (!doc_true(doc_get(it, "storage")))
            continue;
        struct doc *list = doc_array(a);
        doc_append(list, doc_string(a, doc_str(doc_get(it, "name"))));
        default_put(status, default_message(m, "status"), "storedVersions", list);
        return;
    }
}

void default_crd_names(struct arena *a, struct doc *spec, const struct schema_message *m)
{
    const struct schema_message *mn = default_message(m, "names");
    struct doc *names = doc_get(spec, "names");
    struct str kind = doc_str(doc_get(names, "kind"));
    char *lower = arena_strndup(a, kind.p, kind.n);

    for (size_t i = 0; lower && i < kind.n; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] | 0x20);
    if (!lower || kind.n == 0)
        return;
    default_unset_put(names, mn, "singular", doc_string(a, str_n(lower, kind.n)));
    default_unset_put(names, mn, "listKind", doc_printf(a, STR_FMT "List", STR_ARG(kind)));
}

static void scaling_rules(struct arena *a, struct doc *behavior, const struct schema_message *m, const char *direction,
                          const char *policies, bool window)
{
    const struct schema_message *mr = default_message(m, direction);

    default_unset_put(behavior, m, direction, doc_object(a));
    struct doc *rules = doc_get(behavior, direction);
    if (window)
        default_unset_put(rules, mr, "stabilizationWindowSeconds", doc_int(a, 0));
    default_unset_put(rules, mr, "selectPolicy", text(a, "Max"));
    if (!doc_get(rules, "policies"))
        default_put(rules, mr, "policies", json(a, policies));
}

void default_pod_autoscaler(struct arena *a, struct doc *hpa, const struct schema_message *m)
{
    const struct schema_message *ms = default_message(m, "spec"), *mb = default_message(m, "spec.behavior");
    struct doc *spec = doc_get(hpa, "spec"), *behavior = doc_get(spec, "behavior");

    if (!doc_count(doc_get(spec, "metrics")))
        default_put(spec, ms, "metrics",
                    json(a,
                         "[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\","
                         "\"averageUtilization\":80}}}]"));
    if (!doc_is(behavior, DOC_OBJECT))
        return;
    scaling_rules(a, behavior, mb, "scaleUp",
                  "[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15},"
                  "{\"type\":\"Percent\",\"value\":100,\"periodSeconds\":15}]",
                  true);
    scaling_rules(a, behavior, mb, "scaleDown", "[{\"type\":\"Percent\",\"value\":100,\"periodSeconds\":15}]", false);
}

void default_device_taint(struct arena *a, struct doc *taint, const struct schema_message *m)
{
    char now[RFC3339_MAX];

    if (doc_is(doc_get(taint, "timeAdded"), DOC_STRING))
        return;
    format_rfc3339(now, clock_wall(&clock_system), 0);
    default_put(taint, m, "timeAdded", doc_string_copy(a, str_of(now)));
}
