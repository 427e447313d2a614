/*
 * runtime.h - the container runtime as the rest of the kubelet sees it. Nothing of CRI shows outside this folder.
 *
 * A struct runtime is one CRI endpoint (containerd 1.6 or later, CRI-O). All calls block and may be made from any
 * thread; errors carry the runtime's text and the code its gRPC status stands for (ERR_NOT_FOUND, ERR_TIMEOUT,
 * ERR_UNAVAILABLE while it is away).
 *
 * What is needed to pick pods up again after a restart of the kubelet travels as labels and annotations of sandboxes
 * and containers (labels.h), so runtime_pods() knows all that the kubelet has made and nothing else.
 */
#ifndef KUBELET_RUNTIME_RUNTIME_H
#define KUBELET_RUNTIME_RUNTIME_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include "k8s/core/v1.pb-c.h"

struct runtime;

struct runtime_options {
    const char *endpoint; /* "unix:///run/containerd/containerd.sock" */
};
/* Does not connect yet. */
int runtime_new(const struct runtime_options *o, struct runtime **ret, struct err *err) MUST_CHECK;
struct runtime *runtime_free(struct runtime *rt); /* no call may be running; returns NULL; accepts NULL */

struct runtime_info {
    char name[64], version[64];
    bool ready;         /* RuntimeReady */
    bool network_ready; /* NetworkReady */
    char reason[256];   /* of what is not ready: "NetworkReady=false reason:... message:..." */
};
int runtime_version(struct runtime *rt, struct runtime_info *ret, struct err *err) MUST_CHECK; /* name and version */
int runtime_status(struct runtime *rt, struct runtime_info *ret, struct err *err) MUST_CHECK;  /* the rest */

/* --- what runs --- */

enum container_state { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED, CONTAINER_UNKNOWN };

struct runtime_container {
    const char *id, *sandbox_id, *name;
    enum container_state state;
    uint32_t attempt;                            /* restart count */
    uint64_t hash;                               /* container_hash() of the spec it was made from */
    int64_t created_ns, started_ns, finished_ns; /* wall; 0 = not yet */
    int32_t exit_code;
    const char *image;    /* as the runtime names it */
    const char *image_id; /* what a status shows as imageID */
    const char *reason, *message;
    const char *log_path;
    const char *message_path, *message_policy; /* termination message */
    const char *message_file;                  /* where message_path is on the host, or "" */
    int64_t grace_s;                           /* the pod's termination grace when it was made */
    int64_t uid;                               /* user it runs as, -1 unknown */
};

struct runtime_sandbox {
    const char *id;
    uint32_t attempt;
    bool ready, host_network;
    int64_t created_ns;
    const char *const *ips; /* of the newest sandbox only */
    size_t n_ips;
};

/* One pod's sandboxes and containers at one moment, newest first. Immutable; all memory is its own. */
struct runtime_pod {
    struct arena *arena;
    const char *uid, *name, *ns;
    struct runtime_sandbox *sandboxes;
    size_t n_sandboxes;
    struct runtime_container *containers;
    size_t n_containers;
};

/* Everything about one pod; an unknown uid gives an empty snapshot. */
int runtime_pod_load(struct runtime *rt, const char *uid, struct runtime_pod **ret, struct err *err) MUST_CHECK;
struct runtime_pod *runtime_pod_free(struct runtime_pod *p);
static inline void runtime_pod_freep(struct runtime_pod **p)
{
    runtime_pod_free(*p);
}
/* The newest container of that name, or NULL. */
const struct runtime_container *runtime_pod_container(const struct runtime_pod *p, const char *name);
const struct runtime_container *runtime_pod_container_by_id(const struct runtime_pod *p, const char *id);

/* A cheap look at everything: which pods exist, and a fingerprint that changes when a state changes. */
struct runtime_pod_brief {
    char *uid, *name, *ns;
    uint64_t fingerprint;
};
struct runtime_pod_list {
    struct runtime_pod_brief *v;
    size_t n, cap;
};
int runtime_pods(struct runtime *rt, struct runtime_pod_list *ret, struct err *err) MUST_CHECK;
void runtime_pod_list_release(struct runtime_pod_list *l);

/* Calls fn from a thread of the runtime's own when a container or sandbox of a pod has changed its state, id being the
 * container's or sandbox's. uid is NULL when only the id is known. fn(NULL, NULL) means: something may have been
 * missed, look at everything. One listener. */
typedef void runtime_event_fn(void *ctx, const char *pod_uid, const char *id);
int runtime_listen(struct runtime *rt, runtime_event_fn *fn, void *ctx, struct err *err) MUST_CHECK;
void runtime_unlisten(struct runtime *rt); /* waits for a running fn; fine when nobody listens */

/* --- sandboxes --- */

