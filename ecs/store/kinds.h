/*
 * kinds.h - the custom resources in which the gateway keeps everything: one row each, and the definition that makes an
 * API server serve it. Pods of tasks are kept like them, but are Kubernetes' own.
 *
 * Group ecs.coracle.dev, version v1. spec and status carry the AWS names and are not described further. There is no
 * status subresource: the gateway is the only writer of both, and an object comes into being with its status in one
 * write.
 */
#ifndef ECS_STORE_KINDS_H
#define ECS_STORE_KINDS_H

#include "base/buf.h"
#include "ecs/store/trim.h"

#define ECS_GROUP "ecs.coracle.dev"
#define ECS_VERSION "v1"

enum ecs_kind_id {
    ECS_CLUSTER,
    ECS_TASK_DEFINITION,
    ECS_TASK_DEFINITION_FAMILY,
    ECS_TASK,
    ECS_SERVICE,
    ECS_SERVICE_DEPLOYMENT,
    ECS_SERVICE_REVISION,
    ECS_CONTAINER_INSTANCE,
    ECS_CAPACITY_PROVIDER,
    ECS_ACCOUNT_SETTING,
    ECS_POD,         /* of a task */
    ECS_FOREIGN_POD, /* any other: it takes room on its node too */
    ECS_NODE,
    ECS_KINDS
};

struct ecs_column {
    const char *name, *type, *path;
};
#define ECS_COLUMNS_MAX 6

struct ecs_kind {
    const char *kind, *resource, *singular, *short_name;
    bool namespaced;
    const char *base, *selector; /* of a kind that the server has by itself: where, and which of them we look at */
    struct ecs_column columns[ECS_COLUMNS_MAX];
    bool many;            /* there may be thousands: held packed */
    struct ecs_trim trim; /* what a copy in memory has, and so every object that the store hands out */
};
extern const struct ecs_kind ecs_kinds[ECS_KINDS];

/* The CustomResourceDefinition as JSON. */
void ecs_kind_definition(struct buf *out, const struct ecs_kind *k);

#endif
