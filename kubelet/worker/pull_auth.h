/*
 * pull_auth.h - credentials for a registry from a pod's imagePullSecrets (kubernetes.io/dockerconfigjson).
 */
#ifndef KUBELET_WORKER_PULL_AUTH_H
#define KUBELET_WORKER_PULL_AUTH_H

#include "kubelet/kubelet.h"

struct pull_auth { /* malloc'd; name NULL = none found. The password is a secret: never logged, wiped when released. */
    char *name, *password, *server;
};

/* image: normalised. A secret that cannot be read makes an event and is passed over. */
void pull_auth_find(struct kubelet *k, const Corev1__Pod *pod, const char *image, struct pull_auth *ret);
void pull_auth_release(struct pull_auth *a);

/* The entry for a registry in the text of a .dockerconfigjson; false when it has none. Pure. */
bool pull_auth_parse(struct str config, struct str registry, struct pull_auth *ret);

#endif
