/*
 * payloads.h - the files of configMap, secret, downwardAPI and projected volumes, before they are written. Reads its
 * sources through interfaces; no files.
 */
#ifndef KUBELET_VOLUME_PAYLOADS_H
#define KUBELET_VOLUME_PAYLOADS_H

#include "kubelet/pod/env.h"
#include "kubelet/volume/atomic_writer.h"

struct payload_builder {
    struct arena *a;
    const Corev1__Pod *pod;
    const struct object_source *objects;
    const struct downward_facts *facts;
    struct payload payload; /* the result */
    size_t cap;
    mode_t default_mode;
    mode_t or_mode; /* added to every mode: what fsGroup needs to read */
};

/* items: which keys to which paths; none = all keys. */
int payload_config_map(struct payload_builder *b, const char *name, Corev1__KeyToPath *const *items, size_t n_items,
                       bool optional, struct err *err) MUST_CHECK;
int payload_secret(struct payload_builder *b, const char *name, Corev1__KeyToPath *const *items, size_t n_items,
                   bool optional, struct err *err) MUST_CHECK;
int payload_downward(struct payload_builder *b, Corev1__DownwardAPIVolumeFile *const *items, size_t n_items,
                     struct err *err) MUST_CHECK;
/* Both are copied into the arena. A path that is there already is replaced. */
void payload_add(struct payload_builder *b, const char *path, struct str data, mode_t mode);

#endif
