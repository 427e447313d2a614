#include "api/json.h"
#include "ecs/store/cache.h"
#include "ecs/store/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct doc *object(struct arena *a, const char *ns, const char *name, int version, const char *value)
{
    struct doc *o;
    struct err err = ERR_INIT;
    const char *text = arena_printf(a,
                                    "{\"metadata\":{\"namespace\":\"%s\",\"name\":\"%s\",\"resourceVersion\":\"%d\"},"
                                    "\"spec\":\"%s\"}",
                                    ns, name, version, value);

    assert_int_equal(json_parse(a, str_of(text), NULL, &o, &err), 0);
    return o;
}

static void versions_only_go_forward(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    struct ecs_cache c;

    ecs_cache_init(&c);
    assert_true(ecs_cache_put(&c, object(a, "n", "x", 9, "nine")));
    assert_true(ecs_cache_put(&c, object(a, "n", "x", 10, "ten"))); /* by number, not by text */
    assert_false(ecs_cache_put(&c, object(a, "n", "x", 9, "nine")));
    assert_false(ecs_cache_put(&c, object(a, "n", "x", 10, "again")));
    struct str text = ecs_cache_get(&c, a, STR("n"), STR("x"));
    assert_non_null(memmem(text.p, text.n, "\"ten\"", 5));
    assert_false(ecs_cache_remove(&c, STR("n"), STR("x"), 9)); /* a newer one is held */
    assert_true(ecs_cache_remove(&c, STR("n"), STR("x"), 11));
    assert_false(ecs_cache_remove(&c, STR("n"), STR("x"), 0));
    assert_int_equal(ecs_cache_get(&c, a, STR("n"), STR("x")).n, 0);
    ecs_cache_release(&c);
}

static void lists_are_by_namespace_and_sorted(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    struct ecs_cache c;
    size_t n = 0;

    ecs_cache_init(&c);
    ecs_cache_put(&c, object(a, "b", "2", 1, ""));
    ecs_cache_put(&c, object(a, "b", "1", 2, ""));
    ecs_cache_put(&c, object(a, "a", "3", 3, ""));
    ecs_cache_put(&c, object(a, "", "4", 4, ""));
    struct ecs_cache_item *v = ecs_cache_list(&c, a, str_n(NULL, 0), true, &n);
    assert_int_equal(n, 4);
    assert_true(str_is(v[0].name, "4") && str_is(v[1].name, "3") && str_is(v[2].name, "1") && str_is(v[3].name, "2"));
    v = ecs_cache_list(&c, a, STR("b"), false, &n);
    assert_int_equal(n, 2);
    assert_true(str_is(v[0].name, "1") && v[0].text.n == 0 && v[0].version == 2);
    assert_int_equal(ecs_cache_count(&c, STR("b")), 2);
    assert_int_equal(ecs_cache_count(&c, STR("none")), 0);
    assert_int_equal(ecs_cache_count(&c, str_n(NULL, 0)), 4);
    ecs_cache_release(&c);
}

/* A GET that was answered before a deletion, and comes after the deletion was seen. */
static void an_old_answer_brings_nothing_back(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    struct ecs_cache c;

    ecs_cache_init(&c);
    ecs_cache_put(&c, object(a, "n", "x", 5, ""));
    assert_true(ecs_cache_remove(&c, STR("n"), STR("x"), 7));
    ecs_cache_seen(&c, 7);
    assert_false(ecs_cache_put(&c, object(a, "n", "x", 5, "")));
    assert_int_equal(ecs_cache_count(&c, STR("n")), 0);
    assert_true(ecs_cache_put(&c, object(a, "n", "x", 8, ""))); /* made again */
    ecs_cache_seen(&c, 6);
    assert_int_equal(c.seen, 7);
    assert_true(ecs_cache_put_listed(&c, object(a, "n", "y", 3, ""))); /* a list is right whatever was seen */
    ecs_cache_release(&c);
}

static void what_no_page_has_is_told(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    struct ecs_cache c;
    size_t n = 0;

    ecs_cache_init(&c);
    for (int i = 0; i < 5; i++)
        ecs_cache_put(&c, object(a, "n", arena_printf(a, "%d", i), 10 + i, ""));
    ecs_cache_list_begin(&c);
    assert_true(ecs_cache_put_listed(&c, object(a, "n", "1", 20, "newer")));
    assert_false(ecs_cache_put_listed(&c, object(a, "n", "3", 13, "the same")));
    ecs_cache_put(&c, object(a, "n", "9", 30, "written meanwhile"));
    struct ecs_cache_item *v = ecs_cache_unlisted(&c, a, &n);
    assert_int_equal(n, 3);
    assert_true(str_is(v[0].name, "0") && str_is(v[1].name, "2") && str_is(v[2].name, "4") && v[2].version == 14);
    ecs_cache_release(&c);
}

static void packed_texts_come_back(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 22);
    struct ecs_cache c;
    size_t n = 0;

    ecs_cache_init(&c);
    c.packed = true;
    for (int i = 0; i < 50; i++) {
        const char *value = arena_printf(a, "%0*d", i * 40, i);
        ecs_cache_put(&c, object(a, "n", arena_printf(a, "%d", i), i + 1, value));
    }
    for (int i = 0; i < 50; i++) {
        const char *value = arena_printf(a, "%0*d", i * 40, i), *name = arena_printf(a, "%d", i);
        struct err err = ERR_INIT;
        struct doc *o;
        assert_int_equal(json_parse(a, ecs_cache_get(&c, a, STR("n"), str_of(name)), NULL, &o, &err), 0);
        assert_true(doc_equal(o, object(a, "n", name, i + 1, value)));
    }
    struct ecs_cache_item *v = ecs_cache_list(&c, a, STR("n"), true, &n);
    assert_int_equal(n, 50);
    assert_true(memmem(v[49].text.p, v[49].text.n, "\"9\"", 3) != NULL);
    ecs_cache_release(&c);
}

static void definitions_are_json(void **state)
{
    for (int k = 0; k < ECS_KINDS; k++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
        _cleanup_(buf_releasep) struct buf b = BUF_INIT(1 << 16);
        struct err err = ERR_INIT;
        struct doc *d;
        if (ecs_kinds[k].base)
            continue;
        ecs_kind_definition(&b, &ecs_kinds[k]);
        assert_int_equal(json_parse(a, buf_str(&b), NULL, &d, &err), 0);
        assert_true(str_is(doc_str(doc_path(d, "spec.names.plural")), ecs_kinds[k].resource));
        const struct doc *columns = doc_get(doc_at(doc_path(d, "spec.versions"), 0), "additionalPrinterColumns");
        assert_true(str_is(doc_str(doc_get(columns->last, "name")), "Age"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(versions_only_go_forward),
                                       cmocka_unit_test(lists_are_by_namespace_and_sorted),
                                       cmocka_unit_test(an_old_answer_brings_nothing_back),
                                       cmocka_unit_test(what_no_page_has_is_told),
                                       cmocka_unit_test(packed_texts_come_back),
                                       cmocka_unit_test(definitions_are_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
