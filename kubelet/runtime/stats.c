#include "kubelet/runtime/call.h"
#include "kubelet/runtime/labels.h"

static const char *label(const Cri__ContainerAttributes *a, const char *key)
{
    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(text(a->labels[i]->key), key) == 0)
            return text(a->labels[i]->value);
    return "";
}

static uint64_t value(const Cri__UInt64Value *v)
{
    return v ? v->value : 0;
}

static void add(struct runtime_stats_list *l, const Cri__ContainerStats *s)
{
    if (!s->attributes || !label(s->attributes, LABEL_POD_UID)[0])
        return;
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 32;
        l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
    }
    struct runtime_stats *r = &l->v[l->n++];
    *r = (struct runtime_stats){
        .pod_uid = xstrdup(label(s->attributes, LABEL_POD_UID)),
        .pod_name = xstrdup(label(s->attributes, LABEL_POD_NAME)),
        .pod_ns = xstrdup(label(s->attributes, LABEL_POD_NAMESPACE)),
        .container = xstrdup(label(s->attributes, LABEL_CONTAINER_NAME)),
    };
    if (s->cpu) {
        r->cpu_wall_ns = s->cpu->timestamp;
        r->cpu_usage_ns = value(s->cpu->usage_core_nano_seconds);
    }
    if (s->memory) {
        r->memory_wall_ns = s->memory->timestamp;
        r->memory_working_set = value(s->memory->working_set_bytes);
        r->memory_usage = value(s->memory->usage_bytes);
        r->memory_rss = value(s->memory->rss_bytes);
    }
    if (s->writable_layer) {
        r->fs_used = value(s->writable_layer->used_bytes);
        r->fs_inodes = value(s->writable_layer->inodes_used);
    }
}

int runtime_stats(struct runtime *rt, struct runtime_stats_list *ret, struct err *err)
{
    Cri__ListContainerStatsRequest request = CRI__LIST_CONTAINER_STATS_REQUEST__INIT;
    _cleanup_(message_freep) Cri__ListContainerStatsResponse *response = NULL;
    if (CALL(rt, RuntimeService, ListContainerStats, list_container_stats, &request, STATUS_MS, &response, err) < 0)
        return -1;
    for (size_t i = 0; i < response->n_stats; i++)
        add(ret, response->stats[i]);
    return 0;
}

void runtime_stats_release(struct runtime_stats_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].pod_uid);
        free(l->v[i].pod_name);
        free(l->v[i].pod_ns);
        free(l->v[i].container);
    }
    free(l->v);
    *l = (struct runtime_stats_list){0};
}
