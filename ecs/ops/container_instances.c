#include "api/json.h"
#include "ecs/map/fault.h"
#include "ecs/map/query.h"
#include "ecs/map/tags.h"
#include "ecs/ops/instances.h"
#include "ecs/ops/ops.h"
#include "ecs/ops/tasks.h"

#define DESCRIBE_MAX 100
#define UPDATE_MAX 10

/* One instance of the call's cluster. */
struct found {
    struct ecs_cluster cluster;
    struct ecs_instance in;
    struct placement_instance now;
};

static int full(const struct aws_call *c, struct err *err)
{
    return arena_overflow(c->arena) ? err_set(err, ERR_TOO_LARGE, "too many container instances") : 0;
}

/* --- as the API shows one --- */

static int shown(struct aws_call *c, const struct found *f, const struct doc *o, struct doc **ret, struct err *err)
{
    const struct doc *include = doc_get(c->input, "include");
    struct instance_load load = {.running = f->in.running,
                                 .pending = f->in.pending,
                                 .now = &f->now,
                                 .tags = ecs_list_has(include, "TAGS") || doc_get(c->input, "tags"),
                                 .health = ecs_list_has(include, "CONTAINER_INSTANCE_HEALTH")};
    struct doc *node = NULL;

    if (load.health && ecs_store_find(store_of(c), c->arena, ECS_NODE, NULL, f->in.node, &node, err) < 0)
        return -1;
    load.node = node;
    *ret = instance_view(c->arena, o, &load);
    return full(c, err);
}

static int find(struct aws_call *c, struct str id, struct found *f, struct err *err)
{
    return ecs_instance_find(store_of(c), c->arena, f->cluster.name, f->cluster.ns, id, &f->in, &f->now, err);
}

/* The one that `containerInstance` names, else an error. */
static int find_named(struct aws_call *c, struct found *f, struct err *err)
{
    struct str id = in_str(c, "containerInstance");

    if (!id.n)
        return aws_error(c, ECS_INVALID, "Container instance can not be blank.");
    if (ecs_find_cluster(c, in_str(c, "cluster"), &f->cluster, err) < 0)
        return -1;
    int r = find(c, id, f, err);
    return r > 0 ? aws_error(c, ECS_INVALID, "Referenced container instance " STR_FMT " not found.", STR_ARG(id)) : r;
}

static void add_missing(struct aws_call *c, const struct ecs_cluster *cluster, struct str id)
{
    bool arn = str_starts(id, STR("arn:"));

    ecs_add_failure(
        c, arn ? doc_string(c->arena, id) : ecs_arn(c, "container-instance/%s/" STR_FMT, cluster->name, STR_ARG(id)),
        "MISSING");
}

/* --- DescribeContainerInstances --- */

static int describe_one(struct aws_call *c, struct found *f, struct str id, struct doc *list, struct err *err)
{
    struct doc *o = NULL, *d;
    int r = find(c, id, f, err);

    if (r == 0) /* it may go just now */
        r = ecs_store_find(store_of(c), c->arena, ECS_CONTAINER_INSTANCE, f->cluster.ns, f->in.name, &o, err);
    if (r > 0)
        add_missing(c, &f->cluster, id);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (shown(c, f, o, &d, err) < 0)
        return -1;
    doc_append(list, d);
    return 0;
}

int ecs_describe_container_instances(struct aws_call *c, struct err *err)
{
    const struct doc *ids = doc_get(c->input, "containerInstances");
    struct doc *list = doc_array(c->arena);
    struct found f;

    if (!doc_count(ids))
        return aws_error(c, ECS_INVALID, "Container Instances cannot be empty.");
    if (doc_count(ids) > DESCRIBE_MAX)
        return aws_error(c, ECS_INVALID, "instanceIds can have at most %d items", DESCRIBE_MAX);
    if (ecs_find_cluster(c, in_str(c, "cluster"), &f.cluster, err) < 0)
        return -1;
    doc_set(c->output, "containerInstances", list);
    doc_need_array(c->arena, c->output, "failures");
    doc_foreach (ids, id)
        if (describe_one(c, &f, doc_str(id), list, err) < 0)
            return -1;
    return 0;
}

