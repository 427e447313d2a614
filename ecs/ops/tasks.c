#include "ecs/ops/tasks.h"

#include "base/map.h"
#include "base/random.h"
#include "ecs/map/fault.h"
#include "ecs/map/status.h"
#include "ecs/map/taskdef.h"
#include "ecs/ops/names.h"
#include "ecs/ops/ops.h"

#define COUNT_MAX 10
#define DYNAMIC_FIRST 32768 /* ip_local_port_range, which ECS takes host ports from */
#define DYNAMIC_LAST 60999
#define ID_DIGITS 32

/* --- a task's object: spec is how it was asked for, status the API's Task --- */

const struct doc *ecs_task_of(const struct doc *object)
{
    return doc_get(object, "status");
}

static bool stopped(const struct doc *object)
{
    return str_is(doc_str(doc_path(object, "status.lastStatus")), "STOPPED");
}

int ecs_task_ports(struct arena *a, const struct doc *object, struct pod_port **ret, size_t *ret_n, struct err *err)
{
    const struct doc *list = doc_path(object, "spec.ports");
    struct pod_port *v = arena_calloc(a, doc_count(list) + 1, sizeof(*v));
    size_t n = 0;

    if (!v)
        return err_set(err, ERR_TOO_LARGE, "ports of a task");
    doc_foreach (list, p)
        v[n++] = (struct pod_port){.container = doc_str(doc_get(p, "container")),
                                   .container_port = doc_int_or(doc_get(p, "containerPort"), 0),
                                   .host_port = doc_int_or(doc_get(p, "hostPort"), 0),
                                   .protocol = doc_str(doc_get(p, "protocol"))};
    *ret = v;
    *ret_n = n;
    return 0;
}

static struct doc *ports_doc(struct arena *a, const struct pod_port *v, size_t n)
{
    struct doc *list = doc_array(a);

    for (size_t i = 0; i < n; i++) {
        struct doc *p = doc_object(a);
        doc_set(p, "container", doc_string(a, v[i].container));
        doc_set(p, "containerPort", doc_int(a, v[i].container_port));
        doc_set(p, "hostPort", doc_int(a, v[i].host_port));
        doc_set(p, "protocol", doc_string(a, v[i].protocol));
        doc_append(list, p);
    }
    return list;
}

/* --- running --- */

/* What one RunTask has found out before it makes tasks. */
struct run {
    struct aws_call *call;
    struct ecs_cluster cluster;
    struct doc *definition; /* object */
    struct str launch_type;
    struct pod_port *ports; /* of the definition; host_port 0 still to be chosen */
    size_t n_ports;
    uint8_t taken[(DYNAMIC_LAST - DYNAMIC_FIRST + 8) / 8]; /* host ports that tasks have */
};

