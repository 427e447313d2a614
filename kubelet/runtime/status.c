/* Snapshots of what the runtime holds for a pod, and the brief list of all pods. */
#include "kubelet/runtime/call.h"
#include "kubelet/runtime/labels.h"

#include "base/map.h"
#include "base/parse.h"

#include <inttypes.h>

#define POD_ARENA_MAX (4 * MIB)

static void *must(void *p)
{
    if (!p)
        abort(); /* bounded by what one pod can have */
    return p;
}

static const char *copy(struct arena *a, const char *s)
{
    return must(arena_strdup(a, text(s)));
}

/* The entry types of protobuf-c's maps differ in name only. */
#define FIND_ENTRY(msg, field, wanted)                                                                                 \
    ({                                                                                                                 \
        const char *_v = "";                                                                                           \
        for (size_t _i = 0; _i < (msg)->n_##field; _i++)                                                               \
            if (strcmp(text((msg)->field[_i]->key), (wanted)) == 0)                                                    \
                _v = text((msg)->field[_i]->value);                                                                    \
        _v;                                                                                                            \
    })

/* Written by us; what another has written simply does not match. */
static uint64_t parse_hex(const char *s)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t v = 0;
    for (; *s && strchr(digits, *s); s++)
        v = v << 4 | (uint64_t)(strchr(digits, *s) - digits);
    return v;
}

static int load_container(struct runtime *rt, struct arena *a, const Cri__Container *c, struct runtime_container *out,
                          struct err *err)
{
    Cri__ContainerStatusRequest request = CRI__CONTAINER_STATUS_REQUEST__INIT;
    _cleanup_(message_freep) Cri__ContainerStatusResponse *response = NULL;
    request.container_id = c->id;
    if (CALL(rt, RuntimeService, ContainerStatus, container_status, &request, STATUS_MS, &response, err) < 0)
        return -1;
    const Cri__ContainerStatus *s = response->status;
    if (!s || !s->metadata)
        return err_set(err, ERR_NOT_FOUND, "container %s has no status", c->id);
    int64_t grace = 30;
    (void)!parse_int64(str_of(FIND_ENTRY(s, annotations, ANNOTATION_GRACE)), &grace);
    *out = (struct runtime_container){
        .id = copy(a, s->id),
        .sandbox_id = copy(a, c->pod_sandbox_id),
        .name = copy(a, s->metadata->name),
        .attempt = s->metadata->attempt,
        .state = (enum container_state)s->state,
        .hash = parse_hex(FIND_ENTRY(s, annotations, ANNOTATION_HASH)),
        .created_ns = s->created_at,
        .started_ns = s->started_at,
        .finished_ns = s->finished_at,
        .exit_code = s->exit_code,
        .image = copy(a, s->image ? s->image->image : ""),
        .image_id = copy(a, text(s->image_ref)[0] ? s->image_ref : s->image_id),
        .reason = copy(a, s->reason),
        .message = copy(a, s->message),
        .log_path = copy(a, s->log_path),
        .message_path = copy(a, FIND_ENTRY(s, annotations, ANNOTATION_MESSAGE_PATH)),
        .message_policy = copy(a, FIND_ENTRY(s, annotations, ANNOTATION_MESSAGE_POLICY)),
        .message_file = copy(a, FIND_ENTRY(s, annotations, ANNOTATION_MESSAGE_FILE)),
        .grace_s = grace,
        .uid = s->user && s->user->linux ? s->user->linux->uid : -1,
    };
    return 0;
}

static int by_attempt(const void *a, const void *b)
{
    const struct runtime_container *x = a, *y = b;
    if (x->created_ns != y->created_ns)
        return x->created_ns > y->created_ns ? -1 : 1;
    return x->attempt > y->attempt ? -1 : x->attempt < y->attempt;
}

