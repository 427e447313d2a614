#include "apiserver/registry/normalize.h"

#include "api/json.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct {
    const char *group, *version, *resource, *in, *want;
} CASES[] = {
    {"", "v1", "secrets", "{\"data\":{\"b\":\"eA==\",\"a\":\"old\"},\"stringData\":{\"a\":\"b\"}}",
     "{\"data\":{\"a\":\"Yg==\",\"b\":\"eA==\"}}"},
    {"", "v1", "secrets", "{\"stringData\":{}}", "{}"},
    {"", "v1", "pods", "{\"spec\":{\"serviceAccount\":\"x\"},\"status\":{\"podIP\":\"1.2.3.4\"}}",
     "{\"spec\":{\"serviceAccount\":\"x\",\"serviceAccountName\":\"x\"},\"status\":{\"podIP\":\"1.2.3.4\",\"podIPs\":[{"
     "\"ip\":\"1.2.3.4\"}]}}"},
    {"", "v1", "pods", "{\"spec\":{},\"status\":{\"podIPs\":[{\"ip\":\"1.1.1.1\"}],\"podIP\":\"2.2.2.2\"}}",
     "{\"spec\":{},\"status\":{\"podIPs\":[{\"ip\":\"1.1.1.1\"}],\"podIP\":\"1.1.1.1\"}}"},
    {"", "v1", "nodes", "{\"spec\":{\"podCIDR\":\"10.0.0.0/24\"}}",
     "{\"spec\":{\"podCIDR\":\"10.0.0.0/24\",\"podCIDRs\":[\"10.0.0.0/24\"]}}"},
    {"apps", "v1", "deployments",
     "{\"spec\":{\"template\":{\"spec\":{\"serviceAccountName\":\"a\",\"serviceAccount\":\"b\"}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"serviceAccountName\":\"a\",\"serviceAccount\":\"a\"}}}}"},
    {"", "v1", "configmaps", "{\"stringData\":{\"a\":\"b\"}}", "{\"stringData\":{\"a\":\"b\"}}"},
};

static void cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct arena *a = arena_new(MIB);
        struct doc *d = NULL, *want = NULL;
        struct err err = ERR_INIT;
        const struct resource *res =
            resource_find(str_of(CASES[i].group), str_of(CASES[i].version), str_of(CASES[i].resource));
        assert_non_null(res);
        assert_int_equal(json_parse(a, str_of(CASES[i].in), NULL, &d, &err), 0);
        assert_int_equal(json_parse(a, str_of(CASES[i].want), NULL, &want, &err), 0);
        normalize(res, a, d);
        assert_true(doc_equal(d, want));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
