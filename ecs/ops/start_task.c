#include "ecs/map/fault.h"
#include "ecs/ops/task_request.h"

#define INSTANCES_MAX 10
#define PLACE_TRIES 20

/* As it is named, or as it would be. */
static struct doc *instance_arn(struct task_request *r, struct str id_or_arn)
{
    struct aws_call *c = r->call;

    return str_starts(id_or_arn, STR("arn:"))
               ? doc_string(c->arena, id_or_arn)
               : ecs_arn(c, "container-instance/%s/" STR_FMT, r->cluster.name, STR_ARG(id_or_arn));
}

static int start_on(struct task_request *r, struct str id_or_arn, int tries, struct err *err)
{
    struct aws_call *c = r->call;
    struct placement_instance room;
    struct ecs_instance in;
    const char *reason = NULL;
    struct doc *o;
    int got = ecs_instance_find(store_of(c), c->arena, r->cluster.name, r->cluster.ns, id_or_arn, &in, &room, err);

    if (got < 0)
        return -1;
    if (got > 0)
        reason = "MISSING";
    else if (strcmp(in.status, "INACTIVE") == 0)
        reason = "INACTIVE";
    else if (placement_fits(c->arena, &room, &r->place, &reason, err) < 0)
        return ecs_pass(c, err);
    if (reason) {
        ecs_add_failure(c, got > 0 ? instance_arn(r, id_or_arn) : doc_string_copy(c->arena, str_of(in.arn)), reason);
        return 0;
    }
    if ((got = task_request_make(r, ecs_task_random_id(c->arena), &in, &room, NULL, &o, err)) < 0) {
        if (err->code != ERR_CONFLICT || tries == 0)
            return -1;
        err_clear(err); /* another call took that room: look again */
        return start_on(r, id_or_arn, tries - 1, err);
    }
    if (got > 0)
        return err_set(err, ERR_ALREADY_EXISTS, "a random id is taken");
    task_request_answer(r, o);
    return 0;
}

int ecs_start_task(struct aws_call *c, struct err *err)
{
    const struct doc *instances = doc_get(c->input, "containerInstances");
    struct task_request *r = arena_new_of(c->arena, struct task_request);

    if (!r)
        return err_set(err, ERR_TOO_LARGE, "no memory for the call");
    if (!doc_count(instances))
        return aws_error(c, ECS_INVALID, "Container instances cannot be empty.");
    if (doc_count(instances) > INSTANCES_MAX)
        return aws_error(c, ECS_INVALID, "A task can be started on at most %d container instances in one call.",
                         INSTANCES_MAX);
    if (task_request_begin(r, c, err) < 0 || task_request_check(r, STR("EC2"), err) < 0)
        return -1;
    doc_foreach (instances, it)
        if (start_on(r, doc_str(it), PLACE_TRIES, err) < 0)
            return -1;
    return 0;
}