static int load_containers(struct runtime *rt, struct runtime_pod *pod, struct err *err)
{
    Cri__ContainerFilter filter = CRI__CONTAINER_FILTER__INIT;
    Cri__ContainerFilter__LabelSelectorEntry label = CRI__CONTAINER_FILTER__LABEL_SELECTOR_ENTRY__INIT,
                                             *labels[] = {&label};
    Cri__ListContainersRequest request = CRI__LIST_CONTAINERS_REQUEST__INIT;
    _cleanup_(message_freep) Cri__ListContainersResponse *list = NULL;
    label.key = (char *)LABEL_POD_UID;
    label.value = (char *)pod->uid;
    filter.label_selector = labels;
    filter.n_label_selector = 1;
    request.filter = &filter;
    if (CALL(rt, RuntimeService, ListContainers, list_containers, &request, STATUS_MS, &list, err) < 0)
        return -1;
    pod->containers = must(arena_calloc(pod->arena, list->n_containers + 1, sizeof(*pod->containers)));
    for (size_t i = 0; i < list->n_containers; i++) {
        int rc = load_container(rt, pod->arena, list->containers[i], &pod->containers[pod->n_containers], err);
        if (rc < 0 && err->code != ERR_NOT_FOUND) /* removed between the two calls: fine */
            return -1;
        pod->n_containers += rc == 0;
    }
    if (pod->n_containers)
        qsort(pod->containers, pod->n_containers, sizeof(*pod->containers), by_attempt);
    return 0;
}

static void copy_ips(struct arena *a, const Cri__PodSandboxNetworkStatus *net, struct runtime_sandbox *out)
{
    if (!net || !text(net->ip)[0])
        return;
    const char **ips = must(arena_calloc(a, net->n_additional_ips + 1, sizeof(*ips)));
    ips[out->n_ips++] = copy(a, net->ip);
    for (size_t i = 0; i < net->n_additional_ips; i++)
        ips[out->n_ips++] = copy(a, net->additional_ips[i]->ip);
    out->ips = ips;
}

/* What the list does not tell, for the newest sandbox. */
static int load_sandbox(struct runtime *rt, struct arena *a, struct runtime_sandbox *out, struct err *err)
{
    Cri__PodSandboxStatusRequest request = CRI__POD_SANDBOX_STATUS_REQUEST__INIT;
    _cleanup_(message_freep) Cri__PodSandboxStatusResponse *response = NULL;
    request.pod_sandbox_id = (char *)out->id;
    if (CALL(rt, RuntimeService, PodSandboxStatus, pod_sandbox_status, &request, STATUS_MS, &response, err) < 0)
        return -1;
    const Cri__PodSandboxStatus *s = response->status;
    if (!s)
        return 0;
    out->ready = s->state == CRI__POD_SANDBOX_STATE__SANDBOX_READY;
    if (s->linux && s->linux->namespaces && s->linux->namespaces->options)
        out->host_network = s->linux->namespaces->options->network == CRI__NAMESPACE_MODE__NODE;
    if (out->ready)
        copy_ips(a, s->network, out);
    return 0;
}

static int newest_sandbox(const void *a, const void *b)
{
    const struct runtime_sandbox *x = a, *y = b;
    if (x->created_ns != y->created_ns)
        return x->created_ns > y->created_ns ? -1 : 1;
    return x->attempt > y->attempt ? -1 : x->attempt < y->attempt;
}