/* What matters and is not there yet is refused by name. */
static int refuse(struct aws_call *c)
{
    static const char *const lists[] = {"placementConstraints", "placementStrategy", "volumeConfigurations"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (doc_count(doc_get(c->input, lists[i])))
            return aws_error(c, ECS_INVALID, "%s is not supported yet.", lists[i]);
    if (doc_true(doc_get(c->input, "enableExecuteCommand")))
        return aws_error(c, ECS_INVALID, "enableExecuteCommand is not supported yet.");
    return 0;
}

static int launch_type_of(struct aws_call *c, struct str *ret)
{
    const struct doc *strategy = doc_get(c->input, "capacityProviderStrategy");

    *ret = in_str(c, "launchType");
    if (!doc_count(strategy))
        return 0;
    if (ret->n)
        return aws_error(c, ECS_INVALID,
                         "Specifying both a launch type and capacity provider strategy is not supported. "
                         "Remove one and try again.");
    doc_foreach (strategy, s) {
        struct str p = doc_str(doc_get(s, "capacityProvider"));
        if (!str_is(p, "FARGATE") && !str_is(p, "FARGATE_SPOT"))
            return aws_error(c, ECS_INVALID,
                             "The specified capacity provider '" STR_FMT
                             "' was not found. Specify a valid name and try again.",
                             STR_ARG(p));
    }
    *ret = STR("FARGATE");
    return 0;
}

static void mark(struct run *r, int64_t port)
{
    if (port >= DYNAMIC_FIRST && port <= DYNAMIC_LAST)
        r->taken[(port - DYNAMIC_FIRST) / 8] |= (uint8_t)(1 << ((port - DYNAMIC_FIRST) % 8));
}

/* The host ports of all tasks that have not stopped, of any cluster: their nodes are the same. */
static int mark_taken(struct run *r, struct err *err)
{
    struct doc *tasks;

    if (ecs_store_list(store_of(r->call), r->call->arena, ECS_TASK, NULL, &tasks, err) < 0)
        return -1;
    doc_foreach (tasks, t)
        if (!stopped(t))
            doc_foreach (doc_path(t, "spec.ports"), p)
                mark(r, doc_int_or(doc_get(p, "hostPort"), 0));
    return 0;
}

/* A free one at random (two gateways seldom choose the same; Kubernetes' scheduler then keeps them apart); 0 when none
 * is free. */
static int64_t choose_port(struct run *r)
{
    int64_t n = DYNAMIC_LAST - DYNAMIC_FIRST + 1, at = (int64_t)random_below((uint64_t)n);

    for (int64_t i = 0; i < n; i++, at = (at + 1) % n)
        if (!(r->taken[at / 8] & (1 << (at % 8)))) {
            mark(r, DYNAMIC_FIRST + at);
            return DYNAMIC_FIRST + at;
        }
    return 0;
}

static int prepare(struct run *r, struct err *err)
{
    struct aws_call *c = r->call;

    if (refuse(c) < 0 || ecs_find_cluster(c, in_str(c, "cluster"), &r->cluster, err) < 0 ||
        launch_type_of(c, &r->launch_type) < 0)
        return -1;
    int found = ecs_find_task_definition(c, in_str(c, "taskDefinition"), &r->definition, err);
    if (found < 0)
        return -1;
    if (found > 0)
        return aws_error(c, ECS_CLIENT, "TaskDefinition not found.");
    if (!str_is(doc_str(doc_path(r->definition, "status.status")), "ACTIVE"))
        return aws_error(c, ECS_CLIENT, "TaskDefinition is inactive");
    const struct doc *spec = doc_get(r->definition, "spec");
    if (taskdef_check_launch(spec, r->launch_type, doc_get(c->input, "networkConfiguration"), err) < 0 ||
        pod_ports(c->arena, spec, &r->ports, &r->n_ports, err) < 0)
        return ecs_pass(c, err);
    return r->n_ports ? mark_taken(r, err) : 0;
}

/* With a clientToken the ids follow from it, so that the same call made twice, here or at another gateway, finds the
 * tasks it has made. */
static const char *task_id(struct run *r, int i)
{
    struct aws_call *c = r->call;
    struct str token = in_str(c, "clientToken");
    uint64_t half[2];

    if (token.n) {
        const char *all = arena_printf(c->arena, "%s\n%d\n" STR_FMT, r->cluster.name, i, STR_ARG(token));
        half[0] = all ? hash_bytes(all, strlen(all), 1) : 0;
        half[1] = all ? hash_bytes(all, strlen(all), 2) : 0;
    } else {
        random_bytes(half, sizeof(half));
    }
    return arena_printf(c->arena, "%016llx%016llx", (unsigned long long)half[0], (unsigned long long)half[1]);
}

static void set_str(struct arena *a, struct doc *d, const char *key, struct str s)
{
    if (s.n)
        doc_set(d, key, doc_string(a, s));
}

/* The API's Task as it is before anything has happened. */
static struct doc *new_task(struct run *r, const char *id)
{
    static const char *const echoed[] = {"startedBy", "tags", "overrides"};
    struct aws_call *c = r->call;
    const struct doc *spec = doc_get(r->definition, "spec");
    struct arena *a = c->arena;
    struct doc *t = doc_object(a);
    struct str group = in_str(c, "group");

    doc_set(t, "taskArn", ecs_arn(c, "task/%s/%s", r->cluster.name, id));
    doc_set(t, "clusterArn", ecs_arn(c, "cluster/%s", r->cluster.name));
    doc_set(t, "taskDefinitionArn", doc_string(a, doc_str(doc_get(spec, "taskDefinitionArn"))));
    doc_set(t, "group",
            group.n ? doc_string(a, group)
                    : doc_printf(a, "family:" STR_FMT, STR_ARG(doc_str(doc_get(spec, "family")))));
    doc_set(t, "launchType", doc_string(a, r->launch_type.n ? r->launch_type : STR("EC2")));
    doc_set(t, "lastStatus", doc_string(a, STR("PROVISIONING")));
    doc_set(t, "desiredStatus", doc_string(a, STR("RUNNING")));
    doc_set(t, "createdAt", doc_int(a, c->now_s));
    doc_set(t, "version", doc_int(a, 1));
    doc_set(t, "enableExecuteCommand", doc_bool(a, false));
    doc_set(t, "attachments", doc_array(a));
    doc_set(t, "tags", doc_array(a));
    doc_set(t, "overrides", doc_object(a));
    set_str(a, t, "cpu", doc_str(doc_get(spec, "cpu")));
    set_str(a, t, "memory", doc_str(doc_get(spec, "memory")));
    for (size_t i = 0; i < ARRAY_LEN(echoed); i++)
        if (doc_get(c->input, echoed[i]))
            doc_set(t, echoed[i], doc_clone(a, doc_get(c->input, echoed[i]), true));
    return t;
}

static int new_object(struct run *r, const char *id, struct doc **ret, struct err *err)
{
    struct arena *a = r->call->arena;
    const struct doc *definition = doc_get(r->definition, "spec");
    struct doc *o = ecs_object_new(a, r->cluster.ns, id), *spec = doc_need_object(a, o, "spec"), *status;
    struct pod_port *ports = arena_calloc(a, r->n_ports + 1, sizeof(*ports));

    if (!ports)
        return err_set(err, ERR_TOO_LARGE, "too many ports");
    for (size_t i = 0; i < r->n_ports; i++) {
        ports[i] = r->ports[i];
        if (!ports[i].host_port && !(ports[i].host_port = choose_port(r)))
            return err_set(err, ERR_UNAVAILABLE, "all host ports are taken");
    }
    struct task_observation first = {
        .task = new_task(r, id), .taskdef = definition, .ports = ports, .n_ports = r->n_ports, .now_s = r->call->now_s};
    if (task_status(a, &first, &status, err) < 0)
        return -1;
    doc_set(spec, "cluster", doc_string(a, str_of(r->cluster.name)));
    doc_set(spec, "definition",
            doc_printf(a, STR_FMT ":%lld", STR_ARG(doc_str(doc_get(definition, "family"))),
                       (long long)doc_int_or(doc_get(definition, "revision"), 0)));
    doc_set(spec, "definitionObject", doc_string(a, doc_str(doc_path(r->definition, "metadata.name"))));
    set_str(a, spec, "clientToken", in_str(r->call, "clientToken"));
    doc_set(spec, "ports", ports_doc(a, ports, r->n_ports));
    doc_set(o, "status", status);
    *ret = o;
    return 0;
}

/* Makes it, or finds what an earlier call with the same token has made. */
static int make_task(struct run *r, int i, struct doc **ret, struct err *err)
{
    struct aws_call *c = r->call;
    const char *id = task_id(r, i);
    struct doc *o = NULL;

    if (new_object(r, id, &o, err) < 0)
        return -1;
    if (ecs_store_create(store_of(c), c->arena, ECS_TASK, o, ret, err) == 0)
        return 0;
    if (err->code != ERR_ALREADY_EXISTS)
        return -1;
    err_clear(err);
    return ecs_store_get(store_of(c), c->arena, ECS_TASK, r->cluster.ns, id, ret, err);
}

int ecs_run_task(struct aws_call *c, struct err *err)
{
    int64_t count = doc_int_or(doc_get(c->input, "count"), 1);
    struct run *r = arena_new_of(c->arena, struct run);
    struct doc *tasks = doc_array(c->arena), *o;

    if (!r)
        return err_set(err, ERR_TOO_LARGE, "no memory for the call");
    r->call = c;
    if (count < 1 || count > COUNT_MAX)
        return aws_error(c, ECS_INVALID, "count must be between 1 and %d.", COUNT_MAX);
    if (prepare(r, err) < 0)
        return -1;
    for (int i = 0; i < count; i++) {
        if (make_task(r, i, &o, err) < 0)
            return -1;
        doc_append(tasks, doc_clone(c->arena, ecs_task_of(o), true));
    }
    doc_set(c->output, "tasks", tasks);
    doc_need_array(c->arena, c->output, "failures");
    return 0;
}

/* --- reading --- */

/* The task of a cluster that an id or ARN means. 0 found, 1 there is none, -1. */
static int find_task(struct aws_call *c, const struct ecs_cluster *cluster, struct str id_or_arn, struct doc **ret,
                     struct err *err)
{
    struct str id = ecs_name_of(id_or_arn, "task");
    const char *slash = memrchr(id.p, '/', id.n);

    id = slash ? str_from(id, (size_t)(slash - id.p) + 1) : id; /* task/CLUSTER/ID */
    if (id.n != ID_DIGITS)
        return 1;
    const char *name = arena_str(c->arena, id).p;
    if (name[strspn(name, "0123456789abcdef")])
        return 1;
    if (ecs_store_get(store_of(c), c->arena, ECS_TASK, cluster->ns, name, ret, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 1;
}

int ecs_describe_tasks(struct aws_call *c, struct err *err)
{
    const struct doc *ids = doc_get(c->input, "tasks");
    bool tags = ecs_list_has(doc_get(c->input, "include"), "TAGS");
    struct doc *tasks = doc_array(c->arena), *o;
    struct ecs_cluster cluster;

    if (!doc_count(ids))
        return aws_error(c, ECS_INVALID, "Tasks cannot be empty.");
    if (doc_count(ids) > 100)
        return aws_error(c, ECS_INVALID, "At most 100 tasks can be described in one call.");
    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    doc_set(c->output, "tasks", tasks);
    doc_need_array(c->arena, c->output, "failures");
    doc_foreach (ids, id) {
        int r = find_task(c, &cluster, doc_str(id), &o, err);
        if (r < 0)
            return -1;
        if (r > 0) {
            bool arn = str_starts(doc_str(id), STR("arn:"));
            ecs_add_failure(c,
                            arn ? doc_string(c->arena, doc_str(id))
                                : ecs_arn(c, "task/%s/" STR_FMT, cluster.name, STR_ARG(doc_str(id))),
                            "MISSING");
            continue;
        }
        struct doc *t = doc_clone(c->arena, ecs_task_of(o), true);
        if (!tags)
            doc_set(t, "tags", doc_array(c->arena));
        doc_append(tasks, t);
    }
    return 0;
}

static bool family_is(const struct doc *task, struct str family)
{
    struct str name, is = ecs_name_of(doc_str(doc_get(task, "taskDefinitionArn")), "task-definition");
    int64_t revision;

    return ecs_split_revision(is, &name, &revision) && str_eq(name, family);
}

static bool listed(const struct aws_call *c, const struct doc *task)
{
    struct str desired = in_str(c, "desiredStatus"), by = in_str(c, "startedBy"), type = in_str(c, "launchType"),
               family = in_str(c, "family");

    return str_eq(doc_str(doc_get(task, "desiredStatus")), desired.n ? desired : STR("RUNNING")) &&
           (!by.n || str_eq(doc_str(doc_get(task, "startedBy")), by)) &&
           (!type.n || str_eq(doc_str(doc_get(task, "launchType")), type)) && (!family.n || family_is(task, family));
}

int ecs_list_tasks(struct aws_call *c, struct err *err)
{
    struct doc *all, *arns = doc_array(c->arena);
    struct ecs_cluster cluster;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    if (in_str(c, "serviceName").n)
        return aws_error(c, "ServiceNotFoundException", "Service not found.");
    if (in_str(c, "containerInstance").n)
        return aws_error(c, ECS_INVALID, "containerInstance is not supported yet.");
    if (ecs_store_list(store_of(c), c->arena, ECS_TASK, cluster.ns, &all, err) < 0)
        return -1;
    doc_foreach (all, o)
        if (listed(c, ecs_task_of(o)))
            doc_append(arns, doc_string(c->arena, doc_str(doc_get(ecs_task_of(o), "taskArn"))));
    return ecs_put_page(c, "taskArns", arns, 100, err);
}

/* --- stopping --- */

static int ask_to_stop(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct aws_call *c = ctx;
    struct doc *t = doc_get(o, "status");
    struct str reason = in_str(c, "reason");

    if (!str_is(doc_str(doc_get(t, "desiredStatus")), "RUNNING"))
        return 0; /* it stops already: the first reason stays */
    doc_set(t, "desiredStatus", doc_string(a, STR("STOPPED")));
    doc_set(t, "stopCode", doc_string(a, STR("UserInitiated")));
    doc_set(t, "stoppedReason", doc_string(a, reason.n ? reason : STR("Task stopped by user")));
    doc_set(t, "stoppingAt", doc_int(a, c->now_s));
    doc_set(t, "version", doc_int(a, doc_int_or(doc_get(t, "version"), 1) + 1));
    return 1;
}

int ecs_stop_task(struct aws_call *c, struct err *err)
{
    struct ecs_cluster cluster;
    struct doc *o;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    int r = find_task(c, &cluster, in_str(c, "task"), &o, err);
    if (r > 0)
        return aws_error(c, ECS_INVALID, "The referenced task was not found.");
    if (r < 0 || ecs_store_modify(store_of(c), c->arena, ECS_TASK, cluster.ns, ecs_object_name(o, c->arena),
                                  ask_to_stop, c, &o, err) < 0)
        return -1;
    doc_set(c->output, "task", doc_clone(c->arena, ecs_task_of(o), true));
    return 0;
}
