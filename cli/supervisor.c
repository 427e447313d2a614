#include "supervisor.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BACKOFF_FIRST (100 * NS_PER_MS)
#define BACKOFF_MAX (10 * NS_PER_S)
#define LIVED_WELL (60 * NS_PER_S)
#define GATE_POLL_MS 10
#define LOG_CHECK_NS (30 * NS_PER_S)

static int64_t now(void)
{
    return clock_mono(&clock_system);
}

struct program *supervisor_add(struct supervisor *s, char *log_path, const char *name_fmt, ...)
{
    va_list ap;

    if (s->n == SUPERVISOR_PROGRAMS_MAX)
        abort(); /* the callers' tables are shorter */
    struct program *p = &s->programs[s->n++];
    *p = (struct program){.log_path = log_path, .stop_timeout_s = 10};
    va_start(ap, name_fmt);
    vsnprintf(p->name, sizeof(p->name), name_fmt, ap);
    va_end(ap);
    return p;
}

static struct stop_step *add_step(struct supervisor *s)
{
    if (s->n_steps == SUPERVISOR_STEPS_MAX)
        abort();
    return &s->steps[s->n_steps++];
}

void supervisor_stop_program(struct supervisor *s, const struct program *p)
{
    *add_step(s) = (struct stop_step){.program = p->name, .timeout_s = p->stop_timeout_s};
}

struct args *supervisor_stop_command(struct supervisor *s, int timeout_s)
{
    struct stop_step *step = add_step(s);

    *step = (struct stop_step){.timeout_s = timeout_s};
    return &step->command;
}

void supervisor_stop_line(struct supervisor *s, const char *fmt, ...)
{
    struct buf b = BUF_INIT(4096);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    _cleanup_(freep) char *line = buf_take(&b);
    struct str rest = str_of(line), word;
    struct args *a = supervisor_stop_command(s, 10);
    while (str_split(&rest, ' ', &word))
        args_add(a, STR_FMT, STR_ARG(word));
}

void supervisor_release(struct supervisor *s)
{
    for (size_t i = 0; i < s->n; i++) {
        args_release(&s->programs[i].argv);
        free(s->programs[i].log_path);
        free(s->programs[i].wait_path);
    }
    for (size_t i = 0; i < s->n_steps; i++)
        args_release(&s->steps[i].command);
    free(s->status_path);
    *s = (struct supervisor){0};
}

/* --- status --- */

static const char *state_of(const struct program *p)
{
    if (p->pid)
        return "Running";
    return p->started ? "BackOff" : "Waiting";
}

static void write_status(const struct supervisor *s)
{
    struct err ignored = ERR_INIT;

    if (!s->status_path)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++) {
        const struct program *p = &s->programs[i];
        char since[RFC3339_MAX] = "";
        if (p->started_wall)
            format_rfc3339(since, p->started_wall, 0);
        json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:s, s:s}", "name", p->name, "state", state_of(p),
                                              "pid", (int)p->pid, "restarts", p->restarts, "since", since, "log",
                                              p->log_path ? p->log_path : ""));
    }
    json_t *o = json_pack("{s:i, s:o}", "pid", (int)getpid(), "programs", list);
    _cleanup_(freep) char *text = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    if (text && file_write(s->status_path, str_of(text), 0600, &ignored) < 0)
        log_warn("cannot write the status file", LOG_ERR(&ignored));
}

/* --- starting --- */

static bool port_answers(int port)
{
    _cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static bool gate_open(const struct program *p)
{
    return (!p->wait_path || file_exists(p->wait_path)) && (!p->wait_port || port_answers(p->wait_port));
}

static NORETURN void exec_program(const struct program *p, pid_t parent)
{
    sigset_t none;
    int log = p->log_path ? open(p->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    int null = open("/dev/null", O_RDONLY);

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127); /* the supervisor died meanwhile */
    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(null, STDIN_FILENO);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    execvp(p->argv.v[0], p->argv.v);
    dprintf(STDERR_FILENO, "cannot start %s: %s\n", p->argv.v[0], strerror(errno));
    _exit(127);
}

static void start(struct program *p)
{
    pid_t self = getpid(), pid = fork();

    if (pid == 0)
        exec_program(p, self);
    if (pid < 0) {
        log_error("cannot fork", LOG_S("program", p->name), LOG_S("err", strerror(errno)));
        p->not_before = now() + BACKOFF_MAX;
        return;
    }
    if (p->started)
        p->restarts++;
    p->pid = pid;
    p->started = now();
    p->started_wall = clock_wall(&clock_system);
    log_info("started", LOG_S("program", p->name), LOG_I("pid", pid), LOG_I("restarts", p->restarts));
}

/* Starts what may start now; returns how many milliseconds to wait at most for the next look. */
static int start_due(struct supervisor *s)
{
    int wait = 30000;
    bool changed = false;

    for (size_t i = 0; i < s->n; i++) {
        struct program *p = &s->programs[i];
        if (p->pid)
            continue;
        int64_t left = p->not_before - now();
        if (left > 0) {
            wait = MIN_OF(wait, (int)(left / NS_PER_MS) + 1);
        } else if (!gate_open(p)) {
            wait = MIN_OF(wait, GATE_POLL_MS);
        } else {
            start(p);
            changed = true;
        }
    }
    if (changed)
        write_status(s);
    return wait;
}

/* --- deaths --- */

static void died(struct program *p, int status)
{
    int64_t lived = now() - p->started;

    p->pid = 0;
    p->last_status = status;
    p->backoff_ns = lived > LIVED_WELL || !p->backoff_ns ? BACKOFF_FIRST : MIN_OF(p->backoff_ns * 2, BACKOFF_MAX);
    p->not_before = now() + p->backoff_ns;
    log_warn(
        "ended, will be restarted", LOG_S("program", p->name),
        LOG_I(WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)),
        LOG_I("after_ms", lived / NS_PER_MS), LOG_I("restart_in_ms", p->backoff_ns / NS_PER_MS));
}

