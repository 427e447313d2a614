/*
 * volumes.h - a pod's volumes on the node: made, kept current, taken away.
 *
 * emptyDir (on disk or in memory), hostPath, configMap, secret, downwardAPI and projected (with service-account
 * tokens that are renewed before they expire). Everything of a pod lives below its folder <root>/pods/<uid>:
 *
 *     volumes/kubernetes.io~configmap/NAME    and so on, as upstream lays them out
 *     volume-subpaths/NAME/CONTAINER/INDEX    bind mounts for subPath
 *     etc-hosts, containers/NAME/...          the worker's
 *
 * Secrets and tokens are kept in tmpfs. One thread at a time for a pod.
 */
#ifndef KUBELET_VOLUME_VOLUMES_H
#define KUBELET_VOLUME_VOLUMES_H

#include "kubelet/pod/env.h"

struct pod_volumes;

struct token_source {
    int (*token)(void *ctx, const Corev1__Pod *pod, const char *audience, int64_t expiration_s, char **ret_token,
                 int64_t *ret_expires_ns, struct err *err);
    void *ctx;
};

struct volume_context {
    const struct object_source *objects;
    const struct token_source *tokens;
    const struct clock *clock;
};

/* dir: the pod's folder. Both are kept by reference and copied in this order: ctx must outlive it, dir is copied. */
struct pod_volumes *pod_volumes_new(const struct volume_context *ctx, const char *dir);
struct pod_volumes *pod_volumes_free(struct pod_volumes *v); /* leaves the files; returns NULL; accepts NULL */

/* Makes what is missing and rewrites what has changed at its source; may be called again at any time. On failure
 * ret_volume (never NULL afterwards) names the volume. */
int pod_volumes_sync(struct pod_volumes *v, const Corev1__Pod *pod, const struct downward_facts *facts,
                     const char **ret_volume, struct err *err) MUST_CHECK;
/* When tokens should be renewed (wall ns), 0 = never. */
int64_t pod_volumes_refresh_at(const struct pod_volumes *v);

/* The host's side of a mount of a synced volume, in the arena. env: for subPathExpr. */
int pod_volumes_mount(struct pod_volumes *v, struct arena *a, const Corev1__Pod *pod, const Corev1__Container *c,
                      size_t mount_index, const struct container_env *env, struct runtime_mount *ret,
                      struct err *err) MUST_CHECK;

/* Unmounts what is mounted below the folder and removes it all. Nothing of the pod may run any more. */
int pod_dir_remove(const char *dir, struct err *err) MUST_CHECK;

#endif
