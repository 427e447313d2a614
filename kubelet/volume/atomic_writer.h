/*
 * atomic_writer.h - puts a set of files into a folder so that a reader sees the old set or the new one, never a mix.
 *
 * The files live in a folder ..TIME; the link ..data leads to it and is swapped by rename; each visible name is a link
 * to ..data/NAME. As upstream's, so that programs which watch for it work. One writer for a folder at a time.
 */
#ifndef KUBELET_VOLUME_ATOMIC_WRITER_H
#define KUBELET_VOLUME_ATOMIC_WRITER_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

struct payload_file {
    struct str path; /* relative, may have folders; no "..", not absolute */
    struct str data;
    mode_t mode;
    int64_t uid; /* owner, -1 = leave */
};

struct payload {
    struct payload_file *files;
    size_t n;
    int64_t gid; /* group of all files, -1 = leave */
};

/* Makes dir show exactly the payload. *ret_changed (may be NULL) tells whether anything was written. */
int atomic_write(const char *dir, const struct payload *payload, int64_t wall_ns, bool *ret_changed,
                 struct err *err) MUST_CHECK;
/* Whether a path from an object may be used: relative, short enough, no component "..", none that starts with "..". */
bool payload_path_valid(struct str path);

#endif