struct runtime_sandbox_spec {
    const Corev1__Pod *pod;
    uint32_t attempt;
    const char *hostname; /* "" with host network */
    const char *log_dir, *cgroup_parent;
    const char *const *dns_servers, *const *dns_searches, *const *dns_options;
    size_t n_dns_servers, n_dns_searches, n_dns_options;
};
int runtime_sandbox_run(struct runtime *rt, const struct runtime_sandbox_spec *s, char **ret_id,
                        struct err *err) MUST_CHECK;
int runtime_sandbox_stop(struct runtime *rt, const char *id, struct err *err) MUST_CHECK;
int runtime_sandbox_remove(struct runtime *rt, const char *id, struct err *err) MUST_CHECK; /* with its containers */

/* --- containers --- */

struct runtime_env {
    const char *name;
    struct str value;
};
struct runtime_mount {
    const char *host_path, *container_path;
    bool read_only;
    int propagation; /* 0 private, 1 host to container, 2 bidirectional */
};
struct runtime_resources {
    int64_t cpu_period, cpu_quota, cpu_shares, memory_limit, oom_score_adj; /* 0 = not set, quota and limit */
};
struct runtime_container_spec {
    const Corev1__Container *container;
    const struct runtime_sandbox_spec *sandbox;
    uint32_t attempt;
    const char *image_ref;
    const char *const *command, *const *args;
    size_t n_command, n_args;
    const struct runtime_env *env;
    size_t n_env;
    const struct runtime_mount *mounts;
    size_t n_mounts;
    struct runtime_resources resources;
    const char *message_file; /* host side of the termination message, or NULL */
    const char *working_dir;
    const char *user_name;              /* of the image's /etc/passwd, before any number; or NULL */
    const int64_t *supplemental_groups; /* in all: the pod's and those that volumes bring */
    size_t n_supplemental_groups;
};
int runtime_container_create(struct runtime *rt, const char *sandbox_id, const struct runtime_container_spec *s,
                             char **ret_id, struct err *err) MUST_CHECK;
int runtime_container_start(struct runtime *rt, const char *id, struct err *err) MUST_CHECK;
int runtime_container_stop(struct runtime *rt, const char *id, int64_t grace_s, struct err *err) MUST_CHECK;
int runtime_container_remove(struct runtime *rt, const char *id, struct err *err) MUST_CHECK;
int runtime_container_reopen_log(struct runtime *rt, const char *id, struct err *err) MUST_CHECK;
/* What makes a container be made anew when its spec changes in place: name and image, as upstream. */
uint64_t container_hash(const char *name, const char *image);

/* --- images --- */

struct runtime_image {
    char *id;       /* what containers are made from */
    int64_t uid;    /* user it wants to run as, -1 = not a number */
    char *username; /* or "" */
    uint64_t size;
};
/* ERR_NOT_FOUND when it is not there. */
int runtime_image_status(struct runtime *rt, const char *image, struct runtime_image *ret, struct err *err) MUST_CHECK;
void runtime_image_release(struct runtime_image *i);

struct runtime_auth { /* all may be NULL */
    const char *username, *password, *auth, *server, *identity_token, *registry_token;
};
int runtime_image_pull(struct runtime *rt, const char *image, const struct runtime_sandbox_spec *sandbox,
                       const struct runtime_auth *auth, char **ret_ref, struct err *err) MUST_CHECK;

/* --- exec, attach, port-forward --- */

struct runtime_exec_result {
    int32_t exit_code;
    struct buf output; /* standard output, then standard error, cut at its ceiling */
};
/* ret must be initialised (buf ceiling); ERR_TIMEOUT when the command did not end in time. */
int runtime_exec_sync(struct runtime *rt, const char *id, char *const *command, size_t n, int64_t timeout_s,
                      struct runtime_exec_result *ret, struct err *err) MUST_CHECK;

struct runtime_stream_options {
    bool in, out, error, tty;
};
/* URLs of the runtime's streaming server, malloc'd. */
int runtime_exec_url(struct runtime *rt, const char *id, const char *const *command, size_t n,
                     const struct runtime_stream_options *o, char **ret, struct err *err) MUST_CHECK;
int runtime_attach_url(struct runtime *rt, const char *id, const struct runtime_stream_options *o, char **ret,
                       struct err *err) MUST_CHECK;
int runtime_port_forward_url(struct runtime *rt, const char *sandbox_id, const int32_t *ports, size_t n, char **ret,
                             struct err *err) MUST_CHECK;

/* --- statistics --- */

struct runtime_stats {
    char *pod_uid, *pod_name, *pod_ns, *container;
    int64_t cpu_wall_ns, memory_wall_ns;
    uint64_t cpu_usage_ns; /* core nanoseconds since it began */
    uint64_t memory_working_set, memory_usage, memory_rss;
    uint64_t fs_used, fs_inodes;
};
struct runtime_stats_list {
    struct runtime_stats *v;
    size_t n, cap;
};
int runtime_stats(struct runtime *rt, struct runtime_stats_list *ret, struct err *err) MUST_CHECK;
void runtime_stats_release(struct runtime_stats_list *l);

#endif
