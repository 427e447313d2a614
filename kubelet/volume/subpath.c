#include "kubelet/volume/subpath.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int open_beneath(int dir, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* Makes the last component of path (and what leads there) as folders, step by step beneath dir; they are as
 * open as the volume itself. */
static int make_beneath(int dir, const char *path, mode_t mode)
{
    const char *slash = strrchr(path, '/');
    _cleanup_(closep) int parent = -1;
    if (slash) {
        _cleanup_(freep) char *lead = xstrndup(path, (size_t)(slash - path));
        parent = open_beneath(dir, lead);
        if (parent < 0 && errno == ENOENT && make_beneath(dir, lead, mode) == 0)
            parent = open_beneath(dir, lead);
    } else {
        parent = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    }
    if (parent < 0)
        return -1;
    const char *name = slash ? slash + 1 : path;
    if (mkdirat(parent, name, 0750) < 0)
        return errno == EEXIST ? 0 : -1;
    _cleanup_(closep) int made = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return made >= 0 ? fchmod(made, mode) : -1;
}

static int open_or_make(int dir, const char *path, struct err *err)
{
    int fd = open_beneath(dir, path);
    struct stat st;
    if (fd < 0 && errno == ENOENT && fstat(dir, &st) == 0 && make_beneath(dir, path, st.st_mode & 07777) == 0)
        fd = open_beneath(dir, path);
    if (fd < 0)
        return err_errno(err, errno, "cannot open subPath \"%s\"", path);
    return fd;
}

bool path_is_mount(const char *path)
{
    struct statx st;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st) < 0)
        return false;
    return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int subpath_bind(const char *volume, const char *path, const char *target, struct err *err)
{
    if (path_is_mount(target))
        return 0;
    _cleanup_(closep) int dir = open(volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_errno(err, errno, "cannot open volume %s", volume);
    _cleanup_(closep) int fd = open_or_make(dir, path, err);
    if (fd < 0)
        return -1;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "cannot look at subPath \"%s\"", path);
    _cleanup_(freep) char *parent = xstrdup(target);
    *strrchr(parent, '/') = '\0';
    if (file_mkdirs(S_ISDIR(st.st_mode) ? target : parent, 0750, err) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode)) {
        int file = open(target, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (file < 0)
            return err_errno(err, errno, "cannot create %s", target);
        close(file);
    }
    char source[64];
    snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
    if (mount(source, target, NULL, MS_BIND, NULL) < 0)
        return err_errno(err, errno, "cannot mount subPath \"%s\"", path);
    return 0;
}
