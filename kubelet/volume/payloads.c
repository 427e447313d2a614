#include "kubelet/volume/payloads.h"

#include "base/limits.h"
#include "kubelet/pod/build.h"

void payload_add(struct payload_builder *b, const char *path, struct str data, mode_t mode)
{
    struct payload *p = &b->payload;
    struct payload_file *f = NULL;
    for (size_t i = 0; i < p->n; i++)
        if (str_is(p->files[i].path, path))
            f = &p->files[i];
    if (!f) {
        if (p->n == b->cap) {
            size_t cap = b->cap ? b->cap * 2 : 16;
            p->files = build_must(arena_grow(b->a, p->files, b->cap * sizeof(*f), cap * sizeof(*f)));
            b->cap = cap;
        }
        f = &p->files[p->n++];
    }
    *f = (struct payload_file){
        .path = arena_str(b->a, str_of(path)),
        .data = arena_str(b->a, data),
        .mode = mode | b->or_mode,
        .uid = -1,
    };
}

/* The data of a config map or secret as one list of keys and values. */
struct entry {
    const char *key;
    struct str value;
};

static struct str binary(const ProtobufCBinaryData *d)
{
    return str_n((const char *)d->data, d->len);
}

static int add_entries(struct payload_builder *b, const struct entry *entries, size_t n, const char *missing,
                       Corev1__KeyToPath *const *items, size_t n_items, bool optional, struct err *err)
{
    if (n_items == 0) {
        for (size_t i = 0; i < n; i++)
            payload_add(b, entries[i].key, entries[i].value, b->default_mode);
        return 0;
    }
    for (size_t i = 0; i < n_items; i++) {
        const struct entry *found = NULL;
        for (size_t k = 0; k < n; k++)
            if (text_is(items[i]->key, entries[k].key))
                found = &entries[k];
        if (!found && optional)
            continue;
        if (!found)
            return err_set(err, ERR_INVALID, "%s: %s", missing, text_or(items[i]->key, ""));
        payload_add(b, text_or(items[i]->path, ""), found->value,
                    items[i]->has_mode ? (mode_t)items[i]->mode : b->default_mode);
    }
    return 0;
}

int payload_config_map(struct payload_builder *b, const char *name, Corev1__KeyToPath *const *items, size_t n_items,
                       bool optional, struct err *err)
{
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    if (b->objects->config_map(b->objects->ctx, b->pod->metadata->namespace_, name, &o, err) < 0)
        return err->code == ERR_NOT_FOUND && optional ? 0 : -1;
    const Corev1__ConfigMap *m = kube_config_map(o);
    struct entry *entries = BUILD_ARRAY(b->a, m->n_data + m->n_binarydata, struct entry);
    size_t n = 0;
    for (size_t i = 0; i < m->n_data; i++)
        entries[n++] = (struct entry){text_or(m->data[i]->key, ""), str_of(m->data[i]->value)};
    for (size_t i = 0; i < m->n_binarydata; i++)
        entries[n++] = (struct entry){text_or(m->binarydata[i]->key, ""), binary(&m->binarydata[i]->value)};
    return add_entries(b, entries, n, "configmap references non-existent config key", items, n_items, optional, err);
}

int payload_secret(struct payload_builder *b, const char *name, Corev1__KeyToPath *const *items, size_t n_items,
                   bool optional, struct err *err)
{
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    if (b->objects->secret(b->objects->ctx, b->pod->metadata->namespace_, name, &o, err) < 0)
        return err->code == ERR_NOT_FOUND && optional ? 0 : -1;
    const Corev1__Secret *s = kube_secret(o);
    struct entry *entries = BUILD_ARRAY(b->a, s->n_data, struct entry);
    for (size_t i = 0; i < s->n_data; i++)
        entries[i] = (struct entry){text_or(s->data[i]->key, ""), binary(&s->data[i]->value)};
    return add_entries(b, entries, s->n_data, "references non-existent secret key", items, n_items, optional, err);
}

int payload_downward(struct payload_builder *b, Corev1__DownwardAPIVolumeFile *const *items, size_t n_items,
                     struct err *err)
{
    for (size_t i = 0; i < n_items; i++) {
        const Corev1__DownwardAPIVolumeFile *f = items[i];
        _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_OBJECT);
        if (f->fieldref) {
            if (downward_field(&text, b->pod, b->facts, f->fieldref->fieldpath, err) < 0)
                return -1;
        } else if (f->resourcefieldref) {
            bool init;
            const Corev1__Container *c =
                pod_find_container(b->pod, text_or(f->resourcefieldref->containername, ""), &init);
            if (!c)
                return err_set(err, ERR_INVALID, "container %s not found",
                               text_or(f->resourcefieldref->containername, ""));
            if (downward_resource(&text, c, b->facts, f->resourcefieldref, err) < 0)
                return -1;
        }
        payload_add(b, text_or(f->path, ""), buf_str(&text), f->has_mode ? (mode_t)f->mode : b->default_mode);
    }
    return 0;
}