/* --- ListContainerInstances --- */

int ecs_list_container_instances(struct aws_call *c, struct err *err)
{
    struct str status = in_str(c, "status"), filter = in_str(c, "filter");
    struct doc *arns = doc_array(c->arena);
    const struct query *q = NULL;
    struct ecs_cluster cluster;
    struct ecs_instance *in;
    struct placement_instance *p;
    size_t n;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    if (filter.n && query_parse(c->arena, filter, &q, err) < 0)
        return ecs_pass(c, err);
    if (ecs_instances_observe(store_of(c), c->arena, cluster.name, cluster.ns, &in, &p, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (status.n && !str_is(status, in[i].status))
            continue;
        if (!q || query_matches(q, placement_value, &p[i]))
            doc_append(arns, doc_string(c->arena, p[i].arn));
    }
    return ecs_put_page(c, "containerInstanceArns", arns, 100, err);
}

/* --- UpdateContainerInstancesState --- */

static int set_state(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct str *want = ctx;
    struct str have = doc_str(doc_path(o, "status.status"));

    (void)err;
    if (str_eq(have, *want) || str_is(have, "INACTIVE"))
        return 0;
    doc_set_path(a, o, "status.status", doc_string(a, *want));
    instance_count_change(a, o);
    return 1;
}

static int update_one(struct aws_call *c, struct found *f, struct str id, struct str state, struct doc *list,
                      struct err *err)
{
    struct doc *o, *d;
    int r = find(c, id, f, err);

    if (r > 0)
        add_missing(c, &f->cluster, id);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (ecs_store_modify(store_of(c), c->arena, ECS_CONTAINER_INSTANCE, f->cluster.ns, f->in.name, set_state, &state,
                         &o, err) < 0)
        return -1;
    if (str_is(doc_str(doc_path(o, "status.status")), "INACTIVE")) {
        ecs_add_failure(c, doc_string(c->arena, str_of(f->in.arn)), "INACTIVE");
        return 0;
    }
    if (shown(c, f, o, &d, err) < 0)
        return -1;
    doc_append(list, d);
    return 0;
}

int ecs_update_container_instances_state(struct aws_call *c, struct err *err)
{
    const struct doc *ids = doc_get(c->input, "containerInstances");
    struct doc *list = doc_array(c->arena);
    struct str state = in_str(c, "status");
    struct found f;

    if (!doc_count(ids))
        return aws_error(c, ECS_INVALID, "Container Instances cannot be empty.");
    if (doc_count(ids) > UPDATE_MAX)
        return aws_error(c, ECS_INVALID, "instanceIds can have at most %d items", UPDATE_MAX);
    if (!str_is(state, "ACTIVE") && !str_is(state, "DRAINING"))
        return aws_error(c, ECS_INVALID, "Container instances status should be one of [ACTIVE,DRAINING]");
    if (ecs_find_cluster(c, in_str(c, "cluster"), &f.cluster, err) < 0)
        return -1;
    doc_set(c->output, "containerInstances", list);
    doc_need_array(c->arena, c->output, "failures");
    doc_foreach (ids, id)
        if (update_one(c, &f, doc_str(id), state, list, err) < 0)
            return -1;
    return 0;
}

int ecs_update_container_agent(struct aws_call *c, struct err *err)
{
    struct found f;

    if (find_named(c, &f, err) < 0)
        return -1;
    return aws_error(c, "NoUpdateAvailableException", "There is no update available for your container agent.");
}

/* --- DeregisterContainerInstance --- */

static int deregister(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    (void)ctx;
    (void)err;
    if (str_is(doc_str(doc_path(o, "status.status")), "INACTIVE"))
        return 0;
    doc_set_path(a, o, "spec.deregistered", doc_bool(a, true));
    doc_set_path(a, o, "spec.byCall", doc_bool(a, false));
    doc_set_path(a, o, "status.status", doc_string(a, STR("INACTIVE")));
    instance_count_change(a, o);
    return 1;
}

struct tasks_of {
    struct aws_call *call;
    const char *instance;
    struct doc *ids;
};

static int task_there(void *ctx, const struct doc *o, struct err *err)
{
    struct tasks_of *t = ctx;

    (void)err;
    if (str_is(doc_str(doc_path(o, "spec.instance")), t->instance) && !ecs_task_stopped(o))
        doc_append(t->ids, doc_string_copy(t->call->arena, doc_str(doc_path(o, "metadata.name"))));
    return 0;
}

/* Nobody looks after tasks of an instance that the cluster has not any more: they end, services replace theirs. */
static int stop_tasks(struct aws_call *c, const struct found *f, struct err *err)
{
    struct tasks_of t = {c, f->in.name, doc_array(c->arena)};
    struct task_stop stop = {
        .code = "UserInitiated",
        .reason = str_of(arena_printf(c->arena, "Host EC2 (instance %s) deregistered.", f->in.ec2_instance_id)),
        .now_s = c->now_s};

    if (ecs_store_each(store_of(c), ECS_TASK, f->cluster.ns, f->in.name, task_there, &t, err) < 0)
        return -1;
    doc_foreach (t.ids, id) {
        const char *name = arena_str(c->arena, doc_str(id)).p;
        if (ecs_task_ask_to_stop(store_of(c), c->arena, f->cluster.ns, name, &stop, NULL, err) < 0 &&
            err->code != ERR_NOT_FOUND)
            return -1;
        err_clear(err);
    }
    return 0;
}

int ecs_deregister_container_instance(struct aws_call *c, struct err *err)
{
    struct found f;
    struct doc *o, *d;

    if (find_named(c, &f, err) < 0)
        return -1;
    if (strcmp(f.in.status, "INACTIVE") == 0)
        return aws_error(c, ECS_CLIENT, "The referenced container instance was inactive.");
    if (f.in.running + f.in.pending > 0 && !doc_true(doc_get(c->input, "force")))
        return aws_error(c, ECS_INVALID, "Found running tasks on the instance.");
    if (ecs_store_modify(store_of(c), c->arena, ECS_CONTAINER_INSTANCE, f.cluster.ns, f.in.name, deregister, NULL, &o,
                         err) < 0 ||
        stop_tasks(c, &f, err) < 0 || shown(c, &f, o, &d, err) < 0)
        return -1;
    doc_set(c->output, "containerInstance", d);
    return 0;
}

/* --- RegisterContainerInstance --- */

/* The instance's id in AWS's identity document, or what containerInstanceArn names. */
static int wanted_id(struct aws_call *c, struct str *ret)
{
    struct str text = in_str(c, "instanceIdentityDocument"), arn = in_str(c, "containerInstanceArn");
    struct err ignored = ERR_INIT;
    struct doc *document = NULL;

    if (doc_count(doc_get(c->input, "platformDevices")))
        return aws_error(c, ECS_INVALID, "platformDevices is not supported.");
    if (!text.n && !arn.n)
        return aws_error(c, ECS_INVALID, "Either instanceIdentityDocument or containerInstanceArn must be specified.");
    if (!text.n) {
        *ret = STR("");
        return 0;
    }
    if (json_parse(c->arena, text, NULL, &document, &ignored) < 0 || !doc_str(doc_get(document, "instanceId")).n)
        return aws_error(c, ECS_CLIENT, "Invalid instance identity document: it has no instanceId.");
    *ret = doc_str(doc_get(document, "instanceId"));
    return 0;
}

static int find_node(struct aws_call *c, struct str id, const char *instance_node, struct doc **ret, struct err *err)
{
    struct doc *nodes;

    *ret = NULL;
    if (ecs_store_list(store_of(c), c->arena, ECS_NODE, NULL, &nodes, err) < 0)
        return -1;
    doc_foreach (nodes, node) {
        struct str name = doc_str(doc_path(node, "metadata.name"));
        if (instance_node ? str_is(name, instance_node)
                          : str_is(id, instance_ec2_id(c->arena, node)) || str_eq(id, name))
            *ret = node;
    }
    if (!*ret)
        return aws_error(c, ECS_CLIENT,
                         "No node of the Kubernetes cluster is the instance '" STR_FMT
                         "'. Container instances are its nodes: join the machine as a node first.",
                         STR_ARG(instance_node ? str_of(instance_node) : id));
    return 0;
}

struct registration {
    struct aws_call *call;
    const struct instance_origin *from;
    struct doc *tags;
};

static int add_registered_attributes(struct arena *a, struct doc *o, const struct doc *wanted)
{
    struct doc *list = doc_need_array(a, doc_need_object(a, o, "status"), "attributes");

    doc_foreach (wanted, at) {
        struct str name = doc_str(doc_get(at, "name"));
        if (str_starts(name, STR("ecs.")) || str_starts(name, STR("com.amazonaws.ecs.")))
            continue; /* the node's own are known better here */
        instance_put_attribute(a, list, name, doc_str(doc_get(at, "value")));
    }
    return instance_custom_attributes(list) <= INSTANCE_ATTRIBUTES_MAX ? 0 : -1;
}

static int register_object(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct registration *r = ctx;
    struct aws_call *c = r->call;
    struct doc *spec = doc_need_object(a, o, "spec");

    doc_set(spec, "byCall", doc_bool(a, true));
    doc_remove(spec, "deregistered");
    doc_remove(spec, "goneAt");
    if (str_is(doc_str(doc_path(o, "status.status")), "INACTIVE"))
        doc_set_path(a, o, "status.status", doc_string(a, STR("ACTIVE")));
    if (doc_get(c->input, "tags"))
        doc_set(spec, "tags", doc_clone(a, r->tags, true));
    if (add_registered_attributes(a, o, doc_get(c->input, "attributes")) < 0)
        return ecs_fault(err, ECS_INVALID, "You can apply up to %d custom attributes for each resource.",
                         INSTANCE_ATTRIBUTES_MAX);
    if (!instance_renew(a, o, r->from))
        instance_count_change(a, o);
    return 1;
}

int ecs_register_container_instance(struct aws_call *c, struct err *err)
{
    struct found f = {.in = {.name = NULL}};
    struct instance_origin from = {.region = c->region, .account = c->account_id, .now_s = c->now_s};
    struct registration r = {.call = c, .from = &from};
    struct doc *node, *o, *d, *tags;
    struct str id = STR("");

    if (wanted_id(c, &id) < 0 || ecs_input_tags(c, &tags, err) < 0 || ecs_input_tags(c, &r.tags, err) < 0 ||
        ecs_find_cluster(c, in_str(c, "cluster"), &f.cluster, err) < 0)
        return -1;
    if (!id.n) {
        int got = find(c, in_str(c, "containerInstanceArn"), &f, err);
        if (got != 0)
            return got < 0 ? -1 : aws_error(c, ECS_INVALID, "The referenced container instance was not found.");
    }
    if (find_node(c, id, id.n ? NULL : f.in.node, &node, err) < 0)
        return -1;
    from.cluster = f.cluster.name;
    from.node = node;
    if (!instance_belongs(node, f.cluster.name))
        return aws_error(c, ECS_CLIENT, "The node '" STR_FMT "' belongs to another cluster, or takes no tasks.",
                         STR_ARG(doc_str(doc_path(node, "metadata.name"))));
    const char *name = instance_id(c->arena, f.cluster.name, doc_str(doc_path(node, "metadata.uid")));
    if (ecs_instance_ensure(store_of(c), c->arena, f.cluster.ns, &from, NULL, err) < 0 ||
        ecs_store_modify(store_of(c), c->arena, ECS_CONTAINER_INSTANCE, f.cluster.ns, name, register_object, &r, &o,
                         err) < 0)
        return ecs_pass(c, err);
    int got = find(c, str_of(name), &f, err);
    if (got != 0)
        return got < 0 ? -1 : err_set(err, ERR_UNAVAILABLE, "the instance went away");
    if (shown(c, &f, o, &d, err) < 0)
        return -1;
    doc_set(c->output, "containerInstance", d);
    return 0;
}
