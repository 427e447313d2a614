#include "ecs/map/tags.h"

#include "ecs/map/fault.h"
#include "ecs/ops/names.h"
#include "ecs/ops/ops.h"

int ecs_input_tags(struct aws_call *c, struct doc **ret, struct err *err)
{
    const struct doc *tags = doc_get(c->input, "tags");

    if (tags_check(tags, err) < 0)
        return ecs_pass(c, err);
    *ret = tags_filled(c->arena, tags);
    return 0;
}

/* --- what an ARN means --- */

/* What tags of a resource are kept in. */
struct taggable {
    enum ecs_kind_id kind;
    const char *ns, *name; /* of the object */
    const char *tags;      /* path in it */
    struct doc *object;
};

struct tag_type {
    const char *type; /* in the ARN */
    bool in_cluster;  /* TYPE/CLUSTER/NAME */
    enum ecs_kind_id kind;
    const char *tags;   /* path in the object */
    const char *status; /* path: INACTIVE there means that it is gone; NULL: it is there as long as its object */
    const char *missing;
};

static const struct tag_type types[] = {
    {"cluster", false, ECS_CLUSTER, "spec.tags", NULL, NULL},
    {"task-definition", false, ECS_TASK_DEFINITION, "status.tags", NULL,
     "The specified task definition does not exist. Specify a valid account, family, revision and try again."},
    {"capacity-provider", false, ECS_CAPACITY_PROVIDER, "spec.tags", "status.status",
     "The specified capacity provider does not exist. Specify a valid name or ARN and try again."},
    {"service", true, ECS_SERVICE, "spec.tags", "status.status",
     "The specified service does not exist. Specify a valid cluster and service and try again."},
    {"task", true, ECS_TASK, "status.tags", NULL,
     "The specified task does not exist. Specify a valid cluster and task and try again."},
    {"container-instance", true, ECS_CONTAINER_INSTANCE, "spec.tags", "status.status",
     "The specified container instance does not exist. Specify a valid cluster and container instance and try again."},
};

static int invalid_arn(struct aws_call *c)
{
    return aws_error(c, ECS_INVALID, "The resource ARN '" STR_FMT "' is invalid.", STR_ARG(in_str(c, "resourceArn")));
}

/* ListTagsForResource has no ResourceNotFoundException. */
static int missing(struct aws_call *c, const struct tag_type *t)
{
    bool reads = str_is(str_of(c->operation), "ListTagsForResource");
    return aws_error(c, reads ? ECS_INVALID : "ResourceNotFoundException", "%s", t->missing);
}

static const char *label(struct aws_call *c, const struct tag_type *t, struct str name)
{
    struct str family;
    int64_t revision;

    if (t->kind != ECS_TASK_DEFINITION)
        return ecs_object_label(c->arena, "", name);
    if (!ecs_split_revision(name, &family, &revision) || !revision || !ecs_valid_name(family, 255))
        return NULL;
    return arena_printf(c->arena, "%s-%lld", ecs_object_label(c->arena, "", family), (long long)revision);
}

/* The cluster of the ARN, ACTIVE; *name becomes what stands behind it. */
static int cluster_of(struct aws_call *c, const struct tag_type *t, struct str *name, struct taggable *ret,
                      struct err *err)
{
    struct ecs_cluster cluster;
    struct str part;

    (void)str_split(name, '/', &part);
    if (!name->p || !name->n)
        return aws_error(c, ECS_INVALID, "Long arn format must be used for tagging operations");
    if (ecs_find_cluster(c, part, &cluster, err) < 0)
        return -1;
    ret->ns = cluster.ns;
    return 0;
}

static int cluster_itself(struct aws_call *c, struct str name, struct taggable *ret, struct err *err)
{
    if (ecs_store_get(store_of(c), c->arena, ECS_CLUSTER, NULL, ret->name, &ret->object, err) < 0)
        return err->code == ERR_NOT_FOUND ? aws_error(c, "ClusterNotFoundException", "Cluster not found.") : -1;
    if (!str_is(doc_str(doc_path(ret->object, "status.status")), "ACTIVE"))
        return aws_error(c, ECS_INVALID, "The specified cluster is inactive. Specify an active cluster and try again.");
    return 0;
}

static const struct tag_type *type_of(struct str arn, struct str *ret_name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        *ret_name = ecs_name_of(arn, types[i].type);
        if (ret_name->n)
            return &types[i];
    }
    return NULL;
}

static int find(struct aws_call *c, struct taggable *ret, struct err *err)
{
    struct str arn = in_str(c, "resourceArn"), name;
    const struct tag_type *t = str_starts(arn, STR("arn:")) ? type_of(arn, &name) : NULL;

    if (!t)
        return invalid_arn(c);
    *ret = (struct taggable){.kind = t->kind, .tags = t->tags};
    if (t->in_cluster && cluster_of(c, t, &name, ret, err) < 0)
        return -1;
    if (t->kind != ECS_TASK_DEFINITION && !ecs_valid_name(name, 255))
        return invalid_arn(c);
    ret->name = label(c, t, name);
    if (!ret->name)
        return invalid_arn(c);
    if (t->kind == ECS_CLUSTER)
        return cluster_itself(c, name, ret, err);
    if (ecs_store_get(store_of(c), c->arena, t->kind, ret->ns, ret->name, &ret->object, err) < 0)
        return err->code == ERR_NOT_FOUND ? missing(c, t) : -1;
    return t->status && str_is(doc_str(doc_path(ret->object, t->status)), "INACTIVE") ? missing(c, t) : 0;
}

/* --- the operations --- */

struct change {
    struct aws_call *call;
    const char *path;
};

static int set_tags(struct arena *a, struct doc *o, const char *path, struct doc *tags)
{
    if (doc_equal(doc_path(o, path), tags))
        return 0;
    doc_set_path(a, o, path, tags);
    return 1;
}

static int add(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct change *ch = ctx;
    struct doc *tags;

    if (tags_merge(a, doc_path(o, ch->path), doc_get(ch->call->input, "tags"), &tags, err) < 0)
        return -1;
    return set_tags(a, o, ch->path, tags);
}

static int take_away(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct change *ch = ctx;
    struct doc *tags;

    if (tags_without(a, doc_path(o, ch->path), doc_get(ch->call->input, "tagKeys"), &tags, err) < 0)
        return -1;
    return set_tags(a, o, ch->path, tags);
}

static int apply(struct aws_call *c, ecs_store_change *how, struct err *err)
{
    struct change ch = {.call = c};
    struct taggable t;

    if (find(c, &t, err) < 0)
        return -1;
    ch.path = t.tags;
    if (ecs_store_modify(store_of(c), c->arena, t.kind, t.ns, t.name, how, &ch, NULL, err) < 0)
        return ecs_pass(c, err);
    return 0;
}

int ecs_tag_resource(struct aws_call *c, struct err *err)
{
    return apply(c, add, err);
}

int ecs_untag_resource(struct aws_call *c, struct err *err)
{
    return apply(c, take_away, err);
}

int ecs_list_tags_for_resource(struct aws_call *c, struct err *err)
{
    struct taggable t;

    if (find(c, &t, err) < 0)
        return -1;
    doc_set(c->output, "tags", tags_filled(c->arena, doc_path(t.object, t.tags)));
    return 0;
}
