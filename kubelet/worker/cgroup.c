#include "kubelet/worker/cgroup.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <linux/magic.h>

#define ROOT "/sys/fs/cgroup"

bool cgroup_is_v2(void)
{
    struct statfs st;
    return statfs(ROOT, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

/* A setting the kernel does not take is not worth failing a pod for. */
static void write_value(const char *dir, const char *file, const char *fmt, int64_t a, int64_t b)
{
    _cleanup_(freep) char *path = xasprintf("%s/%s", dir, file);
    char text[64];
    int n = snprintf(text, sizeof(text), fmt, a, b);
    _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, text, (size_t)n);
}

/* Children get the controllers of their parents only when every level passes them on. */
static void pass_controllers_on(const char *dir)
{
    static const char *const controllers[] = {"+cpu", "+memory", "+pids", "+cpuset", "+io"};
    _cleanup_(freep) char *path = xasprintf("%s/cgroup.subtree_control", dir);
    for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
        _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0)
            (void)!write(fd, controllers[i], strlen(controllers[i]));
    }
}

static int make_v2(const char *path, const struct runtime_resources *r, struct err *err)
{
    _cleanup_(freep) char *dir = xasprintf(ROOT "%s", path);
    pass_controllers_on(ROOT);
    for (char *p = dir + strlen(ROOT) + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
            return err_errno(err, errno, "cannot create cgroup %s", dir);
        pass_controllers_on(dir);
        *p = '/';
    }
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot create cgroup %s", dir);
    write_value(dir, "cpu.weight", "%" PRId64, 1 + (r->cpu_shares - 2) * 9999 / 262142, 0);
    if (r->cpu_quota > 0)
        write_value(dir, "cpu.max", "%" PRId64 " %" PRId64, r->cpu_quota, r->cpu_period);
    if (r->memory_limit > 0)
        write_value(dir, "memory.max", "%" PRId64, r->memory_limit, 0);
    return 0;
}

static int make_v1(const char *path, const struct runtime_resources *r, struct err *err)
{
    _cleanup_(freep) char *cpu = xasprintf(ROOT "/cpu%s", path), *memory = xasprintf(ROOT "/memory%s", path);
    if (file_exists(ROOT "/cpu")) {
        if (file_mkdirs(cpu, 0755, err) < 0)
            return -1;
        write_value(cpu, "cpu.shares", "%" PRId64, r->cpu_shares, 0);
        if (r->cpu_quota > 0) {
            write_value(cpu, "cpu.cfs_period_us", "%" PRId64, r->cpu_period, 0);
            write_value(cpu, "cpu.cfs_quota_us", "%" PRId64, r->cpu_quota, 0);
        }
    }
    if (file_exists(ROOT "/memory")) {
        if (file_mkdirs(memory, 0755, err) < 0)
            return -1;
        if (r->memory_limit > 0)
            write_value(memory, "memory.limit_in_bytes", "%" PRId64, r->memory_limit, 0);
    }
    return 0;
}

int cgroup_make(const char *path, const struct runtime_resources *r, struct err *err)
{
    return cgroup_is_v2() ? make_v2(path, r, err) : make_v1(path, r, err);
}

static int remove_dir(const char *dir, int depth, struct err *err)
{
    DIR *d = depth > 0 ? opendir(dir) : NULL;
    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_type == DT_DIR && e->d_name[0] != '.') {
            _cleanup_(freep) char *below = xasprintf("%s/%s", dir, e->d_name);
            struct err ignored = ERR_INIT;
            (void)!remove_dir(below, depth - 1, &ignored);
        }
    closedir(d);
    if (rmdir(dir) < 0 && errno != ENOENT)
        return err_set(err, ERR_CONFLICT, "cannot remove cgroup %s: %s", dir, strerror(errno));
    return 0;
}

int cgroup_remove(const char *path, struct err *err)
{
    if (cgroup_is_v2()) {
        _cleanup_(freep) char *dir = xasprintf(ROOT "%s", path);
        return remove_dir(dir, 4, err);
    }
    int rc = 0;
    DIR *d = opendir(ROOT);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.' || e->d_type == DT_LNK)
            continue;
        _cleanup_(freep) char *dir = xasprintf(ROOT "/%s%s", e->d_name, path);
        if (file_exists(dir) && remove_dir(dir, 4, err) < 0)
            rc = -1;
    }
    if (d)
        closedir(d);
    return rc;
}
