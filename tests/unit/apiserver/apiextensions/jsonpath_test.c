#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "api/json.h"
#include "apiserver/apiextensions/jsonpath.h"
#include "base/limits.h"

#define OBJECT                                                                                                         \
    "{\"spec\":{\"n\":3,\"a.b\":\"dot\",\"list\":[{\"k\":\"x\",\"v\":1},{\"k\":\"y\",\"v\":2}],\"e\":[]},"             \
    "\"status\":{\"conditions\":[{\"type\":\"A\",\"status\":\"True\"},{\"type\":\"Ready\",\"status\":\"False\"}]}}"

static void finds(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {".spec.n", "3"},
        {"{.spec.n}", "3"},
        {".spec.a\\.b", "\"dot\""},
        {".spec['a.b']", "\"dot\""},
        {".spec.list[1].k", "\"y\""},
        {".spec.list[-1].v", "2"},
        {".spec.list[7].v", ""},
        {".spec.list[*].k", "\"x\""},
        {".spec.list", "[{\"k\":\"x\",\"v\":1},{\"k\":\"y\",\"v\":2}]"},
        {".status.conditions[?(@.type==\"Ready\")].status", "\"False\""},
        {".status.conditions[?(@.type == 'None')].status", ""},
        {".status.conditions[?(@.status!=\"True\")].type", "\"Ready\""},
        {".spec.list[?(@.v>1)].k", "\"y\""},
        {".spec.list[?(@.v)].k", "\"x\""},
        {".spec.none.at.all", ""},
        {".spec.e[0]", ""},
    };
    struct arena *a = arena_new(16 * MIB);
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(json_parse(a, STR(OBJECT), NULL, &d, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct jsonpath *p;
        struct buf b = BUF_INIT(MIB);
        if (jsonpath_compile(a, str_of(cases[i][0]), &p, &err) < 0)
            fail_msg("%s", err.msg);
        const struct doc *found = jsonpath_first(p, d);
        if (found)
            json_write(&b, found);
        assert_string_equal(buf_str(&b).p, cases[i][1]);
        buf_release(&b);
    }
    arena_free(a);
}

static void sets(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct doc *d = doc_object(a);
    const struct jsonpath *p;
    struct err err = ERR_INIT;
    assert_int_equal(jsonpath_compile(a, STR(".spec.deep.replicas"), &p, &err), 0);
    assert_true(jsonpath_is_simple(p));
    assert_true(jsonpath_set(p, a, d, doc_int(a, 4)));
    assert_int_equal(doc_int_or(doc_path(d, "spec.deep.replicas"), 0), 4);
    doc_set_path(a, d, "spec.deep", doc_int(a, 1));
    assert_false(jsonpath_set(p, a, d, doc_int(a, 4)));
    arena_free(a);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {"spec",         ".",           ".spec.", ".spec[", ".spec[x]", ".spec['a",
                                        ".l[?(@.a==1]", ".l[?(a==1)]", ".a b"};
    struct arena *a = arena_new(MIB);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct jsonpath *p;
        struct err err = ERR_INIT;
        int want = strcmp(cases[i], ".") == 0 ? 0 : -1; /* the whole object */
        assert_int_equal(jsonpath_compile(a, str_of(cases[i]), &p, &err), want);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds), cmocka_unit_test(sets), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
