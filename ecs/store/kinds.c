#include "ecs/store/kinds.h"

const struct ecs_kind ecs_kinds[ECS_KINDS] = {
    [ECS_CLUSTER] = {.kind = "ECSCluster",
                     .resource = "ecsclusters",
                     .singular = "ecscluster",
                     .columns = {{"Status", "string", ".status.status"}, {"Namespace", "string", ".status.namespace"}}},
    [ECS_TASK_DEFINITION] = {.kind = "TaskDefinition",
                             .resource = "taskdefinitions",
                             .singular = "taskdefinition",
                             .short_name = "taskdef",
                             .columns = {{"Family", "string", ".spec.family"},
                                         {"Revision", "integer", ".spec.revision"},
                                         {"Status", "string", ".status.status"},
                                         {"Network", "string", ".spec.networkMode"}}},
    [ECS_TASK_DEFINITION_FAMILY] = {.kind = "TaskDefinitionFamily",
                                    .resource = "taskdefinitionfamilies",
                                    .singular = "taskdefinitionfamily",
                                    .columns = {{"Last", "integer", ".status.lastRevision"}}},
    [ECS_TASK] = {.kind = "ECSTask",
                  .resource = "ecstasks",
                  .singular = "ecstask",
                  .namespaced = true,
                  .columns = {{"Status", "string", ".status.lastStatus"},
                              {"Desired", "string", ".status.desiredStatus"},
                              {"Group", "string", ".status.group"},
                              {"Definition", "string", ".spec.definition"},
                              {"Reason", "string", ".status.stoppedReason"}}},
    [ECS_SERVICE] = {.kind = "ECSService",
                     .resource = "ecsservices",
                     .singular = "ecsservice",
                     .namespaced = true,
                     .columns = {{"Status", "string", ".status.status"},
                                 {"Desired", "integer", ".spec.desiredCount"},
                                 {"Running", "integer", ".status.runningCount"},
                                 {"Pending", "integer", ".status.pendingCount"},
                                 {"Rollout", "string", ".status.deployments[0].rolloutState"},
                                 {"Definition", "string", ".spec.taskDefinition"}}},
    [ECS_SERVICE_DEPLOYMENT] = {.kind = "ECSServiceDeployment",
                                .resource = "ecsservicedeployments",
                                .singular = "ecsservicedeployment",
                                .namespaced = true,
                                .columns = {{"Service", "string", ".spec.serviceName"},
                                            {"Status", "string", ".status.status"},
                                            {"Reason", "string", ".status.statusReason"}}},
    [ECS_SERVICE_REVISION] = {.kind = "ECSServiceRevision",
                              .resource = "ecsservicerevisions",
                              .singular = "ecsservicerevision",
                              .namespaced = true,
                              .columns = {{"Service", "string", ".spec.serviceName"},
                                          {"Definition", "string", ".spec.taskDefinition"}}},
    [ECS_CONTAINER_INSTANCE] = {.kind = "ContainerInstance",
                                .resource = "containerinstances",
                                .singular = "containerinstance",
                                .namespaced = true,
                                .columns = {{"Node", "string", ".spec.node"},
                                            {"Status", "string", ".status.status"},
                                            {"Connected", "boolean", ".status.agentConnected"}}},
    [ECS_CAPACITY_PROVIDER] = {.kind = "CapacityProvider",
                               .resource = "capacityproviders",
                               .singular = "capacityprovider",
                               .columns = {{"Name", "string", ".spec.name"}, {"Status", "string", ".status.status"}}},
    [ECS_ACCOUNT_SETTING] = {.kind = "ECSAccountSetting",
                             .resource = "ecsaccountsettings",
                             .singular = "ecsaccountsetting",
                             .columns = {{"Setting", "string", ".spec.name"},
                                         {"Value", "string", ".spec.value"},
                                         {"Principal", "string", ".spec.principalArn"}}},
    [ECS_FOREIGN_POD] = {.kind = "Pod",
                         .resource = "pods",
                         .singular = "pod",
                         .namespaced = true,
                         .base = "/api/v1/",
                         .selector = "!ecs.coracle.dev/task"},
    [ECS_NODE] = {.kind = "Node", .resource = "nodes", .singular = "node", .base = "/api/v1/"},
    [ECS_POD] = {.kind = "Pod",
                 .resource = "pods",
                 .singular = "pod",
                 .namespaced = true,
                 .base = "/api/v1/",
                 .selector = "ecs.coracle.dev/task"},
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