static int load_sandboxes(struct runtime *rt, struct runtime_pod *pod, struct err *err)
{
    Cri__PodSandboxFilter filter = CRI__POD_SANDBOX_FILTER__INIT;
    Cri__PodSandboxFilter__LabelSelectorEntry label = CRI__POD_SANDBOX_FILTER__LABEL_SELECTOR_ENTRY__INIT,
                                              *labels[] = {&label};
    Cri__ListPodSandboxRequest request = CRI__LIST_POD_SANDBOX_REQUEST__INIT;
    _cleanup_(message_freep) Cri__ListPodSandboxResponse *list = NULL;
    label.key = (char *)LABEL_POD_UID;
    label.value = (char *)pod->uid;
    filter.label_selector = labels;
    filter.n_label_selector = 1;
    request.filter = &filter;
    if (CALL(rt, RuntimeService, ListPodSandbox, list_pod_sandbox, &request, STATUS_MS, &list, err) < 0)
        return -1;
    pod->sandboxes = must(arena_calloc(pod->arena, list->n_items + 1, sizeof(*pod->sandboxes)));
    for (size_t i = 0; i < list->n_items; i++) {
        const Cri__PodSandbox *s = list->items[i];
        pod->sandboxes[pod->n_sandboxes++] = (struct runtime_sandbox){
            .id = copy(pod->arena, s->id),
            .attempt = s->metadata ? s->metadata->attempt : 0,
            .ready = s->state == CRI__POD_SANDBOX_STATE__SANDBOX_READY,
            .created_ns = s->created_at,
        };
        if (s->metadata) {
            pod->name = copy(pod->arena, s->metadata->name);
            pod->ns = copy(pod->arena, s->metadata->namespace_);
        }
    }
    if (pod->n_sandboxes == 0)
        return 0;
    qsort(pod->sandboxes, pod->n_sandboxes, sizeof(*pod->sandboxes), newest_sandbox);
    if (load_sandbox(rt, pod->arena, &pod->sandboxes[0], err) < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    return 0;
}

int runtime_pod_load(struct runtime *rt, const char *uid, struct runtime_pod **ret, struct err *err)
{
    struct arena *a = arena_new(POD_ARENA_MAX);
    struct runtime_pod *pod = must(arena_calloc(a, 1, sizeof(*pod)));
    *pod = (struct runtime_pod){.arena = a, .uid = copy(a, uid), .name = "", .ns = ""};
    if (load_sandboxes(rt, pod, err) < 0 || load_containers(rt, pod, err) < 0) {
        arena_free(a);
        return -1;
    }
    *ret = pod;
    return 0;
}

struct runtime_pod *runtime_pod_free(struct runtime_pod *p)
{
    if (p)
        arena_free(p->arena);
    return NULL;
}

const struct runtime_container *runtime_pod_container(const struct runtime_pod *p, const char *name)
{
    for (size_t i = 0; p && i < p->n_containers; i++)
        if (strcmp(p->containers[i].name, name) == 0)
            return &p->containers[i];
    return NULL;
}

const struct runtime_container *runtime_pod_container_by_id(const struct runtime_pod *p, const char *id)
{
    for (size_t i = 0; p && i < p->n_containers; i++)
        if (strcmp(p->containers[i].id, id) == 0)
            return &p->containers[i];
    return NULL;
}

/* --- all pods, briefly --- */

static struct runtime_pod_brief *brief_of(struct runtime_pod_list *l, const char *uid, const char *name, const char *ns)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].uid, uid) == 0)
            return &l->v[i];
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 32;
        l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
    }
    l->v[l->n] = (struct runtime_pod_brief){.uid = xstrdup(uid), .name = xstrdup(name), .ns = xstrdup(ns)};
    return &l->v[l->n++];
}

/* Order-independent, so that the runtime may list in any order. */
static uint64_t mix(const char *id, int state)
{
    return hash_bytes(id, strlen(id), 0x9e3779b97f4a7c15ULL + (uint64_t)state);
}

int runtime_pods(struct runtime *rt, struct runtime_pod_list *ret, struct err *err)
{
    Cri__ListPodSandboxRequest sandboxes_request = CRI__LIST_POD_SANDBOX_REQUEST__INIT;
    Cri__ListContainersRequest containers_request = CRI__LIST_CONTAINERS_REQUEST__INIT;
    _cleanup_(message_freep) Cri__ListPodSandboxResponse *sandboxes = NULL;
    _cleanup_(message_freep) Cri__ListContainersResponse *containers = NULL;
    if (CALL(rt, RuntimeService, ListPodSandbox, list_pod_sandbox, &sandboxes_request, STATUS_MS, &sandboxes, err) < 0)
        return -1;
    if (CALL(rt, RuntimeService, ListContainers, list_containers, &containers_request, STATUS_MS, &containers, err) < 0)
        return -1;
    for (size_t i = 0; i < sandboxes->n_items; i++) {
        const Cri__PodSandbox *s = sandboxes->items[i];
        const char *uid = FIND_ENTRY(s, labels, LABEL_POD_UID);
        if (uid[0])
            brief_of(ret, uid, FIND_ENTRY(s, labels, LABEL_POD_NAME), FIND_ENTRY(s, labels, LABEL_POD_NAMESPACE))
                ->fingerprint += mix(s->id, (int)s->state);
    }
    for (size_t i = 0; i < containers->n_containers; i++) {
        const Cri__Container *c = containers->containers[i];
        const char *uid = FIND_ENTRY(c, labels, LABEL_POD_UID);
        if (uid[0])
            brief_of(ret, uid, FIND_ENTRY(c, labels, LABEL_POD_NAME), FIND_ENTRY(c, labels, LABEL_POD_NAMESPACE))
                ->fingerprint += mix(c->id, (int)c->state);
    }
    return 0;
}

void runtime_pod_list_release(struct runtime_pod_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].uid);
        free(l->v[i].name);
        free(l->v[i].ns);
    }
    free(l->v);
    *l = (struct runtime_pod_list){0};
}
