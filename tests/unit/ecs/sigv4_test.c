#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "ecs/wire/sigv4.h"
#include "testlib/shared.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>

#define SECRET STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
#define SIGNED_AT 1440938160 /* 2015-08-30T12:36:00Z */

struct parsed {
    struct sigv4_request req;
    struct sigv4_header headers[32];
};

/* A request text: "METHOD target HTTP/1.1", header lines (a line that starts with a space goes on), blank line, body.
 * The target may hold spaces. */
static void parse_request(char *text, size_t n, struct parsed *p)
{
    char *line_end = strchr(text, '\n'), *target = strchr(text, ' ') + 1, *version = strstr(text, " HTTP/1.1");
    struct str url = str_n(target, (size_t)(version - target)), path;

    *p = (struct parsed){0};
    p->req.method = str_n(text, (size_t)(target - 1 - text));
    assert_true(str_split(&url, '?', &path));
    p->req.path = path;
    p->req.query = url.p ? url : STR("");
    p->req.headers = p->headers;
    char *at = line_end + 1;
    while (at < text + n && *at != '\n') {
        char *end = strchr(at, '\n'), *next;
        end = end ? end : text + n;
        for (next = end; *next == '\n' && (next[1] == ' ' || next[1] == '\t'); next = end) {
            *next = ' ';
            end = strchr(next, '\n');
            end = end ? end : text + n;
        }
        char *colon = strchr(at, ':');
        p->headers[p->req.n_headers++] =
            (struct sigv4_header){str_n(at, (size_t)(colon - at)), str_n(colon + 1, (size_t)(end - colon - 1))};
        at = end + 1;
    }
    if (at < text + n)
        p->req.body = str_n(at + 1, (size_t)(text + n - at - 1));
}

static char *read_case(const char *name, const char *file, size_t *n)
{
    _cleanup_(freep) char *path = xasprintf("testdata/sigv4/v4/%s/%s", name, file);
    return shared_read(path, n);
}

/* One form ("header" or "query") of one case: each step must be the published one, and the signature must verify. */
static void check_form(const char *name, const char *form, bool keep_path, bool token_unsigned)
{
    size_t n, n_canonical, n_sts, n_sig;
    _cleanup_(freep) char *request_file = xasprintf("%s-signed-request.txt", form);
    _cleanup_(freep) char *canonical_file = xasprintf("%s-canonical-request.txt", form);
    _cleanup_(freep) char *sts_file = xasprintf("%s-string-to-sign.txt", form);
    _cleanup_(freep) char *sig_file = xasprintf("%s-signature.txt", form);
    _cleanup_(freep) char *text = read_case(name, request_file, &n),
                          *want = read_case(name, canonical_file, &n_canonical);
    _cleanup_(freep) char *want_sts = read_case(name, sts_file, &n_sts), *want_sig = read_case(name, sig_file, &n_sig);
    _cleanup_(buf_releasep) struct buf canonical = BUF_INIT(MIB), sts = BUF_INIT(MIB), sig = BUF_INIT(1000);
    const struct sigv4_options o = {.keep_path = keep_path};
    struct parsed p;
    struct sigv4_claim c;

    parse_request(text, n, &p);
    assert_int_equal(sigv4_read(&p.req, &c), SIGV4_OK);
    sigv4_canonical(&p.req, &c, &o, !token_unsigned, &canonical);
    if (!str_eq(buf_str(&canonical), str_n(want, n_canonical)))
        fail_msg("%s %s: canonical request\n%s\nwanted\n%s", name, form, canonical.data, want);
    sigv4_string_to_sign(&c, buf_str(&canonical), &sts);
    assert_string_equal(sts.data, want_sts);
    sigv4_signature(&c, SECRET, buf_str(&sts), &sig);
    assert_string_equal(sig.data, want_sig);
    assert_int_equal(sigv4_verify(&p.req, &c, SECRET, SIGNED_AT + 10, &o), SIGV4_OK);
    assert_int_equal(sigv4_verify(&p.req, &c, STR("wrong"), SIGNED_AT, &o), SIGV4_MISMATCH);
    sigv4_claim_release(&c);
}

