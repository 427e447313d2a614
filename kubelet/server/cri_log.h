/*
 * cri_log.h - one line of a container log file as CRI runtimes write it:
 *
 *     2016-10-06T00:17:09.669794202Z stdout F text
 *
 * P instead of F marks a piece of a line that goes on in the next record of the same stream. Pure, no allocation: the
 * views point into the caller's line.
 */
#ifndef KUBELET_SERVER_CRI_LOG_H
#define KUBELET_SERVER_CRI_LOG_H

#include "base/err.h"
#include "base/str.h"

struct cri_log_line {
    struct str time; /* RFC 3339 as written */
    int64_t wall_ns;
    bool is_stderr;
    bool partial;
    struct str text; /* without the newline */
};

/* `line` may or may not end in its newline. */
int cri_log_parse(struct str line, struct cri_log_line *ret, struct err *err) MUST_CHECK;

#endif
