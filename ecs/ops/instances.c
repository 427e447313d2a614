#include "ecs/ops/instances.h"

#include "ecs/ops/names.h"

static int full(struct err *err)
{
    return err_set(err, ERR_TOO_LARGE, "too many container instances");
}

int ecs_instances_observe(struct ecs_store *s, struct arena *a, const char *cluster, const char *ns,
                          struct ecs_instance **ret, struct placement_instance **ret_p, size_t *ret_n, struct err *err)
{
    struct ecs_instance *in;
    struct placement_instance *p;
    size_t n, kept = 0;

    (void)cluster;
    if (!ecs_usage_instances(ecs_store_usage(s), a, str_of(ns), NULL, &in, &p, &n))
        return full(err);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(in[i].status, "INACTIVE") == 0)
            continue;
        if (kept < i) {
            in[kept] = in[i];
            p[kept] = p[i];
        }
        kept++;
    }
    *ret = in;
    *ret_p = p;
    *ret_n = kept;
    return 0;
}

size_t ecs_instances_of_provider(struct ecs_instance *v, struct placement_instance *p, size_t n, struct str provider)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (provider.n && v[i].capacity_provider[0] && !str_is(provider, v[i].capacity_provider))
            continue;
        if (kept < i) {
            v[kept] = v[i];
            p[kept] = p[i];
        }
        kept++;
    }
    return kept;
}

/* The id in "ID", "container-instance/CLUSTER/ID" of an ARN, or the old ARN without the cluster; empty when it is none
 * of this cluster. */
static struct str id_of(struct str id_or_arn, const char *cluster)
{
    struct str id = ecs_name_of(id_or_arn, "container-instance");
    const char *slash = id.n ? memrchr(id.p, '/', id.n) : NULL;

    if (!slash)
        return id;
    return str_is(str_n(id.p, (size_t)(slash - id.p)), cluster) ? str_from(id, (size_t)(slash - id.p) + 1) : STR("");
}

int ecs_instance_find(struct ecs_store *s, struct arena *a, const char *cluster, const char *ns, struct str id_or_arn,
                      struct ecs_instance *ret, struct placement_instance *ret_p, struct err *err)
{
    struct str id = id_of(id_or_arn, cluster);
    struct ecs_instance *in;
    struct placement_instance *p;
    size_t n;

    if (id.n != INSTANCE_ID_LEN)
        return 1;
    if (!ecs_usage_instances(ecs_store_usage(s), a, str_of(ns), arena_str(a, id).p, &in, &p, &n))
        return full(err);
    if (n == 0)
        return 1;
    *ret = in[0];
    if (ret_p)
        *ret_p = p[0];
    return 0;
}

/* --- making them --- */

struct renewal {
    const struct instance_origin *from;
};

static int renew(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct renewal *r = ctx;

    return instance_renew(a, o, r->from);
}

static int make(struct ecs_store *s, struct arena *a, const char *ns, const char *id,
                const struct instance_origin *from, bool *ret_made, struct err *err)
{
    struct doc *o = ecs_object_new(a, ns, id);

    instance_make(a, o, from);
    if (ecs_store_create(s, a, ECS_CONTAINER_INSTANCE, o, NULL, err) == 0) {
        if (ret_made)
            *ret_made = true;
        return 0;
    }
    if (err->code != ERR_ALREADY_EXISTS)
        return -1;
    err_clear(err); /* another gateway was faster */
    return 0;
}

int ecs_instance_ensure(struct ecs_store *s, struct arena *a, const char *ns, const struct instance_origin *from,
                        bool *ret_made, struct err *err)
{
    const char *id = instance_id(a, from->cluster, doc_str(doc_path(from->node, "metadata.uid")));
    struct renewal r = {from};
    struct ecs_instance *in;
    struct placement_instance *p;
    size_t n;

    if (ret_made)
        *ret_made = false;
    if (!ecs_usage_instances(ecs_store_usage(s), a, str_of(ns), id, &in, &p, &n))
        return full(err);
    if (n == 0)
        return instance_belongs(from->node, from->cluster) ? make(s, a, ns, id, from, ret_made, err) : 0;
    return ecs_store_modify(s, a, ECS_CONTAINER_INSTANCE, ns, id, renew, &r, NULL, err);
}

int ecs_instances_begin(struct ecs_store *s, struct arena *a, const char *ns, const struct instance_origin *from,
                        size_t max, struct err *err)
{
    struct instance_origin one = *from;
    struct doc *nodes;

    if (ecs_store_list(s, a, ECS_NODE, NULL, &nodes, err) < 0)
        return -1;
    doc_foreach (nodes, node) {
        one.node = node;
        if (max-- == 0)
            break;
        if (ecs_instance_ensure(s, a, ns, &one, NULL, err) < 0)
            return -1;
    }
    return 0;
}

/* --- counting --- */

int64_t ecs_instances_count(struct ecs_store *s, const char *ns)
{
    return ecs_usage_count_instances(ecs_store_usage(s), str_of(ns)).active;
}

bool ecs_instances_block_delete(struct ecs_store *s, const char *ns)
{
    return ecs_usage_count_instances(ecs_store_usage(s), str_of(ns)).registered > 0;
}

struct ecs_task_counts ecs_count_tasks(struct ecs_store *s, const char *ns)
{
    return ecs_usage_tasks(ecs_store_usage(s), str_of(ns));
}
