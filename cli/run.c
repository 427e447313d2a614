#include "run.h"

#include "base/clock.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void args_add(struct args *a, const char *fmt, ...)
{
    struct buf b = BUF_INIT(64 * KIB);
    va_list ap;

    if (a->n == RUN_ARGS_MAX)
        abort(); /* our own tables are shorter */
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    a->v[a->n++] = buf_take(&b);
    a->v[a->n] = NULL;
}

void args_release(struct args *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->v[i]);
    *a = (struct args){0};
}

bool run_in_path(const char *program)
{
    const char *path = getenv("PATH");
    struct str rest = str_of(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"), dir;
    char full[PATH_MAX];

    while (str_split(&rest, ':', &dir)) {
        snprintf(full, sizeof(full), STR_FMT "/%s", STR_ARG(dir), program);
        if (access(full, X_OK) == 0)
            return true;
    }
    return false;
}

static NORETURN void child(char *const *argv, int out_fd)
{
    sigset_t none;
    int null = open("/dev/null", O_RDWR);

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(null, STDIN_FILENO);
    dup2(out_fd, STDOUT_FILENO);
    dup2(out_fd, STDERR_FILENO);
    execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Reads until the child has closed its output or the time is over. */
static void collect(int fd, struct buf *out, int64_t deadline)
{
    char block[4096];

    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        int64_t left = deadline - clock_mono(&clock_system);
        if (left <= 0 || poll(&p, 1, (int)(left / NS_PER_MS) + 1) == 0)
            return;
        ssize_t n = read(fd, block, sizeof(block));
        if (n == 0 || (n < 0 && errno != EINTR))
            return;
        if (n > 0)
            buf_add(out, block, (size_t)n);
    }
}

/* Waits until the deadline, then kills. */
static int reap(pid_t pid, int64_t deadline)
{
    int status;

    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid)
            return status;
        if (got < 0 && errno == ECHILD)
            return 0; /* an init process that reaps all children got it first */
        if (clock_mono(&clock_system) > deadline)
            kill(pid, SIGKILL);
        sleep_ns(2 * NS_PER_MS);
    }
}

static struct str last_line(struct str text)
{
    text = str_trim(text);
    const char *nl = text.n ? memrchr(text.p, '\n', text.n) : NULL;
    return nl ? str_from(text, (size_t)(nl + 1 - text.p)) : text;
}

int run_wait(char *const *argv, int timeout_s, struct buf *out, struct err *err)
{
    _cleanup_(buf_releasep) struct buf own = BUF_INIT(MIB);
    int64_t deadline = clock_mono(&clock_system) + timeout_s * NS_PER_S;
    int fds[2];

    if (!out)
        out = &own;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        child(argv, fds[1]);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return err_errno(err, errno, "cannot start %s", argv[0]);
    }
    collect(fds[0], out, deadline);
    close(fds[0]);
    int status = reap(pid, deadline);
    struct str line = last_line(buf_str(out));
    if (WIFSIGNALED(status))
        return err_set(err, ERR_TIMEOUT, "%s was ended by signal %d", argv[0], WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return err_set(err, ERR_SYSTEM, "%s: exit code %d: " STR_FMT, argv[0], WEXITSTATUS(status), STR_ARG(line));
    return 0;
}

static int run_words(char *line, struct err *err)
{
    struct args args = {0};
    struct str rest = str_of(line), word;

    while (str_split(&rest, ' ', &word))
        if (word.n)
            args_add(&args, STR_FMT, STR_ARG(word));
    int rc = run_wait(args.v, 20, NULL, err);
    if (rc < 0)
        err_wrap(err, "%s", line);
    args_release(&args);
    return rc;
}

int run_line(struct err *err, const char *fmt, ...)
{
    struct buf b = BUF_INIT(4 * KIB);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    _cleanup_(freep) char *line = buf_take(&b);
    return run_words(line, err);
}

void run_quietly(const char *fmt, ...)
{
    struct buf b = BUF_INIT(4 * KIB);
    struct err ignored = ERR_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    _cleanup_(freep) char *line = buf_take(&b);
    (void)!run_words(line, &ignored);
}
