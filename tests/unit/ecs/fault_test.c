#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "ecs/map/fault.h"

static void fault_keeps_code_and_text(void **state)
{
    struct err err = ERR_INIT;

    assert_int_equal(ecs_fault(&err, ECS_CLIENT, "no %s of %d", "field", 3), -1);
    assert_string_equal(ecs_fault_code(&err), "ClientException");
    assert_string_equal(err.msg, "no field of 3");
}

static void own_failures_have_no_code(void **state)
{
    struct err err = ERR_INIT;

    err_set(&err, ERR_TOO_LARGE, "too much");
    assert_null(ecs_fault_code(&err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_keeps_code_and_text),
        cmocka_unit_test(own_failures_have_no_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
