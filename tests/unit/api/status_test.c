#include "check.h"

#include "api/fielderr.h"
#include "api/status.h"

static void test_not_found(void **state)
{
    struct err err = ERR_INIT;

    assert_int_equal(status_not_found(&err, *state, STR("apps"), STR("deployments"), STR("web")), -1);
    assert_doc(
        *state, status_from_err(*state, &err),
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"deployments."
        "apps "
        "\\\"web\\\" not found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"web\",\"group\":\"apps\",\"kind\":"
        "\"deployments\"},\"code\":404}");
}

static void test_texts(void **state)
{
    struct arena *a = *state;
    struct err err = ERR_INIT;

    status_already_exists(&err, a, STR(""), STR("pods"), STR("a"));
    assert_string_equal(err.msg, "pods \"a\" already exists");
    status_modified(&err, a, STR(""), STR("pods"), STR("a"));
    assert_string_equal(
        err.msg,
        "Operation cannot be fulfilled on pods \"a\": the object has been modified; please apply your changes to "
        "the latest version and try again");
    assert_int_equal(status_http(&err), 409);
    status_forbidden(&err, a, STR(""), STR("pods"), STR(""), "no %s", "way");
    assert_string_equal(err.msg, "pods is forbidden: no way");
    status_forbidden(&err, a, STR(""), STR(""), STR(""), "no");
    assert_string_equal(err.msg, "forbidden: no");
    status_method_not_supported(&err, a, STR("apps"), STR("deployments"), "create");
    assert_string_equal(err.msg, "create is not supported on resources of kind \"deployments.apps\"");
    status_server_timeout(&err, a, STR(""), STR("pods"), "list", 3);
    assert_string_equal(status_reason(&err), "ServerTimeout");
    assert_int_equal(status_http(&err), 500);
    status_too_large_version(&err, a, 9, 5);
    assert_doc(a, status_from_err(a, &err),
               "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"
               "\"Timeout: Too large "
               "resource version: 9, current: "
               "5\",\"reason\":\"Timeout\",\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\","
               "\"message\":\"Too large resource version\"}],\"retryAfterSeconds\":1},\"code\":504}");
    status_internal(&err, a, "disk %d", 5);
    assert_string_equal(err.msg, "Internal error occurred: disk 5");
    status_bad_request(&err, "bad %s", "thing");
    assert_doc(a, status_from_err(a, &err),
               "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"bad "
               "thing\",\"reason\":"
               "\"BadRequest\",\"code\":400}");
}

static void test_long_texts_survive_in_details(void **state)
{
    struct err err = ERR_INIT;
    char name[3000];

    memset(name, 'x', sizeof(name));
    status_not_found(&err, *state, STR(""), STR("pods"), str_n(name, sizeof(name)));
    assert_int_equal(doc_get(status_from_err(*state, &err), "message")->n,
                     sizeof(name) + strlen("pods \"\" not found"));
}

static void test_success(void **state)
{
    const struct status_details d = {
        .name = STR("a"), .group = STR("apps"), .kind = STR("deployments"), .uid = STR("u-1")};

    assert_doc(*state, status_success(*state, &d),
               "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"details\":{"
               "\"name\":\"a\",\"group\":"
               "\"apps\",\"kind\":\"deployments\",\"uid\":\"u-1\"}}");
}

static void test_errors_survive_the_wire(void **state)
{
    struct arena *a = *state;
    struct err err = ERR_INIT, back = ERR_INIT;

    status_already_exists(&err, a, STR("apps"), STR("deployments"), STR("web"));
    assert_int_equal(status_to_err(a, 409, status_from_err(a, &err), &back), -1);
    assert_int_equal(back.code, ERR_ALREADY_EXISTS);
    assert_string_equal(back.msg, err.msg);
    assert_true(str_is(((const struct status_details *)back.detail)->name, "web"));
    status_to_err(a, 410, parse(a, "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\",\"message\":\"m\"}"),
                  &back);
    assert_int_equal(back.code, ERR_EXPIRED);
    status_to_err(a, 503, doc_string(a, STR("sorry")), &back);
    assert_int_equal(back.code, ERR_UNAVAILABLE);
    assert_string_equal(back.msg, "sorry");
    status_to_err(a, 500, NULL, &back);
    assert_string_equal(back.msg, "the server answered with status 500");
}

static void test_field_errors(void **state)
{
    static const char *const supported[] = {"TCP", "UDP"};
    struct arena *a = *state;
    struct field_errors l = field_errors_in(a);
    const struct field_path *spec = FIELD(NULL, "spec"), *containers = FIELD(spec, "containers");
    struct err err = ERR_INIT;

    assert_int_equal(field_errors_to_err(&l, STR(""), STR("Pod"), STR("a"), &err), 0);
    field_required(&l, containers, "%s", "");
    assert_int_equal(field_errors_to_err(&l, STR(""), STR("Pod"), STR("a"), &err), -1);
    assert_string_equal(err.msg, "Pod \"a\" is invalid: spec.containers: Required value");

    field_invalid_str(&l, FIELD(FIELD_AT(containers, 1), "name"), STR("A\n\x01"), "must be %d", 5);
    field_not_supported_str(&l, FIELD(spec, "p"), STR("x"), supported, 2);
    field_duplicate_str(&l, FIELD_KEY(FIELD(spec, "m"), STR("k")), STR("x"));
    field_too_long(&l, FIELD(spec, "l"), 63);
    field_too_many(&l, FIELD(spec, "l"), 5, 3);
    field_invalid_int(&l, FIELD(spec, "i"), -1, "must be greater than or equal to 0");
    field_immutable(&l, FIELD(spec, "o"), parse(a, "{\"a\":[1]}"));
    field_forbidden(&l, FIELD(spec, "f"), "may not");
    field_required(&l, containers, "%s", "");
    assert_int_equal(field_errors_to_err(&l, STR("apps"), STR("Deployment"), STR("a"), &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.msg, "Deployment.apps \"a\" is invalid: [spec.containers: Required value, "
                                 "spec.containers[1].name: Invalid value: \"A\\n\\x01\": must be 5, "
                                 "spec.p: Unsupported value: \"x\": supported values: \"TCP\", \"UDP\", "
                                 "spec.m[k]: Duplicate value: \"x\", spec.l: Too long: may not be more than 63 bytes, "
                                 "spec.l: Too many: 5: must have at most 3 items, "
                                 "spec.i: Invalid value: -1: must be greater than or equal to 0, "
                                 "spec.o: Invalid value: {\"a\":[1]}: field is immutable, spec.f: Forbidden: may not]");
    struct doc *causes = doc_path(status_from_err(a, &err), "details.causes");
    assert_int_equal(doc_count(causes), 10);
    assert_doc(
        a, doc_at(causes, 3),
        "{\"reason\":\"FieldValueDuplicate\",\"message\":\"Duplicate value: \\\"x\\\"\",\"field\":\"spec.m[k]\"}");
}

static void test_quoting(void **state)
{
    assert_string_equal(field_quote(*state, STR("a\"\\\t\x7f\xc3\xa9\xe2\x80\x8b\xff")),
                        "\"a\\\"\\\\\\t\\x7f\xc3\xa9\\u200b\\xff\"");
    assert_string_equal(field_path_text(*state, NULL), "<nil>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(test_not_found), ARENA_TEST(test_texts),        ARENA_TEST(test_long_texts_survive_in_details),
        ARENA_TEST(test_success),   ARENA_TEST(test_field_errors), ARENA_TEST(test_errors_survive_the_wire),
        ARENA_TEST(test_quoting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
