#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/flags.h"

struct parsed {
    const char *name;
    struct flag_list servers;
    int64_t port, grace;
    bool on;
};

static enum flags_result parse(struct parsed *p, struct err *err, int argc, char **argv)
{
    const struct flag table[] = {
        {FLAG_SECTION, "Main", NULL, NULL, NULL, 0, 0},
        {FLAG_STRING, "name", &p->name, "NAME", "a name", 0, 0},
        {FLAG_LIST, "etcd-servers", &p->servers, "URLS", "servers", 0, 0},
        {FLAG_INT, "secure-port", &p->port, "PORT", "a port", 1, 65535},
        {FLAG_DURATION, "grace", &p->grace, "DURATION", "a time", 0, 0},
        {FLAG_BOOL, "on", &p->on, NULL, "a switch", 0, 0},
        FLAG_IGNORED_ROW("cert-dir"),
        FLAG_IGNORED_BOOL_ROW("profiling"),
    };
    const struct flags f = {
        .program = "test", .about = "A test.", .version = "1", .table = table, .n = ARRAY_LEN(table)};
    return flags_parse(&f, argc, argv, NULL, err);
}

#define PARSE(p, err, ...)                                                                                             \
    ({                                                                                                                 \
        char *_argv[] = {"test", __VA_ARGS__, NULL};                                                                   \
        parse((p), (err), (int)ARRAY_LEN(_argv) - 1, _argv);                                                           \
    })

static void takes_every_form(void **state)
{
    struct parsed p = {0};
    struct err err = ERR_INIT;

    assert_int_equal(PARSE(&p, &err, "--name=x", "--etcd-servers", "a,b", "--etcd_servers=c", "--secure-port=6443",
                           "--grace=1m30s", "--on"),
                     FLAGS_RUN);
    assert_string_equal(p.name, "x");
    assert_int_equal(p.servers.n, 3);
    assert_true(str_is(p.servers.items[2], "c"));
    assert_int_equal(p.port, 6443);
    assert_int_equal(p.grace, 90 * NS_PER_S);
    assert_true(p.on);
    assert_int_equal(PARSE(&p, &err, "--cert-dir", "--on", "--profiling", "--on=false"), FLAGS_RUN);
    assert_false(p.on);
}

static void names_what_is_wrong(void **state)
{
    struct parsed p = {0};
    struct err err = ERR_INIT;

    assert_int_equal(PARSE(&p, &err, "--nmae=x"), FLAGS_ERROR);
    assert_string_equal(err.msg, "unknown flag: --nmae");
    assert_int_equal(PARSE(&p, &err, "--secure-port=0"), FLAGS_ERROR);
    assert_string_equal(err.msg, "--secure-port: 0 is not between 1 and 65535");
    assert_int_equal(PARSE(&p, &err, "--secure-port=6443x"), FLAGS_ERROR);
    assert_int_equal(PARSE(&p, &err, "--grace=soon"), FLAGS_ERROR);
    assert_int_equal(PARSE(&p, &err, "--name"), FLAGS_ERROR);
    assert_string_equal(err.msg, "flag needs a value: --name NAME");
    assert_int_equal(PARSE(&p, &err, "stray"), FLAGS_ERROR);
    assert_string_equal(err.msg, "unexpected argument: stray");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_every_form), cmocka_unit_test(names_what_is_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
