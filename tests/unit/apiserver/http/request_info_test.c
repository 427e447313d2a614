#include "apiserver/http/request_info.h"

#include "base/buf.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* method, target -> verb group version ns resource name subresource rest, or "path" for what is no resource */
static const struct {
    const char *method, *target, *want;
} CASES[] = {
    {"GET", "/api/v1/pods", "list||v1||pods||||1"},
    {"GET", "/api/v1/namespaces/ns/pods", "list||v1|ns|pods||||1"},
    {"GET", "/api/v1/namespaces/ns/pods/p", "get||v1|ns|pods|p|||2"},
    {"HEAD", "/api/v1/namespaces/ns/pods/p", "get||v1|ns|pods|p|||2"},
    {"GET", "/api/v1/namespaces/ns/pods/p/log", "get||v1|ns|pods|p|log||3"},
    {"POST", "/api/v1/namespaces/ns/pods/p/exec", "create||v1|ns|pods|p|exec||3"},
    {"GET", "/api/v1/namespaces/ns/services/s/proxy/a/b", "get||v1|ns|services|s|proxy|a/b|5"},
    {"GET", "/api/v1/namespaces", "list||v1||namespaces||||1"},
    {"GET", "/api/v1/namespaces/ns", "get||v1|ns|namespaces|ns|||2"},
    {"PUT", "/api/v1/namespaces/ns/finalize", "update||v1|ns|namespaces|ns|finalize||3"},
    {"PATCH", "/api/v1/namespaces/ns/status", "patch||v1|ns|namespaces|ns|status||3"},
    {"DELETE", "/apis/apps/v1/namespaces/ns/deployments/d", "delete|apps|v1|ns|deployments|d|||2"},
    {"DELETE", "/apis/apps/v1/namespaces/ns/deployments", "deletecollection|apps|v1|ns|deployments||||1"},
    {"GET", "/api/v1/pods?watch=true", "watch||v1||pods||||1"},
    {"GET", "/api/v1/pods?watch=0", "list||v1||pods||||1"},
    {"GET", "/api/v1/pods?watch", "watch||v1||pods||||1"},
    {"GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx", "list||v1||pods|x|||1"},
    {"GET", "/api/v1/watch/pods", "watch||v1||pods||||1"},
    /* an escaped slash is a slash, as upstream takes it */
    {"GET", "/api/v1/namespaces/a%2Fb/pods", "get||v1|a|b|pods|||2"},
    {"GET", "/api/v1", "get /api/v1"},
    {"GET", "/apis/apps/v1", "get /apis/apps/v1"},
    {"GET", "/apis/apps", "get /apis/apps"},
    {"GET", "/healthz", "get /healthz"},
    {"POST", "/", "post /"},
};

static void describe(const struct request_info *i, struct buf *out)
{
    if (!i->is_resource) {
        buf_printf(out, STR_FMT " " STR_FMT, STR_ARG(i->verb), STR_ARG(i->path));
        return;
    }
    buf_printf(out, STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "|%zu",
               STR_ARG(i->verb), STR_ARG(i->group), STR_ARG(i->version), STR_ARG(i->ns), STR_ARG(i->resource),
               STR_ARG(i->name), STR_ARG(i->subresource), STR_ARG(i->rest), i->n_parts);
}

static void reads_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct arena *a = arena_new(MIB);
        struct str target = str_of(CASES[i].target), path;
        struct query q = {0};
        struct request_info info;
        struct err err = ERR_INIT;
        struct buf got = BUF_INIT(KIB);
        str_split(&target, '?', &path);
        assert_int_equal(query_parse(a, target.p ? target : STR(""), &q, &err), 0);
        assert_int_equal(request_info_parse(a, str_of(CASES[i].method), path, &q, &info, &err), 0);
        describe(&info, &got);
        assert_string_equal(got.data, CASES[i].want);
        buf_release(&got);
        arena_free(a);
    }
}

static void refuses(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct query q = {0};
    struct request_info info;
    struct err err = ERR_INIT;
    assert_int_equal(request_info_parse(a, STR("GET"), STR("/api/v1/%zz"), &q, &info, &err), -1);
    assert_int_equal(err.code, ERR_BAD_REQUEST);
    assert_int_equal(request_info_parse(a, STR("GET"), STR("/api/v1/watch"), &q, &info, &err), -1);
    char longest[LIMIT_URL + 2];
    memset(longest, '/', sizeof(longest));
    assert_int_equal(request_info_parse(a, STR("GET"), str_n(longest, sizeof(longest)), &q, &info, &err), -1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_paths), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
