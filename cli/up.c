#include "commands.h"

#include "certs.h"
#include "images.h"
#include "leftovers.h"
#include "lock.h"
#include "network.h"
#include "node_files.h"
#include "preflight.h"
#include "programs.h"
#include "ready.h"
#include "supervisor.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/flags.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LOCK_TRIES 10
#define LOCK_PAUSE (30 * NS_PER_MS)

struct up {
    const char *data_dir;
    const char *images;
    int64_t nodes, secure_port, kubelet_port, aws_port; /* aws_port: -1 = not said */
    int64_t timeout_s;
    bool foreground;
};

static void parse_flags(struct up *u, int argc, char **argv)
{
    const struct flag table[] = {
        {FLAG_STRING, "data-dir", &u->data_dir, "DIR",
         "where the cluster keeps everything (default " CLUSTER_DEFAULT_DIR ")", 0, 0},
        {FLAG_INT, "nodes", &u->nodes, "N", "how many nodes; further ones live in namespaces of this host (default 1)",
         1, CLUSTER_NODES_MAX},
        {FLAG_INT, "secure-port", &u->secure_port, "PORT", "where the API server listens (default 6443)", 1, 65535},
        {FLAG_INT, "kubelet-port", &u->kubelet_port, "PORT", "where the kubelets listen (default 10250)", 1, 65535},
        {FLAG_STRING, "images", &u->images, "DIR",
         "OCI archives to import into every node (default: ../images beside this program)", 0, 0},
        {FLAG_INT, "timeout", &u->timeout_s, "SECONDS", "how long to wait until the cluster is ready (default 120)", 1,
         3600},
        {FLAG_INT, "aws-port", &u->aws_port, "PORT", "where the AWS gateway listens, 0 = not at all (default 4566)", 0,
         65535},
        {FLAG_BOOL, "foreground", &u->foreground, NULL, "stay in the foreground; Ctrl-C takes the cluster down", 0, 0},
    };
    const struct flags f = {
        .program = "coracle up",
        .about =
            "Starts a cluster on this machine and waits until it is ready. The same flags on the same data dir start\n"
            "the same cluster again.",
        .version = CORACLE_VERSION,
        .table = table,
        .n = ARRAY_LEN(table),
    };
    flags_parse_or_exit(&f, argc, argv);
}

/* Everything that must be on disk before programs start. */
static int prepare(const struct cluster *c, struct err *err)
{
    if (certs_ensure(c, err) < 0)
        return -1;
    for (int k = 1; k <= c->nodes; k++)
        if (node_files_write(c, k, err) < 0)
            return -1;
    return network_up(c, err);
}

/* Flags say what is asked, cluster.json what the data dir was made with; ports are kept, asking for others is an error.
 */
static int settle(struct cluster *c, const struct up *u, struct err *err)
{
    bool found;

    c->nodes = 1;
    c->secure_port = 6443;
    c->kubelet_port = 10250;
    c->aws_port = 4566;
    c->service_cidr = CLUSTER_SERVICE_CIDR;
    if (cluster_load(c, &found, err) < 0)
        return -1;
    if (u->nodes)
        c->nodes = (int)u->nodes;
    if (u->secure_port)
        c->secure_port = (int)u->secure_port;
    if (u->kubelet_port)
        c->kubelet_port = (int)u->kubelet_port;
    if (u->aws_port >= 0)
        c->aws_port = (int)u->aws_port;
    if (u->images && !str_copy(c->images_dir, sizeof(c->images_dir), str_of(u->images)))
        return err_set(err, ERR_BAD_REQUEST, "--images: the path is too long");
    if (preflight_ports(c, err) < 0)
        return -1;
    return cluster_save(c, err);
}

/* The supervisor's process; does not return. */
static NORETURN void supervise(const struct cluster *c)
{
    struct supervisor *s = xcalloc(1, sizeof(*s));
    struct err err = ERR_INIT;

    s->status_path = cluster_path(c, "run/status.json");
    programs_of_host(c, s);
    images_import_later(c, 1);
    int rc = supervisor_run(s, &err);
    if (rc < 0)
        log_error("the supervisor failed", LOG_ERR(&err));
    unlink(s->status_path);
    supervisor_release(s);
    free(s);
    exit(rc < 0);
}

