/* Which cell comes from where: one row a resource, one cell a column of columns_table.c (a test holds both together).
 */
#include "rules.h"

#define NAME                                                                                                           \
    {                                                                                                                  \
        cell_text, "metadata.name"                                                                                     \
    }
#define AGE                                                                                                            \
    {                                                                                                                  \
        cell_age, "metadata.creationTimestamp"                                                                         \
    }
#define CREATED                                                                                                        \
    {                                                                                                                  \
        cell_date, "metadata.creationTimestamp"                                                                        \
    }
#define CELLS(group, resource, ...)                                                                                    \
    {                                                                                                                  \
        group, resource, (const struct printer_cell[]){__VA_ARGS__},                                                   \
            sizeof((const struct printer_cell[]){__VA_ARGS__}) / sizeof(struct printer_cell), NULL                     \
    }

#define EVENT_CELLS                                                                                                    \
    {cell_event_last, NULL}, {cell_text, "type"}, {cell_text, "reason"}, {cell_event_object, NULL},                    \
        {cell_event_object, "fieldPath"}, {cell_event_source, NULL}, {cell_event_message, NULL},                       \
        {cell_event_first, NULL}, {cell_event_count, NULL}, NAME
#define SCALE_CELLS NAME, {cell_int, "spec.replicas"}, {cell_int, "status.replicas"}, AGE
#define BINDING_CELLS                                                                                                  \
    NAME, {cell_reference, "roleRef"}, AGE, {cell_subjects, "User"}, {cell_subjects, "Group"},                         \
    {                                                                                                                  \
        cell_subjects, "ServiceAccount"                                                                                \
    }
#define POLICY_CELLS(what) NAME, {cell_count, what}, {cell_param_kind, NULL}, AGE
#define POLICY_BINDING_CELLS NAME, {cell_text, "spec.policyName"}, {cell_param_ref, NULL}, AGE

