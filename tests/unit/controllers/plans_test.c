#include "controllers/deployment/rules.h"

#include "make.h"
#include "test.h"

static struct arena *a;

static int setup(void **state)
{
    a = arena_new(64 << 20);
    return 0;
}

static int teardown(void **state)
{
    a = arena_free(a);
    return 0;
}

static void fenceposts(void **state)
{
    static const struct {
        const char *surge, *unavailable;
        int desired, want_surge, want_unavailable;
    } rows[] = {
        {"25%", "25%", 4, 1, 1},   {"25%", "25%", 1, 1, 0},  {"25%", "25%", 10, 3, 2}, {"0%", "0%", 10, 0, 1},
        {"100%", "0%", 3, 3, 0},   {"34%", "33%", 3, 2, 0},  {"0%", "1%", 10, 0, 1},   {"1%", "1%", 0, 0, 1},
        {"150%", "100%", 2, 3, 2}, {"junk", "50%", 4, 0, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int32_t surge, unavailable;
        resolve_fenceposts(make_text(a, rows[i].surge), make_text(a, rows[i].unavailable), rows[i].desired, &surge,
                           &unavailable);
        assert_int_equal(surge, rows[i].want_surge);
        assert_int_equal(unavailable, rows[i].want_unavailable);
    }
    int32_t surge, unavailable;
    resolve_fenceposts(make_int(a, 5), make_int(a, 7), 3, &surge, &unavailable);
    assert_int_equal(surge, 5);
    assert_int_equal(unavailable, 7); /* the deployment's own limit comes after */
    assert_int_equal(dep_max_unavailable(make_deployment(a, 3, make_int(a, 5), make_int(a, 7))), 3);
}

static void growing(void **state)
{
    const Appsv1__Deployment *d = make_deployment(a, 10, make_int(a, 2), make_int(a, 0));

    assert_int_equal(new_set_size(d, 10, 0), 2); /* ten old ones run */
    assert_int_equal(new_set_size(d, 12, 2), 2); /* full */
    assert_int_equal(new_set_size(d, 11, 2), 3); /* one old one went */
    assert_int_equal(new_set_size(d, 9, 9), 10); /* never above what is wanted */
    assert_int_equal(new_set_size(d, 0, 0), 10); /* a first rollout */
    Appsv1__Deployment *r = make_deployment(a, 10, NULL, NULL);
    r->spec->strategy->type = (char *)"Recreate";
    assert_int_equal(new_set_size(r, 7, 0), 10);
}

static void shrinking_keeps_availability(void **state)
{
    const Appsv1__Deployment *d = make_deployment(a, 10, make_int(a, 2), make_int(a, 2));
    struct rs_size old[2] = {{.replicas = 6, .available = 6}, {.replicas = 4, .available = 4}};

    assert_true(shrink_old_sets(d, old, 2, 2, 0)); /* 10 available, 8 needed */
    assert_int_equal(old[0].to, 4);
    assert_int_equal(old[1].to, 4);
    assert_false(shrink_old_sets(make_deployment(a, 10, make_int(a, 2), make_int(a, 0)), old, 2, 2, 0));
    assert_true(shrink_old_sets(make_deployment(a, 10, make_int(a, 2), make_int(a, 0)), old, 2, 2, 1));
    assert_int_equal(old[0].to, 5);
}

static void shrinking_takes_unhealthy_ones_first(void **state)
{
    const Appsv1__Deployment *d = make_deployment(a, 10, make_int(a, 2), make_int(a, 2));
    struct rs_size old[2] = {{.replicas = 5, .available = 5}, {.replicas = 5, .available = 1}};

    /* 6 available, 8 needed: only those that are not available may go, and only as far as the new ones that may yet
     * fail allow */
    assert_true(shrink_old_sets(d, old, 2, 2, 0));
    assert_int_equal(old[0].to, 5);
    assert_int_equal(old[1].to, 3);
}

static void nothing_to_shrink(void **state)
{
    const Appsv1__Deployment *d = make_deployment(a, 3, make_int(a, 1), make_int(a, 1));
    struct rs_size none[1] = {{.replicas = 0}};

    assert_false(shrink_old_sets(d, none, 1, 3, 3));
    assert_false(shrink_old_sets(d, none, 0, 3, 3));
}

/* A whole rollout by the plans alone: each new pod becomes available one step after it was made. Never fewer available,
 * never more pods than allowed; it ends, whatever the sizes. */
static void every_rollout_ends_within_its_limits(void **state)
{
    for (int desired = 1; desired <= 12; desired++)
        for (int surge = 0; surge <= 4; surge++)
            for (int down = 0; down <= 4; down++) {
                const Appsv1__Deployment *d = make_deployment(a, desired, make_int(a, surge), make_int(a, down));
                struct rs_size old = {.replicas = desired, .available = desired};
                int fresh = 0, fresh_available = 0, steps = 0;
                while (fresh_available < desired || old.replicas) {
                    fresh = new_set_size(d, fresh + old.replicas, fresh);
                    assert_true(fresh + old.replicas <= desired + dep_max_surge(d));
                    if (shrink_old_sets(d, &old, 1, fresh, fresh_available))
                        old.replicas = old.available = old.to;
                    assert_true(old.available + fresh_available >= desired - dep_max_unavailable(d));
                    fresh_available = fresh;
                    assert_true(++steps < 100);
                }
            }
}

static void scaling_in_proportion(void **state)
{
    const Appsv1__Deployment *d = make_deployment(a, 15, make_int(a, 3), make_int(a, 2));
    struct rs_size s[3] = {{.replicas = 8, .max_before = 13}, {.replicas = 5, .max_before = 13}, {0}};

    scale_in_proportion(d, s, 2); /* upstream's example: 10 + 3 become 15 + 3 */
    assert_int_equal(s[0].to + s[1].to, 18);
    assert_int_equal(s[0].to, 11);
    assert_int_equal(s[1].to, 7);
    scale_in_proportion(make_deployment(a, 5, make_int(a, 3), make_int(a, 2)), s, 2);
    assert_int_equal(s[0].to + s[1].to, 8);
    scale_in_proportion(make_deployment(a, 0, make_int(a, 3), make_int(a, 2)), s, 2);
    assert_int_equal(s[0].to, 0);
    assert_int_equal(s[1].to, 0);
    scale_in_proportion(make_deployment(a, 10, make_int(a, 3), make_int(a, 2)), s, 2); /* as it is */
    assert_int_equal(s[0].to, 8);
    assert_int_equal(s[1].to, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fenceposts),
        cmocka_unit_test(growing),
        cmocka_unit_test(shrinking_keeps_availability),
        cmocka_unit_test(shrinking_takes_unhealthy_ones_first),
        cmocka_unit_test(nothing_to_shrink),
        cmocka_unit_test(every_rollout_ends_within_its_limits),
        cmocka_unit_test(scaling_in_proportion),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
