#include "ecs/ops/definition_end.h"

#include "base/limits.h"

struct use {
    struct ecs_store *store;
    struct str arn;
    bool found;
};

static bool is_arn(const struct use *u, const struct doc *d)
{
    return str_eq(doc_str(d), u->arn);
}

static int see_task(void *ctx, const struct doc *o, struct err *err)
{
    struct use *u = ctx;

    if (is_arn(u, doc_path(o, "status.taskDefinitionArn")) &&
        !str_is(doc_str(doc_path(o, "status.lastStatus")), "STOPPED"))
        u->found = true;
    return 0;
}

/* The revision of the service that a rollback goes to. */
static int see_revision(struct use *u, const struct doc *service, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    const char *id = arena_str(a, doc_str(doc_path(service, "status.lastCompletedRevision"))).p;
    const char *ns = arena_str(a, doc_str(doc_path(service, "metadata.namespace"))).p;
    struct doc *o;

    if (!*id)
        return 0;
    int found = ecs_store_find(u->store, a, ECS_SERVICE_REVISION, ns, id, &o, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    u->found = u->found || is_arn(u, doc_path(o, "spec.taskDefinition"));
    return 0;
}

static int see_service(void *ctx, const struct doc *o, struct err *err)
{
    struct use *u = ctx;

    if (u->found || str_is(doc_str(doc_path(o, "status.status")), "INACTIVE"))
        return 0;
    u->found = is_arn(u, doc_path(o, "spec.taskDefinition"));
    doc_foreach (doc_path(o, "status.deployments"), d)
        u->found = u->found || is_arn(u, doc_get(d, "taskDefinition"));
    return u->found ? 0 : see_revision(u, o, err);
}

int ecs_definition_end(struct ecs_store *s, const char *object, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct doc *o;

    int found = ecs_store_find(s, a, ECS_TASK_DEFINITION, NULL, object, &o, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    if (!str_is(doc_str(doc_path(o, "status.status")), "DELETE_IN_PROGRESS"))
        return 0;
    struct use u = {.store = s, .arn = doc_str(doc_path(o, "spec.taskDefinitionArn"))};
    const char *arn = arena_str(a, u.arn).p;
    if (ecs_store_each(s, ECS_TASK, NULL, arn, see_task, &u, err) < 0 ||
        (!u.found && ecs_store_each(s, ECS_SERVICE, NULL, NULL, see_service, &u, err) < 0))
        return -1;
    return u.found ? 0 : ecs_store_delete(s, ECS_TASK_DEFINITION, NULL, object, err);
}
