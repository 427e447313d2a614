#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/store/census.h"
#include "map_doc.h"

struct fixture {
    struct arena *a;
    struct ecs_census *c;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->a = arena_new(LIMIT_DOC_ARENA);
    f->c = ecs_census_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ecs_census_free(f->c);
    arena_free(f->a);
    free(f);
    return 0;
}

static void service(struct fixture *f, const char *ns, const char *name, const char *spec, const char *status)
{
    ecs_census_put(f->c, ECS_SERVICE,
                   doc_of(f->a, arena_printf(f->a,
                                             "{'metadata':{'namespace':'%s','name':'%s'},'spec':%s,'status':"
                                             "{'status':'%s'}}",
                                             ns, name, spec, status)));
}

static void services_are_counted(void **state)
{
    struct fixture *f = *state;

    service(f, "ecs-a", "one", "{'launchType':'FARGATE'}", "ACTIVE");
    service(f, "ecs-a", "two", "{'capacityProviderStrategy':[{'capacityProvider':'FARGATE_SPOT'}]}", "ACTIVE");
    service(f, "ecs-a", "three", "{'capacityProviderStrategy':[{'capacityProvider':'mine'}]}", "DRAINING");
    service(f, "ecs-b", "one", "{}", "ACTIVE");
    struct ecs_service_counts n = ecs_census_services(f->c, STR("ecs-a"));
    assert_int_equal(n.active, 2);
    assert_int_equal(n.of[ECS_LAUNCH_FARGATE].active, 2);
    assert_int_equal(n.draining, 1);
    assert_int_equal(n.of[ECS_LAUNCH_EC2].draining, 1);
    service(f, "ecs-a", "one", "{'launchType':'FARGATE'}", "DRAINING");
    service(f, "ecs-a", "two", "{}", "INACTIVE");
    ecs_census_remove(f->c, ECS_SERVICE, STR("ecs-a"), STR("three"));
    ecs_census_remove(f->c, ECS_SERVICE, STR("ecs-a"), STR("never"));
    n = ecs_census_services(f->c, STR("ecs-a"));
    assert_int_equal(n.active, 0);
    assert_int_equal(n.draining, 1);
    assert_int_equal(n.of[ECS_LAUNCH_FARGATE].draining, 1);
    assert_int_equal(ecs_census_services(f->c, STR("ecs-b")).active, 1);
    assert_int_equal(ecs_census_services(f->c, STR("ecs-c")).active, 0);
}

static void definition(struct fixture *f, const char *name, const char *status)
{
    ecs_census_put(
        f->c, ECS_TASK_DEFINITION,
        doc_of(f->a, arena_printf(f->a, "{'metadata':{'name':'%s'},'status':{'status':'%s'}}", name, status)));
}

static void definitions_being_deleted(void **state)
{
    struct fixture *f = *state;
    struct str *names;

    definition(f, "web-1", "DELETE_IN_PROGRESS");
    definition(f, "web-2", "ACTIVE");
    definition(f, "web-3", "DELETE_IN_PROGRESS");
    service(f, "ecs-a", "one", "{}", "ACTIVE");
    ecs_census_remove(f->c, ECS_TASK_DEFINITION, STR(""), STR("web-3"));
    assert_int_equal(ecs_census_deleting(f->c, f->a, &names), 1);
    assert_true(str_is(names[0], "web-1"));
    assert_true(ecs_census_has_deleting(f->c));
    definition(f, "web-1", "INACTIVE");
    assert_false(ecs_census_has_deleting(f->c));
    assert_int_equal(ecs_census_deleting(f->c, f->a, &names), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(services_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(definitions_being_deleted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
