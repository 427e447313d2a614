#include "check.h"

#include "api/patch.h"
#include "api/schema.h"
#include "testlib/shared.h"

/* --- JSON patch --- */

static bool run_case(struct arena *a, const struct doc *c)
{
    struct err err = ERR_INIT;
    struct doc *target = doc_clone(a, doc_get(c, "doc"), false);
    const struct doc *expected = doc_get(c, "expected"), *error = doc_get(c, "error");
    int rc = json_patch_apply(a, &target, doc_get(c, "patch"), &err);
    bool good = error ? rc < 0 : rc == 0 && (!expected || doc_equal(target, expected));

    if (!good)
        print_error("%s\n  gave %s %s\n", text_of(a, c), rc < 0 ? err.msg : "", text_of(a, target));
    return good;
}

static void test_published_json_patches(void **state)
{
    static const char *const files[] = {"testdata/json-patch/tests.json", "testdata/json-patch/spec_tests.json"};
    struct arena *a = *state;
    size_t bad = 0, n = 0;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct err err = ERR_INIT;
        struct doc *cases;
        size_t len;
        char *text = shared_read(files[i], &len);
        if (!text) {
            print_message("skipped the JSON patch cases of %s: no shared test data\n", files[i]);
            continue;
        }
        assert_int_equal(json_parse(a, str_n(text, len), NULL, &cases, &err), 0);
        doc_foreach (cases, c) {
            /* "disabled" ones that say that two `op` members are wrong: the reader has reported that already */
            if (!doc_get(c, "patch") || (doc_true(doc_get(c, "disabled")) && doc_get(c, "error")))
                continue;
            bad += !run_case(a, c);
            n++;
        }
        free(text);
    }
    assert_int_equal(bad, 0);
    if (!n)
        skip();
    assert_true(n > 100);
}

