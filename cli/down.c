#include "commands.h"

#include "cgroups.h"
#include "lock.h"
#include "network.h"
#include "leftovers.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/flags.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>

struct down {
    const char *data_dir;
    int64_t timeout_s;
    bool purge;
};

static void parse_flags(struct down *d, int argc, char **argv)
{
    const struct flag table[] = {
        {FLAG_STRING, "data-dir", &d->data_dir, "DIR", "which cluster (default " CLUSTER_DEFAULT_DIR ")", 0, 0},
        {FLAG_INT, "timeout", &d->timeout_s, "SECONDS", "how long to wait for an orderly end (default 180)", 1, 3600},
        {FLAG_BOOL, "purge", &d->purge, NULL, "also remove the data dir with all state, certificates and logs", 0, 0},
    };
    const struct flags f = {
        .program = "coracle down",
        .about = "Stops the cluster and removes its pods, networks and rules. Its state stays, unless --purge.",
        .version = CORACLE_VERSION,
        .table = table,
        .n = ARRAY_LEN(table),
    };
    flags_parse_or_exit(&f, argc, argv);
}

/* Asks the supervisor to stop and waits. A pidfd, so that a pid that was given to somebody else is never hit. */
static int stop_supervisor(int pid, int64_t timeout_s, struct err *err)
{
    _cleanup_(closep) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {fd, POLLIN, 0};

    if (fd < 0)
        return errno == ESRCH ? 0 : err_errno(err, errno, "cannot watch process %d", pid);
    if (syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
        return err_errno(err, errno, "cannot stop process %d", pid);
    if (poll(&p, 1, (int)timeout_s * 1000) == 0)
        return err_set(err, ERR_TIMEOUT,
                       "the supervisor (pid %d) did not end in %lld s; its log tells what it waits for", pid,
                       (long long)timeout_s);
    return 0;
}

/* Takes away every mount below the folder, the newest first. */
static void unmount_below(const char *dir)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(4 << 20);
    struct err ignored = ERR_INIT;
    struct str rest, line, field;

    if (file_read("/proc/self/mounts", &text, &ignored) < 0)
        return;
    while (text.len) {
        while (text.len && text.data[text.len - 1] == '\n')
            text.len--;
        const char *nl = text.len ? memrchr(text.data, '\n', text.len) : NULL;
        size_t start = nl ? (size_t)(nl + 1 - text.data) : 0;
        line = str_n(text.data + start, text.len - start);
        text.len = start;
        rest = line;
        if (!str_split(&rest, ' ', &field) || !str_split(&rest, ' ', &field) || !str_starts(field, str_of(dir)) ||
            field.n == strlen(dir) || field.p[strlen(dir)] != '/')
            continue;
        _cleanup_(freep) char *point = str_dup(field);
        umount2(point, MNT_DETACH);
    }
}

static int purge(const struct cluster *c, struct err *err)
{
    /* Only what `up` made: a data dir without its marks is left alone. */
    _cleanup_(freep) char *mark = cluster_path(c, "cluster.json");

    if (!file_exists(mark))
        return err_set(err, ERR_BAD_REQUEST, "%s is not a data dir of coracle, nothing was removed", c->dir);
    unmount_below(c->dir);
    return file_remove_tree(c->dir, err);
}

static int down(const struct down *d, struct err *err)
{
    struct cluster c = {.nodes = 1};
    bool found;

    if (geteuid() != 0)
        return err_set(err, ERR_FORBIDDEN, "coracle down needs root (try sudo)");
    if (cluster_init(&c, d->data_dir, err) < 0 || cluster_load(&c, &found, err) < 0)
        return -1;
    if (!found) {
        printf("There is no cluster in %s.\n", c.dir);
        return 0;
    }
    int pid = lock_holder(&c);
    if (pid) {
        printf("Stopping the cluster in %s\n", c.dir);
        fflush(stdout);
        if (stop_supervisor(pid, d->timeout_s, err) < 0)
            return -1;
    }
    leftovers_end_programs(c.dir);
    leftovers_end_shims(c.dir);
    network_down(&c);
    unmount_below(c.dir);
    cgroups_remove(c.cgroup);
    printf("The cluster is down.\n");
    if (!d->purge)
        return 0;
    if (purge(&c, err) < 0)
        return -1;
    printf("Removed %s.\n", c.dir);
    return 0;
}

int command_down(int argc, char **argv)
{
    struct down d = {.data_dir = CLUSTER_DEFAULT_DIR, .timeout_s = 180};
    struct err err = ERR_INIT;

    parse_flags(&d, argc, argv);
    if (down(&d, &err) == 0)
        return 0;
    fprintf(stderr, "coracle down: %s\n", err.msg);
    return 1;
}
