#include "ecs/ops/task_request.h"

#include "ecs/map/fault.h"
#include "ecs/map/overrides.h"
#include "ecs/ops/tasks.h"

static const char *text_of(struct aws_call *c, const char *member)
{
    return arena_str(c->arena, in_str(c, member)).p;
}

/* What matters and is not there yet is refused by name. */
static int refuse(struct aws_call *c)
{
    if (doc_count(doc_get(c->input, "volumeConfigurations")))
        return aws_error(c, ECS_INVALID, "volumeConfigurations is not supported yet.");
    if (doc_true(doc_get(c->input, "enableExecuteCommand")))
        return aws_error(c, ECS_INVALID, "enableExecuteCommand is not supported yet.");
    if (str_is(in_str(c, "propagateTags"), "SERVICE"))
        return aws_error(c, ECS_INVALID, "Tags cannot be propagated from a service to a task that no service starts.");
    return 0;
}

static int find_definition(struct task_request *r, struct err *err)
{
    struct aws_call *c = r->call;
    int found = ecs_find_task_definition(c, in_str(c, "taskDefinition"), &r->definition, err);

    if (found < 0)
        return -1;
    if (found > 0)
        return aws_error(c, ECS_CLIENT, "TaskDefinition not found.");
    if (!str_is(doc_str(doc_path(r->definition, "status.status")), "ACTIVE"))
        return aws_error(c, ECS_CLIENT, "TaskDefinition is inactive");
    return 0;
}

int task_request_begin(struct task_request *r, struct aws_call *c, struct err *err)
{
    bool propagate = str_is(in_str(c, "propagateTags"), "TASK_DEFINITION");
    struct doc *tags = NULL;

    *r = (struct task_request){.call = c, .tasks = doc_array(c->arena)};
    if (refuse(c) < 0 || ecs_find_cluster(c, in_str(c, "cluster"), &r->cluster, err) < 0 ||
        find_definition(r, err) < 0 || ecs_input_tags(c, &tags, err) < 0)
        return -1;
    if (task_names_check(in_str(c, "group"), in_str(c, "startedBy"), err) < 0)
        return ecs_pass(c, err);
    r->task = (struct new_task){.region = c->region,
                                .account = c->account_id,
                                .cluster = r->cluster.name,
                                .ns = r->cluster.ns,
                                .definition = r->definition,
                                .platform_version = text_of(c, "platformVersion"),
                                .group = text_of(c, "group"),
                                .started_by = text_of(c, "startedBy"),
                                .reference_id = text_of(c, "referenceId"),
                                .overrides = doc_get(c->input, "overrides"),
                                .network = doc_get(c->input, "networkConfiguration"),
                                .ephemeral_storage = doc_path(c->input, "overrides.ephemeralStorage"),
                                .tags = tags,
                                .propagated = propagate ? doc_path(r->definition, "status.tags") : NULL,
                                .managed_tags = doc_true(doc_get(c->input, "enableECSManagedTags")),
                                .now_s = c->now_s};
    if (!r->task.ephemeral_storage)
        r->task.ephemeral_storage = doc_path(r->definition, "spec.ephemeralStorage");
    doc_set(c->output, "tasks", r->tasks);
    doc_need_array(c->arena, c->output, "failures");
    return 0;
}

static int set_place(struct task_request *r, struct err *err)
{
    struct aws_call *c = r->call;
    const struct doc *spec = doc_get(r->definition, "spec");
    struct str group = in_str(c, "group");
    struct pod_port *ports = NULL;
    struct placement_request *p = &r->place;

    if (!group.n)
        group = str_of(arena_printf(c->arena, "family:" STR_FMT, STR_ARG(doc_str(doc_get(spec, "family")))));
    *p = (struct placement_request){
        .group = group,
        .taskdef = spec,
        .constraints = {doc_get(spec, "placementConstraints"), doc_get(c->input, "placementConstraints")},
        .strategy = doc_get(c->input, "placementStrategy")};
    if (taskdef_size(spec, doc_get(c->input, "overrides"), &p->size, err) < 0 ||
        pod_ports(c->arena, spec, &ports, &p->n_ports, err) < 0)
        return -1;
    p->ports = ports;
    for (size_t i = 0; i < p->n_ports; i++)
        if (!ports[i].host_port)
            return ecs_ports_observe(store_of(c), c->arena, &r->task.ports, err);
    return 0;
}

int task_request_check(struct task_request *r, struct str runs_on, struct err *err)
{
    struct aws_call *c = r->call;
    const struct doc *spec = doc_get(r->definition, "spec"), *overrides = doc_get(c->input, "overrides");
    bool fargate = str_is(runs_on, "FARGATE");

    r->task.launch_type = arena_str(c->arena, runs_on).p;
    if (taskdef_check_launch(spec, runs_on, doc_get(c->input, "networkConfiguration"), err) < 0 ||
        task_platform_check(in_str(c, "platformVersion"), fargate, err) < 0 ||
        overrides_check(spec, overrides, fargate, err) < 0 || set_place(r, err) < 0)
        return ecs_pass(c, err);
    return 0;
}

static const char *zone_of(struct arena *a, const struct placement_instance *p)
{
    for (size_t i = 0; p && i < p->n_attributes; i++)
        if (str_is(p->attributes[i].name, "ecs.availability-zone"))
            return arena_str(a, p->attributes[i].value).p;
    return NULL;
}

int task_request_make(struct task_request *r, const char *id, const struct ecs_instance *instance,
                      const struct placement_instance *placed, const char *provider, struct doc **ret, struct err *err)
{
    struct aws_call *c = r->call;
    struct new_task t = r->task;

    t.id = id;
    t.capacity_provider = provider;
    t.zone = zone_of(c->arena, placed);
    if (instance) {
        t.instance = instance->name;
        t.instance_arn = instance->arn;
        t.node = instance->node;
    }
    if (ecs_task_create(store_of(c), c->arena, &t, ret, err) == 0)
        return 0;
    if (err->code != ERR_ALREADY_EXISTS)
        return ecs_pass(c, err);
    err_clear(err);
    return 1;
}

void task_request_answer(struct task_request *r, const struct doc *object)
{
    doc_append(r->tasks, doc_clone(r->call->arena, ecs_task_of(object), true));
}
