/*
 * run.h - running other programs: to their end, with their output in a buffer or a log file.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "base/buf.h"
#include "base/err.h"

#define RUN_ARGS_MAX 64

/* An argument list that grows by printf; strings are malloc'd and freed by args_release. Zero-initialise it. */
struct args {
    char *v[RUN_ARGS_MAX + 1];
    size_t n;
};
void args_add(struct args *a, const char *fmt, ...) PRINTF_FMT(2, 3);
void args_release(struct args *a);
static inline void args_releasep(struct args *a)
{
    args_release(a);
}

/* Runs argv (found in PATH) and waits, at most timeout_s seconds, then kills it. 0 when it exits with 0. The error
 * names the program and has its last line of output. out (may be NULL) gets standard output and error. */
int run_wait(char *const *argv, int timeout_s, struct buf *out, struct err *err) MUST_CHECK;

/* The same with the words of one line, split at spaces: for fixed commands such as "ip link del cni0". */
int run_line(struct err *err, const char *fmt, ...) PRINTF_FMT(2, 3) MUST_CHECK;
/* ... whose failure does not matter (it may be gone already). */
void run_quietly(const char *fmt, ...) PRINTF_FMT(1, 2);

bool run_in_path(const char *program);

#endif
