#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api/json.h"
#include "base/limits.h"
#include "oci/rlimits.h"

/* The configuration of container web with that annotation, in that namespace. */
static struct doc *config_of(struct arena *a, const char *ns, const char *annotation)
{
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    const char *text =
        arena_printf(a,
                     "{\"process\":{\"args\":[\"x\"],\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":9,"
                     "\"soft\":9}]},\"annotations\":{\"io.kubernetes.cri.container-name\":\"web\","
                     "\"io.kubernetes.cri.sandbox-namespace\":\"%s\",%s}}",
                     ns, annotation);

    if (json_parse(a, str_of(text), NULL, &d, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return d;
}

#define OLD "[{\"type\":\"RLIMIT_NOFILE\",\"hard\":9,\"soft\":9}]"

static const struct {
    const char *ns, *annotation, *rlimits; /* NULL: refused */
} cases[] = {
    {"ecs-demo", "\"ulimits.ecs.coracle.dev/web\":\"nofile=1024:2048\"",
     "[{\"type\":\"RLIMIT_NOFILE\",\"hard\":2048,\"soft\":1024}]"},
    {"ecs-demo", "\"ulimits.ecs.coracle.dev/web\":\"core=0:unlimited,nproc=5:5\"",
     "[{\"type\":\"RLIMIT_NOFILE\",\"hard\":9,\"soft\":9},{\"type\":\"RLIMIT_CORE\",\"hard\":18446744073709551615,"
     "\"soft\":0},{\"type\":\"RLIMIT_NPROC\",\"hard\":5,\"soft\":5}]"},
    {"ecs-demo", "\"ulimits.ecs.coracle.dev/other\":\"nofile=1:1\"", OLD},
    {"default", "\"ulimits.ecs.coracle.dev/web\":\"nofile=1:1\"", OLD},
    {"ecs-demo", "\"ulimits.ecs.coracle.dev/web\":\"nofile=1\"", NULL},
    {"ecs-demo", "\"ulimits.ecs.coracle.dev/web\":\"nofile=-1:1\"", NULL},
    {"ecs-demo", "\"ulimits.ecs.coracle.dev/web\":\"nofiles=1:1\"", NULL},
    {"ecs-demo", "\"ulimits.ecs.coracle.dev/web\":\",\"", NULL},
};

static void limits_of_the_annotation(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        _cleanup_(buf_releasep) struct buf got = BUF_INIT(MIB);
        struct doc *config = config_of(a, cases[i].ns, cases[i].annotation);
        struct err err = ERR_INIT;
        bool changed = false;
        int r = oci_apply_rlimits(a, config, &changed, &err);

        assert_int_equal(r, cases[i].rlimits ? 0 : -1);
        if (r < 0)
            continue;
        json_write(&got, doc_path(config, "process.rlimits"));
        assert_string_equal(got.data, cases[i].rlimits);
        assert_int_equal(changed, strcmp(cases[i].rlimits, OLD) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(limits_of_the_annotation)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
