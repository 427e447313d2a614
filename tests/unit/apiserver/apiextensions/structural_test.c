/* Schemas: compiled, and the three walks over objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "apiserver/apiextensions/structural.h"
#include "base/limits.h"

static struct doc *parse(struct arena *a, const char *text)
{
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    if (json_parse(a, str_of(text), NULL, &d, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return d;
}

static const struct structural *compile(struct arena *a, const char *text)
{
    const struct structural *s = NULL;
    struct err err = ERR_INIT;
    if (structural_compile(a, parse(a, text), &s, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return s;
}

static void assert_json(const struct doc *d, const char *want)
{
    struct buf b = BUF_INIT(MIB);
    json_write(&b, d);
    assert_string_equal(buf_str(&b).p, want);
    buf_release(&b);
}

#define OBJECT(more) "{\"type\":\"object\",\"properties\":{" more "}}"

static void prunes(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *in, *out, *unknown;
    } cases[] = {
        {OBJECT("\"a\":{\"type\":\"string\"}"),
         "{\"apiVersion\":\"v\",\"kind\":\"K\",\"metadata\":{\"x\":1},\"a\":\"1\",\"b\":2}",
         "{\"apiVersion\":\"v\",\"kind\":\"K\",\"metadata\":{\"x\":1},\"a\":\"1\"}", "unknown field \"b\""},
        {OBJECT("\"a\":" OBJECT("\"b\":{\"type\":\"integer\"}")), "{\"a\":{\"b\":1,\"c\":2,\"a\":3}}",
         "{\"a\":{\"b\":1}}", "unknown field \"a.a\"|unknown field \"a.c\""},
        {OBJECT("\"l\":{\"type\":\"array\",\"items\":" OBJECT("\"b\":{}") "}"), "{\"l\":[{\"b\":1},{\"c\":1}]}",
         "{\"l\":[{\"b\":1},{}]}", "unknown field \"l[1].c\""},
        {OBJECT("\"m\":{\"type\":\"object\",\"additionalProperties\":" OBJECT("\"b\":{}") "}"),
         "{\"m\":{\"x\":{\"b\":1,\"c\":2}}}", "{\"m\":{\"x\":{\"b\":1}}}", "unknown field \"m.x.c\""},
        {OBJECT(
             "\"p\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true,\"properties\":{\"k\":" OBJECT(
                 "\"b\":{}") "}}"),
         "{\"p\":{\"any\":{\"x\":[1]},\"k\":{\"b\":1,\"c\":2}}}", "{\"p\":{\"any\":{\"x\":[1]},\"k\":{\"b\":1}}}",
         "unknown field \"p.k.c\""},
        {OBJECT("\"e\":{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,\"properties\":{\"spec\":{}}}"),
         "{\"e\":{\"apiVersion\":\"v1\",\"kind\":\"P\",\"metadata\":{\"name\":\"x\"},\"z\":1}}",
         "{\"e\":{\"apiVersion\":\"v1\",\"kind\":\"P\",\"metadata\":{\"name\":\"x\"}}}", "unknown field \"e.z\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new(16 * MIB);
        struct doc_warnings w = {.n = 0};
        struct doc *d = parse(a, cases[i].in);
        structural_prune(a, d, compile(a, cases[i].schema), &w);
        assert_json(d, cases[i].out);
        struct buf b = BUF_INIT(MIB);
        for (size_t j = 0; j < w.n; j++)
            buf_printf(&b, "%s%s", j ? "|" : "", w.text[j]);
        assert_string_equal(buf_str(&b).p, cases[i].unknown);
        buf_release(&b);
        arena_free(a);
    }
}

static void defaults(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {OBJECT("\"a\":{\"type\":\"integer\",\"default\":1}"), "{}", "{\"a\":1}"},
        {OBJECT("\"a\":{\"type\":\"integer\",\"default\":1}"), "{\"a\":2}", "{\"a\":2}"},
        {OBJECT("\"a\":{\"type\":\"integer\",\"default\":1}"), "{\"a\":null}", "{\"a\":1}"},
        {OBJECT("\"a\":{\"type\":\"integer\",\"nullable\":true,\"default\":1}"), "{\"a\":null}", "{\"a\":null}"},
        {OBJECT("\"a\":{\"type\":\"integer\"}"), "{\"a\":null}", "{}"},
        {OBJECT("\"s\":" OBJECT("\"a\":{\"default\":\"x\",\"type\":\"string\"}")), "{}", "{}"},
        {OBJECT("\"s\":" OBJECT("\"a\":{\"default\":\"x\",\"type\":\"string\"}")), "{\"s\":{}}",
         "{\"s\":{\"a\":\"x\"}}"},
        {"{\"type\":\"object\",\"properties\":{\"s\":{\"type\":\"object\",\"default\":{},\"properties\":{\"a\":{"
         "\"type\":"
         "\"integer\",\"default\":3}}}}}",
         "{}", "{\"s\":{\"a\":3}}"},
        {OBJECT("\"l\":{\"type\":\"array\",\"items\":" OBJECT("\"a\":{\"default\":1,\"type\":\"integer\"}") "}"),
         "{\"l\":[{},{\"a\":2}]}", "{\"l\":[{\"a\":1},{\"a\":2}]}"},
        {OBJECT("\"m\":{\"type\":\"object\",\"additionalProperties\":" OBJECT(
             "\"a\":{\"default\":1,\"type\":\"integer\"}") "}"),
         "{\"m\":{\"k\":{}}}", "{\"m\":{\"k\":{\"a\":1}}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new(16 * MIB);
        struct doc *d = parse(a, cases[i][1]);
        structural_default(a, d, compile(a, cases[i][0]));
        assert_json(d, cases[i][2]);
        arena_free(a);
    }
}

#define V(schema, value, want)                                                                                         \
    {                                                                                                                  \
        OBJECT("\"a\":{" schema "}"), "{\"a\":" value "}", want                                                        \
    }

static void validates(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        V("\"type\":\"integer\"", "\"x\"",
          "a: Invalid value: \"string\": a in body must be of type integer: \"string\""),
        V("\"type\":\"integer\"", "1.5", "a: Invalid value: \"number\": a in body must be of type integer: \"number\""),
        V("\"type\":\"integer\"", "1.0", ""),
        V("\"type\":\"number\"", "1", ""),
        V("\"type\":\"string\"", "null", "a: Invalid value: \"null\": a in body must be of type string: \"null\""),
        V("\"type\":\"string\",\"nullable\":true", "null", ""),
        V("\"x-kubernetes-int-or-string\":true", "true",
          "a: Invalid value: \"boolean\": a in body must be of type integer,string: \"boolean\""),
        V("\"x-kubernetes-int-or-string\":true", "\"50%\"", ""),
        V("\"type\":\"integer\",\"minimum\":1", "0",
          "a: Invalid value: 0: a in body should be greater than or equal to 1"),
        V("\"type\":\"number\",\"maximum\":1,\"exclusiveMaximum\":true", "1",
          "a: Invalid value: 1: a in body should be less than 1"),
        V("\"type\":\"integer\",\"multipleOf\":3", "4", "a: Invalid value: 4: a in body should be a multiple of 3"),
        V("\"type\":\"integer\",\"format\":\"int32\"", "4294967296",
          "<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in a"),
        V("\"type\":\"string\",\"maxLength\":2", "\"abc\"", "a: Too long: may not be more than 2 bytes"),
        V("\"type\":\"string\",\"minLength\":2", "\"\xc3\xa9\"",
          "a: Invalid value: \"\xc3\xa9\": a in body should be at least 2 chars long"),
        V("\"type\":\"string\",\"pattern\":\"^x\"", "\"y\"", "a: Invalid value: \"y\": a in body should match '^x'"),
        V("\"type\":\"string\",\"format\":\"date-time\"", "\"y\"",
          "a: Invalid value: \"y\": a in body must be of type date-time: \"y\""),
        V("\"type\":\"string\",\"format\":\"date-time\"", "\"2020-01-02T03:04:05Z\"", ""),
        V("\"type\":\"string\",\"format\":\"nobody-knows\"", "\"y\"", ""),
        V("\"type\":\"string\",\"enum\":[\"p\",\"q\"]", "\"y\"",
          "a: Unsupported value: \"y\": supported values: \"p\", \"q\""),
        V("\"type\":\"array\",\"maxItems\":1,\"items\":{\"type\":\"string\"}", "[\"x\",1]",
          "a[1]: Invalid value: \"integer\": a[1] in body must be of type string: \"integer\"|"
          "a: Too many: 2: must have at most 1 item"),
        V("\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}", "[\"x\",\"x\"]",
          "a[1]: Duplicate value: \"x\""),
        V("\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"k\"],\"items\":{"
          "\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"string\"}}}",
          "[{\"k\":\"x\"},{\"k\":\"x\"}]", "a[1]: Duplicate value: {\"k\":\"x\"}"),
        V("\"type\":\"object\",\"required\":[\"b\"],\"properties\":{\"b\":{\"type\":\"string\"}}", "{}",
          "a.b: Required value"),
        V("\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}", "{\"k\":1}",
          "a.k: Invalid value: \"integer\": a.k in body must be of type string: \"integer\""),
        V("\"type\":\"object\",\"minProperties\":1", "{}",
          "a: Invalid value: 0: a in body should have at least 1 properties"),
        V("\"type\":\"integer\",\"anyOf\":[{\"minimum\":5},{\"maximum\":1}]", "3",
          "<nil>: Invalid value: \"\": \"a\" must validate at least one schema (anyOf)|"
          "a: Invalid value: 3: a in body should be greater than or equal to 5"),
        V("\"type\":\"integer\",\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]", "3",
          "<nil>: Invalid value: \"\": \"a\" must validate one and only one schema (oneOf). Found 2 valid "
          "alternatives"),
        V("\"type\":\"object\",\"oneOf\":[{\"required\":[\"x\"]},{\"required\":[\"y\"]}]", "{}",
          "<nil>: Invalid value: \"\": \"a\" must validate one and only one schema (oneOf). Found none valid|"
          "a.x: Required value"),
        V("\"type\":\"integer\",\"not\":{\"minimum\":1}", "3",
          "<nil>: Invalid value: \"\": \"a\" must not validate the schema (not)"),
        V("\"type\":\"integer\",\"allOf\":[{\"minimum\":4},{\"maximum\":9}]", "3",
          "<nil>: Invalid value: \"\": \"a\" must validate all the schemas (allOf)|"
          "a: Invalid value: 3: a in body should be greater than or equal to 4"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new(16 * MIB);
        struct field_errors errs = field_errors_in(a);
        structural_validate(compile(a, cases[i][0]), parse(a, cases[i][1]), "", &errs);
        struct buf b = BUF_INIT(MIB);
        for (const struct field_error *e = errs.first; e; e = e->next)
            buf_printf(&b, "%s%s: %s", b.len ? "|" : "", e->field, e->body);
        assert_string_equal(buf_str(&b).p, cases[i][2]);
        buf_release(&b);
        arena_free(a);
    }
}

static void refuses(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 * MIB);
    const struct structural *s = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(structural_compile(a, parse(a, "{\"type\":\"string\",\"pattern\":\"(\"}"), &s, &err), -1);
    assert_null(s);
    err_clear(&err);
    struct buf deep = BUF_INIT(MIB);
    for (int i = 0; i < 400; i++)
        buf_puts(&deep, "{\"items\":");
    buf_puts(&deep, "{}");
    for (int i = 0; i < 400; i++)
        buf_putc(&deep, '}');
    assert_int_equal(structural_compile(a, parse(a, deep.data), &s, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    buf_release(&deep);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(prunes), cmocka_unit_test(defaults),
                                       cmocka_unit_test(validates), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
