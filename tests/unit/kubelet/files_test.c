/* What is written to and read from files: the atomic writer and container logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "kubelet/server/log_read.h"
#include "kubelet/server/rotate.h"
#include "kubelet/volume/atomic_writer.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

static int make_dir(void **state)
{
    char *dir = xstrdup("/tmp/kubelet-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    *state = dir;
    return 0;
}

static int remove_dir(void **state)
{
    struct err err = ERR_INIT;
    int rc = file_remove_tree(*state, &err);
    free(*state);
    return rc;
}

static char *read_at(const char *dir, const char *name)
{
    _cleanup_(freep) char *path = xasprintf("%s/%s", dir, name);
    struct buf b = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    if (file_read(path, &b, &err) < 0) {
        buf_release(&b);
        return NULL;
    }
    return buf_take(&b);
}

static void expect(const char *dir, const char *name, const char *want)
{
    _cleanup_(freep) char *got = read_at(dir, name);
    if (!want)
        assert_null(got);
    else
        assert_string_equal(got, want);
}

static size_t count_entries(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void a_set_of_files_is_swapped_whole(void **state)
{
    const char *dir = *state;
    struct err err = ERR_INIT;
    bool changed;
    struct payload_file first[] = {{STR("a"), STR("1"), 0644, -1}, {STR("d/e"), STR("2"), 0400, -1}};
    struct payload_file second[] = {{STR("a"), STR("3"), 0644, -1}, {STR("f"), STR("4"), 0644, -1}};
    struct payload p = {first, 2, -1};
    assert_int_equal(atomic_write(dir, &p, 0, &changed, &err), 0);
    assert_true(changed);
    expect(dir, "a", "1");
    expect(dir, "d/e", "2");
    assert_int_equal(atomic_write(dir, &p, 0, &changed, &err), 0);
    assert_false(changed);
    p.files = second;
    assert_int_equal(atomic_write(dir, &p, 0, &changed, &err), 0);
    assert_true(changed);
    expect(dir, "a", "3");
    expect(dir, "f", "4");
    expect(dir, "d/e", NULL);
    assert_int_equal(count_entries(dir), 4); /* a, f, ..data and one folder */
    _cleanup_(freep) char *data = xasprintf("%s/..data", dir);
    struct stat st;
    assert_int_equal(lstat(data, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    p.n = 1;
    assert_int_equal(atomic_write(dir, &p, 0, &changed, &err), 0);
    assert_true(changed); /* fewer files are a change too */
    expect(dir, "f", NULL);
}

static void paths_that_lead_out_are_refused(void **state)
{
    static const char *const bad[] = {"", "/a", "..", "../a", "a/../b", "..data", "a/.."};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct payload_file f = {str_of(bad[i]), STR("x"), 0644, -1};
        struct payload p = {&f, 1, -1};
        assert_int_equal(atomic_write(*state, &p, 0, NULL, &err), -1);
    }
    assert_int_equal(count_entries(*state), 0);
    assert_true(payload_path_valid(STR("a..b/c")));
}

#define T "2026-01-01T00:00:0"

static void write_log(const char *path, const char *text)
{
    struct err err = ERR_INIT;
    assert_int_equal(file_write(path, str_of(text), 0644, &err), 0);
}

static char *read_log(const char *path, struct log_options o)
{
    struct log_reader *r;
    struct buf out = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    assert_int_equal(log_reader_open(path, &o, &r, &err), 0);
    while (log_reader_read(r, &out, 16) > 0)
        ;
    log_reader_free(r);
    return buf_take(&out);
}

#define LOG(path, want, ...)                                                                                           \
    do {                                                                                                               \
        _cleanup_(freep) char *_got = read_log((path), (struct log_options){__VA_ARGS__});                             \
        assert_string_equal(_got, (want));                                                                             \
    } while (0)

