/*
 * supervisor.h - keeps a set of programs running: starts each when what it needs answers, restarts one that dies with
 * back-off, writes their output to log files, and stops them in a fixed order.
 *
 * One thread, one poll loop. A program is restarted 0.1 s after its death, then twice as long each time up to 10 s;
 * after a minute of life the back-off is forgotten. Programs get SIGTERM when the supervisor dies (even by SIGKILL), so
 * that a new one finds free ports; containers outlive all of that, they hang on containerd's shims.
 *
 * It may run as PID 1 of a PID namespace: it reaps whatever is left to it.
 */
#ifndef CLI_SUPERVISOR_H
#define CLI_SUPERVISOR_H

#include "run.h"

#define SUPERVISOR_PROGRAMS_MAX 40
#define SUPERVISOR_STEPS_MAX 100
#define SUPERVISOR_LOG_MAX (32 * 1024 * 1024) /* bytes of a log file before it becomes NAME.log.1 */

struct program {
    char name[48];
    struct args argv;
    char *log_path;
    int wait_port;   /* start only when 127.0.0.1:wait_port accepts; 0 = at once */
    char *wait_path; /* ... and this file exists; NULL = at once */
    int stop_timeout_s;
    /* the supervisor's own: */
    pid_t pid; /* 0 = not running */
    int restarts;
    int last_status;
    int64_t backoff_ns, not_before, started, started_wall;
};

/* What happens at the end, in order: a program is stopped (SIGTERM, after its time SIGKILL), or a command is run. */
struct stop_step {
    const char *program; /* name of a program, or NULL */
    struct args command; /* when program is NULL */
    int timeout_s;
};

struct supervisor {
    struct program programs[SUPERVISOR_PROGRAMS_MAX];
    size_t n;
    struct stop_step steps[SUPERVISOR_STEPS_MAX];
    size_t n_steps;
    char *status_path; /* JSON for `coracle status`; NULL = none */
};

struct program *supervisor_add(struct supervisor *s, char *log_path /* taken */, const char *name_fmt, ...)
    PRINTF_FMT(3, 4);
void supervisor_stop_program(struct supervisor *s, const struct program *p);
/* The returned arguments are the command to fill in. */
struct args *supervisor_stop_command(struct supervisor *s, int timeout_s);
/* A command of fixed words. */
void supervisor_stop_line(struct supervisor *s, const char *fmt, ...) PRINTF_FMT(2, 3);

/* Runs until SIGTERM or SIGINT, then goes through the stop steps. Blocks these signals and SIGCHLD. */
int supervisor_run(struct supervisor *s, struct err *err) MUST_CHECK;
void supervisor_release(struct supervisor *s);

#endif
