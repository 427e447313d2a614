/*
 * log_read.h - reading container log files: tail, since, limits, following. Files that were rotated away are not read.
 */
#ifndef KUBELET_SERVER_LOG_READ_H
#define KUBELET_SERVER_LOG_READ_H

#include "base/buf.h"
#include "base/err.h"

/* The text of the last lines of a log, at most so many lines and bytes, malloc'd; "" when it cannot be read. */
char *log_tail_text(const char *path, size_t lines, size_t bytes);

struct log_options {
    int64_t tail;     /* lines from the end; <0 = all */
    int64_t since_ns; /* wall; 0 = from the beginning */
    int64_t limit;    /* bytes of output; <0 = no limit */
    bool timestamps;
    bool only_stdout, only_stderr;
};

/* A cursor in one log file. One thread at a time. */
struct log_reader;
int log_reader_open(const char *path, const struct log_options *o, struct log_reader **ret, struct err *err) MUST_CHECK;
struct log_reader *log_reader_free(struct log_reader *r);
/* Appends what can be read now, about `want` bytes. 1 = there may be more at once, 0 = the end of the file for now, -1
 * = the limit is reached: no more will come. */
int log_reader_read(struct log_reader *r, struct buf *out, size_t want);
/* Goes on in the file that has taken the place after a rotation, if there is one and the old one is read to its end. */
bool log_reader_reopen(struct log_reader *r);

#endif
