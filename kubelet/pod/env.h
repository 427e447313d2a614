/*
 * env.h - the environment of a container, with its command and args expanded. Reads config maps, secrets and services
 * through an interface; pure otherwise.
 */
#ifndef KUBELET_POD_ENV_H
#define KUBELET_POD_ENV_H

#include "client/kinds.h"
#include "kubelet/pod/downward.h"

/* Where objects come from. Both give a new reference; ERR_NOT_FOUND (as `configmap "x" not found`) when absent. */
struct object_source {
    int (*config_map)(void *ctx, const char *ns, const char *name, struct kube_object **ret, struct err *err);
    int (*secret)(void *ctx, const char *ns, const char *name, struct kube_object **ret, struct err *err);
    /* The services whose variables pods of ns see, appended. */
    void (*services)(void *ctx, const char *ns, bool links, struct kube_objects *ret);
    void *ctx;
};

struct container_env {
    const struct runtime_env *env;
    size_t n_env;
    const char *const *command, *const *args;
    size_t n_command, n_args;
};

/* All in the arena. An error is what CreateContainerConfigError tells. */
int env_make(struct arena *a, const Corev1__Pod *pod, const Corev1__Container *container,
             const struct object_source *source, const struct downward_facts *facts, struct container_env *ret,
             struct err *err) MUST_CHECK;

/* Looks a variable up, for subPathExpr. */
bool env_lookup(const void *container_env, struct str name, struct str *ret_value);

#endif