static void published_cases(void **state)
{
    _cleanup_(freep) char *dir = shared_path("testdata/sigv4/v4");
    size_t cases = 0, n;

    if (!dir) {
        print_message("0 cases checked, all skipped: no test vectors beside the source\n");
        skip();
    }
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        _cleanup_(freep) char *text = read_case(e->d_name, "context.json", &n);
        json_t *context = json_loads(text, 0, NULL);
        bool keep = !json_is_true(json_object_get(context, "normalize"));
        bool token_unsigned = json_is_true(json_object_get(context, "omit_session_token"));
        json_decref(context);
        check_form(e->d_name, "header", keep, token_unsigned);
        check_form(e->d_name, "query", keep, token_unsigned);
        cases++;
    }
    closedir(d);
    print_message("%zu cases in two forms checked\n", cases);
    assert_true(cases >= 38);
}

static char vanilla[] =
    "GET / HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\nAuthorization:AWS4-HMAC-SHA256 "
    "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
    "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\n\n";

static void time_is_checked(void **state)
{
    const struct sigv4_options o = {0};
    struct parsed p;
    struct sigv4_claim c;

    parse_request(vanilla, sizeof(vanilla) - 1, &p);
    assert_int_equal(sigv4_read(&p.req, &c), SIGV4_OK);
    assert_true(str_is(c.access_key, "AKIDEXAMPLE") && str_is(c.service, "service") && str_is(c.region, "us-east-1"));
    assert_int_equal(sigv4_verify(&p.req, &c, SECRET, SIGNED_AT, &o), SIGV4_OK);
    assert_int_equal(sigv4_verify(&p.req, &c, SECRET, SIGNED_AT + SIGV4_SKEW_S + 1, &o), SIGV4_SKEWED);
    assert_int_equal(sigv4_verify(&p.req, &c, SECRET, SIGNED_AT - SIGV4_SKEW_S - 1, &o), SIGV4_SKEWED);
    sigv4_claim_release(&c);
}

static void a_changed_request_does_not_verify(void **state)
{
    const struct sigv4_options o = {0};
    struct parsed p;
    struct sigv4_claim c;

    parse_request(vanilla, sizeof(vanilla) - 1, &p);
    assert_int_equal(sigv4_read(&p.req, &c), SIGV4_OK);
    struct sigv4_request changed = p.req;
    changed.body = STR("x");
    assert_int_equal(sigv4_verify(&changed, &c, SECRET, SIGNED_AT, &o), SIGV4_MISMATCH);
    changed = p.req;
    changed.query = STR("a=b");
    assert_int_equal(sigv4_verify(&changed, &c, SECRET, SIGNED_AT, &o), SIGV4_MISMATCH);
    changed = p.req;
    changed.path = STR("/x");
    assert_int_equal(sigv4_verify(&changed, &c, SECRET, SIGNED_AT, &o), SIGV4_MISMATCH);
    sigv4_claim_release(&c);
}

static void malformed_claims(void **state)
{
    static const char *const bad[] = {
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=a",
        "Basic abc",
        "AWS4-HMAC-SHA256 Credential=AK/20150830/r/s/aws4_request, SignedHeaders=host, Signature=xyz",
        "AWS4-HMAC-SHA256 Credential=AK/20150831/r/s/aws4_request, SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    };
    struct sigv4_claim c;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct sigv4_header h[] = {{STR("authorization"), str_of(bad[i])},
                                   {STR("X-Amz-Date"), STR("20150830T123600Z")}};
        struct sigv4_request r = {STR("GET"), STR("/"), STR(""), h, ARRAY_LEN(h), STR("")};
        assert_int_equal(sigv4_read(&r, &c), SIGV4_INCOMPLETE);
        sigv4_claim_release(&c);
    }
    struct sigv4_request unsigned_request = {STR("GET"), STR("/"), STR("a=b"), NULL, 0, STR("")};
    assert_int_equal(sigv4_read(&unsigned_request, &c), SIGV4_MISSING);
    sigv4_claim_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_cases), cmocka_unit_test(time_is_checked),
                                       cmocka_unit_test(a_changed_request_does_not_verify),
                                       cmocka_unit_test(malformed_claims)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
