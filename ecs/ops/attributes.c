#include "ecs/map/fault.h"
#include "ecs/ops/instances.h"
#include "ecs/ops/ops.h"

#define LIST_MAX 100
#define CALL_MAX 10 /* attributes of one call */
#define TEXT_MAX 128

/* --- what is valid --- */

static bool name_char(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           (ch && strchr("-_/\\.", ch));
}

static bool valid_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!name_char(s.p[i]))
            return false;
    return s.n >= 1 && s.n <= TEXT_MAX;
}

static bool valid_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!name_char(s.p[i]) && !(s.p[i] && strchr("@: ", s.p[i])))
            return false;
    return s.n >= 1 && s.n <= TEXT_MAX && s.p[0] != ' ' && s.p[s.n - 1] != ' ';
}

static int check_attribute(struct aws_call *c, const struct doc *at)
{
    struct str name = doc_str(doc_get(at, "name")), target = doc_str(doc_get(at, "targetId"));
    const struct doc *value = doc_get(at, "value");

    if (!valid_name(name))
        return aws_error(c, ECS_INVALID, "Invalid attribute name '" STR_FMT "'.", STR_ARG(name));
    if (value && !valid_value(doc_str(value)))
        return aws_error(c, ECS_INVALID, "Invalid attribute value '" STR_FMT "'.", STR_ARG(doc_str(value)));
    if (str_starts(name, STR("ecs.")) || str_starts(name, STR("com.amazonaws.ecs.")))
        return aws_error(c, ECS_INVALID, "The attribute '" STR_FMT "' is reserved and cannot be changed.",
                         STR_ARG(name));
    if (!target.n)
        return aws_error(c, ECS_INVALID, "The targetId of the attribute '" STR_FMT "' must be specified.",
                         STR_ARG(name));
    if (!str_starts(target, STR("arn:")) && !doc_get(at, "targetType"))
        return aws_error(c, ECS_INVALID, "The targetType must be specified when targetId is not an ARN.");
    return 0;
}

/* --- putting and deleting --- */

struct edit {
    struct aws_call *call;
    const struct doc *attribute; /* of the input */
    struct doc *shown;           /* it as the answer tells it */
    const char *arn;
    bool remove;
};

static struct doc *answer_of(struct arena *a, const struct edit *e, struct str value)
{
    struct doc *d = doc_object(a);

    doc_set(d, "name", doc_string_copy(a, doc_str(doc_get(e->attribute, "name"))));
    if (value.n)
        doc_set(d, "value", doc_string_copy(a, value));
    doc_set(d, "targetId", doc_string(a, str_of(e->arn)));
    return d;
}

static int edit_object(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    struct edit *e = ctx;
    struct str name = doc_str(doc_get(e->attribute, "name")), value = doc_str(doc_get(e->attribute, "value")), old;
    struct doc *list = doc_need_array(a, doc_need_object(a, o, "status"), "attributes");

    if (e->remove) {
        e->shown = NULL;
        if (!instance_remove_attribute(list, name, &old))
            return 0;
        e->shown = answer_of(a, e, old);
    } else {
        instance_put_attribute(a, list, name, value);
        e->shown = answer_of(a, e, value);
        if (instance_custom_attributes(list) > INSTANCE_ATTRIBUTES_MAX)
            return ecs_fault(err, "AttributeLimitExceededException",
                             "You can apply up to %d custom attributes for each resource.", INSTANCE_ATTRIBUTES_MAX);
    }
    instance_count_change(a, o);
    return 1;
}

static int edit_one(struct aws_call *c, const struct ecs_cluster *cluster, struct edit *e, struct err *err)
{
    struct ecs_instance in;
    struct str target = doc_str(doc_get(e->attribute, "targetId"));
    int r = ecs_instance_find(store_of(c), c->arena, cluster->name, cluster->ns, target, &in, NULL, err);

    if (r < 0)
        return -1;
    if (r > 0 || strcmp(in.status, "INACTIVE") == 0)
        return aws_error(c, "TargetNotFoundException",
                         "The specified target was not found. You can view your available container instances with "
                         "ListContainerInstances.");
    e->arn = in.arn;
    if (ecs_store_modify(store_of(c), c->arena, ECS_CONTAINER_INSTANCE, cluster->ns, in.name, edit_object, e, NULL,
                         err) < 0)
        return ecs_pass(c, err);
    return 0;
}

static int edit(struct aws_call *c, bool remove, struct err *err)
{
    const struct doc *wanted = doc_get(c->input, "attributes");
    struct doc *list = doc_array(c->arena);
    struct ecs_cluster cluster;

    if (!doc_count(wanted))
        return aws_error(c, ECS_INVALID, "Attributes cannot be empty.");
    if (doc_count(wanted) > CALL_MAX)
        return aws_error(c, ECS_INVALID, "attributes can have at most %d items", CALL_MAX);
    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    doc_foreach (wanted, at)
        if (check_attribute(c, at) < 0)
            return -1;
    doc_foreach (wanted, at) {
        struct edit e = {.call = c, .attribute = at, .remove = remove};
        if (edit_one(c, &cluster, &e, err) < 0)
            return -1;
        if (e.shown)
            doc_append(list, e.shown);
    }
    doc_set(c->output, "attributes", list);
    return 0;
}

