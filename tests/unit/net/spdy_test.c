#include "net/spdy.h"
#include "testhttp/spdy_peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct seen {
    size_t replies, fins, resets;
    struct buf data;
};

static void on_reply(void *ctx, uint32_t stream)
{
    ((struct seen *)ctx)->replies++;
}

static void on_data(void *ctx, uint32_t stream, struct str data, bool fin)
{
    struct seen *s = ctx;
    s->fins += fin;
    buf_str_add(&s->data, data);
}

static void on_reset(void *ctx, uint32_t stream, uint32_t status)
{
    ((struct seen *)ctx)->resets++;
}

static const struct spdy_ops ops = {on_reply, on_data, on_reset};

static uint32_t open_stream(struct spdy *s, const char *type)
{
    const struct spdy_header h = {STR("streamtype"), str_of(type)};
    return spdy_open(s, &h, 1);
}

/* A whole exec against the peer, whose bytes arrive `step` at a time. */
static void exec_in_steps(size_t step)
{
    struct err err = ERR_INIT;
    struct buf out = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
    struct seen seen = {.data = BUF_INIT(1 << 20)};
    struct spdy *s = NULL;
    struct spdy_peer *peer = spdy_peer_new(3, &back);
    assert_int_equal(spdy_new(&ops, &seen, &out, &s, &err), 0);
    assert_int_equal(open_stream(s, "error"), 1);
    uint32_t in = open_stream(s, "stdin");
    assert_int_equal(in, 3);
    assert_int_equal(open_stream(s, "stdout"), 5);
    spdy_send(s, in, STR("hello "), false);
    char big[150000];
    memset(big, 'z', sizeof(big));
    spdy_send(s, in, str_n(big, sizeof(big)), false); /* more than one frame */
    spdy_send(s, in, STR(""), true);
    assert_true(spdy_peer_input(peer, buf_str(&out)));
    assert_string_equal(spdy_peer_opened(peer), "error stdin stdout");
    for (size_t at = 0; at < back.len; at += step)
        assert_int_equal(spdy_input(s, str_n(back.data + at, MIN_OF(step, back.len - at)), &err), 0);
    assert_int_equal(seen.replies, 3);
    assert_int_equal(seen.fins, 2);
    assert_int_equal(seen.data.len, 6 + sizeof(big) + strlen("{\"metadata\":{},\"status\":\"Success\"}"));
    assert_memory_equal(seen.data.data, "hello zzz", 9);
    spdy_free(s);
    spdy_peer_free(peer);
    buf_release(&out);
    buf_release(&back);
    buf_release(&seen.data);
}

static void test_exec(void **state)
{
    exec_in_steps(1);
    exec_in_steps(7);
    exec_in_steps(100000000);
}

static void test_dictionary(void **state)
{
    struct buf d = BUF_INIT(4096);
    spdy_dictionary(&d);
    assert_int_equal(d.len, 1423); /* its Adler-32 is checked by zlib in every header block */
    buf_release(&d);
}

static void test_control_frames(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *answer;
        size_t answer_n;
    } table[] = {
        {"\x80\x03\0\x06\0\0\0\4\0\0\0\2", 12, "\x80\x03\0\x06\0\0\0\4\0\0\0\2", 12}, /* their ping comes back */
        {"\x80\x03\0\x06\0\0\0\4\0\0\0\1", 12, "", 0},                                /* ours does not */
        {"\x80\x03\0\x09\0\0\0\x8\0\0\0\1\0\0\0\1", 16, "", 0},                       /* WINDOW_UPDATE */
        {"\x80\x03\0\x63\0\0\0\0", 8, "", 0},                                         /* unknown */
        {"\x80\x03\0\x03\0\0\0\x8\0\0\0\1\0\0\0\5", 16, "", 0},                       /* RST_STREAM */
    };
    struct err err = ERR_INIT;
    struct buf out = BUF_INIT(4096);
    struct seen seen = {.data = BUF_INIT(4096)};
    struct spdy *s = NULL;
    assert_int_equal(spdy_new(&ops, &seen, &out, &s, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        buf_clear(&out);
        assert_int_equal(spdy_input(s, str_n(table[i].bytes, table[i].n), &err), 0);
        assert_true(str_eq(buf_str(&out), str_n(table[i].answer, table[i].answer_n)));
    }
    assert_int_equal(seen.resets, 1);
    spdy_free(s);
    buf_release(&out);
    buf_release(&seen.data);
}

static void test_broken_frames(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } table[] = {
        {"\x80\x02\0\x06\0\0\0\4\0\0\0\2", 12},      /* another version */
        {"\x80\x03\0\x02\0\xff\xff\xff", 8},         /* a control frame of 16 MiB */
        {"\x80\x03\0\x02\0\0\0\2\0\0", 10},          /* too short */
        {"\x80\x03\0\x02\0\0\0\x8\0\0\0\1zzzz", 16}, /* no zlib */
        {"\x80\x03\0\x03\0\0\0\4\0\0\0\1", 12},      /* RST_STREAM without status */
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct err err = ERR_INIT;
        struct buf out = BUF_INIT(4096);
        struct seen seen = {.data = BUF_INIT(4096)};
        struct spdy *s = NULL;
        assert_int_equal(spdy_new(&ops, &seen, &out, &s, &err), 0);
        assert_int_equal(spdy_input(s, str_n(table[i].bytes, table[i].n), &err), -1);
        assert_int_equal(err.code, ERR_BAD_GATEWAY);
        spdy_free(s);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_dictionary),
        cmocka_unit_test(test_control_frames),
        cmocka_unit_test(test_broken_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
