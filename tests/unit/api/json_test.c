#include "check.h"

#include <dirent.h>

#include "base/file.h"
#include "testlib/shared.h"

/* One file of the published parsing cases: y_ must be read, n_ refused, i_ must not crash. What is read must survive a
 * round. */
static bool check_case(const char *dir, const char *name)
{
    _cleanup_(freep) char *path = xasprintf("%s/%s", dir, name);
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(MIB), out = BUF_INIT(16 * MIB);
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * MIB);
    struct err err = ERR_INIT;
    struct doc *d, *again;

    assert_int_equal(file_read(path, &text, &err), 0);
    /* an exact copy on the heap, so that asan sees one byte too many */
    char *exact = xmalloc(text.len ? text.len : 1);
    if (text.len)
        memcpy(exact, text.data, text.len);
    int rc = json_parse(a, str_n(exact, text.len), NULL, &d, &err);
    bool good = name[0] == 'y' ? rc == 0 : name[0] == 'n' ? rc < 0 : true;
    if (rc == 0) {
        json_write(&out, d);
        good &= json_parse(a, buf_str(&out), NULL, &again, &err) == 0 && doc_equal(d, again);
    }
    if (!good)
        print_error("%s: %s\n", name, rc < 0 ? err.msg : "accepted");
    free(exact);
    return good;
}

static void test_published_cases(void **state)
{
    _cleanup_(freep) char *path = shared_path("testdata/json/test_parsing");
    size_t bad = 0, n = 0;

    if (!path) {
        print_message("skipped 318 parsing cases: no shared test data\n");
        skip();
    }
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        if (!str_ends(str_of(e->d_name), STR(".json")))
            continue;
        bad += !check_case(path, e->d_name);
        n++;
    }
    closedir(dir);
    assert_int_equal(bad, 0);
    assert_true(n >= 300);
}

