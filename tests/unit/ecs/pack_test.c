#include "base/random.h"
#include "ecs/store/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Packs, unpacks, and tells how long the packed text was. */
static size_t there_and_back(const struct pack_model *m, struct str text)
{
    _cleanup_(buf_releasep) struct buf packed = BUF_INIT(4 << 20);
    _cleanup_(freep) char *back = xmalloc(text.n + 1);

    assert_true(pack(m, text, &packed));
    assert_true(unpack(m, buf_str(&packed), back, text.n));
    assert_memory_equal(back, text.p, text.n);
    if (text.n)
        assert_false(unpack(m, buf_str(&packed), back, text.n - 1));
    return packed.len;
}

static void alike_texts_become_short(void **state)
{
    const char *one = "{\"arn\":\"arn:aws:ecs:us-east-1:000000000000:task/demo/000e7f21317d5b8bedc983dcba44f04c\","
                      "\"createdAt\":1795517276,\"desiredStatus\":\"RUNNING\",\"containers\":[{\"name\":\"web\"}]}";
    const char *two = "{\"arn\":\"arn:aws:ecs:us-east-1:000000000000:task/demo/1f3b7dc83e15b5cd99bdecc6b2af97cd\","
                      "\"createdAt\":1795519999,\"desiredStatus\":\"STOPPED\",\"containers\":[{\"name\":\"web\"}]}";
    struct pack_model *m = pack_model_new(str_of(one));

    assert_true(there_and_back(m, str_of(one)) < 8);
    assert_true(there_and_back(m, str_of(two)) < strlen(two) / 2);
    pack_model_free(m);
}

static void any_text_survives(void **state)
{
    static const char *const models[] = {"", "a", "abcd", "abcdeabcdeabcde", "{\"a\":1}"};
    char text[3000];

    srand(1);
    for (size_t k = 0; k < ARRAY_LEN(models); k++) {
        struct pack_model *m = pack_model_new(str_of(models[k]));
        for (int i = 0; i < 2000; i++) {
            size_t n = (size_t)rand() % (i % 7 ? 40 : sizeof(text));
            int letters = 1 + rand() % (i % 3 ? 5 : 250);
            for (size_t j = 0; j < n; j++)
                text[j] = (char)('a' + rand() % letters);
            there_and_back(m, str_n(text, n));
        }
        pack_model_free(m);
    }
}

static void repetitions_overlap(void **state)
{
    struct pack_model *m = pack_model_new(STR(""));
    char text[5000];

    memset(text, 'x', sizeof(text));
    assert_true(there_and_back(m, str_n(text, sizeof(text))) < 20);
    pack_model_free(m);
}

static void what_is_no_packed_text_is_refused(void **state)
{
    struct pack_model *m = pack_model_new(STR("abcdefghij"));
    char to[16];

    assert_false(unpack(m, STR(""), to, 4));
    assert_false(unpack(m,
                        str_n("\x05"
                              "ab",
                              3),
                        to, 4));                                          /* fewer bytes than said */
    assert_false(unpack(m, str_n("\0\x04\x08\0", 4), to, 4));             /* behind the model's end */
    assert_false(unpack(m, str_n("\0\x04\x0a\0", 4), to, 4));             /* nothing written yet to copy from */
    assert_false(unpack(m, str_n("\0\x04\x01", 3), to, 4));               /* cut off */
    assert_false(unpack(m, str_n("\0\x05\x01\0", 4), to, 4));             /* too long */
    assert_false(unpack(m, str_n("\xff\xff\xff\xff\xff\xff", 6), to, 4)); /* no number */
    assert_true(unpack(m, str_n("\0\x04\x01\0", 4), to, 4));
    assert_memory_equal(to, "bcde", 4);
    pack_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alike_texts_become_short),
        cmocka_unit_test(any_text_survives),
        cmocka_unit_test(repetitions_overlap),
        cmocka_unit_test(what_is_no_packed_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
