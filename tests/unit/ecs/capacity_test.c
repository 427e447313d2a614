#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/capacity.h"
#include "ecs/map/fault.h"
#include "map_doc.h"

static int setup(void **state)
{
    *state = arena_new(LIMIT_DOC_ARENA);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static bool known(void *ctx, struct str name)
{
    return str_is(name, "big") || str_is(name, "small");
}

/* NULL: valid; else a part of the message. */
static const struct {
    const char *strategy, *associated, *message;
    enum capacity_type type;
} checks[] = {
    {"[]", NULL, NULL, CAPACITY_NONE},
    {"[{'capacityProvider':'FARGATE'}]", NULL, NULL, CAPACITY_FARGATE},
    {"[{'capacityProvider':'FARGATE','base':100000,'weight':1000},{'capacityProvider':'FARGATE_SPOT'}]", NULL, NULL,
     CAPACITY_FARGATE},
    {"[{'capacityProvider':'big','weight':1},{'capacityProvider':'small','weight':2}]", "['big','small']", NULL,
     CAPACITY_EC2},
    {"[{'capacityProvider':'nix'}]", NULL, "The specified capacity provider 'nix' was not found.", 0},
    {"[{'capacityProvider':'big'}]", "['FARGATE']", "not associated with the cluster", 0},
    {"[{'capacityProvider':'FARGATE'}]", "[]", "not associated with the cluster", 0},
    {"[{'capacityProvider':'big','weight':1},{'capacityProvider':'FARGATE'}]", NULL, "cannot contain a mix", 0},
    {"[{'capacityProvider':'big','base':1,'weight':1},{'capacityProvider':'small','base':1}]", NULL,
     "Only one capacity provider", 0},
    {"[{'capacityProvider':'big','base':4},{'capacityProvider':'small','weight':0}]", NULL, "weight greater than zero",
     0},
    {"[{'capacityProvider':'big','weight':1},{'capacityProvider':'big','weight':1}]", NULL, "more than once", 0},
    {"[{'capacityProvider':'big','base':100001}]", NULL, "base of a capacity provider", 0},
    {"[{'capacityProvider':'big','weight':1001}]", NULL, "weight of a capacity provider", 0},
    {"[{'capacityProvider':'big','weight':-1}]", NULL, "weight of a capacity provider", 0},
};

static void test_check(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct capacity_scope scope = {
            .known = known, .associated = checks[i].associated ? doc_of(*state, checks[i].associated) : NULL};
        struct err err = ERR_INIT;
        enum capacity_type type = CAPACITY_NONE;
        int r = capacity_check(doc_of(*state, checks[i].strategy), &scope, &type, &err);

        if ((r < 0) != (checks[i].message != NULL) || (r == 0 && type != checks[i].type) ||
            (r < 0 && !strstr(err.msg, checks[i].message)))
            fail_msg("%s: %d %s", checks[i].strategy, r, err.msg);
        if (r < 0)
            assert_string_equal(ecs_fault_code(&err), ECS_INVALID);
    }
}

static void test_too_many(void **state)
{
    struct doc *strategy = doc_array(*state);
    struct err err = ERR_INIT;

    for (int i = 0; i < 21; i++) {
        struct doc *item = doc_object(*state);
        doc_set(item, "capacityProvider", doc_string(*state, STR("big")));
        doc_append(strategy, item);
    }
    assert_int_equal(capacity_check(strategy, &(struct capacity_scope){.known = known}, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "a maximum of 20"));
}

/* have: one letter a task that is there (b, s, or ? for another's); want: one letter for each next one. */
static const struct {
    const char *strategy, *have, *want;
} turns[] = {
    {"[{'capacityProvider':'big'}]", "", "bbb"},
    {"[{'capacityProvider':'big','weight':1},{'capacityProvider':'small','weight':1}]", "", "bsbs"},
    {"[{'capacityProvider':'big','weight':1},{'capacityProvider':'small','weight':3}]", "", "ssbsssbs"},
    {"[{'capacityProvider':'big','base':2,'weight':1},{'capacityProvider':'small','weight':1}]", "", "bbbsbs"},
    {"[{'capacityProvider':'big','weight':1},{'capacityProvider':'small','base':2,'weight':1}]", "", "ssbsbs"},
    {"[{'capacityProvider':'big','base':2},{'capacityProvider':'small','weight':1}]", "", "bbsss"},
    {"[{'capacityProvider':'big','weight':1},{'capacityProvider':'small','weight':1}]", "bbb??", "sssbs"},
    {"[{'capacityProvider':'big','base':1,'weight':0},{'capacityProvider':'small','weight':1}]", "ss", "bss"},
    {"[]", "", "-"},
};

static void test_turns(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        struct doc *strategy = doc_of(*state, turns[i].strategy);
        struct capacity_count sheet[CAPACITY_STRATEGY_MAX];
        size_t n = capacity_sheet(strategy, sheet);

        for (const char *p = turns[i].have; *p; p++)
            assert_int_equal(capacity_add(sheet, n,
                                          *p == 'b'   ? STR("big")
                                          : *p == 's' ? STR("small")
                                                      : STR("x")),
                             *p != '?');
        for (const char *p = turns[i].want; *p; p++) {
            struct str got = capacity_next(strategy, sheet, n);
            if ((got.n ? got.p[0] : '-') != *p)
                fail_msg("%s has %s wants %s at %d, got " STR_FMT, turns[i].strategy, turns[i].have, turns[i].want,
                         (int)(p - turns[i].want), STR_ARG(got));
        }
    }
}

static void test_filled(void **state)
{
    assert_doc(*state, capacity_filled(*state, doc_of(*state, "[{'capacityProvider':'FARGATE','base':1}]")), "0",
               "{'capacityProvider':'FARGATE','weight':0,'base':1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_filled),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
