#include "cgroups.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define ROOT "/sys/fs/cgroup"
#define HIERARCHIES_MAX 24
#define MOUNTS_MAX (1024 * 1024)
#define PIDS_MAX (1024 * 1024)

struct hierarchy {
    char path[128];    /* the mount point */
    char options[128]; /* for mount(2): "cpu,cpuacct"; "" for v2 */
    bool v2;
};

struct hierarchies {
    struct hierarchy v[HIERARCHIES_MAX];
    size_t n;
};

/* Mount options that name the hierarchy, without the general ones. */
static void keep_controllers(struct hierarchy *h, struct str options)
{
    static const char *const general[] = {"rw",    "ro",     "relatime", "noatime",       "nosuid",
                                          "nodev", "noexec", "xattr",    "clone_children"};
    struct buf b = BUF_INIT(sizeof(h->options) - 1);
    struct str option;

    while (str_split(&options, ',', &option)) {
        bool skip = str_starts(option, STR("release_agent="));
        for (size_t i = 0; i < ARRAY_LEN(general); i++)
            skip |= str_is(option, general[i]);
        if (!skip)
            buf_printf(&b, "%s%s" STR_FMT, b.len ? "," : "", str_starts(option, STR("name=")) ? "none," : "",
                       STR_ARG(option));
    }
    snprintf(h->options, sizeof(h->options), STR_FMT, STR_ARG(buf_str(&b)));
    buf_release(&b);
}

/* One line of /proc/self/mounts: device, mount point, type, options. */
static void add_mount(struct hierarchies *all, struct str line)
{
    struct str device, point, type, options;

    if (!str_split(&line, ' ', &device) || !str_split(&line, ' ', &point) || !str_split(&line, ' ', &type) ||
        !str_split(&line, ' ', &options))
        return;
    bool v2 = str_is(type, "cgroup2");
    if ((!v2 && !str_is(type, "cgroup")) || !str_starts(point, STR(ROOT)) || all->n == HIERARCHIES_MAX)
        return;
    struct hierarchy *h = &all->v[all->n];
    *h = (struct hierarchy){.v2 = v2};
    if (!str_copy(h->path, sizeof(h->path), point))
        return;
    if (!v2)
        keep_controllers(h, options);
    all->n++;
}

static int find_hierarchies(struct hierarchies *all, struct err *err)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(MOUNTS_MAX);
    struct str rest, line;

    all->n = 0;
    if (file_read("/proc/self/mounts", &text, err) < 0)
        return -1;
    for (rest = buf_str(&text); str_split(&rest, '\n', &line);)
        add_mount(all, line);
    return all->n ? 0 : err_set(err, ERR_UNAVAILABLE, "no cgroup hierarchy is mounted below " ROOT);
}

static int write_small(const char *path, const char *text)
{
    _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

/* A new cpuset folder of v1 is empty, and nothing can join it before it has CPUs. */
static void copy_setting(const char *hierarchy, const char *folder, const char *setting)
{
    _cleanup_(freep) char *from = xasprintf("%s/%s", hierarchy, setting);
    _cleanup_(freep) char *to = xasprintf("%s/%s", folder, setting);
    _cleanup_(buf_releasep) struct buf value = BUF_INIT(4096);
    struct err ignored = ERR_INIT;

    if (file_exists(to) && file_read(from, &value, &ignored) == 0 && value.len)
        (void)write_small(to, value.data);
}

int cgroups_join(const char *name, struct err *err)
{
    struct hierarchies all;
    char pid[16];

    if (find_hierarchies(&all, err) < 0)
        return -1;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    for (size_t i = 0; i < all.n; i++) {
        _cleanup_(freep) char *folder = xasprintf("%s/%s", all.v[i].path, name);
        _cleanup_(freep) char *procs = xasprintf("%s/cgroup.procs", folder);
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return err_errno(err, errno, "cannot make the cgroup %s", folder);
        if (!all.v[i].v2) {
            copy_setting(all.v[i].path, folder, "cpuset.cpus");
            copy_setting(all.v[i].path, folder, "cpuset.mems");
        }
        if (write_small(procs, pid) < 0)
            return err_errno(err, errno, "cannot join the cgroup %s", folder);
    }
    return 0;
}

/* What still runs there was left by a runtime that was killed. */
static void kill_members(const char *path)
{
    _cleanup_(freep) char *file = xasprintf("%s/cgroup.procs", path);
    _cleanup_(buf_releasep) struct buf pids = BUF_INIT(PIDS_MAX);
    struct err ignored = ERR_INIT;
    struct str rest, line;
    int64_t pid;

    if (file_read(file, &pids, &ignored) < 0)
        return;
    for (rest = buf_str(&pids); str_split(&rest, '\n', &line);)
        if (parse_range(line, 2, 1 << 30, &pid) && pid != getpid())
            kill((pid_t)pid, SIGKILL);
}

/* Depth first: a cgroup goes only when it has no children. True when nothing is left. */
static bool remove_tree(const char *path)
{
    DIR *d = opendir(path);

    if (!d)
        return errno == ENOENT;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.')
            continue;
        _cleanup_(freep) char *sub = xasprintf("%s/%s", path, e->d_name);
        (void)remove_tree(sub);
    }
    closedir(d);
    kill_members(path);
    return rmdir(path) == 0 || errno == ENOENT;
}

void cgroups_remove(const char *name)
{
    struct hierarchies all;
    struct err err = ERR_INIT;

    if (find_hierarchies(&all, &err) < 0)
        return;
    for (int tries = 0; tries < 100; tries++) {
        bool left = false;
        for (size_t i = 0; i < all.n; i++) {
            _cleanup_(freep) char *path = xasprintf("%s/%s", all.v[i].path, name);
            left |= !remove_tree(path);
        }
        if (!left)
            return;
        sleep_ns(20 * NS_PER_MS);
    }
    log_warn("cgroups are still in use", LOG_S("name", name));
}

int cgroups_mount(struct err *err)
{
    struct hierarchies all;

    if (find_hierarchies(&all, err) < 0)
        return -1;
    bool only_v2 = all.n == 1 && all.v[0].v2 && strcmp(all.v[0].path, ROOT) == 0;
    umount2("/sys", MNT_DETACH);
    if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return err_errno(err, errno, "cannot mount /sys");
    if (only_v2)
        return mount("cgroup2", ROOT, "cgroup2", 0, NULL) < 0 ? err_errno(err, errno, "cannot mount " ROOT) : 0;
    if (mount("tmpfs", ROOT, "tmpfs", 0, "mode=755") < 0)
        return err_errno(err, errno, "cannot mount " ROOT);
    for (size_t i = 0; i < all.n; i++) {
        const struct hierarchy *h = &all.v[i];
        if (mkdir(h->path, 0755) < 0 && errno != EEXIST)
            return err_errno(err, errno, "cannot make %s", h->path);
        /* The v2 tree of a hybrid layout is left out: crun refuses the mix, and no controller lives there. */
        if (!h->v2 && mount("cgroup", h->path, "cgroup", 0, h->options) < 0)
            return err_errno(err, errno, "cannot mount %s", h->path);
    }
    return 0;
}
