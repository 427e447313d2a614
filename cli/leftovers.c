#include "leftovers.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CMDLINE_MAX 16384
#define PATIENCE (5 * NS_PER_S)

static const char *const programs[] = {"etcd",    "containerd", "apiserver",  "scheduler", "controller-manager",
                                       "kubelet", "kube-proxy", "aws-gateway"};

static struct str base_name(struct str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    return slash ? str_from(path, (size_t)(slash + 1 - path.p)) : path;
}

static bool is_program(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        if (str_is(name, programs[i]))
            return true;
    return false;
}

static bool is_shim(struct str name)
{
    return str_starts(name, STR("containerd-shim"));
}

/* Does a word of the command line (words end with NUL) have a path below the folder in it? */
static bool is_below(struct str cmdline, const char *dir)
{
    _cleanup_(freep) char *prefix = xasprintf("%s/", dir);

    return memmem(cmdline.p, cmdline.n, prefix, strlen(prefix)) != NULL;
}

/* Sends the signal (0 = none) to each process of the kind below the folder; returns how many there are. */
static int signal_each(bool (*kind)(struct str name), const char *dir, int sig)
{
    DIR *proc = opendir("/proc");
    int count = 0;

    for (struct dirent *e; proc && (e = readdir(proc));) {
        _cleanup_(buf_releasep) struct buf cmdline = BUF_INIT(CMDLINE_MAX);
        char path[300];
        struct err gone = ERR_INIT;
        struct str rest, program;
        int64_t pid;

        if (!parse_range(str_of(e->d_name), 2, 1 << 30, &pid) || pid == getpid())
            continue;
        snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
        if (file_read(path, &cmdline, &gone) < 0)
            continue;
        rest = buf_str(&cmdline);
        if (!str_split(&rest, '\0', &program) || !kind(base_name(program)) || !is_below(buf_str(&cmdline), dir))
            continue;
        count++;
        if (sig)
            kill((pid_t)pid, sig);
    }
    if (proc)
        closedir(proc);
    return count;
}

void leftovers_end_programs(const char *dir)
{
    int64_t deadline = clock_mono(&clock_system) + PATIENCE;

    while (signal_each(is_program, dir, clock_mono(&clock_system) > deadline ? SIGKILL : 0))
        sleep_ns(20 * NS_PER_MS);
}

void leftovers_end_shims(const char *dir)
{
    (void)signal_each(is_shim, dir, SIGKILL);
}
