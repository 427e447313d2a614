#include "ecs/map/fault.h"
#include "ecs/map/taskdef.h"
#include "ecs/ops/names.h"
#include "ecs/ops/ops.h"

#include <stdlib.h>

/* The object of a revision is FAMILY-REVISION. The family's object holds the last revision that was given out: a
 * revision is taken by writing it there first, so that it is never used twice, whichever gateway asks. */

static const char *object_of(struct arena *a, struct str family, int64_t revision)
{
    return arena_printf(a, "%s-%lld", ecs_object_label(a, "", family), (long long)revision);
}

static struct str status_of(const struct doc *o)
{
    return doc_str(doc_path(o, "status.status"));
}

/* spec is the API's TaskDefinition; the status alone changes later. */
static struct doc *shown(struct aws_call *c, const struct doc *o)
{
    struct doc *d = doc_clone(c->arena, doc_get(o, "spec"), true);

    doc_set(d, "status", doc_string(c->arena, status_of(o)));
    if (doc_path(o, "status.deregisteredAt"))
        doc_set(d, "deregisteredAt", doc_clone(c->arena, doc_path(o, "status.deregisteredAt"), true));
    return d;
}

static void show(struct aws_call *c, const struct doc *o, bool tags)
{
    doc_set(c->output, "taskDefinition", shown(c, o));
    if (tags && doc_path(o, "status.tags"))
        doc_set(c->output, "tags", doc_clone(c->arena, doc_path(o, "status.tags"), true));
}

/* --- registering --- */

static int take_next(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    int64_t *revision = ctx;

    *revision = doc_int_or(doc_path(o, "status.lastRevision"), 0) + 1;
    doc_set_path(a, o, "status.lastRevision", doc_int(a, *revision));
    return 1;
}

static int next_revision(struct aws_call *c, struct str family, int64_t *ret, struct err *err)
{
    const char *name = ecs_object_label(c->arena, "", family);
    struct doc *o = ecs_object_new(c->arena, NULL, name);

    for (int i = 0; i < 2; i++) {
        if (ecs_store_modify(store_of(c), c->arena, ECS_TASK_DEFINITION_FAMILY, NULL, name, take_next, ret, NULL,
                             err) == 0)
            return 0;
        if (err->code != ERR_NOT_FOUND)
            return -1;
        err_clear(err);
        doc_set_path(c->arena, o, "spec.family", doc_string(c->arena, family));
        doc_set_path(c->arena, o, "status.lastRevision", doc_int(c->arena, 0));
        if (ecs_store_create(store_of(c), c->arena, ECS_TASK_DEFINITION_FAMILY, o, NULL, err) < 0 &&
            err->code != ERR_ALREADY_EXISTS)
            return -1;
        err_clear(err);
    }
    return err_set(err, ERR_CONFLICT, "family %s comes and goes", name);
}

int ecs_register_task_definition(struct aws_call *c, struct err *err)
{
    struct str family = in_str(c, "family");
    struct doc *spec;
    int64_t revision = 0;

    if (!ecs_valid_name(family, 255))
        return aws_error(c, ECS_CLIENT, "Family contains invalid characters.");
    if (taskdef_normalise(c->arena, c->input, &spec, err) < 0)
        return ecs_pass(c, err);
    if (next_revision(c, family, &revision, err) < 0)
        return -1;
    struct taskdef_stamp stamp = {.region = c->region,
                                  .account = c->account_id,
                                  .registered_by = c->principal.arn,
                                  .revision = revision,
                                  .now_s = c->now_s};
    taskdef_stamp(c->arena, spec, &stamp);
    struct doc *o = ecs_object_new(c->arena, NULL, object_of(c->arena, family, revision));
    doc_set(o, "spec", spec);
    doc_set_path(c->arena, o, "status.status", doc_string(c->arena, STR("ACTIVE")));
    if (doc_get(c->input, "tags"))
        doc_set_path(c->arena, o, "status.tags", doc_clone(c->arena, doc_get(c->input, "tags"), true));
    if (ecs_store_create(store_of(c), c->arena, ECS_TASK_DEFINITION, o, &o, err) < 0)
        return -1;
    show(c, o, true);
    return 0;
}