static void test_json_patch_refusals(void **state)
{
    struct arena *a = *state;
    struct err err = ERR_INIT;
    struct doc *d = parse(a, "{\"a\":{\"b\":1}}");

    assert_int_equal(json_patch_apply(a, &d, parse(a, "{}"), &err), -1);
    assert_int_equal(err.code, ERR_BAD_REQUEST);
    assert_int_equal(json_patch_apply(a, &d, parse(a, "[{\"op\":\"test\",\"path\":\"/a/b\",\"value\":2}]"), &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.msg, "the server rejected our request due to an error in our request");
    assert_int_equal(json_patch_apply(a, &d, parse(a, "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]"), &err),
                     -1);
    assert_int_equal(json_patch_apply(a, &d, parse(a, "[{\"op\":\"remove\",\"path\":\"\"}]"), &err), -1);
}

static void test_a_copy_does_not_share_nodes(void **state)
{
    struct arena *a = *state;
    struct err err = ERR_INIT;
    struct doc *d = parse(a, "{\"a\":[1]}");

    assert_int_equal(
        json_patch_apply(
            a, &d,
            parse(a,
                  "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"},{\"op\":\"add\",\"path\":\"/b/-\",\"value\":2}]"),
            &err),
        0);
    assert_doc(a, d, "{\"a\":[1],\"b\":[1,2]}");
}

/* A member at the end without looking whether it is there. */
static void doc_append_member(struct doc *obj, const char *key, struct doc *value)
{
    value->key = key;
    value->key_len = (uint32_t)strlen(key);
    if (obj->last)
        obj->last->next = value;
    else
        obj->first = value;
    obj->last = value;
    obj->n++;
}

/* --- merge patch: the cases of RFC 7386, appendix A --- */

static void test_merge_patches(void **state)
{
    static const char *const cases[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct doc *d = parse(*state, cases[i][0]);
        merge_patch_apply(*state, &d, parse(*state, cases[i][1]));
        assert_doc(*state, d, cases[i][2]);
    }
}

/* Objects of thousands of members take another way, to the same result. */
static void test_large_objects(void **state)
{
    struct arena *a = *state;
    struct doc *target = doc_object(a), *patch = doc_object(a), *other;
    struct err err = ERR_INIT;

    for (int i = 0; i < 20000; i++)
        doc_append_member(target, arena_printf(a, "k%d", i), doc_int(a, i));
    for (int i = 0; i < 20000; i++)
        doc_append_member(patch, arena_printf(a, "k%d", i * 2), i % 2 ? doc_null(a) : doc_int(a, -i));
    other = doc_clone(a, target, true);
    merge_patch_apply(a, &target, patch);
    assert_int_equal(strategic_merge_apply(a, &other, patch, NULL, &err), 0);
    assert_int_equal(target->n, 20000 - 5000 + 5000);
    assert_string_equal(text_of(a, target), text_of(a, other));
    assert_null(doc_get(target, "k2"));
    assert_int_equal(doc_int_or(doc_get(target, "k4"), 0), -2);
    assert_int_equal(doc_int_or(doc_get(target, "k19999"), 0), 19999);
    assert_int_equal(doc_int_or(doc_get(target, "k39996"), 0), -19998);
    assert_int_equal(doc_int_or(target->last, 0), -19998);
}

/* --- strategic merge patch --- */

static const struct schema_message *message(const char *group, const char *kind)
{
    const struct schema_kind *k = schema_kind_find(str_of(group), STR("v1"), str_of(kind));
    assert_non_null(k);
    return k->message;
}

struct strategic_case {
    const char *what, *target, *patch, *result;
};

#define POD(containers) "{\"spec\":{\"containers\":[" containers "]}}"

static const struct strategic_case pod_cases[] = {
    {"a scalar", "{\"spec\":{\"nodeName\":\"a\",\"hostname\":\"h\"}}", "{\"spec\":{\"nodeName\":\"b\"}}",
     "{\"spec\":{\"nodeName\":\"b\",\"hostname\":\"h\"}}"},
    {"null removes", "{\"spec\":{\"nodeName\":\"a\"}}", "{\"spec\":{\"nodeName\":null,\"hostname\":null}}",
     "{\"spec\":{}}"},
    {"nulls that match nothing are dropped", "{}", "{\"spec\":{\"nodeName\":null,\"hostname\":\"h\"}}",
     "{\"spec\":{\"hostname\":\"h\"}}"},
    {"labels", "{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}",
     "{\"metadata\":{\"labels\":{\"b\":null,\"c\":\"3\"}}}", "{\"metadata\":{\"labels\":{\"a\":\"1\",\"c\":\"3\"}}}"},
    {"a list by key", POD("{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"1\"}"),
     POD("{\"name\":\"b\",\"image\":\"2\"}"), POD("{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"2\"}")},
    {"a new element", POD("{\"name\":\"a\"}"), POD("{\"name\":\"n\"}"), POD("{\"name\":\"n\"},{\"name\":\"a\"}")},
    {"$patch: delete of an element", POD("{\"name\":\"a\"},{\"name\":\"b\"}"),
     POD("{\"name\":\"a\",\"$patch\":\"delete\"}"), POD("{\"name\":\"b\"}")},
    {"$patch: replace of a list", POD("{\"name\":\"a\"},{\"name\":\"b\"}"),
     POD("{\"name\":\"c\"},{\"$patch\":\"replace\"}"), POD("{\"name\":\"c\"}")},
    {"$patch: replace of a map", "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
     "{\"metadata\":{\"labels\":{\"$patch\":\"replace\",\"b\":\"2\"}}}", "{\"metadata\":{\"labels\":{\"b\":\"2\"}}}"},
    {"$patch: delete of a map", "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
     "{\"metadata\":{\"labels\":{\"$patch\":\"delete\"}}}", "{\"metadata\":{\"labels\":{}}}"},
    {"a list without strategy is replaced", POD("{\"name\":\"a\",\"args\":[\"x\",\"y\"]}"),
     POD("{\"name\":\"a\",\"args\":[\"z\"]}"), POD("{\"name\":\"a\",\"args\":[\"z\"]}")},
    {"a list of primitives that merges", "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}",
     "{\"metadata\":{\"finalizers\":[\"b\",\"c\"]}}", "{\"metadata\":{\"finalizers\":[\"a\",\"b\",\"c\"]}}"},
    {"$deleteFromPrimitiveList", "{\"metadata\":{\"finalizers\":[\"a\",\"b\",\"c\"]}}",
     "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"b\",\"x\"]}}",
     "{\"metadata\":{\"finalizers\":[\"a\",\"c\"]}}"},
    {"$setElementOrder of a map list",
     "{\"spec\":{\"containers\":[{\"name\":\"s\"},{\"name\":\"a\"},{\"name\":\"b\"}]}}",
     "{\"spec\":{\"$setElementOrder/"
     "containers\":[{\"name\":\"b\"},{\"name\":\"a\"},{\"name\":\"n\"}],\"containers\":[{\"name\":\"n\",\"image\":"
     "\"i\"}]}}",
     "{\"spec\":{\"containers\":[{\"name\":\"s\"},{\"name\":\"b\"},{\"name\":\"a\"},{\"name\":\"n\",\"image\":\"i\"}]}"
     "}"},
    {"$setElementOrder alone", "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
     "{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}}",
     "{\"spec\":{\"containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}}"},
    {"$setElementOrder of primitives", "{\"metadata\":{\"finalizers\":[\"a\",\"b\",\"s\"]}}",
     "{\"metadata\":{\"$setElementOrder/finalizers\":[\"c\",\"b\",\"a\"],\"finalizers\":[\"c\"]}}",
     "{\"metadata\":{\"finalizers\":[\"c\",\"b\",\"a\",\"s\"]}}"},
    {"$setElementOrder on nothing", "{\"spec\":{}}", "{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"b\"}]}}",
     "{\"spec\":{}}"},
    {"$retainKeys", "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}}",
     "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\",\"hostPath\"],\"hostPath\":{\"path\":\"/"
     "x\"}}]}}",
     "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/x\"}}]}}"},
    {"a key that is a number", POD("{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":81}]}"),
     POD("{\"name\":\"a\",\"ports\":[{\"containerPort\":81,\"name\":\"x\"}]}"),
     POD("{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":81,\"name\":\"x\"}]}")},
    {"an inlined member's list",
     "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"secret\":{\"name\":\"a\"}}]}}]}}",
     "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"secret\":{\"name\":\"b\"}}]}}]}}",
     "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"secret\":{\"name\":\"b\"}}]}}]}}"},
    {"equal keys of the server stay",
     POD("{\"name\":\"a\",\"ports\":[{\"containerPort\":53,\"protocol\":\"TCP\"},{\"containerPort\":53,\"protocol\":"
         "\"UDP\"}]}"),
     POD("{\"name\":\"a\",\"ports\":[{\"containerPort\":80}]}"),
     POD("{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":53,\"protocol\":\"TCP\"},{"
         "\"containerPort\":53,\"protocol\":\"UDP\"}]}")},
    {"directives in a value that is new", "{}",
     POD("{\"name\":\"a\",\"$retainKeys\":[\"name\"]},{\"name\":\"b\",\"$patch\":\"delete\"}"),
     POD("{\"name\":\"a\"}")},
    {"$patch: replace at the root", "{\"spec\":{\"nodeName\":\"a\"}}", "{\"$patch\":\"replace\",\"kind\":\"Pod\"}",
     "{\"kind\":\"Pod\"}"},
};

