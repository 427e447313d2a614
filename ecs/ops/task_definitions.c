#include "base/map.h"
#include "ecs/map/fault.h"
#include "ecs/map/tags.h"
#include "ecs/map/taskdef.h"
#include "ecs/ops/definition_end.h"
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
    static const char *const times[] = {"deregisteredAt", "deleteRequestedAt"};
    const struct doc *status = doc_get(o, "status");
    struct doc *d = doc_clone(c->arena, doc_get(o, "spec"), true);

    doc_set(d, "status", doc_string(c->arena, status_of(o)));
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        if (doc_get(status, times[i]))
            doc_set(d, times[i], doc_clone(c->arena, doc_get(status, times[i]), true));
    return d;
}

static void show(struct aws_call *c, const struct doc *o, bool tags)
{
    doc_set(c->output, "taskDefinition", shown(c, o));
    if (tags)
        doc_set(c->output, "tags", tags_filled(c->arena, doc_path(o, "status.tags")));
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
    struct doc *spec, *tags;
    int64_t revision = 0;

    if (!ecs_valid_name(family, 255))
        return aws_error(c, ECS_CLIENT, "Family contains invalid characters.");
    if (ecs_input_tags(c, &tags, err) < 0)
        return -1;
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
    doc_set_path(c->arena, o, "status.tags", tags);
    if (ecs_store_create(store_of(c), c->arena, ECS_TASK_DEFINITION, o, &o, err) < 0)
        return -1;
    show(c, o, doc_count(tags) > 0);
    return 0;
}

/* --- finding --- */

struct newest {
    struct str family;
    int64_t revision; /* 0: none is ACTIVE */
};

static int see_newest(void *ctx, const struct doc *o, struct err *err)
{
    struct newest *n = ctx;
    int64_t revision = doc_int_or(doc_path(o, "spec.revision"), 0);

    if (revision > n->revision && str_is(status_of(o), "ACTIVE") &&
        str_eq(doc_str(doc_path(o, "spec.family")), n->family))
        n->revision = revision;
    return 0;
}

/* The objects of the family alone are read. */
static int newest_active(struct aws_call *c, struct str family, struct doc **ret, struct err *err)
{
    struct newest n = {.family = family};
    const char *holds = arena_printf(c->arena, "\"family\":\"" STR_FMT "\"", STR_ARG(family));

    if (ecs_store_each(store_of(c), ECS_TASK_DEFINITION, NULL, holds, see_newest, &n, err) < 0)
        return -1;
    if (!n.revision)
        return 1;
    return ecs_store_get(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, object_of(c->arena, family, n.revision), ret,
                         err);
}

int ecs_find_task_definition(struct aws_call *c, struct str name, struct doc **ret, struct err *err)
{
    struct str family;
    int64_t revision;

    if (!ecs_split_revision(ecs_name_of(name, "task-definition"), &family, &revision) || !ecs_valid_name(family, 255))
        return 1;
    if (!revision)
        return newest_active(c, family, ret, err);
    return ecs_store_find(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, object_of(c->arena, family, revision), ret,
                          err);
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

/* One of a list, without the document. */
struct row {
    struct str family, arn;
    int64_t revision;
};

struct listing {
    struct arena *arena;
    struct str family, status; /* empty: any */
    struct row *v;
    size_t n, cap;
};

static int see_row(void *ctx, const struct doc *o, struct err *err)
{
    struct listing *l = ctx;
    const struct doc *spec = doc_get(o, "spec");
    struct str family = doc_str(doc_get(spec, "family"));

    if ((l->status.n && !str_eq(status_of(o), l->status)) || (l->family.n && !str_eq(family, l->family)))
        return 0;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        l->v = arena_grow(l->arena, l->v, l->cap * sizeof(*l->v), cap * sizeof(*l->v));
        if (!l->v)
            return err_set(err, ERR_TOO_LARGE, "too many task definitions");
        l->cap = cap;
    }
    l->v[l->n++] = (struct row){.family = arena_str(l->arena, family),
                                .arn = arena_str(l->arena, doc_str(doc_get(spec, "taskDefinitionArn"))),
                                .revision = doc_int_or(doc_get(spec, "revision"), 0)};
    return 0;
}

/* Families sort by name, revisions by number. */
static int by_order(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int r = str_cmp(x->family, y->family);

    return r ? r : x->revision < y->revision ? -1 : x->revision > y->revision;
}
static int by_order_down(const void *a, const void *b)
{
    return -by_order(a, b);
}

int ecs_list_task_definitions(struct aws_call *c, struct err *err)
{
    struct str status = in_str(c, "status");
    struct listing l = {
        .arena = c->arena, .family = in_str(c, "familyPrefix"), .status = status.n ? status : STR("ACTIVE")};
    struct doc *arns = doc_array(c->arena);

    if (ecs_store_each(store_of(c), ECS_TASK_DEFINITION, NULL, NULL, see_row, &l, err) < 0)
        return -1;
    if (l.n)
        qsort(l.v, l.n, sizeof(*l.v), str_is(in_str(c, "sort"), "DESC") ? by_order_down : by_order);
    for (size_t i = 0; i < l.n; i++)
        doc_append(arns, doc_string(c->arena, l.v[i].arn));
    return ecs_put_page(c, "taskDefinitionArns", arns, 100, err);
}

