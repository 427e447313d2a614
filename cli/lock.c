#include "lock.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

static char *lock_path(const struct cluster *c)
{
    return cluster_path(c, "run/coracle.lock");
}

int lock_take(const struct cluster *c, struct err *err)
{
    _cleanup_(freep) char *path = lock_path(c);
    _cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return err_set(err, ERR_ALREADY_EXISTS, "the cluster in %s is up already", c->dir);
        return err_errno(err, errno, "cannot lock %s", path);
    }
    return TAKE_FD(fd);
}

int lock_write_pid(int fd, int pid, struct err *err)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", pid);

    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return err_errno(err, errno, "cannot write the lock file");
    return 0;
}

int lock_holder(const struct cluster *c)
{
    _cleanup_(freep) char *path = lock_path(c);
    _cleanup_(closep) int fd = open(path, O_RDWR | O_CLOEXEC);
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(64);
    struct err ignored = ERR_INIT;
    int64_t pid;

    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0)
        return 0;
    if (file_read(path, &text, &ignored) < 0 || !parse_range(str_trim(buf_str(&text)), 1, 1 << 30, &pid))
        return 0;
    return (int)pid;
}
