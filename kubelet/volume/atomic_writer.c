#include "kubelet/volume/atomic_writer.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DATA "..data"
#define DATA_NEW "..data_tmp"
#define PATH_LEN_MAX 4096

bool payload_path_valid(struct str path)
{
    if (path.n == 0 || path.n > PATH_LEN_MAX || path.p[0] == '/' || memchr(path.p, '\0', path.n))
        return false;
    if (str_starts(path, STR("..")))
        return false;
    struct str rest = path, part;
    while (str_split(&rest, '/', &part))
        if (str_is(part, ".."))
            return false;
    return true;
}

static char *join(const char *dir, struct str name)
{
    return xasprintf("%s/" STR_FMT, dir, STR_ARG(name));
}

/* The part of a path that is visible in the folder itself. */
static struct str first_part(struct str path)
{
    const char *slash = memchr(path.p, '/', path.n);
    return slash ? str_n(path.p, (size_t)(slash - path.p)) : path;
}

static bool file_same(const char *dir, const struct payload_file *f)
{
    _cleanup_(freep) char *path = join(dir, f->path);
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 07777) != f->mode ||
        (size_t)st.st_size != f->data.n)
        return false;
    _cleanup_(buf_releasep) struct buf have = BUF_INIT(LIMIT_SMALL_FILE);
    struct err ignored = ERR_INIT;
    return file_read(path, &have, &ignored) == 0 && str_eq(buf_str(&have), f->data);
}

/* Counts regular files below dir, so that removed ones are noticed. */
static size_t count_files(const char *dir, int depth)
{
    size_t n = 0;
    DIR *d = depth < 32 ? opendir(dir) : NULL;
    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        _cleanup_(freep) char *path = join(dir, str_of(e->d_name));
        struct stat st;
        if (lstat(path, &st) < 0)
            continue;
        n += S_ISDIR(st.st_mode) ? count_files(path, depth + 1) : 1;
    }
    closedir(d);
    return n;
}

static bool all_same(const char *dir, const struct payload *p)
{
    _cleanup_(freep) char *data = join(dir, STR(DATA));
    if (access(data, F_OK) < 0 || count_files(data, 0) != p->n)
        return false;
    for (size_t i = 0; i < p->n; i++)
        if (!file_same(data, &p->files[i]))
            return false;
    return true;
}

static int write_all(int fd, struct str data, const char *path, struct err *err)
{
    while (data.n) {
        ssize_t n = write(fd, data.p, data.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot write %s", path);
        data = str_from(data, (size_t)n);
    }
    return 0;
}

static int make_parents(const char *dir, struct str path, struct err *err)
{
    const char *slash = memrchr(path.p, '/', path.n);
    if (!slash)
        return 0;
    _cleanup_(freep) char *parent = join(dir, str_n(path.p, (size_t)(slash - path.p)));
    return file_mkdirs(parent, 0755, err);
}

static int write_file(const char *dir, const struct payload_file *f, int64_t gid, struct err *err)
{
    if (make_parents(dir, f->path, err) < 0)
        return -1;
    _cleanup_(freep) char *path = join(dir, f->path);
    _cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, errno, "cannot create %s", path);
    if (write_all(fd, f->data, path, err) < 0)
        return -1;
    /* Owner first: chown clears set-id bits. The mode is set apart from open because of the umask. */
    if ((f->uid >= 0 || gid >= 0) && fchown(fd, (uid_t)f->uid, (gid_t)gid) < 0)
        return err_errno(err, errno, "cannot change the owner of %s", path);
    if (fchmod(fd, f->mode) < 0)
        return err_errno(err, errno, "cannot change the mode of %s", path);
    return 0;
}

/* ..2006_01_02_15_04_05.RANDOM, as upstream names it. */
static char *make_time_dir(const char *dir, int64_t wall_ns, struct err *err)
{
    time_t t = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    gmtime_r(&t, &tm);
    char stamp[32];
    strftime(stamp, sizeof(stamp), "..%Y_%m_%d_%H_%M_%S", &tm);
    for (int tries = 0; tries < 100; tries++) {
        char *path = xasprintf("%s/%s.%010llu", dir, stamp, (unsigned long long)random_below(10000000000ULL));
        if (mkdir(path, 0755) == 0 && chmod(path, 0755) == 0)
            return path;
        int saved = errno;
        free(path);
        if (saved != EEXIST) {
            (void)err_errno(err, saved, "cannot create a folder in %s", dir);
            return NULL;
        }
    }
    (void)err_set(err, ERR_INTERNAL, "cannot find a free name in %s", dir);
    return NULL;
}

static int swap_data_link(const char *dir, const char *target, struct err *err)
{
    _cleanup_(freep) char *tmp = join(dir, STR(DATA_NEW));
    _cleanup_(freep) char *data = join(dir, STR(DATA));
    (void)unlink(tmp);
    if (symlink(target, tmp) < 0 || rename(tmp, data) < 0)
        return err_errno(err, errno, "cannot link %s", data);
    return 0;
}

static int link_visible(const char *dir, const struct payload *p, struct err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        struct str name = first_part(p->files[i].path);
        _cleanup_(freep) char *path = join(dir, name);
        _cleanup_(freep) char *target = xasprintf(DATA "/" STR_FMT, STR_ARG(name));
        if (symlink(target, path) < 0 && errno != EEXIST)
            return err_errno(err, errno, "cannot link %s", path);
    }
    return 0;
}

static bool wanted(const struct payload *p, struct str name)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(first_part(p->files[i].path), name))
            return true;
    return false;
}

/* Takes away visible names that are gone and the folders of former sets; `keep` is the current one's name. */
static void remove_stale(const char *dir, const struct payload *p, const char *keep)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        const char *name = e->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, DATA) == 0 || strcmp(name, keep) == 0)
            continue;
        _cleanup_(freep) char *path = join(dir, str_of(name));
        struct err ignored = ERR_INIT;
        if (strncmp(name, "..", 2) == 0)
            (void)!file_remove_tree(path, &ignored);
        else if (!wanted(p, str_of(name)))
            (void)unlink(path);
    }
    closedir(d);
}

int atomic_write(const char *dir, const struct payload *payload, int64_t wall_ns, bool *ret_changed, struct err *err)
{
    for (size_t i = 0; i < payload->n; i++)
        if (!payload_path_valid(payload->files[i].path))
            return err_set(err, ERR_INVALID, "invalid path: " STR_FMT, STR_ARG(payload->files[i].path));
    if (ret_changed)
        *ret_changed = false;
    if (all_same(dir, payload))
        return 0;
    _cleanup_(freep) char *time_dir = make_time_dir(dir, wall_ns, err);
    if (!time_dir)
        return -1;
    const char *name = strrchr(time_dir, '/') + 1;
    for (size_t i = 0; i < payload->n; i++)
        if (write_file(time_dir, &payload->files[i], payload->gid, err) < 0)
            goto fail;
    if (swap_data_link(dir, name, err) < 0)
        goto fail;
    if (ret_changed)
        *ret_changed = true;
    if (link_visible(dir, payload, err) < 0)
        return -1;
    remove_stale(dir, payload, name);
    return 0;
fail:;
    struct err ignored = ERR_INIT;
    (void)!file_remove_tree(time_dir, &ignored);
    return -1;
}
