/* Objects as users write them: none is refused, neither when it is made nor when it is written again as it is. */
#include "cases.h"

#include "api/resources.h"
#include "api/yaml.h"
#include "base/file.h"

#define FILE_NAME "tests/unit/apiserver/validation/valid.yaml"

/* apiVersion taken apart: "apps/v1" or "v1". */
static void split_version(struct str api_version, struct str *group, struct str *version)
{
    const char *slash = api_version.n ? memchr(api_version.p, '/', api_version.n) : NULL;
    *group = slash ? str_n(api_version.p, (size_t)(slash - api_version.p)) : STR("");
    *version = slash ? str_from(api_version, group->n + 1) : api_version;
}

static bool is_namespaced(const struct schema_kind *kind)
{
    const struct resource *all;
    size_t n = resources(&all);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].kind, kind->kind) == 0 && strcmp(all[i].group, kind->group) == 0)
            return all[i].namespaced;
    fail_msg("no resource for %s", kind->kind);
    return false;
}

static void expect_valid(struct arena *a, const struct schema_kind *kind, const struct doc *obj, const struct doc *old)
{
    struct err err = ERR_INIT;
    struct validation_request req = {.arena = a,
                                     .group = kind->group,
                                     .version = kind->version,
                                     .kind = kind->kind,
                                     .subresource = "",
                                     .namespaced = is_namespaced(kind),
                                     .obj = obj,
                                     .old = old};
    if (validate_object(&req, &err) < 0)
        fail_msg("%s: %s", old ? "update" : "create", err.msg);
}

static void check_object(struct arena *a, struct doc *d)
{
    struct err err = ERR_INIT;
    struct str group, version;
    split_version(doc_str(doc_get(d, "apiVersion")), &group, &version);
    const struct schema_kind *kind = schema_kind_find(group, version, doc_str(doc_get(d, "kind")));
    assert_non_null(kind);
    struct doc_warnings warnings = {.n = 0};
    if (conform(a, d, kind->message, &warnings, &d, &err) < 0)
        fail_msg("%s", err.msg);
    if (warnings.n)
        fail_msg("%s: %s", kind->kind, warnings.text[0]);
    defaults_apply(a, d, kind);
    struct doc *meta = doc_get(d, "metadata");
    if (is_namespaced(kind))
        doc_set(meta, "namespace", doc_string(a, STR("default")));
    expect_valid(a, kind, d, NULL);
    doc_set(meta, "resourceVersion", doc_string(a, STR("1")));
    expect_valid(a, kind, d, d);
}

static void test_valid(void **state)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT((size_t)1 << 20);
    _cleanup_(arena_freep) struct arena *a = arena_new((size_t)64 << 20);
    struct err err = ERR_INIT;
    size_t offset = 0, n = 0;
    if (file_read(FILE_NAME, &text, &err) < 0)
        fail_msg("%s", err.msg);
    while (offset < text.len) {
        struct doc *d = NULL;
        if (yaml_parse(a, buf_str(&text), &offset, &d, &err) < 0)
            fail_msg("%s", err.msg);
        if (!d)
            break;
        check_object(a, d);
        n++;
    }
    assert_true(n > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_valid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
