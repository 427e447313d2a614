#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/random.h"
#include "ecs/ops/ops.h"
#include "ecs/wire/call.h"
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

/* A call that asks for n items behind the token. */
static struct aws_call *asked(struct arena *a, int n, struct str token)
{
    struct aws_call *c = arena_new_of(a, struct aws_call);
    struct doc *input = doc_object(a);

    assert_non_null(c);
    if (n)
        doc_set(input, "maxResults", doc_int(a, n));
    if (token.n)
        doc_set(input, "nextToken", doc_string(a, token));
    *c = (struct aws_call){.arena = a, .input = input, .output = doc_object(a)};
    return c;
}

static struct str page(struct arena *a, const struct doc *all, int n, struct str token, const char *want)
{
    struct aws_call *c = asked(a, n, token);
    struct err err = ERR_INIT;

    assert_int_equal(ecs_put_page(c, "items", all, 100, &err), 0);
    assert_doc(a, c->output, "items", want);
    return doc_str(doc_get(c->output, "nextToken"));
}

static void test_pages(void **state)
{
    struct doc *all = doc_of(*state, "['a','b','c','d','e']");
    struct str token = page(*state, all, 2, STR(""), "['a','b']");

    token = page(*state, all, 2, token, "['c','d']");
    token = page(*state, all, 2, token, "['e']");
    assert_int_equal(token.n, 0);
    assert_int_equal(page(*state, all, 0, STR(""), "['a','b','c','d','e']").n, 0);
    assert_int_equal(page(*state, doc_array(*state), 2, STR(""), "[]").n, 0);
}

/* Items that come and go between two pages: none of the others is lost or told twice. */
static void test_changes(void **state)
{
    struct str token = page(*state, doc_of(*state, "['a','c','e','g']"), 2, STR(""), "['a','c']");

    page(*state, doc_of(*state, "['e','g']"), 2, token, "['e','g']");
    page(*state, doc_of(*state, "['a','b','d','e']"), 2, token, "['d','e']");
    page(*state, doc_of(*state, "['a']"), 2, token, "[]");
    token = page(*state, doc_of(*state, "['g','e','c','a']"), 2, STR(""), "['g','e']");
    page(*state, doc_of(*state, "['g','d','a']"), 2, token, "['d','a']");
}

static void test_objects(void **state)
{
    struct doc *all = doc_of(*state, "[{'name':'x','v':1},{'name':'y','v':2}]");
    struct aws_call *c = asked(*state, 1, STR(""));
    struct err err = ERR_INIT;

    assert_int_equal(ecs_put_page_by(c, "items", all, "name", 10, &err), 0);
    assert_doc(*state, c->output, "items", "[{'name':'x','v':1}]");
    c = asked(*state, 1, doc_str(doc_get(c->output, "nextToken")));
    assert_int_equal(ecs_put_page_by(c, "items", all, "name", 10, &err), 0);
    assert_doc(*state, c->output, "items", "[{'name':'y','v':2}]");
    assert_null(doc_get(c->output, "nextToken"));
}

static void refused(struct arena *a, int n, struct str token)
{
    struct aws_call *c = asked(a, n, token);
    struct err err = ERR_INIT;

    assert_int_equal(ecs_put_page(c, "items", doc_of(a, "['a']"), 100, &err), -1);
    assert_non_null(c->fault);
    assert_string_equal(c->fault->code, "InvalidParameterException");
}

static void test_refused(void **state)
{
    char garbage[40];

    refused(*state, -1, STR(""));
    refused(*state, 101, STR(""));
    refused(*state, 1, STR("zz"));
    refused(*state, 1, STR("61")); /* no check sum */
    refused(*state, 1, STR("0123456789abcdef"));
    refused(*state, 1, STR("610123456789abcdef"));
    for (int i = 0; i < 2000; i++) {
        size_t n = 1 + random_below(sizeof(garbage));
        for (size_t k = 0; k < n; k++)
            garbage[k] = i % 2 ? "0123456789abcdef"[random_below(16)] : (char)random_below(256);
        refused(*state, 1, str_n(garbage, n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