/* --- finding --- */

static int newest_active(struct aws_call *c, struct str family, struct doc **ret, struct err *err)
{
    int64_t best = 0;
    struct doc *all;

    if (ecs_store_list(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, &all, err) < 0)
        return -1;
    doc_foreach (all, o) {
        int64_t revision = doc_int_or(doc_path(o, "spec.revision"), 0);
        if (revision > best && str_eq(doc_str(doc_path(o, "spec.family")), family) && str_is(status_of(o), "ACTIVE")) {
            best = revision;
            *ret = o;
        }
    }
    return best ? 0 : 1;
}

int ecs_find_task_definition(struct aws_call *c, struct str name, struct doc **ret, struct err *err)
{
    struct str family;
    int64_t revision;

    if (!ecs_split_revision(ecs_name_of(name, "task-definition"), &family, &revision) || !ecs_valid_name(family, 255))
        return 1;
    if (!revision)
        return newest_active(c, family, ret, err);
    if (ecs_store_get(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, object_of(c->arena, family, revision), ret,
                      err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 1;
}

int ecs_describe_task_definition(struct aws_call *c, struct err *err)
{
    struct doc *o;
    int r = ecs_find_task_definition(c, in_str(c, "taskDefinition"), &o, err);

    if (r > 0)
        return aws_error(c, ECS_CLIENT, "Unable to describe task definition.");
    if (r < 0)
        return -1;
    show(c, o, ecs_list_has(doc_get(c->input, "include"), "TAGS"));
    return 0;
}

/* --- lists --- */

/* Families sort by name, revisions by number. */
static int in_order(const struct doc *a, const struct doc *b)
{
    int r = str_cmp(doc_str(doc_path(a, "spec.family")), doc_str(doc_path(b, "spec.family")));
    int64_t x = doc_int_or(doc_path(a, "spec.revision"), 0), y = doc_int_or(doc_path(b, "spec.revision"), 0);

    return r ? r : x < y ? -1 : x > y;
}

static int by_order(const void *a, const void *b)
{
    return in_order(*(struct doc *const *)a, *(struct doc *const *)b);
}
static int by_order_down(const void *a, const void *b)
{
    return -by_order(a, b);
}

int ecs_list_task_definitions(struct aws_call *c, struct err *err)
{
    struct str family = in_str(c, "familyPrefix"), status = in_str(c, "status");
    struct doc *all, *arns = doc_array(c->arena);
    size_t n = 0;

    status = status.n ? status : STR("ACTIVE");
    if (ecs_store_list(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, &all, err) < 0)
        return -1;
    struct doc **v = arena_calloc(c->arena, doc_count(all) + 1, sizeof(struct doc *));
    if (!v)
        return err_set(err, ERR_TOO_LARGE, "too many task definitions");
    doc_foreach (all, o)
        if (str_eq(status_of(o), status) && (!family.n || str_eq(doc_str(doc_path(o, "spec.family")), family)))
            v[n++] = o;
    qsort(v, n, sizeof(struct doc *), str_is(in_str(c, "sort"), "DESC") ? by_order_down : by_order);
    for (size_t i = 0; i < n; i++)
        doc_append(arns, doc_string(c->arena, doc_str(doc_path(v[i], "spec.taskDefinitionArn"))));
    return ecs_put_page(c, "taskDefinitionArns", arns, 100, err);
}

/* A family is ACTIVE while one of its revisions is. */
static bool family_active(const struct doc *definitions, struct str family)
{
    doc_foreach (definitions, o)
        if (str_is(status_of(o), "ACTIVE") && str_eq(doc_str(doc_path(o, "spec.family")), family))
            return true;
    return false;
}

int ecs_list_task_definition_families(struct aws_call *c, struct err *err)
{
    struct str prefix = in_str(c, "familyPrefix"), status = in_str(c, "status");
    struct doc *families, *definitions, *names = doc_array(c->arena);

    if (ecs_store_list(store_of(c), c->arena, ECS_TASK_DEFINITION_FAMILY, NULL, &families, err) < 0 ||
        ecs_store_list(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, &definitions, err) < 0)
        return -1;
    doc_foreach (families, f) {
        struct str name = doc_str(doc_path(f, "spec.family"));
        bool active = family_active(definitions, name);
        if (str_starts(name, prefix) &&
            (!status.n || str_is(status, "ALL") || str_is(status, active ? "ACTIVE" : "INACTIVE")))
            doc_append(names, doc_string(c->arena, name));
    }
    return ecs_put_page(c, "families", names, 100, err);
}

/* --- ending --- */

struct ending {
    const char *from, *to;
    int64_t now_s;
};

static int end_definition(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct ending *e = ctx;

    if (!str_is(status_of(o), e->from))
        return 0;
    doc_set_path(a, o, "status.status", doc_string(a, str_of(e->to)));
    if (str_is(str_of(e->to), "INACTIVE"))
        doc_set_path(a, o, "status.deregisteredAt", doc_int(a, e->now_s));
    return 1;
}

int ecs_deregister_task_definition(struct aws_call *c, struct err *err)
{
    struct ending e = {"ACTIVE", "INACTIVE", c->now_s};
    struct str name = in_str(c, "taskDefinition"), family;
    int64_t revision = 0;
    struct doc *o;

    if (!ecs_split_revision(ecs_name_of(name, "task-definition"), &family, &revision) || !revision)
        return aws_error(c, ECS_CLIENT, "Invalid revision number. Number: null");
    int r = ecs_find_task_definition(c, name, &o, err);
    if (r > 0)
        return aws_error(c, ECS_CLIENT, "Unable to describe task definition.");
    if (r < 0 || ecs_store_modify(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, ecs_object_name(o, c->arena),
                                  end_definition, &e, &o, err) < 0)
        return -1;
    show(c, o, false);
    return 0;
}

/* Is a task that has not stopped of this revision? */
static int in_use(struct aws_call *c, struct str arn, bool *ret, struct err *err)
{
    struct doc *tasks;

    *ret = false;
    if (ecs_store_list(store_of(c), c->arena, ECS_TASK, NULL, &tasks, err) < 0)
        return -1;
    doc_foreach (tasks, t)
        if (str_eq(doc_str(doc_path(t, "status.taskDefinitionArn")), arn) &&
            !str_is(doc_str(doc_path(t, "status.lastStatus")), "STOPPED"))
            *ret = true;
    return 0;
}

static int delete_one(struct aws_call *c, struct str name, struct doc *deleted, struct err *err)
{
    struct ending e = {"INACTIVE", "DELETE_IN_PROGRESS", c->now_s};
    struct doc *o;
    bool used;
    int r = ecs_find_task_definition(c, name, &o, err);

    if (r < 0)
        return -1;
    if (r > 0) {
        ecs_add_failure(c, doc_string(c->arena, name), "TASK_DEFINITION_DOES_NOT_EXIST");
        return 0;
    }
    if (str_is(status_of(o), "ACTIVE")) {
        ecs_add_failure(c, doc_string(c->arena, name),
                        "The specified task definition is still in ACTIVE status. Please deregister the target and try "
                        "again.");
        return 0;
    }
    const char *object = ecs_object_name(o, c->arena);
    if (ecs_store_modify(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, object, end_definition, &e, &o, err) < 0 ||
        in_use(c, doc_str(doc_path(o, "spec.taskDefinitionArn")), &used, err) < 0)
        return -1;
    doc_append(deleted, shown(c, o));
    return used ? 0 : ecs_store_delete(store_of(c), ECS_TASK_DEFINITION, NULL, object, err);
}

int ecs_delete_task_definitions(struct aws_call *c, struct err *err)
{
    const struct doc *names = doc_get(c->input, "taskDefinitions");
    struct doc *deleted = doc_array(c->arena);

    if (doc_count(names) < 1 || doc_count(names) > 10)
        return aws_error(c, ECS_INVALID, "1 to 10 task definitions can be deleted in one call.");
    doc_set(c->output, "taskDefinitions", deleted);
    doc_need_array(c->arena, c->output, "failures");
    doc_foreach (names, n)
        if (delete_one(c, doc_str(n), deleted, err) < 0)
            return -1;
    return 0;
}