static bool reap_children(struct supervisor *s)
{
    bool changed = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < s->n; i++) {
            if (s->programs[i].pid == pid) {
                died(&s->programs[i], status);
                changed = true;
            }
        }
    }
    return changed;
}

/* --- logs --- */

/* The file is copied and cut: its writer keeps the descriptor, opened for appending. */
static void rotate(const char *path)
{
    struct stat st;
    _cleanup_(freep) char *old = xasprintf("%s.1", path);

    if (stat(path, &st) < 0 || st.st_size <= SUPERVISOR_LOG_MAX)
        return;
    _cleanup_(closep) int from = open(path, O_RDWR | O_CLOEXEC);
    _cleanup_(closep) int to = open(old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (from < 0 || to < 0)
        return;
    while (copy_file_range(from, NULL, to, NULL, 1 << 24, 0) > 0)
        ;
    if (ftruncate(from, 0) < 0)
        log_warn("cannot cut a log file", LOG_S("path", path));
}

static void rotate_logs(const struct supervisor *s, int64_t *next)
{
    if (now() < *next)
        return;
    *next = now() + LOG_CHECK_NS;
    for (size_t i = 0; i < s->n; i++)
        if (s->programs[i].log_path)
            rotate(s->programs[i].log_path);
}

/* --- stopping --- */

static void stop_one(struct program *p, int timeout_s)
{
    int64_t deadline = now() + timeout_s * NS_PER_S;
    bool killed = false;
    int status;

    if (!p->pid)
        return;
    kill(p->pid, SIGTERM);
    while (waitpid(p->pid, &status, WNOHANG) == 0) {
        if (!killed && now() > deadline) {
            log_warn("does not end, killed", LOG_S("program", p->name));
            kill(p->pid, SIGKILL);
            killed = true;
        }
        sleep_ns(2 * NS_PER_MS);
    }
    log_info("stopped", LOG_S("program", p->name));
    p->pid = 0;
}

static void stop_all(struct supervisor *s)
{
    struct err err = ERR_INIT;

    for (size_t i = 0; i < s->n_steps; i++) {
        struct stop_step *step = &s->steps[i];
        if (!step->program) {
            if (run_wait(step->command.v, step->timeout_s, NULL, &err) < 0)
                log_info("cleaning up", LOG_S("note", err.msg));
            continue;
        }
        for (size_t j = 0; j < s->n; j++)
            if (strcmp(s->programs[j].name, step->program) == 0)
                stop_one(&s->programs[j], step->timeout_s);
        write_status(s);
    }
    for (size_t j = 0; j < s->n; j++) /* whatever has no step of its own */
        stop_one(&s->programs[j], s->programs[j].stop_timeout_s);
}

static int open_signals(struct err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return err_errno(err, errno, "cannot block signals");
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? err_errno(err, errno, "cannot make a signalfd") : fd;
}

int supervisor_run(struct supervisor *s, struct err *err)
{
    _cleanup_(closep) int signals = open_signals(err);
    int64_t next_log_check = 0;
    bool stop = false;

    if (signals < 0)
        return -1;
    write_status(s);
    while (!stop) {
        struct signalfd_siginfo si;
        struct pollfd p = {signals, POLLIN, 0};
        poll(&p, 1, start_due(s));
        while (read(signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
            stop |= si.ssi_signo != SIGCHLD;
        if (reap_children(s))
            write_status(s);
        rotate_logs(s, &next_log_check);
    }
    log_info("stopping");
    stop_all(s);
    return 0;
}
