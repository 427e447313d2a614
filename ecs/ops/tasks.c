#include "ecs/ops/tasks.h"

#include "ecs/map/fault.h"
#include "ecs/ops/instances.h"
#include "ecs/ops/names.h"
#include "ecs/ops/new_task.h"
#include "ecs/ops/ops.h"

/* --- a task's object: spec is how it was asked for, status the API's Task --- */

const struct doc *ecs_task_of(const struct doc *object)
{
    return doc_get(object, "status");
}

bool ecs_task_stopped(const struct doc *object)
{
    return str_is(doc_str(doc_path(object, "status.lastStatus")), "STOPPED");
}

bool ecs_task_protected(const struct doc *object, int64_t now_s)
{
    return doc_int_or(doc_path(object, "spec.protection.expiresAt"), 0) > now_s;
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

/* --- reading --- */

int ecs_find_task(struct aws_call *c, const struct ecs_cluster *cluster, struct str id_or_arn, struct doc **ret,
                  struct err *err)
{
    struct str id = ecs_name_of(id_or_arn, "task");
    const char *slash = memrchr(id.p, '/', id.n);

    if (slash) { /* task/CLUSTER/ID */
        struct str of = str_n(id.p, (size_t)(slash - id.p));
        if (!str_is(of, cluster->name))
            return aws_error(c, ECS_INVALID, "Identifier is for cluster " STR_FMT ". Your cluster is %s", STR_ARG(of),
                             cluster->name);
        id = str_from(id, of.n + 1);
    }
    if (id.n != ECS_TASK_ID_DIGITS)
        return 1;
    const char *name = arena_str(c->arena, id).p;
    if (name[strspn(name, "0123456789abcdef")])
        return 1;
    return ecs_store_find(store_of(c), c->arena, ECS_TASK, cluster->ns, name, ret, err);
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
        int r = ecs_find_task(c, &cluster, doc_str(id), &o, err);
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

/* What a ListTasks asks for. */
struct filter {
    struct str desired, started_by, launch_type, family, service, instance;
};

static bool is_or_any(struct str wanted, const struct doc *value)
{
    return !wanted.n || str_eq(doc_str(value), wanted);
}

static bool listed(const struct filter *f, const struct doc *o)
{
    const struct doc *task = ecs_task_of(o);

    return str_eq(doc_str(doc_get(task, "desiredStatus")), f->desired) &&
           is_or_any(f->started_by, doc_get(task, "startedBy")) &&
           is_or_any(f->launch_type, doc_get(task, "launchType")) &&
           is_or_any(f->service, doc_path(o, "spec.service")) && is_or_any(f->instance, doc_path(o, "spec.instance")) &&
           (!f->family.n || family_is(task, f->family));
}

static int find_service(struct aws_call *c, const struct ecs_cluster *cluster, struct filter *f, struct err *err)
{
    struct str name = ecs_name_of(in_str(c, "serviceName"), "service");
    const char *slash = memrchr(name.p, '/', name.n);
    struct doc *o = NULL;

    if (!in_str(c, "serviceName").n)
        return 0;
    f->service = slash ? str_from(name, (size_t)(slash - name.p) + 1) : name;
    if (f->service.n && ecs_store_get(store_of(c), c->arena, ECS_SERVICE, cluster->ns,
                                      ecs_object_label(c->arena, "", f->service), &o, err) == 0)
        return 0;
    if (f->service.n && err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return aws_error(c, "ServiceNotFoundException", "Service not found.");
}

static int find_instance(struct aws_call *c, const struct ecs_cluster *cluster, struct filter *f, struct err *err)
{
    struct str name = in_str(c, "containerInstance");
    struct ecs_instance in;

    if (!name.n)
        return 0;
    int got = ecs_instance_find(store_of(c), c->arena, cluster->name, cluster->ns, name, &in, NULL, err);
    if (got != 0)
        return got < 0 ? -1 : aws_error(c, ECS_INVALID, "The referenced container instance was not found.");
    f->instance = str_of(in.name);
    return 0;
}

int ecs_list_tasks(struct aws_call *c, struct err *err)
{
    struct filter f = {.desired = in_str(c, "desiredStatus"),
                       .started_by = in_str(c, "startedBy"),
                       .launch_type = in_str(c, "launchType"),
                       .family = in_str(c, "family")};
    struct doc *all, *arns = doc_array(c->arena);
    struct ecs_cluster cluster;

    if (in_str(c, "daemonName").n)
        return aws_error(c, ECS_INVALID, "daemonName is not supported yet.");
    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0 || find_service(c, &cluster, &f, err) < 0 ||
        find_instance(c, &cluster, &f, err) < 0)
        return -1;
    if (!f.desired.n)
        f.desired = STR("RUNNING");
    if (ecs_store_list(store_of(c), c->arena, ECS_TASK, cluster.ns, &all, err) < 0)
        return -1;
    doc_foreach (all, o)
        if (listed(&f, o))
            doc_append(arns, doc_string(c->arena, doc_str(doc_get(ecs_task_of(o), "taskArn"))));
    return ecs_put_page(c, "taskArns", arns, 100, err);
}

/* --- stopping --- */

static int ask_to_stop(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct task_stop *stop = ctx;
    struct doc *t = doc_get(o, "status");

    if (!str_is(doc_str(doc_get(t, "desiredStatus")), "RUNNING"))
        return 0;
    doc_set(t, "desiredStatus", doc_string(a, STR("STOPPED")));
    doc_set(t, "stopCode", doc_string(a, str_of(stop->code)));
    doc_set(t, "stoppedReason", doc_string(a, stop->reason));
    doc_set(t, "stoppingAt", doc_int(a, stop->now_s));
    doc_set(t, "version", doc_int(a, doc_int_or(doc_get(t, "version"), 1) + 1));
    return 1;
}

int ecs_task_ask_to_stop(struct ecs_store *s, struct arena *a, const char *ns, const char *id,
                         const struct task_stop *stop, struct doc **ret, struct err *err)
{
    return ecs_store_modify(s, a, ECS_TASK, ns, id, ask_to_stop, (void *)stop, ret, err);
}

int ecs_stop_task(struct aws_call *c, struct err *err)
{
    struct task_stop stop = {.code = "UserInitiated", .reason = in_str(c, "reason"), .now_s = c->now_s};
    struct ecs_cluster cluster;
    struct doc *o;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    int r = ecs_find_task(c, &cluster, in_str(c, "task"), &o, err);
    if (r > 0)
        return aws_error(c, ECS_INVALID, "The referenced task was not found.");
    if (!stop.reason.n)
        stop.reason = STR("Task stopped by user");
    if (r < 0 ||
        ecs_task_ask_to_stop(store_of(c), c->arena, cluster.ns, ecs_object_name(o, c->arena), &stop, &o, err) < 0)
        return -1;
    doc_set(c->output, "task", doc_clone(c->arena, ecs_task_of(o), true));
    return 0;
}
