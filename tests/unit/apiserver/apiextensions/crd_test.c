/* Definitions: names and conditions, what is wrong with schemas, compiled rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "apiserver/apiextensions/crd_status.h"
#include "apiserver/apiextensions/crd_validate.h"
#include "apiserver/apiextensions/custom.h"
#include "apiserver/registry/meta.h"
#include "base/limits.h"

#define CRD(plural, kind, short_name)                                                                                  \
    "{\"metadata\":{\"name\":\"" plural ".e.com\",\"uid\":\"u-" plural                                                 \
    "\",\"generation\":1},\"spec\":{\"group\":\"e.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"" plural      \
    "\",\"singular\":\"s" plural "\",\"kind\":\"" kind "\",\"listKind\":\"" kind                                       \
    "List\",\"shortNames\":[\"" short_name                                                                             \
    "\"]},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":"  \
    "\"object\"}},\"subresources\":{\"status\":{}}},{\"name\":\"v2\",\"served\":false,\"storage\":false}]}}"

static struct doc *parse(struct arena *a, const char *text)
{
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    if (json_parse(a, str_of(text), NULL, &d, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return d;
}

static const char *reason(const struct doc *crd, const char *type)
{
    return doc_str(doc_get(crd_condition(crd, type), "reason")).p;
}

static void names(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 * MIB);
    struct doc *one = parse(a, CRD("ones", "One", "o")), *two = parse(a, CRD("twos", "Two", "o"));
    struct doc *all = doc_array(a);
    assert_true(crd_decide(a, one, all, NS_PER_S));
    assert_true(crd_condition_is_true(one, "Established"));
    assert_false(crd_decide(a, one, all, 2 * NS_PER_S)); /* nothing new: nothing to write */
    doc_append(all, one);
    assert_true(crd_decide(a, two, all, NS_PER_S));
    assert_false(crd_condition_is_true(two, "Established"));
    assert_true(str_is(doc_str(doc_get(crd_condition(two, "NamesAccepted"), "reason")), "ShortNamesConflict"));
    assert_non_null(reason(two, "Established"));
    /* The other one goes: its names are free. */
    assert_true(crd_decide(a, two, doc_array(a), NS_PER_S));
    assert_true(crd_condition_is_true(two, "Established"));
    crd_begin_deletion(a, one, NS_PER_S);
    crd_begin_deletion(a, one, NS_PER_S);
    assert_int_equal(doc_count(meta_finalizers(one)), 1);
    assert_true(crd_condition_is_true(one, "Terminating"));
    arena_free(a);
}

static void compiles(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 * MIB);
    struct doc *crd = parse(a, CRD("ones", "One", "o"));
    struct custom_crd *c = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(custom_compile(crd, &c, &err), 0);
    assert_int_equal(c->n_versions, 2);
    const struct resource *r = &c->versions[0].res;
    assert_string_equal(r->key_prefix, "/registry/e.com/ones");
    assert_string_equal(r->list_kind, "OneList");
    assert_int_equal(r->n_subs, 1);
    assert_true(r->namespaced && r->storage_json && r->custom == &c->versions[0]);
    assert_false(c->versions[1].served);
    assert_true(c->versions[0].id != c->versions[1].id);
    assert_true(custom_is_of(c, crd));
    meta_set_int(a, crd, "generation", 2);
    assert_false(custom_is_of(c, crd));
    custom_crd_unref(c);
    arena_free(a);
}

static void schemas(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}", ""},
        {"{\"properties\":{}}", "s.type: Required value: must not be empty at the root"},
        {"{\"type\":\"string\"}", "s.type: Invalid value: \"string\": must be object at the root"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{}}}",
         "s.properties[a].type: Required value: must not be empty for specified object fields"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\"}}}",
         "s.properties[a].items: Required value: must be specified"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"x-kubernetes-int-or-string\":true,\"anyOf\":[{\"type\":"
         "\"integer\"},"
         "{\"type\":\"string\"}]}}}",
         ""},
        {"{\"type\":\"object\",\"anyOf\":[{\"type\":\"object\"}]}",
         "s.anyOf[0].type: Forbidden: must be empty to be structural"},
        {"{\"type\":\"object\",\"$ref\":\"x\"}", "s.$ref: Forbidden: $ref is not supported"},
        {"{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{\"labels\":{\"type\":"
         "\"object\"}}}}}",
         "s.properties[metadata].properties: Forbidden: must not specify anything other than name and generateName, "
         "but "
         "metadata is implicitly specified"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"default\":\"x\"}}}",
         "s.properties[a].default: Invalid value: \"x\": Invalid value: \"string\":  in body must be of type integer: "
         "\"string\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new(16 * MIB);
        struct field_errors errs = field_errors_in(a);
        struct buf b = BUF_INIT(MIB);
        validate_schema(&errs, FIELD(NULL, "s"), parse(a, cases[i][0]));
        for (const struct field_error *e = errs.first; e; e = e->next)
            buf_printf(&b, "%s%s: %s", b.len ? "|" : "", e->field, e->body);
        assert_string_equal(buf_str(&b).p, cases[i][1]);
        buf_release(&b);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(compiles), cmocka_unit_test(schemas)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
