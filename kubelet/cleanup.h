/*
 * cleanup.h - takes everything away that kubelets have made through one runtime: sandboxes with their containers and
 * networks, logs, folders, cgroups. For `kubelet --cleanup`; no kubelet may run on it.
 */
#ifndef KUBELET_CLEANUP_H
#define KUBELET_CLEANUP_H

#include "kubelet/kubelet.h"

int kubelet_cleanup(struct runtime *rt, const struct kubelet_config *config, struct err *err) MUST_CHECK;

#endif
