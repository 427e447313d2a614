#include "apiserver/registry/meta.h"

#include "api/json.h"
#include "base/limits.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct doc *parse(struct arena *a, const char *text)
{
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(json_parse(a, str_of(text), NULL, &d, &err), 0);
    return d;
}

static void new_objects(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct doc *d = parse(
        a, "{\"metadata\":{\"generateName\":\"x-\",\"uid\":\"mine\",\"deletionTimestamp\":\"2020-01-01T00:00:00Z\"}}");
    meta_fill_new(a, d, 1700000000 * NS_PER_S + 999);
    assert_int_equal(meta_uid(d).n, UUID_LEN);
    assert_false(meta_is_deleting(d));
    assert_true(str_is(meta_str(d, "creationTimestamp"), "2023-11-14T22:13:20Z"));
    meta_generate_name(a, d);
    assert_true(str_starts(meta_name(d), STR("x-")));
    assert_int_equal(meta_name(d).n, 7);
    struct str first = meta_name(d);
    meta_generate_name(a, d);
    assert_false(str_eq(first, meta_name(d)));
    arena_free(a);
}

static void long_names_are_cut(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct doc *d = doc_object(a);
    char base[100];
    memset(base, 'a', sizeof(base));
    meta_set_str(a, d, "generateName", str_n(base, sizeof(base)));
    meta_generate_name(a, d);
    assert_int_equal(meta_name(d).n, NAME_GENERATED_MAX);
    arena_free(a);
}

static void updates_keep_system_fields(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct doc *old = parse(a, "{\"metadata\":{\"uid\":\"u\",\"generation\":3,\"labels\":{\"a\":\"b\"}}}");
    struct doc *obj =
        parse(a, "{\"metadata\":{\"uid\":\"v\",\"generation\":9,\"deletionTimestamp\":\"2020-01-01T00:00:00Z\"}}");
    meta_keep_system_fields(a, obj, old);
    assert_true(str_is(meta_uid(obj), "u"));
    assert_int_equal(meta_generation(obj), 3);
    assert_false(meta_is_deleting(obj));
    assert_null(doc_get(meta_of(obj), "labels"));
    arena_free(a);
}

static void sameness(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    assert_true(doc_same(NULL, doc_object(a)));
    assert_true(doc_same(doc_array(a), doc_null(a)));
    assert_false(doc_same(NULL, doc_int(a, 0)));
    assert_true(doc_same(parse(a, "{\"a\":1,\"b\":[1]}"), parse(a, "{\"b\":[1],\"a\":1}")));
    assert_false(doc_same(parse(a, "{\"a\":1}"), parse(a, "{\"a\":2}")));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(new_objects), cmocka_unit_test(long_names_are_cut),
                                       cmocka_unit_test(updates_keep_system_fields), cmocka_unit_test(sameness)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
