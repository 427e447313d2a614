#include "apiserver/validation/validation.h"

#include "apiserver/apiextensions/crd_validate.h"
#include "apiserver/validation/kinds.h"

#define RBAC "rbac.authorization.k8s.io"
#define CRON_JOB_NAME_MAX 52

/* A job's name is this and 11 characters more. */
static void name_cron_job(struct str s, struct name_problems *p)
{
    name_dns1123_subdomain(s, p);
    if (s.n > CRON_JOB_NAME_MAX && p->n < NAME_PROBLEMS_MAX)
        p->text[p->n++] = "must be no more than 52 characters";
}

static void no_rules(struct kind_check *k)
{
    (void)k;
}

/* Kinds with rules of their own. name NULL = a DNS subdomain; update NULL = as create. */
static const struct kind_rules {
    const char *group, *kind, *subresource;
    name_check name;
    void (*create)(struct kind_check *k);
    void (*update)(struct kind_check *k);
} kinds[] = {
    {"", "Pod", "", NULL, validate_pod, validate_pod_update},
    {"", "Pod", "status", NULL, NULL, validate_pod_status},
    {"", "Pod", "resize", NULL, NULL, validate_pod_resize},
    {"", "Pod", "ephemeralcontainers", NULL, NULL, validate_pod_ephemeral},
    {"", "PodTemplate", "", NULL, validate_pod_template, NULL},
    {"", "ReplicationController", "", NULL, validate_replication_controller, NULL},
    {"", "Service", "", name_dns1123_label, validate_service, validate_service_update},
    {"", "Service", "status", NULL, NULL, validate_service_status},
    {"", "ConfigMap", "", NULL, validate_config_map, validate_config_map_update},
    {"", "Secret", "", NULL, validate_secret, validate_secret_update},
    {"", "Namespace", "", name_dns1123_label, validate_namespace, NULL},
    {"", "Namespace", "finalize", NULL, NULL, validate_namespace},
    {"", "Namespace", "status", NULL, NULL, validate_namespace_status},
    {"", "Node", "", NULL, validate_node, validate_node_update},
    {"", "Node", "status", NULL, NULL, validate_node_update},
    {"", "Event", "", NULL, validate_event, validate_event_update},
    {"", "Endpoints", "", NULL, validate_endpoints, NULL},
    {"events.k8s.io", "Event", "", NULL, validate_event, validate_event_update},
    {"apps", "Deployment", "", NULL, validate_deployment, validate_deployment_update},
    {"apps", "Deployment", "status", NULL, NULL, validate_deployment_status},
    {"apps", "ReplicaSet", "", NULL, validate_replica_set, validate_replica_set_update},
    {"apps", "ReplicaSet", "status", NULL, NULL, validate_replica_set_status},
    {"apps", "DaemonSet", "", NULL, validate_daemon_set, validate_daemon_set_update},
    {"apps", "DaemonSet", "status", NULL, NULL, validate_daemon_set_status},
    {"apps", "StatefulSet", "", name_dns1123_label, validate_stateful_set, validate_stateful_set_update},
    {"apps", "ControllerRevision", "", NULL, validate_controller_revision, validate_controller_revision_update},
    {"batch", "Job", "", NULL, validate_job, validate_job_update},
    {"batch", "CronJob", "", name_cron_job, validate_cron_job, NULL},
    {"coordination.k8s.io", "Lease", "", NULL, validate_lease, NULL},
    {"discovery.k8s.io", "EndpointSlice", "", NULL, validate_endpoint_slice, validate_endpoint_slice_update},
    {RBAC, "Role", "", name_path_segment, validate_role, NULL},
    {RBAC, "ClusterRole", "", name_path_segment, validate_cluster_role, NULL},
    {RBAC, "RoleBinding", "", name_path_segment, validate_role_binding, validate_role_binding_update},
    {RBAC, "ClusterRoleBinding", "", name_path_segment, validate_role_binding, validate_role_binding_update},
    {"apiextensions.k8s.io", "CustomResourceDefinition", "", NULL, validate_crd, validate_crd_update},
    {"autoscaling", "Scale", "scale", NULL, validate_scale, NULL},
    /* names with other characters than a DNS subdomain has */
    {"networking.k8s.io", "IPAddress", "", name_path_segment, no_rules, NULL},
    {"certificates.k8s.io", "ClusterTrustBundle", "", name_path_segment, no_rules, NULL},
    {"internal.apiserver.k8s.io", "StorageVersion", "", name_path_segment, no_rules, NULL},
};

/* Requests in the form of an object: nothing is stored, so their metadata is free. */
static const char *const virtual_kinds[] = {
    "Binding",
    "Eviction",
    "TokenRequest",
    "TokenReview",
    "SelfSubjectReview",
    "SubjectAccessReview",
    "LocalSubjectAccessReview",
    "SelfSubjectAccessReview",
    "SelfSubjectRulesReview",
    NULL,
};