int ecs_put_attributes(struct aws_call *c, struct err *err)
{
    return edit(c, false, err);
}

int ecs_delete_attributes(struct aws_call *c, struct err *err)
{
    return edit(c, true, err);
}

/* --- listing --- */

/* A page begins behind the k-th attribute of an instance: the token is its id and k. */
struct page {
    struct aws_call *call;
    struct doc *list;
    struct str name, value; /* filters */
    int64_t left;
    bool more;
    struct str last; /* the instance of the last one taken, and its number */
    size_t last_k;
};

static bool read_token(struct str token, struct str *ret_id, size_t *ret_k)
{
    *ret_id = STR("");
    *ret_k = 0;
    if (!token.n)
        return true;
    if (token.n <= INSTANCE_ID_LEN + 1 || token.n > INSTANCE_ID_LEN + 7 || token.p[INSTANCE_ID_LEN] != '-')
        return false;
    *ret_id = str_n(token.p, INSTANCE_ID_LEN);
    for (size_t i = INSTANCE_ID_LEN + 1; i < token.n; i++) {
        if (token.p[i] < '0' || token.p[i] > '9')
            return false;
        *ret_k = *ret_k * 10 + (size_t)(token.p[i] - '0');
    }
    return true;
}

/* False when the page is full. */
static bool take(struct page *g, const struct ecs_instance *in, size_t k, struct str name, struct str value)
{
    struct arena *a = g->call->arena;
    struct doc *d;

    if ((g->name.n && !str_eq(g->name, name)) || (g->value.n && !str_eq(g->value, value)))
        return true;
    if (g->left == 0) {
        g->more = true;
        return false;
    }
    g->left--;
    d = doc_append(g->list, doc_object(a));
    doc_set(d, "name", doc_string_copy(a, name));
    if (value.n)
        doc_set(d, "value", doc_string_copy(a, value));
    doc_set(d, "targetId", doc_string(a, str_of(in->arn)));
    g->last = str_of(in->name);
    g->last_k = k;
    return true;
}

static bool take_instance(struct page *g, const struct ecs_instance *in, const struct placement_instance *p,
                          const struct doc *capabilities, size_t from)
{
    size_t k = 0;

    doc_foreach (capabilities, at)
        if (k++ >= from && !take(g, in, k, doc_str(doc_get(at, "name")), STR("")))
            return false;
    for (size_t i = 0; i < p->n_attributes; i++)
        if (k++ >= from && !take(g, in, k, p->attributes[i].name, p->attributes[i].value))
            return false;
    return true;
}

static int list_all(struct aws_call *c, const struct ecs_cluster *cluster, struct page *g, struct err *err)
{
    const struct doc *capabilities = instance_capabilities(c->arena);
    struct ecs_instance *in;
    struct placement_instance *p;
    struct str id;
    size_t n, k;

    if (!read_token(in_str(c, "nextToken"), &id, &k))
        return aws_error(c, ECS_INVALID, "Invalid token.");
    if (ecs_instances_observe(store_of(c), c->arena, cluster->name, cluster->ns, &in, &p, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        int order = str_cmp(str_of(in[i].name), id);
        if (order >= 0 && !take_instance(g, &in[i], &p[i], capabilities, order == 0 ? k : 0))
            break;
    }
    return arena_overflow(c->arena) ? err_set(err, ERR_TOO_LARGE, "too many attributes") : 0;
}

int ecs_list_attributes(struct aws_call *c, struct err *err)
{
    int64_t max = doc_int_or(doc_get(c->input, "maxResults"), LIST_MAX);
    struct page g = {.call = c,
                     .list = doc_array(c->arena),
                     .name = in_str(c, "attributeName"),
                     .value = in_str(c, "attributeValue"),
                     .left = max};
    struct ecs_cluster cluster;

    if (max < 1 || max > LIST_MAX)
        return aws_error(c, ECS_INVALID, "maxResults must be between 1 and %d.", LIST_MAX);
    if (g.value.n && !g.name.n)
        return aws_error(c, ECS_INVALID, "attributeName must be specified with attributeValue.");
    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0 || list_all(c, &cluster, &g, err) < 0)
        return -1;
    doc_set(c->output, "attributes", g.list);
    if (g.more)
        doc_set(c->output, "nextToken", doc_printf(c->arena, STR_FMT "-%zu", STR_ARG(g.last), g.last_k));
    return 0;
}
