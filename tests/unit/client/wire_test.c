#include "client/wire.h"

#include "base/limits.h"
#include "test.h"

static void seals_and_opens(void **state)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(KIB);
    struct wire_envelope e;

    wire_seal(&b, "apps/v1", "Deployment", STR("\x0a\x00"));
    /* k8s\0, TypeMeta of 9 + 12 bytes, raw, two empty strings */
    assert_memory_equal(b.data, "k8s\0\x0a\x15\x0a\x07", 8);
    assert_true(wire_open(buf_str(&b), &e));
    assert_str(e.api_version, "apps/v1");
    assert_str(e.kind, "Deployment");
    assert_int_equal(e.raw.n, 2);
}

static void refuses_every_cut(void **state)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(KIB);
    struct wire_envelope e;
    size_t whole_fields = 0;

    wire_seal(&b, "v1", "Pod", STR("0123456789"));
    for (size_t n = 0; n < b.len; n++)
        whole_fields += wire_open(str_n(b.data, n), &e);
    assert_int_equal(whole_fields, 4); /* after the magic, the type, the raw and the first empty string */
}

static void finds_a_field_with_its_tag(void **state)
{
    /* 1: "ab", 2: varint 300, 5: fixed32, 1: "c" */
    struct str msg = STR("\x0a\x02"
                         "ab\x10\xac\x02\x2d\x01\x02\x03\x04\x0a\x01"
                         "c"),
               whole;
    struct wire_field f;

    assert_true(wire_find(msg, 1, &whole));
    assert_memory_equal(whole.p,
                        "\x0a\x01"
                        "c",
                        3);
    assert_true(wire_find(msg, 7, &whole));
    assert_int_equal(whole.n, 0);
    assert_int_equal(wire_next_field(&msg, &f), 1);
    assert_int_equal(wire_next_field(&msg, &f), 1);
    assert_int_equal(f.varint, 300);
}

static void refuses_bad_tags(void **state)
{
    static const struct str bad[] = {{"\x00", 1},
                                     {"\x0b", 1},
                                     {"\x0a\xff", 2},
                                     {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11},
                                     {"\x09\x01", 2}};
    struct wire_field f;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct str s = bad[i];
        assert_int_equal(wire_next_field(&s, &f), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_and_opens),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(finds_a_field_with_its_tag),
        cmocka_unit_test(refuses_bad_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
