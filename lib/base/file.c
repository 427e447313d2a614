#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

int file_read(const char *path, struct buf *out, struct err *err)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char block[16384];

    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "no such file: %s", path);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    for (;;) {
        ssize_t n = read(fd, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            return 0;
        buf_add(out, block, (size_t)n);
        if (!buf_ok(out))
            return err_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, out->max);
    }
}

static int write_all(int fd, struct str s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        s = str_from(s, (size_t)n);
    }
    return 0;
}

int file_write(const char *path, struct str content, mode_t mode, struct err *err)
{
    _cleanup_(freep) char *tmp = xasprintf("%s.XXXXXX", path);
    _cleanup_(closep) int fd = mkostemp(tmp, O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, errno, "cannot create a file beside %s", path);
    if (write_all(fd, content) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0) {
        int sys = errno;
        unlink(tmp);
        return err_errno(err, sys, "cannot write %s", path);
    }
    return 0;
}

int file_mkdirs(const char *path, mode_t mode, struct err *err)
{
    _cleanup_(freep) char *p = xstrdup(path);

    for (char *at = p + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(p, mode) < 0 && errno != EEXIST)
            return err_errno(err, errno, "cannot make the folder %s", p);
        *at = kept;
        if (!kept)
            return 0;
    }
}

/* Removes what is in the folder; entries of other file systems (mounts) are refused, never entered. */
static int remove_entries(int dirfd, dev_t dev, const char *path, struct err *err)
{
    DIR *d = fdopendir(dirfd);
    int rc = 0;

    if (!d) {
        close(dirfd);
        return err_errno(err, errno, "cannot list %s", path);
    }
    for (struct dirent *e; rc == 0 && (e = readdir(d));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* gone meanwhile */
        if (!S_ISDIR(st.st_mode)) {
            if (unlinkat(dirfd, e->d_name, 0) < 0 && errno != ENOENT)
                rc = err_errno(err, errno, "cannot remove %s/%s", path, e->d_name);
            continue;
        }
        if (st.st_dev != dev) {
            rc = err_set(err, ERR_CONFLICT, "%s/%s is a mount point, not removed", path, e->d_name);
            continue;
        }
        int sub = openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0)
            continue;
        _cleanup_(freep) char *sub_path = xasprintf("%s/%s", path, e->d_name);
        rc = remove_entries(sub, dev, sub_path, err);
        if (rc == 0 && unlinkat(dirfd, e->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            rc = err_errno(err, errno, "cannot remove %s", sub_path);
    }
    closedir(d);
    return rc;
}

int file_remove_tree(const char *path, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        if (errno == ENOENT || unlink(path) == 0)
            return 0;
        return err_errno(err, errno, "cannot remove %s", path);
    }
    if (fstat(fd, &st) < 0) {
        close(fd);
        return err_errno(err, errno, "cannot look at %s", path);
    }
    if (remove_entries(fd, st.st_dev, path, err) < 0)
        return -1;
    if (rmdir(path) < 0 && errno != ENOENT)
        return err_errno(err, errno, "cannot remove %s", path);
    return 0;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
