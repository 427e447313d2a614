/* What the tests of this folder share: cmocka, an arena a test, reading and writing JSON in one word. */
#ifndef TEST_API_CHECK_H
#define TEST_API_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "api/json.h"
#include "base/limits.h"

static inline int arena_setup(void **state)
{
    *state = arena_new(64 * MIB);
    return 0;
}
static inline int arena_teardown(void **state)
{
    arena_free(*state);
    return 0;
}
#define ARENA_TEST(fn) cmocka_unit_test_setup_teardown(fn, arena_setup, arena_teardown)

static inline struct doc *parse(struct arena *a, const char *text)
{
    struct err err = ERR_INIT;
    struct doc *d = NULL;
    if (json_parse(a, str_of(text), NULL, &d, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return d;
}
static inline const char *text_of(struct arena *a, const struct doc *d)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(64 * MIB);
    json_write(&out, d);
    return arena_str(a, buf_str(&out)).p;
}
#define assert_doc(a, d, text) assert_string_equal(text_of((a), (d)), (text))

#endif
