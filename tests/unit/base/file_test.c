#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/file.h"

#include <stdio.h>
#include <sys/stat.h>

static char dir[64];

static int make_dir(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/coracle-file-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    struct err err = ERR_INIT;
    return file_remove_tree(dir, &err);
}

static void writes_and_reads(void **state)
{
    struct err err = ERR_INIT;
    struct stat st;
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(100);
    _cleanup_(freep) char *path = xasprintf("%s/a", dir);

    assert_int_equal(file_write(path, STR("one"), 0600, &err), 0);
    assert_int_equal(file_write(path, STR("two"), 0640, &err), 0);
    assert_int_equal(file_read(path, &b, &err), 0);
    assert_string_equal(b.data, "two");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void reading_is_bounded(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(3);
    _cleanup_(freep) char *path = xasprintf("%s/b", dir);

    assert_int_equal(file_write(path, STR("four"), 0600, &err), 0);
    assert_int_equal(file_read(path, &b, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(file_read("/nonexistent/x", &b, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void removes_trees_but_not_through_links(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(freep) char *deep = xasprintf("%s/t/u/v", dir);
    _cleanup_(freep) char *tree = xasprintf("%s/t", dir);
    _cleanup_(freep) char *kept = xasprintf("%s/kept", dir);
    _cleanup_(freep) char *link_path = xasprintf("%s/t/link", dir);

    assert_int_equal(file_mkdirs(deep, 0700, &err), 0);
    assert_int_equal(file_mkdirs(kept, 0700, &err), 0);
    assert_int_equal(symlink(kept, link_path), 0);
    assert_int_equal(file_remove_tree(tree, &err), 0);
    assert_false(file_exists(tree));
    assert_true(file_exists(kept));
    assert_int_equal(file_remove_tree(tree, &err), 0); /* not there: fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads),
        cmocka_unit_test(reading_is_bounded),
        cmocka_unit_test(removes_trees_but_not_through_links),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