/* Fields that are for life, of kinds that have no file of their own. */
static const struct {
    const char *group, *kind, *path[3];
    const char *text; /* NULL = field is immutable */
} immutable_fields[] = {
    {"networking.k8s.io", "IPAddress", {"spec", "parentRef"}, NULL},
    {"networking.k8s.io", "IngressClass", {"spec", "controller"}, NULL},
    {"node.k8s.io", "RuntimeClass", {"handler"}, NULL},
    {"resource.k8s.io", "ResourceClaimTemplate", {"spec"}, NULL},
    {"resource.k8s.io", "ResourceClaim", {"spec"}, NULL},
    {"scheduling.k8s.io", "PriorityClass", {"value"}, "may not be changed in an update."},
    {"scheduling.k8s.io", "PriorityClass", {"preemptionPolicy"}, NULL},
    {"storage.k8s.io", "CSIDriver", {"spec", "attachRequired"}, NULL},
    {"storage.k8s.io", "CSIDriver", {"spec", "volumeLifecycleModes"}, NULL},
    {"storage.k8s.io", "CSIStorageCapacity", {"nodeTopology"}, NULL},
    {"storage.k8s.io", "CSIStorageCapacity", {"storageClassName"}, NULL},
    {"storage.k8s.io", "StorageClass", {"parameters"}, "updates to parameters are forbidden."},
    {"storage.k8s.io", "StorageClass", {"provisioner"}, "updates to provisioner are forbidden."},
    {"storage.k8s.io", "StorageClass", {"reclaimPolicy"}, "updates to reclaimPolicy are forbidden."},
    {"storage.k8s.io", "StorageClass", {"volumeBindingMode"}, NULL},
    {"storage.k8s.io", "VolumeAttachment", {"spec"}, NULL},
    {"storage.k8s.io", "VolumeAttributesClass", {"driverName"}, "updates to driverName are forbidden."},
    {"storage.k8s.io", "VolumeAttributesClass", {"parameters"}, "updates to parameters are forbidden."},
    {"certificates.k8s.io", "PodCertificateRequest", {"spec"}, NULL},
    {"coordination.k8s.io", "LeaseCandidate", {"spec", "leaseName"}, NULL},
    {"storagemigration.k8s.io", "StorageVersionMigration", {"spec"}, NULL},
    {"", "PersistentVolumeClaim", {"spec", "volumeMode"}, NULL},
    {"", "PersistentVolume", {"spec", "volumeMode"}, NULL},
};

static const struct kind_rules *find_rules(const struct validation_request *req)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].kind, req->kind) == 0 && strcmp(kinds[i].group, req->group) == 0 &&
            strcmp(kinds[i].subresource, req->subresource) == 0)
            return &kinds[i];
    return NULL;
}

static const struct doc *at_path(const struct doc *d, const char *const path[3])
{
    for (size_t i = 0; i < 3 && path[i]; i++)
        d = v_get(d, path[i]);
    return d;
}

static void check_immutable(errors *e, const struct validation_request *req)
{
    for (size_t i = 0; i < ARRAY_LEN(immutable_fields); i++) {
        const char *const *path = immutable_fields[i].path;
        if (strcmp(immutable_fields[i].kind, req->kind) != 0 || strcmp(immutable_fields[i].group, req->group) != 0)
            continue;
        const struct doc *now = at_path(req->obj, path), *old = at_path(req->old, path);
        path_t first = FIELD(NULL, path[0]), p = path[1] ? FIELD(first, path[1]) : first;
        if (v_equal(now, old))
            continue;
        if (immutable_fields[i].text)
            field_forbidden(e, p, "%s", immutable_fields[i].text);
        else
            field_immutable(e, p, now);
    }
}

static void check_create(errors *e, const struct validation_request *req, const struct kind_rules *rules)
{
    struct kind_check k = {e, req, req->obj, NULL};
    name_check name = rules && rules->name ? rules->name : name_dns1123_subdomain;
    v_object_meta(e, FIELD(NULL, "metadata"), v_get(req->obj, "metadata"), req->namespaced, name);
    if (rules && rules->create)
        rules->create(&k);
}

static void check_update(errors *e, const struct validation_request *req, const struct kind_rules *rules)
{
    struct kind_check k = {e, req, req->obj, req->old};
    v_object_meta_update(e, FIELD(NULL, "metadata"), v_get(req->obj, "metadata"), v_get(req->old, "metadata"));
    if (!*req->subresource)
        check_immutable(e, req);
    if (rules && rules->update)
        rules->update(&k);
    else if (rules && rules->create)
        rules->create(&k);
}

void validate_errors(const struct validation_request *req, struct field_errors *ret)
{
    const struct kind_rules *rules = find_rules(req);
    struct kind_check k = {ret, req, req->obj, req->old};
    if (v_among(str_of(req->kind), virtual_kinds)) {
        if (strcmp(req->kind, "Binding") == 0)
            validate_pod_binding(&k);
        return;
    }
    if (strcmp(req->kind, "Scale") == 0)
        validate_scale(&k);
    else if (req->old)
        check_update(ret, req, rules);
    else
        check_create(ret, req, rules);
}

int validate_object(const struct validation_request *req, struct err *err)
{
    struct field_errors list = field_errors_in(req->arena);
    validate_errors(req, &list);
    return field_errors_to_err(&list, str_of(req->group), str_of(req->kind), v_str(v_get(req->obj, "metadata"), "name"),
                               err);
}