static void logs_are_read_as_asked(void **state)
{
    _cleanup_(freep) char *path = xasprintf("%s/0.log", (char *)*state);
    write_log(path, T "1Z stdout F one\n" T "2Z stderr F two\n" T "3Z stdout P thr\n" T "3Z stdout F ee\n" T
                      "4Z stdout F four\n");
    LOG(path, "one\ntwo\nthree\nfour\n", .tail = -1, .limit = -1);
    LOG(path, "three\nfour\n", .tail = 2, .limit = -1);
    LOG(path, "four\n", .tail = 1, .limit = -1);
    LOG(path, "", .tail = 0, .limit = -1);
    LOG(path, "one\ntwo\nthree\nfour\n", .tail = 99, .limit = -1);
    LOG(path, "one\ntw", .tail = -1, .limit = 6);
    LOG(path, T "3Z three\n" T "4Z four\n", .tail = 2, .limit = -1, .timestamps = true);
    LOG(path, "two\n", .tail = -1, .limit = -1, .only_stderr = true);
    LOG(path, "four\n", .tail = -1, .limit = -1, .since_ns = 1767225604 * (int64_t)1000000000);
    LOG(path, "two\nthree\nfour\n", .tail = 3, .limit = -1);
    _cleanup_(freep) char *tail = log_tail_text(path, 2, 6);
    assert_string_equal(tail, "\nfour\n");
}

static void the_tail_of_a_short_log(void **state)
{
    _cleanup_(freep) char *path = xasprintf("%s/0.log", (char *)*state);
    write_log(path, T "1Z stdout F one\n" T "2Z stderr F two\n");
    LOG(path, "two\n", .tail = 1, .limit = -1);
    LOG(path, "one\ntwo\n", .tail = 2, .limit = -1);
    write_log(path, T "1Z stdout P o\n" T "1Z stdout F ne\n");
    LOG(path, "one\n", .tail = 1, .limit = -1);
    write_log(path, "");
    LOG(path, "", .tail = 1, .limit = -1);
}

static void torn_lines_are_passed_over(void **state)
{
    _cleanup_(freep) char *path = xasprintf("%s/0.log", (char *)*state);
    write_log(path, "garbage\n" T "2Z stdout F two\n" T "3Z stdout F half");
    LOG(path, "two\n", .tail = -1, .limit = -1);
}

static void a_followed_log_goes_on_after_rotation(void **state)
{
    _cleanup_(freep) char *path = xasprintf("%s/0.log", (char *)*state), *old = xasprintf("%s.1", path);
    struct log_options o = {.tail = -1, .limit = -1};
    struct log_reader *r;
    struct buf out = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    write_log(path, T "1Z stdout F one\n");
    assert_int_equal(log_reader_open(path, &o, &r, &err), 0);
    assert_int_equal(log_reader_read(r, &out, 4096), 0);
    assert_false(log_reader_reopen(r));
    assert_int_equal(rename(path, old), 0);
    write_log(path, T "2Z stdout F two\n");
    assert_true(log_reader_reopen(r));
    assert_int_equal(log_reader_read(r, &out, 4096), 0);
    assert_string_equal(out.data, "one\ntwo\n");
    log_reader_free(r);
    buf_release(&out);
}

static void old_rotated_logs_go(void **state)
{
    _cleanup_(freep) char *path = xasprintf("%s/0.log", (char *)*state);
    static const char *const stamps[] = {"20260101-000001", "20260101-000003", "20260101-000002"};
    for (size_t i = 0; i < ARRAY_LEN(stamps); i++) {
        _cleanup_(freep) char *name = xasprintf("%s.%s", path, stamps[i]);
        write_log(name, stamps[i]);
    }
    log_remove_old(path, 2);
    expect(*state, "0.log.20260101-000001", NULL);
    expect(*state, "0.log.20260101-000002", "20260101-000002");
    expect(*state, "0.log.20260101-000003", "20260101-000003");
}

#define IN_DIR(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_set_of_files_is_swapped_whole),
        IN_DIR(paths_that_lead_out_are_refused),
        IN_DIR(logs_are_read_as_asked),
        IN_DIR(the_tail_of_a_short_log),
        IN_DIR(torn_lines_are_passed_over),
        IN_DIR(a_followed_log_goes_on_after_rotation),
        IN_DIR(old_rotated_logs_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