const struct printer_rule printer_rules[] = {
    CELLS("", "(customresource)", NAME, CREATED),
    CELLS("", "componentstatuses", NAME, {cell_component_condition, "status"}, {cell_component_condition, "message"},
          {cell_component_condition, "error"}),
    CELLS("", "configmaps", NAME, {cell_count, "data+binaryData"}, AGE),
    CELLS("", "endpoints", NAME, {cell_endpoints, NULL}, AGE),
    CELLS("", "events", EVENT_CELLS),
    CELLS("", "limitranges", NAME, CREATED),
    CELLS("", "namespaces", NAME, {cell_text, "status.phase"}, AGE),
    CELLS("", "nodes", NAME, {cell_node_status, NULL}, {cell_node_roles, NULL}, AGE,
          {cell_text, "status.nodeInfo.kubeletVersion"}, {cell_node_address, "InternalIP"},
          {cell_node_address, "ExternalIP"}, {cell_text, "status.nodeInfo.osImage|<unknown>"},
          {cell_text, "status.nodeInfo.kernelVersion|<unknown>"},
          {cell_text, "status.nodeInfo.containerRuntimeVersion|<unknown>"}),
    CELLS("", "persistentvolumeclaims", NAME, {cell_volume_phase, NULL}, {cell_text, "spec.volumeName"},
          {cell_claim_capacity, NULL}, {cell_access_modes, "status.accessModes"}, {cell_storage_class, NULL},
          {cell_text, "spec.volumeAttributesClassName|<unset>"}, AGE, {cell_text, "spec.volumeMode|<unset>"}),
    CELLS("", "persistentvolumes", NAME, {cell_text, "spec.capacity.storage"}, {cell_access_modes, "spec.accessModes"},
          {cell_text, "spec.persistentVolumeReclaimPolicy"}, {cell_volume_phase, NULL}, {cell_volume_claim, NULL},
          {cell_storage_class, NULL}, {cell_text, "spec.volumeAttributesClassName|<unset>"},
          {cell_text, "status.reason"}, AGE, {cell_text, "spec.volumeMode|<unset>"}),
    {"", "pods", NULL, 9, pod_cells},
    CELLS("", "podtemplates", NAME, {cell_names, "template.spec.containers"}, {cell_images, "template.spec.containers"},
          {cell_labels, "template.metadata.labels"}),
    CELLS("", "replicationcontrollers", NAME, {cell_int, "spec.replicas"}, {cell_int, "status.replicas"},
          {cell_int, "status.readyReplicas"}, AGE, {cell_names, "spec.template.spec.containers"},
          {cell_images, "spec.template.spec.containers"}, {cell_labels, "spec.selector"}),
    CELLS("", "replicationcontrollers/scale", SCALE_CELLS),
    CELLS("", "resourcequotas", NAME, {cell_quota, ""}, {cell_quota, "limits."}, AGE),
    CELLS("", "secrets", NAME, {cell_text, "type"}, {cell_count, "data"}, AGE),
    CELLS("", "serviceaccounts", NAME, AGE),
    CELLS("", "services", NAME, {cell_text, "spec.type"}, {cell_service_cluster_ip, NULL},
          {cell_service_external, NULL}, {cell_service_ports, NULL}, AGE, {cell_labels, "spec.selector"}),
    CELLS("admissionregistration.k8s.io", "mutatingadmissionpolicies", POLICY_CELLS("spec.mutations")),
    CELLS("admissionregistration.k8s.io", "mutatingadmissionpolicybindings", POLICY_BINDING_CELLS),
    CELLS("admissionregistration.k8s.io", "mutatingwebhookconfigurations", NAME, {cell_count, "webhooks"}, AGE),
    CELLS("admissionregistration.k8s.io", "validatingadmissionpolicies", POLICY_CELLS("spec.validations")),
    CELLS("admissionregistration.k8s.io", "validatingadmissionpolicybindings", POLICY_BINDING_CELLS),
    CELLS("admissionregistration.k8s.io", "validatingwebhookconfigurations", NAME, {cell_count, "webhooks"}, AGE),
    CELLS("apiextensions.k8s.io", "customresourcedefinitions", NAME, CREATED),
    CELLS("apiregistration.k8s.io", "apiservices", NAME, {cell_api_service, NULL}, {cell_api_available, NULL}, AGE),
    CELLS("apps", "controllerrevisions", NAME, {cell_controller, NULL}, {cell_int, "revision"}, AGE),
    CELLS("apps", "daemonsets", NAME, {cell_int, "status.desiredNumberScheduled"},
          {cell_int, "status.currentNumberScheduled"}, {cell_int, "status.numberReady"},
          {cell_int, "status.updatedNumberScheduled"}, {cell_int, "status.numberAvailable"},
          {cell_labels, "spec.template.spec.nodeSelector"}, AGE, {cell_names, "spec.template.spec.containers"},
          {cell_images, "spec.template.spec.containers"}, {cell_selector, "spec.selector"}),
    CELLS("apps", "deployments", NAME, {cell_ratio, "status.readyReplicas/spec.replicas"},
          {cell_int, "status.updatedReplicas"}, {cell_int, "status.availableReplicas"}, AGE,
          {cell_names, "spec.template.spec.containers"}, {cell_images, "spec.template.spec.containers"},
          {cell_selector_raw, "spec.selector"}),
    CELLS("apps", "deployments/scale", SCALE_CELLS),
    CELLS("apps", "replicasets", NAME, {cell_int, "spec.replicas"}, {cell_int, "status.replicas"},
          {cell_int, "status.readyReplicas"}, AGE, {cell_names, "spec.template.spec.containers"},
          {cell_images, "spec.template.spec.containers"}, {cell_selector, "spec.selector"}),
    CELLS("apps", "replicasets/scale", SCALE_CELLS),
    CELLS("apps", "statefulsets", NAME, {cell_ratio, "status.readyReplicas/spec.replicas"}, AGE,
          {cell_names, "spec.template.spec.containers"}, {cell_images, "spec.template.spec.containers"}),
    CELLS("apps", "statefulsets/scale", SCALE_CELLS),
    CELLS("autoscaling", "horizontalpodautoscalers", NAME, {cell_reference, "spec.scaleTargetRef"},
          {cell_hpa_targets, NULL}, {cell_text, "spec.minReplicas|<unset>"}, {cell_int, "spec.maxReplicas"},
          {cell_int, "status.currentReplicas"}, AGE),
    CELLS("batch", "cronjobs", NAME, {cell_text, "spec.schedule"}, {cell_text, "spec.timeZone|<none>"},
          {cell_bool_text, "spec.suspend"}, {cell_count, "status.active"}, {cell_age, "status.lastScheduleTime|<none>"},
          AGE, {cell_names, "spec.jobTemplate.spec.template.spec.containers"},
          {cell_images, "spec.jobTemplate.spec.template.spec.containers"},
          {cell_selector, "spec.jobTemplate.spec.selector"}),
    CELLS("batch", "jobs", NAME, {cell_job_status, NULL}, {cell_job_completions, NULL}, {cell_job_duration, NULL}, AGE,
          {cell_names, "spec.template.spec.containers"}, {cell_images, "spec.template.spec.containers"},
          {cell_selector, "spec.selector"}),
    CELLS("certificates.k8s.io", "certificatesigningrequests", NAME, AGE, {cell_text, "spec.signerName|<none>"},
          {cell_text, "spec.username"}, {cell_default_seconds, "spec.expirationSeconds|<none>"},
          {cell_csr_condition, NULL}),
    CELLS("certificates.k8s.io", "clustertrustbundles", NAME, {cell_text, "spec.signerName|<none>"}),
    CELLS("coordination.k8s.io", "leasecandidates", NAME, {cell_text, "spec.leaseName"},
          {cell_text, "spec.binaryVersion"}, {cell_text, "spec.emulationVersion"}, AGE),
    CELLS("coordination.k8s.io", "leases", NAME, {cell_text, "spec.holderIdentity"}, AGE),
    CELLS("discovery.k8s.io", "endpointslices", NAME, {cell_text, "addressType"}, {cell_slice_ports, NULL},
          {cell_slice_endpoints, NULL}, AGE),
    CELLS("events.k8s.io", "events", EVENT_CELLS),
    CELLS("flowcontrol.apiserver.k8s.io", "flowschemas", NAME, {cell_text, "spec.priorityLevelConfiguration.name"},
          {cell_int, "spec.matchingPrecedence"}, {cell_text, "spec.distinguisherMethod.type|<none>"}, AGE,
          {cell_condition_status, "Dangling"}),
    CELLS("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations", NAME, {cell_text, "spec.type"},
          {cell_text, "spec.limited.nominalConcurrencyShares|<none>"},
          {cell_text, "spec.limited.limitResponse.queuing.queues|<none>"},
          {cell_text, "spec.limited.limitResponse.queuing.handSize|<none>"},
          {cell_text, "spec.limited.limitResponse.queuing.queueLengthLimit|<none>"}, AGE),
    CELLS("meta.k8s.io", "(status)", {cell_text, "status"}, {cell_text, "reason"}, {cell_text, "message"}),
    CELLS("networking.k8s.io", "ingressclasses", NAME, {cell_text, "spec.controller"}, {cell_ingress_parameters, NULL},
          AGE),
    CELLS("networking.k8s.io", "ingresses", NAME, {cell_text, "spec.ingressClassName|<none>"},
          {cell_ingress_hosts, NULL}, {cell_ingress_address, NULL}, {cell_ingress_ports, NULL}, AGE),
    CELLS("networking.k8s.io", "ipaddresses", NAME, {cell_ip_parent, NULL}),
    CELLS("networking.k8s.io", "networkpolicies", NAME, {cell_selector, "spec.podSelector"}, AGE),
    CELLS("networking.k8s.io", "servicecidrs", NAME, {cell_join, "spec.cidrs"}, AGE),
    CELLS("node.k8s.io", "runtimeclasses", NAME, {cell_text, "handler"}, AGE),
    CELLS("policy", "poddisruptionbudgets", NAME, {cell_text, "spec.minAvailable|N/A"},
          {cell_text, "spec.maxUnavailable|N/A"}, {cell_int, "status.disruptionsAllowed"}, AGE),
    CELLS("rbac.authorization.k8s.io", "clusterrolebindings", BINDING_CELLS),
    CELLS("rbac.authorization.k8s.io", "clusterroles", NAME, CREATED),
    CELLS("rbac.authorization.k8s.io", "rolebindings", BINDING_CELLS),
    CELLS("rbac.authorization.k8s.io", "roles", NAME, CREATED),
    CELLS("resource.k8s.io", "deviceclasses", NAME, AGE),
    CELLS("resource.k8s.io", "resourceclaims", NAME, {cell_claim_state, NULL}, AGE),
    CELLS("resource.k8s.io", "resourceclaimtemplates", NAME, AGE),
    CELLS("resource.k8s.io", "resourceslices", NAME, {cell_text, "spec.nodeName|<unset>"}, {cell_text, "spec.driver"},
          {cell_text, "spec.pool.name"}, AGE),
    CELLS("scheduling.k8s.io", "priorityclasses", NAME, {cell_int, "value"}, {cell_bool, "globalDefault"}, AGE,
          {cell_text, "preemptionPolicy"}),
    CELLS("storage.k8s.io", "csidrivers", NAME, {cell_bool, "spec.attachRequired|true"},
          {cell_bool, "spec.podInfoOnMount"}, {cell_bool, "spec.storageCapacity"}),
    CELLS("storage.k8s.io", "csinodes", NAME, {cell_count, "spec.drivers"}, AGE),
    CELLS("storage.k8s.io", "csistoragecapacities", NAME, CREATED),
    CELLS("storage.k8s.io", "storageclasses", {cell_storage_class_name, NULL}, {cell_text, "provisioner"},
          {cell_text, "reclaimPolicy|Delete"}, {cell_text, "volumeBindingMode|Immediate"},
          {cell_bool, "allowVolumeExpansion"}, AGE),
    CELLS("storage.k8s.io", "volumeattachments", NAME, {cell_text, "spec.attacher"},
          {cell_text, "spec.source.persistentVolumeName"}, {cell_text, "spec.nodeName"}, {cell_bool, "status.attached"},
          AGE),
    CELLS("storage.k8s.io", "volumeattributesclasses", NAME, {cell_text, "driverName"}, AGE),
};
const size_t printer_rules_n = sizeof(printer_rules) / sizeof(printer_rules[0]);