/* Detaches from the terminal; output goes to log/coracle.log. */
static void detach(const struct cluster *c)
{
    _cleanup_(freep) char *path = cluster_path(c, "log/coracle.log");
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    dup2(null, STDIN_FILENO);
    dup2(log >= 0 ? log : null, STDOUT_FILENO);
    dup2(log >= 0 ? log : null, STDERR_FILENO);
    if (chdir("/") < 0)
        log_warn("cannot leave the working folder", LOG_S("err", strerror(errno)));
}

static void print_next_steps(const struct cluster *c)
{
    printf("\nThe cluster is up. Next:\n\n    export KUBECONFIG=%s/admin.kubeconfig\n    kubectl get nodes\n"
           "    kubectl get pods -A\n\n",
           c->dir);
    if (c->aws_port)
        printf("    export AWS_ENDPOINT_URL=http://127.0.0.1:%d AWS_SHARED_CREDENTIALS_FILE=%s/aws-credentials\n"
               "    export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1\n    aws ecs list-clusters\n\n",
               c->aws_port, c->dir);
}

static int wait_and_tell(const struct cluster *c, int pid, int64_t timeout_s, struct err *err)
{
    if (ready_wait(c, pid, timeout_s ? (int)timeout_s : 120, err) < 0)
        return -1;
    print_next_steps(c);
    return 0;
}

static int run_in_foreground(const struct cluster *c, int lock, int64_t timeout_s, struct err *err)
{
    int self = getpid();
    pid_t teller = fork();

    if (teller == 0) {
        close(lock); /* it must end with the supervisor */
        if (wait_and_tell(c, self, timeout_s, err) < 0)
            fprintf(stderr, "coracle up: %s\n", err->msg);
        _exit(0);
    }
    if (lock_write_pid(lock, self, err) < 0)
        return -1;
    supervise(c);
}

static int run_detached(const struct cluster *c, int lock, int64_t timeout_s, struct err *err)
{
    pid_t pid = fork();

    if (pid == 0) {
        detach(c);
        supervise(c);
    }
    if (pid < 0)
        return err_errno(err, errno, "cannot fork");
    int rc = lock_write_pid(lock, pid, err);
    close(lock);
    signal(SIGCHLD, SIG_IGN); /* a supervisor that ends at once must not stay as a zombie that looks alive */
    return rc < 0 ? -1 : wait_and_tell(c, pid, timeout_s, err);
}

/* A supervisor that was killed just now holds its lock until the kernel has taken it down: a lock counts as held when
 * it stays so. */
static int take_lock(const struct cluster *c, struct err *err)
{
    int lock = lock_take(c, err);

    for (int i = 0; i < LOCK_TRIES && lock < 0 && err->code == ERR_ALREADY_EXISTS; i++) {
        err_clear(err);
        sleep_ns(LOCK_PAUSE);
        lock = lock_take(c, err);
    }
    return lock;
}

static int up(const struct up *u, struct err *err)
{
    struct cluster c = {0};

    if (preflight_privilege(err) < 0 || cluster_init(&c, u->data_dir, err) < 0 || preflight_programs(&c, err) < 0 ||
        cluster_make_dirs(&c, err) < 0)
        return -1;
    int lock = take_lock(&c, err);
    if (lock < 0 && err->code == ERR_ALREADY_EXISTS) {
        struct err ignored = ERR_INIT;
        bool found;
        (void)!cluster_load(&c, &found, &ignored);
        printf("%s (pid %d).\n", err->msg, lock_holder(&c));
        print_next_steps(&c);
        return 0;
    }
    if (lock < 0)
        return -1;
    printf("Starting the cluster in %s\n", c.dir);
    fflush(stdout);
    leftovers_end_programs(c.dir); /* of a supervisor that was killed a moment ago: they still hold the ports */
    if (settle(&c, u, err) < 0 || prepare(&c, err) < 0)
        return -1;
    return u->foreground ? run_in_foreground(&c, lock, u->timeout_s, err) : run_detached(&c, lock, u->timeout_s, err);
}

int command_up(int argc, char **argv)
{
    struct up u = {.data_dir = CLUSTER_DEFAULT_DIR, .aws_port = -1};
    struct err err = ERR_INIT;

    parse_flags(&u, argc, argv);
    if (up(&u, &err) == 0)
        return 0;
    fprintf(stderr, "coracle up: %s\n", err.msg);
    return 1;
}
