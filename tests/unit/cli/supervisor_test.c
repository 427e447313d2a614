#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

/* Each test runs a supervisor in a child process and watches the files that its programs write. */

static char dir[64];

static int make_dir(void **state)
{
    log_setup("supervisor_test", LOG_ERROR, false);
    snprintf(dir, sizeof(dir), "/tmp/coracle-supervisor-test-XXXXXX");
    return mkdtemp(dir) && setenv("D", dir, 1) == 0 ? 0 : -1;
}

static int drop_dir(void **state)
{
    struct err err = ERR_INIT;
    return file_remove_tree(dir, &err);
}

static char *in_dir(const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static size_t lines_of(const char *name)
{
    _cleanup_(freep) char *path = in_dir(name);
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(1 << 20);
    struct err err = ERR_INIT;
    size_t n = 0;

    if (file_read(path, &b, &err) < 0)
        return 0;
    for (size_t i = 0; i < b.len; i++)
        n += b.data[i] == '\n';
    return n;
}

/* Within ten seconds; false means the test has to fail. */
static bool reaches(const char *file, size_t lines)
{
    for (int i = 0; i < 1000; i++) {
        if (lines_of(file) >= lines)
            return true;
        sleep_ns(10 * NS_PER_MS);
    }
    return false;
}

/* The script finds the folder in $D. */
static void add_shell(struct supervisor *s, const char *name, const char *script)
{
    struct program *p = supervisor_add(s, in_dir("log"), "%s", name);

    p->stop_timeout_s = 1;
    args_add(&p->argv, "sh");
    args_add(&p->argv, "-c");
    args_add(&p->argv, "%s", script);
    supervisor_stop_program(s, p);
}

static pid_t run(struct supervisor *s)
{
    struct err err = ERR_INIT;
    pid_t pid = fork();

    if (pid == 0)
        _exit(supervisor_run(s, &err) < 0);
    return pid;
}

static void end(pid_t pid)
{
    int status;

    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void restarts_what_dies(void **state)
{
    struct supervisor *s = xcalloc(1, sizeof(*s));

    add_shell(s, "dies", "echo $$ >>$D/dies");
    pid_t pid = run(s);
    assert_true(reaches("dies", 3));
    end(pid);
    supervisor_release(s);
    free(s);
}

static void waits_for_a_file(void **state)
{
    struct supervisor *s = xcalloc(1, sizeof(*s));
    struct err err = ERR_INIT;

    add_shell(s, "waits", "echo x >>$D/waits; exec sleep 100");
    s->programs[0].wait_path = in_dir("gate");
    pid_t pid = run(s);
    sleep_ns(100 * NS_PER_MS);
    assert_int_equal(lines_of("waits"), 0);
    assert_int_equal(file_write(s->programs[0].wait_path, STR(""), 0600, &err), 0);
    assert_true(reaches("waits", 1));
    end(pid);
    supervisor_release(s);
    free(s);
}

static void stops_in_order_and_kills_the_deaf(void **state)
{
    struct supervisor *s = xcalloc(1, sizeof(*s));

    add_shell(s, "first", "trap 'echo first >>$D/order; exit' TERM; echo up >>$D/ups; while :; do sleep 0.05; done");
    add_shell(s, "deaf", "trap '' TERM; echo up >>$D/ups; while :; do sleep 0.05; done");
    args_add(supervisor_stop_command(s, 5), "sh");
    args_add(&s->steps[s->n_steps - 1].command, "-c");
    args_add(&s->steps[s->n_steps - 1].command, "echo last >>$D/order");
    pid_t pid = run(s);
    assert_true(reaches("ups", 2));
    end(pid);
    _cleanup_(freep) char *path = in_dir("order");
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(1000);
    struct err err = ERR_INIT;
    assert_int_equal(file_read(path, &b, &err), 0);
    assert_string_equal(b.data, "first\nlast\n");
    supervisor_release(s);
    free(s);
}

static void children_end_with_it(void **state)
{
    struct supervisor *s = xcalloc(1, sizeof(*s));

    add_shell(s, "child", "echo up >>$D/child; trap 'echo down >>$D/child; exit' TERM; while :; do sleep 0.05; done");
    pid_t pid = run(s);
    assert_true(reaches("child", 1));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(reaches("child", 2));
    supervisor_release(s);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(restarts_what_dies), cmocka_unit_test(waits_for_a_file),
                                       cmocka_unit_test(stops_in_order_and_kills_the_deaf),
                                       cmocka_unit_test(children_end_with_it)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