static void test_strategic_merge(void **state)
{
    struct arena *a = *state;

    for (size_t i = 0; i < ARRAY_LEN(pod_cases); i++) {
        const struct strategic_case *c = &pod_cases[i];
        struct err err = ERR_INIT;
        struct doc *d = parse(a, c->target);
        if (strategic_merge_apply(a, &d, parse(a, c->patch), message("", "Pod"), &err) < 0)
            fail_msg("%s: %s", c->what, err.msg);
        if (strcmp(text_of(a, d), c->result) != 0)
            fail_msg("%s: %s", c->what, text_of(a, d));
    }
}

static void test_strategic_errors(void **state)
{
    static const struct {
        const char *patch, *msg;
        enum err_code code;
    } cases[] = {
        {POD("{\"image\":\"x\",\"args\":[\"1\",\"2\"]}"),
         "map: map[args:[1 2] image:x] does not contain declared merge key: name", ERR_INTERNAL},
        {"{\"spec\":{\"$patch\":\"spam\"}}", "unknown patch type: spam in map: map[$patch:spam]", ERR_INTERNAL},
        {"{\"spec\":{\"$retainKeys\":\"x\"}}", "invalid patch format of retainKeys", ERR_BAD_REQUEST},
        {"{\"spec\":{\"$retainKeys\":[\"a\"],\"b\":1}}", "invalid patch format of retainKeys", ERR_BAD_REQUEST},
        {"{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":1}}", "invalid patch format of primitive list",
         ERR_BAD_REQUEST},
        {"{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"a\"}],\"containers\":[{\"name\":\"b\"}]}}",
         "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
         ERR_INTERNAL},
        {"[]", "invalid JSON document", ERR_BAD_REQUEST},
    };
    struct arena *a = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct doc *d =
            parse(a, "{\"metadata\":{\"finalizers\":[\"f\"]},\"spec\":{\"containers\":[{\"name\":\"a\"}]}}");
        if (strategic_merge_apply(a, &d, parse(a, cases[i].patch), message("", "Pod"), &err) == 0)
            fail_msg("%s gave %s", cases[i].patch, text_of(a, d));
        assert_string_equal(err.msg, cases[i].msg);
        assert_int_equal(err.code, cases[i].code);
    }
}

static void test_strategic_deployment_strategy_retains_keys(void **state)
{
    struct arena *a = *state;
    struct err err = ERR_INIT;
    struct doc *d =
        parse(a, "{\"spec\":{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":1}}}}");

    assert_int_equal(
        strategic_merge_apply(a, &d,
                              parse(a, "{\"spec\":{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}}"),
                              message("apps", "Deployment"), &err),
        0);
    assert_doc(a, d, "{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}");
}

static void test_strategic_without_a_schema_replaces_lists(void **state)
{
    struct arena *a = *state;
    struct err err = ERR_INIT;
    struct doc *d = parse(a, "{\"x\":[{\"name\":\"a\"}],\"m\":{\"a\":1}}");

    assert_int_equal(strategic_merge_apply(a, &d, parse(a, "{\"x\":[{\"name\":\"b\"}],\"m\":{\"b\":2}}"), NULL, &err),
                     0);
    assert_doc(a, d, "{\"x\":[{\"name\":\"b\"}],\"m\":{\"a\":1,\"b\":2}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(test_published_json_patches),
        ARENA_TEST(test_json_patch_refusals),
        ARENA_TEST(test_a_copy_does_not_share_nodes),
        ARENA_TEST(test_merge_patches),
        ARENA_TEST(test_large_objects),
        ARENA_TEST(test_strategic_merge),
        ARENA_TEST(test_strategic_errors),
        ARENA_TEST(test_strategic_deployment_strategy_retains_keys),
        ARENA_TEST(test_strategic_without_a_schema_replaces_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
