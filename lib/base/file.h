/*
 * file.h - small whole files: configuration, keys, kubeconfigs. Every read has a ceiling, every write is atomic.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "buf.h"
#include "err.h"

#include <sys/types.h>

/* Appends the file to out, whose ceiling bounds it. ERR_NOT_FOUND when there is no such file, ERR_TOO_LARGE past the
 * ceiling. */
int file_read(const char *path, struct buf *out, struct err *err) MUST_CHECK;
/* Writes path by way of a temporary file in the same folder, fsync and rename: a reader sees the old or the new
 * content. */
int file_write(const char *path, struct str content, mode_t mode, struct err *err) MUST_CHECK;
int file_mkdirs(const char *path, mode_t mode, struct err *err) MUST_CHECK; /* mkdir -p */
int file_remove_tree(const char *path,
                     struct err *err) MUST_CHECK; /* rm -r --one-file-system; fine when it is not there */
bool file_exists(const char *path);

#endif
