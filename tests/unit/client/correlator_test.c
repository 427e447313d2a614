#include "client/correlator.h"

#include "base/clock.h"
#include "test.h"

#include <stdio.h>

static int64_t now;

static struct correlator_verdict judge(struct correlator *c, const char *object, const char *message)
{
    char similar[256], equal[256];

    snprintf(similar, sizeof(similar), "%s\nreason", object);
    snprintf(equal, sizeof(equal), "%s\nreason\n%s", object, message);
    struct correlator_event e = {str_of(object), str_of(similar), str_of(equal), str_of(message), now};
    struct correlator_verdict v = correlator_judge(c, &e);
    if (v.send && v.count == 1)
        correlator_sent(c, &v, v.combined ? "combined" : message);
    return v;
}

static void equal_events_are_counted(void **state)
{
    struct correlator *c = correlator_new();

    now = 1000 * NS_PER_S;
    struct correlator_verdict v = judge(c, "pod", "m");
    assert_true(v.send);
    assert_int_equal(v.count, 1);
    now += NS_PER_S;
    v = judge(c, "pod", "m");
    assert_int_equal(v.count, 2);
    assert_string_equal(v.name, "m");
    assert_int_equal(v.first_ns, 1000 * NS_PER_S);
    correlator_free(c);
}

static void an_event_that_was_not_sent_is_created_later(void **state)
{
    struct correlator *c = correlator_new();
    struct correlator_event e = {STR("o"), STR("s"), STR("e"), STR("m"), NS_PER_S};

    correlator_judge(c, &e); /* and the sending failed */
    struct correlator_verdict v = correlator_judge(c, &e);
    assert_int_equal(v.count, 1);
    assert_null(v.name);
    correlator_free(c);
}

static void similar_events_are_combined(void **state)
{
    struct correlator *c = correlator_new();
    char m[16];

    now = 1000 * NS_PER_S;
    for (int i = 0; i < 15; i++) {
        snprintf(m, sizeof(m), "m%d", i);
        struct correlator_verdict v = judge(c, "pod", m);
        assert_int_equal(v.combined, i >= 9); /* the tenth different message */
        assert_int_equal(v.count, i < 10 ? 1 : i - 8);
    }
    now += 601 * NS_PER_S; /* after ten quiet minutes they are single again */
    assert_false(judge(c, "pod", "new").combined);
    correlator_free(c);
}

static void an_object_has_a_budget(void **state)
{
    struct correlator *c = correlator_new();

    now = 1000 * NS_PER_S;
    for (int i = 0; i < 25; i++)
        assert_true(judge(c, "pod", "m").send);
    assert_false(judge(c, "pod", "m").send);
    assert_true(judge(c, "other", "m").send);
    now += 301 * NS_PER_S;
    assert_true(judge(c, "pod", "m").send);
    assert_false(judge(c, "pod", "m").send);
    correlator_free(c);
}

static void memory_is_bounded(void **state)
{
    struct correlator *c = correlator_new();
    char object[32];

    now = 1000 * NS_PER_S;
    judge(c, "first", "m");
    for (int i = 0; i < CORRELATOR_KEYS_MAX; i++) {
        snprintf(object, sizeof(object), "pod-%d", i);
        judge(c, object, "m");
    }
    assert_int_equal(judge(c, "first", "m").count, 1); /* forgotten */
    assert_int_equal(judge(c, object, "m").count, 2);
    correlator_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_events_are_counted),    cmocka_unit_test(an_event_that_was_not_sent_is_created_later),
        cmocka_unit_test(similar_events_are_combined), cmocka_unit_test(an_object_has_a_budget),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
