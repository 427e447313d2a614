#include "node_host.h"

#include "cgroups.h"
#include "images.h"
#include "network.h"
#include "node_files.h"
#include "programs.h"
#include "supervisor.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* --- inside, as PID 1 --- */

static int mount_all(struct err *err)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return err_errno(err, errno, "cannot make mounts private");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return err_errno(err, errno, "cannot mount /proc");
    if (cgroups_mount(err) < 0)
        return -1;
    if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
        return err_errno(err, errno, "cannot mount /run");
    if (mkdir("/run/netns", 0755) < 0 || mkdir("/run/containerd", 0711) < 0)
        return err_errno(err, errno, "cannot make folders in /run");
    return 0;
}

/* Waits for one byte of the keeper: the interface is there. */
static int wait_for_keeper(int fd, struct err *err)
{
    char byte;
    ssize_t n;

    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : err_set(err, ERR_UNAVAILABLE, "the node's keeper went away");
}

static int run_inside(const struct cluster *c, int k, int ready_fd, struct err *err)
{
    _cleanup_(freep) char *name = cluster_node_name(c, k);
    struct supervisor *s = xcalloc(1, sizeof(*s));

    if (mount_all(err) < 0 || wait_for_keeper(ready_fd, err) < 0 || network_up_in_node(c, k, err) < 0)
        return -1;
    if (sethostname(name, strlen(name)) < 0)
        return err_errno(err, errno, "cannot set the host name");
    programs_of_node(c, k, s);
    images_import_later(c, k);
    int rc = supervisor_run(s, err);
    supervisor_release(s);
    free(s);
    return rc;
}

/* --- outside --- */

static const int namespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;

static NORETURN void become_node(const struct cluster *c, int k, int up_fd, int ready_fd)
{
    _cleanup_(freep) char *cgroup = xasprintf("%s-node-%d", c->cgroup, k);
    struct err err = ERR_INIT;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (cgroups_join(cgroup, &err) < 0 ||
        (unshare(namespaces) < 0 && err_errno(&err, errno, "cannot make namespaces"))) {
        log_error("cannot make the node", LOG_ERR(&err));
        _exit(1);
    }
    pid_t init = fork();
    if (init == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(up_fd);
        if (run_inside(c, k, ready_fd, &err) < 0)
            log_error("the node failed", LOG_ERR(&err));
        _exit(err.code == ERR_OK ? 0 : 1);
    }
    if (init < 0 || write(up_fd, &init, sizeof(init)) != (ssize_t)sizeof(init))
        _exit(1);
    int status = 0;
    while (waitpid(init, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static volatile sig_atomic_t stop_asked;

static void on_term(int sig)
{
    (void)sig;
    stop_asked = 1;
}

static int wait_for_end(pid_t child, pid_t init)
{
    int status = 0;
    bool told = false;

    for (;;) {
        pid_t got = waitpid(child, &status, 0);
        if (got == child)
            return status;
        if (got < 0 && errno != EINTR)
            return 0;
        if (stop_asked && !told) {
            kill(init, SIGTERM);
            told = true;
        }
    }
}

int node_host_run(const struct cluster *c, int k, struct err *err)
{
    _cleanup_(freep) char *cgroup = xasprintf("%s-node-%d", c->cgroup, k);
    const struct sigaction on_sigterm = {.sa_handler = on_term}; /* no SA_RESTART: waiting must notice */
    int up[2], ready[2];
    pid_t init = 0;

    sigaction(SIGTERM, &on_sigterm, NULL);
    sigaction(SIGINT, &on_sigterm, NULL);
    if (pipe2(up, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    pid_t child = fork();
    if (child == 0) {
        close(up[0]);
        close(ready[1]);
        become_node(c, k, up[1], ready[0]);
    }
    close(up[1]);
    close(ready[0]);
    if (child < 0 || read(up[0], &init, sizeof(init)) != (ssize_t)sizeof(init))
        return err_set(err, ERR_UNAVAILABLE, "the node's namespaces could not be made; see the log");
    if (network_join_node(c, k, child, err) < 0) {
        kill(child, SIGKILL);
        return -1;
    }
    if (write(ready[1], "1", 1) != 1)
        return err_errno(err, errno, "the node went away");
    int status = wait_for_end(child, init);
    cgroups_remove(cgroup);
    return status == 0 ? 0 : err_set(err, ERR_UNAVAILABLE, "the node ended with status %d", status);
}
