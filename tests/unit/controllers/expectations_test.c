#include "controllers/expectations.h"

#include "test.h"

static int64_t now;

static int64_t fake(const struct clock *c)
{
    return now;
}

static const struct clock test_clock = {fake, fake};

static void creations(void **state)
{
    struct expectations *e = expectations_new(&test_clock);

    now = NS_PER_S;
    assert_true(expectations_met(e, STR("a")));
    expect_creations(e, STR("a"), 2);
    assert_false(expectations_met(e, STR("a")));
    creation_observed(e, STR("a"));
    assert_false(expectations_met(e, STR("a")));
    creation_observed(e, STR("a"));
    creation_observed(e, STR("a")); /* one too many does no harm */
    assert_true(expectations_met(e, STR("a")));
    expectations_free(e);
}

static void deletions_by_name(void **state)
{
    struct expectations *e = expectations_new(&test_clock);
    const struct str pods[] = {STR("x"), STR("y")};

    expect_deletions(e, STR("a"), pods, 2);
    deletion_observed(e, STR("a"), STR("x"));
    deletion_observed(e, STR("a"), STR("x")); /* first the timestamp, then the end: one deletion */
    deletion_observed(e, STR("a"), STR("z"));
    assert_false(expectations_met(e, STR("a")));
    deletion_observed(e, STR("a"), STR("y"));
    assert_true(expectations_met(e, STR("a")));
    expectations_free(e);
}

static void what_never_comes_is_given_up(void **state)
{
    struct expectations *e = expectations_new(&test_clock);

    now = NS_PER_S;
    expect_creations(e, STR("a"), 1);
    now += 300 * NS_PER_S;
    assert_false(expectations_met(e, STR("a")));
    now += 1;
    assert_true(expectations_met(e, STR("a")));
    now = 0;
    expect_creations(e, STR("b"), 1);
    expectations_forget(e, STR("b"));
    assert_true(expectations_met(e, STR("b")));
    expectations_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creations),
        cmocka_unit_test(deletions_by_name),
        cmocka_unit_test(what_never_comes_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
