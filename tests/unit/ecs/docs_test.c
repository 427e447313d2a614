/* docs/ecs against the tables of shapes and operations: nothing missing, nothing that is not there. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/limits.h"
#include "ecs/ops/ops.h"
#include "ecs/wire/shapes.h"

#define ROWS_MAX 2000
#define DEPTH_MAX 8

/* A row of a table: | `member` | state | remarks |, under the heading of its section. */
struct row {
    struct str section, member, state;
    bool used; /* some operation has it */
};

struct pages {
    struct arena *a;
    struct row v[ROWS_MAX];
    size_t n;
};

static struct str page(struct arena *a, const char *name)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(MIB);
    const char *path = arena_printf(a, "docs/ecs/%s", name);
    struct err err = ERR_INIT;

    if (file_read(path, &text, &err) < 0)
        fail_msg("%s", err.msg);
    return arena_str(a, buf_str(&text));
}

static struct str cell(struct str line, int n)
{
    struct str part = {NULL, 0};

    for (int i = 0; i <= n; i++)
        if (!str_split(&line, '|', &part))
            return STR("");
    return str_trim(part);
}

static void read_rows(struct pages *p, const char *name)
{
    struct str rest = page(p->a, name), line, section = STR("");

    while (str_split(&rest, '\n', &line)) {
        if (str_starts(line, STR("#")))
            section = str_trim(str_from(line, 3)); /* "## Area" or "### Name" */
        if (!str_starts(line, STR("| `")))
            continue;
        struct str member = cell(line, 1);
        assert_true(p->n < ROWS_MAX && member.n > 2);
        p->v[p->n++] = (struct row){section, str_n(member.p + 1, member.n - 2), cell(line, 2), false};
    }
}

static int setup(void **state)
{
    struct pages *p = xcalloc(1, sizeof(*p));

    p->a = arena_new(LIMIT_DOC_ARENA);
    read_rows(p, "fields.md");
    read_rows(p, "task-definitions.md");
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pages *p = *state;

    arena_free(p->a);
    free(p);
    return 0;
}

static const struct aws_service *ecs_service(void)
{
    for (size_t i = 0; i < aws_services_n; i++)
        if (strcmp(aws_services[i].id, "ecs") == 0)
            return &aws_services[i];
    fail_msg("no ecs");
    return NULL;
}

static bool implemented(const char *name)
{
    for (size_t i = 0; i < ecs_operations_n; i++)
        if (strcmp(ecs_operations[i].name, name) == 0)
            return true;
    return false;
}

static struct row *find(struct pages *p, struct str section, const char *member)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->v[i].section, section) && str_is(p->v[i].member, member))
            return &p->v[i];
    return NULL;
}

/* The structure that a member is, or is a list of. */
static const struct aws_shape *structure_of(const struct aws_service *s, uint16_t shape)
{
    const struct aws_shape *it = aws_shape_at(s, shape);

    while (it->type == AWS_LIST)
        it = aws_shape_at(s, it->element);
    return it->type == AWS_STRUCTURE && it->n ? it : NULL;
}

static bool state_valid(struct str state)
{
    static const char *const states[] = {"honoured", "kept", "refused", "later"};

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (str_is(state, states[i]))
            return true;
    return false;
}

/* "see [Name](...#name)" -> Name; empty when the state says something else. */
static struct str section_of(struct str state)
{
    const char *end;

    if (!str_starts(state, STR("see [")))
        return STR("");
    state = str_from(state, 5);
    end = memchr(state.p, ']', state.n);
    return end ? str_n(state.p, (size_t)(end - state.p)) : STR("");
}

static void check_structure(struct pages *p, struct str section, const struct aws_shape *shape, int depth)
{
    const struct aws_service *s = ecs_service();

    assert_true(depth < DEPTH_MAX);
    for (size_t i = 0; i < shape->n; i++) {
        const struct aws_member *m = &s->model.members[shape->first + i];
        const struct aws_shape *inner = structure_of(s, m->shape);
        struct row *r = find(p, section, m->name);

        if (!r)
            fail_msg("docs/ecs: %s of " STR_FMT " is missing", m->name, STR_ARG(section));
        r->used = true;
        struct str see = section_of(r->state);
        if (see.n && inner)
            check_structure(p, see, inner, depth + 1);
        else if (see.n || !state_valid(r->state) || (inner && str_is(r->state, "honoured")))
            fail_msg("docs/ecs: the state of %s of " STR_FMT " is '" STR_FMT "'", m->name, STR_ARG(section),
                     STR_ARG(r->state));
    }
}

static void every_member_has_a_row(void **state)
{
    const struct aws_service *s = ecs_service();

    for (size_t i = 0; i < s->n_operations; i++) {
        const struct aws_operation_shape *o = &s->operations[i];
        if (implemented(o->name))
            check_structure(*state, str_of(o->name), aws_shape_at(s, o->input), 0);
    }
}

/* After every_member_has_a_row. */
static void no_row_is_of_nothing(void **state)
{
    const struct pages *p = *state;

    for (size_t i = 0; i < p->n; i++)
        if (!p->v[i].used)
            fail_msg("docs/ecs: " STR_FMT " of " STR_FMT " is not there", STR_ARG(p->v[i].member),
                     STR_ARG(p->v[i].section));
}

static void every_operation_has_a_state(void **state)
{
    const struct aws_service *s = ecs_service();
    const struct pages *p = *state;
    struct str text = page(p->a, "operations.md");

    for (size_t i = 0; i < s->n_operations; i++) {
        const char *name = s->operations[i].name, *want = implemented(name) ? "done" : "later";
        struct str rest = text, line;
        int rows = 0;

        while (str_split(&rest, '\n', &line)) {
            if (!str_is(cell(line, 1), name))
                continue;
            rows++;
            if (!str_is(cell(line, 2), want))
                fail_msg("docs/ecs/operations.md: %s is %s", name, want);
        }
        if (rows != 1)
            fail_msg("docs/ecs/operations.md has %d rows of %s", rows, name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_has_a_row),
        cmocka_unit_test(no_row_is_of_nothing),
        cmocka_unit_test(every_operation_has_a_state),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
