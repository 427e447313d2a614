/*
 * spec.h - small readings of a pod's spec that several rules need. Pure.
 */
#ifndef KUBELET_POD_SPEC_H
#define KUBELET_POD_SPEC_H

#include "k8s/core/v1.pb-c.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool text_is(const char *s, const char *want)
{
    return s && strcmp(s, want) == 0;
}
static inline bool text_empty(const char *s)
{
    return !s || !*s;
}
static inline const char *text_or(const char *s, const char *otherwise)
{
    return text_empty(s) ? otherwise : s;
}

/* restartPolicy: Always is the default. */
static inline bool pod_restarts_always(const Corev1__Pod *p)
{
    return text_empty(p->spec->restartpolicy) || text_is(p->spec->restartpolicy, "Always");
}
static inline bool pod_restarts_never(const Corev1__Pod *p)
{
    return text_is(p->spec->restartpolicy, "Never");
}
/* An init container that keeps running beside the others: a sidecar. */
static inline bool container_is_sidecar(const Corev1__Container *init)
{
    return text_is(init->restartpolicy, "Always");
}
static inline bool pod_deleting(const Corev1__Pod *p)
{
    return p->metadata->deletiontimestamp != NULL;
}
static inline bool pod_finished(const Corev1__Pod *p)
{
    return p->status && (text_is(p->status->phase, "Succeeded") || text_is(p->status->phase, "Failed"));
}
/* Is a container (also an init container that is none of a sidecar) started again after it has ended like that? By its
 * own rules and restartPolicy when it has one, else by the pod's. */
bool container_restarts(const Corev1__Pod *p, const Corev1__Container *k, int32_t exit_code, int64_t ran_s);
/* May it be, whatever the end? */
bool container_restarts_never(const Corev1__Pod *p, const Corev1__Container *k);
/* Mirror pods stand for static ones; they are not run from the API. */
const char *pod_annotation(const Corev1__Pod *p, const char *key); /* NULL when absent */

/* The spec of a container, init container or sidecar of that name; *ret_init tells which. NULL when there is none. */
const Corev1__Container *pod_find_container(const Corev1__Pod *p, const char *name, bool *ret_init);

#endif
