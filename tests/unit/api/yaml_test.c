#include "check.h"

#include "api/yaml.h"

static void test_resolved_as_upstream_does(void **state)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"a: b", "{\"a\":\"b\"}"},
        {"{a: [1, 'x', \"y\", null, ~, ]}", "{\"a\":[1,\"x\",\"y\",null,null]}"},
        {"- yes\n- No\n- on\n- OFF\n- true\n- y\n- n\n- YeS", "[true,false,true,false,true,true,false,\"YeS\"]"},
        {"- 'yes'\n- \"1\"\n- !!str 5\n- !!int \"5\"", "[\"yes\",\"1\",\"5\",5]"},
        {"- 0x1F\n- 017\n- 0o17\n- 0b101\n- 1_000\n- +7\n- -0x10\n- 08\n- 09.5", "[31,15,15,5,1000,7,-16,8,9.5]"},
        {"- 1.0\n- 1.50\n- 1e3\n- .5\n- 1.\n- 1e21\n- 1e-7\n- 0.000001\n- 123456789.125",
         "[1,1.5,1000,0.5,1,1e+21,1e-7,0.000001,123456789.125]"},
        {"- 18446744073709551615\n- -9223372036854775808\n- 18446744073709551616",
         "[18446744073709551615,-9223372036854775808,18446744073709552000]"},
        {"- 2026-01-02\n- 2026-01-02T03:04:05Z\n- 1.2.3\n- 10.0.0.1\n- 12:30:45\n- 5m\n- -\n- 1e\n- 0x\n- 1__",
         "[\"2026-01-02\",\"2026-01-02T03:04:05Z\",\"1.2.3\",\"10.0.0.1\",\"12:30:45\",\"5m\",[null],\"1e\",\"0x\",1]"},
        {"1: a\ntrue: b\n1.5: c\n'x': d", "{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"x\":\"d\"}"},
        {"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}"},
        {"a: &x {k: v}\nb: *x\nc: [*x, *x]",
         "{\"a\":{\"k\":\"v\"},\"b\":{\"k\":\"v\"},\"c\":[{\"k\":\"v\"},{\"k\":\"v\"}]}"},
        {"base: &b {x: 1, w: 2}\nd:\n  <<: *b\n  w: 3\n  z: 4",
         "{\"base\":{\"x\":1,\"w\":2},\"d\":{\"w\":3,\"z\":4,\"x\":1}}"},
        {"d:\n  <<: [{x: 1}, {x: 2, w: 2}]", "{\"d\":{\"x\":1,\"w\":2}}"},
        {"a: !!binary aGVsbG8=", "{\"a\":\"hello\"}"},
        {"a:", "{\"a\":null}"},
        {"# nothing\n", "null"},
        {"\xc3\xa9: \xe2\x82\xac", "{\"\xc3\xa9\":\"\xe2\x82\xac\"}"},
        {"{\"json\": [1, {\"x\": \"\\u00e9\"}]}", "{\"json\":[1,{\"x\":\"\xc3\xa9\"}]}"},
        {"plain text", "\"plain text\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        size_t offset = 0;
        struct doc *d;
        if (yaml_parse(*state, str_of(cases[i].yaml), &offset, &d, &err) != 1)
            fail_msg("%s: %s", cases[i].yaml, err.msg);
        if (strcmp(text_of(*state, d), cases[i].json) != 0)
            fail_msg("%s: %s", cases[i].yaml, text_of(*state, d));
        assert_int_equal(yaml_parse(*state, str_of(cases[i].yaml), &offset, &d, &err), 0);
    }
}

static void test_several_documents(void **state)
{
    static const char text[] = "---\na: 1\n--- # two\nb: |\n  ---x\n...\n---\n# empty\n---\n- 3\n";
    static const char *const want[] = {"{\"a\":1}", "{\"b\":\"---x\\n\"}", "null", "[3]"};
    struct err err = ERR_INIT;
    size_t offset = 0, n = 0;
    struct doc *d;
    int rc;

    while ((rc = yaml_parse(*state, str_of(text), &offset, &d, &err)) == 1) {
        assert_true(n < ARRAY_LEN(want));
        assert_doc(*state, d, want[n++]);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(n, ARRAY_LEN(want));
}

static void test_errors(void **state)
{
    static const struct {
        const char *yaml, *msg;
    } cases[] = {
        {"a: b\nc: d: e", "yaml: line 2: mapping values are not allowed in this context"},
        {"a: 1\nb: 2\na: 3", "yaml: unmarshal errors:\n  line 3: key \"a\" already set in map"},
        {"x: 1\n---\na: [1", "yaml: line 3: did not find expected ',' or ']'"},
        {"a: *x", "yaml: unknown anchor 'x' referenced"},
        {"a: &x [*x]", "yaml: unknown anchor 'x' referenced"},
        {"\ta: b", "yaml: found character that cannot start any token"},
        {"{}: 1", "yaml: unsupported map key of type: map"},
        {"a: .nan", "json: unsupported value: .nan"},
        {"<<: 5", "yaml: map merge requires map or sequence of maps as the value"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        size_t offset = 0;
        struct doc *d;
        int rc;
        while ((rc = yaml_parse(*state, str_of(cases[i].yaml), &offset, &d, &err)) == 1)
            ;
        if (rc == 0)
            fail_msg("%s was accepted", cases[i].yaml);
        assert_string_equal(err.msg, cases[i].msg);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
    }
}

static void test_aliases_and_depth_are_bounded(void **state)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    size_t offset = 0;
    struct doc *d;

    buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 10; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buf_printf(&text, "*a%d,", i - 1);
        buf_puts(&text, "]\n");
    }
    assert_int_equal(yaml_parse(*state, buf_str(&text), &offset, &d, &err), -1);
    assert_string_equal(err.msg, "yaml: document contains excessive aliasing");
    buf_clear(&text);
    for (int i = 0; i < 2000; i++)
        buf_puts(&text, "[");
    offset = 0;
    assert_int_equal(yaml_parse(*state, buf_str(&text), &offset, &d, &err), -1);
    assert_true(yaml_is_json(STR("\n {\"a\":1}")) && !yaml_is_json(STR("a: {}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(test_resolved_as_upstream_does),
        ARENA_TEST(test_several_documents),
        ARENA_TEST(test_errors),
        ARENA_TEST(test_aliases_and_depth_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
