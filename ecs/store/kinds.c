#include "ecs/store/kinds.h"

/* clang-format off */
#define CONTAINER_STATUS(p) p ".name", p ".state", p ".lastState", p ".ready", p ".started", p ".restartCount",        \
    p ".imageID", p ".containerID"
#define CONDITION(p) p ".type", p ".status", p ".lastTransitionTime", p ".message"
#define WITHOUT_MANAGED_FIELDS {.paths = {"metadata.managedFields"}}
/* clang-format on */

const struct ecs_kind ecs_kinds[ECS_KINDS] = {
    [ECS_CLUSTER] = {.kind = "ECSCluster",
                     .resource = "ecsclusters",
                     .singular = "ecscluster",
                     .columns = {{"Status", "string", ".status.status"}, {"Namespace", "string", ".status.namespace"}},
                     .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_TASK_DEFINITION] = {.kind = "TaskDefinition",
                             .resource = "taskdefinitions",
                             .singular = "taskdefinition",
                             .short_name = "taskdef",
                             .columns = {{"Family", "string", ".spec.family"},
                                         {"Revision", "integer", ".spec.revision"},
                                         {"Status", "string", ".status.status"},
                                         {"Network", "string", ".spec.networkMode"}},
                             .many = true,
                             .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_TASK_DEFINITION_FAMILY] = {.kind = "TaskDefinitionFamily",
                                    .resource = "taskdefinitionfamilies",
                                    .singular = "taskdefinitionfamily",
                                    .columns = {{"Last", "integer", ".status.lastRevision"}},
                                    .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_TASK] = {.kind = "ECSTask",
                  .resource = "ecstasks",
                  .singular = "ecstask",
                  .namespaced = true,
                  .columns = {{"Status", "string", ".status.lastStatus"},
                              {"Desired", "string", ".status.desiredStatus"},
                              {"Group", "string", ".status.group"},
                              {"Definition", "string", ".spec.definition"},
                              {"Reason", "string", ".status.stoppedReason"}},
                  .many = true,
                  .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_SERVICE] = {.kind = "ECSService",
                     .resource = "ecsservices",
                     .singular = "ecsservice",
                     .namespaced = true,
                     .columns = {{"Status", "string", ".status.status"},
                                 {"Desired", "integer", ".spec.desiredCount"},
                                 {"Running", "integer", ".status.runningCount"},
                                 {"Pending", "integer", ".status.pendingCount"},
                                 {"Rollout", "string", ".status.deployments[0].rolloutState"},
                                 {"Definition", "string", ".spec.taskDefinition"}},
                     .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_SERVICE_DEPLOYMENT] = {.kind = "ECSServiceDeployment",
                                .resource = "ecsservicedeployments",
                                .singular = "ecsservicedeployment",
                                .namespaced = true,
                                .columns = {{"Service", "string", ".spec.serviceName"},
                                            {"Status", "string", ".status.status"},
                                            {"Reason", "string", ".status.statusReason"}},
                                .many = true,
                                .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_SERVICE_REVISION] = {.kind = "ECSServiceRevision",
                              .resource = "ecsservicerevisions",
                              .singular = "ecsservicerevision",
                              .namespaced = true,
                              .columns = {{"Service", "string", ".spec.serviceName"},
                                          {"Definition", "string", ".spec.taskDefinition"}},
                              .many = true,
                              .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_CONTAINER_INSTANCE] = {.kind = "ContainerInstance",
                                .resource = "containerinstances",
                                .singular = "containerinstance",
                                .namespaced = true,
                                .columns = {{"Node", "string", ".spec.node"},
                                            {"Status", "string", ".status.status"},
                                            {"Connected", "boolean", ".status.agentConnected"}},
                                .many = true,
                                .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_CAPACITY_PROVIDER] = {.kind = "CapacityProvider",
                               .resource = "capacityproviders",
                               .singular = "capacityprovider",
                               .columns = {{"Name", "string", ".spec.name"}, {"Status", "string", ".status.status"}},
                               .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_ACCOUNT_SETTING] = {.kind = "ECSAccountSetting",
                             .resource = "ecsaccountsettings",
                             .singular = "ecsaccountsetting",
                             .columns = {{"Setting", "string", ".spec.name"},
                                         {"Value", "string", ".spec.value"},
                                         {"Principal", "string", ".spec.principalArn"}},
                             .trim = WITHOUT_MANAGED_FIELDS},
    [ECS_FOREIGN_POD] = {.kind = "Pod",
                         .resource = "pods",
                         .singular = "pod",
                         .namespaced = true,
                         .base = "/api/v1/",
                         .selector = "!ecs.coracle.dev/task",
                         /* what they take is in usage.h */
                         .trim = {true, {"metadata.name", "metadata.namespace", "metadata.resourceVersion"}}},
    [ECS_NODE] = {.kind = "Node",
                  .resource = "nodes",
                  .singular = "node",
                  .base = "/api/v1/",
                  .trim = {.paths = {"metadata.managedFields", "metadata.annotations", "status.images"}}},
    [ECS_POD] = {.kind = "Pod",
                 .resource = "pods",
                 .singular = "pod",
                 .namespaced = true,
                 .base = "/api/v1/",
                 .selector = "ecs.coracle.dev/task",
                 /* who it is, and what map/status.c reads */
                 .many = true,
                 .trim = {true,
                          {"metadata.name", "metadata.namespace", "metadata.uid", "metadata.resourceVersion",
                           "metadata.creationTimestamp", "metadata.deletionTimestamp", "spec.nodeName", "status.phase",
                           "status.message", "status.reason", "status.hostIP", "status.podIP", "status.startTime",
                           CONDITION("status.conditions"), CONTAINER_STATUS("status.containerStatuses"),
                           CONTAINER_STATUS("status.initContainerStatuses")},
                          .conditions = {"PodReadyToStartContainers", "DisruptionTarget"}}},
};

static void put_columns(struct buf *b, const struct ecs_kind *k)
{
    buf_puts(b, "\"additionalPrinterColumns\":[");
    for (size_t i = 0; i < ECS_COLUMNS_MAX && k->columns[i].name; i++)
        buf_printf(b, "{\"name\":\"%s\",\"type\":\"%s\",\"jsonPath\":\"%s\"},", k->columns[i].name, k->columns[i].type,
                   k->columns[i].path);
    buf_puts(b, "{\"name\":\"Age\",\"type\":\"date\",\"jsonPath\":\".metadata.creationTimestamp\"}]");
}

void ecs_kind_definition(struct buf *b, const struct ecs_kind *k)
{
    const char *open = "{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}";

    buf_printf(
        b,
        "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":"
        "\"%s." ECS_GROUP "\"},\"spec\":{\"group\":\"" ECS_GROUP "\",\"scope\":\"%s\",\"names\":{\"plural\":\"%s\","
        "\"singular\":\"%s\",\"kind\":\"%s\",\"listKind\":\"%sList\"",
        k->resource, k->namespaced ? "Namespaced" : "Cluster", k->resource, k->singular, k->kind, k->kind);
    if (k->short_name)
        buf_printf(b, ",\"shortNames\":[\"%s\"]", k->short_name);
    buf_puts(b, ",\"categories\":[\"ecs\"]},\"versions\":[{\"name\":\"" ECS_VERSION
                "\",\"served\":true,\"storage\":true,");
    put_columns(b, k);
    buf_printf(b,
               ",\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":%s,\"status\":%s}}}}]}}",
               open, open);
}
