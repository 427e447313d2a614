#include "net/health_server.h"

#include "net/http_client.h"
#include "testlib/test_etcd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void metrics(void *user, struct buf *out)
{
    buf_printf(out, "answer %d\n", *(int *)user);
}

static int get(struct http_client *c, const char *path, char *body, size_t size)
{
    const struct http_client_request q = {.path = path};
    struct http_client_response r;
    struct err err = ERR_INIT;

    assert_int_equal(http_client_call(c, &q, &r, &err), 0);
    assert_true(str_copy(body, size, buf_str(&r.body)));
    int status = r.status;
    http_client_response_release(&r);
    return status;
}

static void answers_over_tls_with_a_certificate_of_its_own(void **state)
{
    int answer = 42, port = test_free_port();
    const struct health_server_options o = {
        .name = "test", .address = "127.0.0.1", .port = (uint16_t)port, .metrics = metrics, .user = &answer};
    _cleanup_(health_server_freep) struct health_server *h = NULL, *second = NULL;
    _cleanup_(http_client_freep) struct http_client *c = NULL;
    char url[64], body[256];
    struct err err = ERR_INIT;

    assert_int_equal(health_server_start(&o, &h, &err), 0);
    assert_int_equal(health_server_start(&o, &second, &err), -1); /* the port is taken */
    assert_null(second);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d", port);
    const struct http_client_options co = {.base_url = url, .insecure_skip_tls_verify = true};
    err_clear(&err);
    assert_int_equal(http_client_new(&co, &c, &err), 0);
    static const char *const health[] = {"/healthz", "/livez", "/readyz"};
    for (size_t i = 0; i < ARRAY_LEN(health); i++) {
        assert_int_equal(get(c, health[i], body, sizeof(body)), 200);
        assert_string_equal(body, "ok");
    }
    assert_int_equal(get(c, "/metrics", body, sizeof(body)), 200);
    assert_string_equal(body, "answer 42\n");
    assert_int_equal(get(c, "/secrets", body, sizeof(body)), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_over_tls_with_a_certificate_of_its_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
