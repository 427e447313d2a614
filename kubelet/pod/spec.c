#include "kubelet/pod/spec.h"

const char *pod_annotation(const Corev1__Pod *p, const char *key)
{
    for (size_t i = 0; i < p->metadata->n_annotations; i++)
        if (text_is(p->metadata->annotations[i]->key, key))
            return text_or(p->metadata->annotations[i]->value, "");
    return NULL;
}

const Corev1__Container *pod_find_container(const Corev1__Pod *p, const char *name, bool *ret_init)
{
    for (size_t i = 0; i < p->spec->n_containers; i++)
        if (text_is(p->spec->containers[i]->name, name)) {
            *ret_init = false;
            return p->spec->containers[i];
        }
    for (size_t i = 0; i < p->spec->n_initcontainers; i++)
        if (text_is(p->spec->initcontainers[i]->name, name)) {
            *ret_init = true;
            return p->spec->initcontainers[i];
        }
    return NULL;
}