static void test_errors_speak_as_go_does(void **state)
{
    static const struct {
        const char *text, *msg;
    } cases[] = {
        {"", "unexpected end of JSON input"},
        {"{", "unexpected end of JSON input"},
        {"{\"a\":", "unexpected end of JSON input"},
        {"\"abc", "unexpected end of JSON input"},
        {"\"a\\", "unexpected end of JSON input"},
        {"x", "invalid character 'x' looking for beginning of value"},
        {"{a:1}", "invalid character 'a' looking for beginning of object key string"},
        {"{\"a\" 1}", "invalid character '1' after object key"},
        {"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"},
        {"[1 2]", "invalid character '2' after array element"},
        {"{} {}", "invalid character '{' after top-level value"},
        {"\"\\x\"", "invalid character 'x' in string escape code"},
        {"\"\\u12G4\"", "invalid character 'G' in \\u hexadecimal character escape"},
        {"\"a\nb\"", "invalid character '\\n' in string literal"},
        {"trux", "invalid character 'x' in literal true (expecting 'e')"},
        {"1.x", "invalid character 'x' after decimal point in numeric literal"},
        {"1ex", "invalid character 'x' in exponent of numeric literal"},
        {"-x", "invalid character 'x' in numeric literal"},
        {"\"\xff\"", "invalid UTF-8 in string literal"},
        {"\"\xed\xa0\x80\"", "invalid UTF-8 in string literal"},
        {"\"\xc0\xaf\"", "invalid UTF-8 in string literal"},
        {"\"\xf4\x90\x80\x80\"", "invalid UTF-8 in string literal"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct doc *d = NULL;
        assert_int_equal(json_parse(*state, str_of(cases[i].text), NULL, &d, &err), -1);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        assert_string_equal(err.msg, cases[i].msg);
        assert_null(d);
    }
}

static void test_numbers_stay_as_written(void **state)
{
    struct doc *d = parse(*state, "[1.50,18446744073709551616,-0,1E5,123]");

    assert_doc(*state, d, "[1.50,18446744073709551616,-0,1E5,123]");
    assert_false(doc_at(d, 0)->flags & DOC_F_INT);
    assert_true(doc_at(d, 1)->flags & DOC_F_INT);
    assert_false(doc_at(d, 3)->flags & DOC_F_INT);
}

static void test_escapes(void **state)
{
    struct doc *d = parse(
        *state,
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u00e9\\u20ac\\ud83d\\ude00\",\"\\ud800\",\"\\udc00x\",\"\\ud800\\u0041\","
        "\"0123456789abcdef\\n0123456789abcdef\xc3\xa9z\"]");

    assert_true(str_is(doc_str(doc_at(d, 0)), "\"\\/\b\f\n\r\t"));
    assert_true(str_is(doc_str(doc_at(d, 1)), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    assert_true(str_is(doc_str(doc_at(d, 2)), "\xef\xbf\xbd"));
    assert_true(str_is(doc_str(doc_at(d, 3)), "\xef\xbf\xbdx"));
    assert_true(str_is(doc_str(doc_at(d, 4)), "\xef\xbf\xbd"
                                              "A"));
    assert_true(str_is(doc_str(doc_at(d, 5)), "0123456789abcdef\n0123456789abcdef\xc3\xa9z"));
}

static void test_written_as_go_writes(void **state)
{
    struct arena *a = *state;
    struct doc *d = doc_array(a);

    doc_append(d, doc_string(a, STR("<a href=\"x\">&\\\b\f\n\r\t\x01\x7f")));
    doc_append(d, doc_string(a, STR("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xc3\xa9")));
    doc_append(d, doc_string(a, STR("bad\xff\xc3")));
    assert_doc(a, d,
               "[\"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\\\\\b\\f\\n\\r\\t\\u0001\x7f\","
               "\"\\u2028\\u2029\xe2\x80\xaa\xc3\xa9\",\"bad\\ufffd\\ufffd\"]");
}

static void test_indented(void **state)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(MIB);

    json_write_indent(&out, parse(*state, "{\"a\":[1,{}],\"b\":[]}"), "  ");
    assert_string_equal(out.data, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

static void test_repeated_members_are_reported_and_the_last_counts(void **state)
{
    struct doc_warnings w = {.n = 0};
    struct json_options opt = {.warnings = &w};
    struct err err = ERR_INIT;
    struct doc *d;

    assert_int_equal(
        json_parse(*state,
                   STR("{\"spec\":{\"c\":[{\"name\":\"a\"},{\"name\":\"b\",\"x\":true,\"name\":[7],\"name\":false}]},"
                       "\"kind\":\"A\",\"kind\":\"B\"}"),
                   &opt, &d, &err),
        0);
    assert_doc(*state, d, "{\"spec\":{\"c\":[{\"name\":\"a\"},{\"name\":false,\"x\":true}]},\"kind\":\"B\"}");
    assert_int_equal(w.n, 3);
    assert_string_equal(w.text[0], "duplicate field \"spec.c[1].name\"");
    assert_string_equal(w.text[1], "duplicate field \"spec.c[1].name\"");
    assert_string_equal(w.text[2], "duplicate field \"kind\"");

    opt.strict = true;
    assert_int_equal(json_parse(*state, STR("{\"a\":{\"b\":1,\"b\":2}}"), &opt, &d, &err), -1);
    assert_string_equal(err.msg, "duplicate field \"a.b\"");
}

static void test_repeated_members_of_a_large_object(void **state)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(MIB);
    struct doc_warnings w = {.n = 0};
    struct json_options opt = {.warnings = &w};
    struct err err = ERR_INIT;
    struct doc *d;

    buf_puts(&text, "{\"data\":{");
    for (int i = 0; i < 500; i++)
        buf_printf(&text, "%s\"key%d\":%d", i ? "," : "", i == 400 || i == 450 ? 300 : i, i);
    buf_puts(&text, "}}");
    assert_int_equal(json_parse(*state, buf_str(&text), &opt, &d, &err), 0);
    assert_int_equal(w.n, 2);
    assert_string_equal(w.text[0], "duplicate field \"data.key300\"");
    assert_int_equal(doc_count(doc_get(d, "data")), 498);
    assert_int_equal(doc_int_or(doc_path(d, "data.key300"), 0), 450);
    size_t before = 0;
    for (struct doc *m = doc_get(d, "data")->first; m && !str_is(doc_key(m), "key300"); m = m->next)
        before++;
    assert_int_equal(before, 300);
    assert_int_equal(doc_int_or(doc_get(d, "data")->last, 0), 499);
}

static void test_depth_is_bounded(void **state)
{
    char text[2 * LIMIT_DOC_DEPTH + 3];
    struct err err = ERR_INIT;
    struct doc *d;

    memset(text, '[', LIMIT_DOC_DEPTH);
    memset(text + LIMIT_DOC_DEPTH, ']', LIMIT_DOC_DEPTH);
    assert_int_equal(json_parse(*state, str_n(text, 2 * LIMIT_DOC_DEPTH), NULL, &d, &err), 0);
    memset(text, '[', LIMIT_DOC_DEPTH + 1);
    assert_int_equal(json_parse(*state, str_n(text, 2 * LIMIT_DOC_DEPTH), NULL, &d, &err), -1);
    assert_string_equal(err.msg, "exceeded max depth");
    assert_int_equal(json_parse(*state, STR("[[1]]"), &(struct json_options){.max_depth = 1}, &d, &err), -1);
}

static void test_memory_is_bounded(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * KIB);
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct doc *d;

    buf_puts(&text, "[0");
    for (int i = 0; i < 1000; i++)
        buf_puts(&text, ",[]");
    buf_puts(&text, "]");
    assert_int_equal(json_parse(a, buf_str(&text), NULL, &d, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_cases),
        ARENA_TEST(test_errors_speak_as_go_does),
        ARENA_TEST(test_numbers_stay_as_written),
        ARENA_TEST(test_escapes),
        ARENA_TEST(test_written_as_go_writes),
        ARENA_TEST(test_indented),
        ARENA_TEST(test_repeated_members_are_reported_and_the_last_counts),
        ARENA_TEST(test_repeated_members_of_a_large_object),
        ARENA_TEST(test_depth_is_bounded),
        ARENA_TEST(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