enum { FAMILY_INACTIVE = 1, FAMILY_ACTIVE };

struct families {
    struct map states; /* name -> one of those, as a pointer */
    struct str prefix;
};

static int see_family(void *ctx, const struct doc *o, struct err *err)
{
    struct families *f = ctx;
    struct str family = doc_str(doc_path(o, "spec.family"));

    if (!str_starts(family, f->prefix))
        return 0;
    if (str_is(status_of(o), "ACTIVE"))
        map_set(&f->states, family, (void *)(uintptr_t)FAMILY_ACTIVE);
    else if (!map_has(&f->states, family))
        map_set(&f->states, family, (void *)(uintptr_t)FAMILY_INACTIVE);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* A family is ACTIVE while one of its revisions is; one whose revisions have all been deleted is not listed. */
int ecs_list_task_definition_families(struct aws_call *c, struct err *err)
{
    struct str status = in_str(c, "status");
    bool active = !status.n || !str_is(status, "INACTIVE"), inactive = !status.n || !str_is(status, "ACTIVE");
    struct families f = {.prefix = in_str(c, "familyPrefix")};
    struct doc *names = doc_array(c->arena);
    size_t n = 0;

    map_init(&f.states, NULL);
    int r = ecs_store_each(store_of(c), ECS_TASK_DEFINITION, NULL, NULL, see_family, &f, err);
    struct str *v = arena_calloc(c->arena, f.states.n + 1, sizeof(*v));
    if (r == 0 && v)
        map_foreach (&f.states, it)
            if ((uintptr_t)it->value == FAMILY_ACTIVE ? active : inactive)
                v[n++] = arena_str(c->arena, str_n(it->key, it->key_len));
    map_release(&f.states);
    if (r < 0)
        return -1;
    if (n)
        qsort(v, n, sizeof(*v), by_name);
    for (size_t i = 0; i < n; i++)
        doc_append(names, doc_string(c->arena, v[i]));
    return ecs_put_page(c, "families", names, 100, err);
}

/* --- ending --- */

struct ending {
    const char *from, *to, *time; /* states, and the path of the time of the change */
    int64_t now_s;
};

static int end_definition(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct ending *e = ctx;

    if (!str_is(status_of(o), e->from))
        return 0;
    doc_set_path(a, o, "status.status", doc_string(a, str_of(e->to)));
    doc_set_path(a, o, e->time, doc_int(a, e->now_s));
    return 1;
}

#define NO_SUCH "The specified task definition does not exist. Specify a valid account, family, revision and try again."

int ecs_deregister_task_definition(struct aws_call *c, struct err *err)
{
    struct ending e = {"ACTIVE", "INACTIVE", "status.deregisteredAt", c->now_s};
    struct str name = in_str(c, "taskDefinition"), family;
    int64_t revision = 0;
    struct doc *o;

    if (!ecs_split_revision(ecs_name_of(name, "task-definition"), &family, &revision) || !revision)
        return aws_error(c, ECS_CLIENT, "Invalid revision number. Number: null");
    int r = ecs_find_task_definition(c, name, &o, err);
    if (r > 0)
        return aws_error(c, ECS_CLIENT, "The specified task definition does not exist.");
    if (r < 0 || ecs_store_modify(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, ecs_object_name(o, c->arena),
                                  end_definition, &e, &o, err) < 0)
        return -1;
    show(c, o, false);
    return 0;
}

static int delete_one(struct aws_call *c, struct str name, struct doc *deleted, struct err *err)
{
    struct ending e = {"INACTIVE", "DELETE_IN_PROGRESS", "status.deleteRequestedAt", c->now_s};
    struct str family;
    int64_t revision = 0;
    struct doc *o;
    bool whole = ecs_split_revision(ecs_name_of(name, "task-definition"), &family, &revision) && revision;
    int r = whole ? ecs_find_task_definition(c, name, &o, err) : 1;

    if (r < 0)
        return -1;
    if (r > 0) {
        ecs_add_failure(c, doc_string(c->arena, name), NO_SUCH);
        return 0;
    }
    if (str_is(status_of(o), "ACTIVE")) {
        ecs_add_failure(c, doc_string(c->arena, name),
                        "The specified task definition is still in ACTIVE status. Please deregister the target and try "
                        "again.");
        return 0;
    }
    const char *object = ecs_object_name(o, c->arena);
    if (ecs_store_modify(store_of(c), c->arena, ECS_TASK_DEFINITION, NULL, object, end_definition, &e, &o, err) < 0)
        return -1;
    doc_append(deleted, shown(c, o));
    return ecs_definition_end(store_of(c), object, err);
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
