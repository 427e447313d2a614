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
