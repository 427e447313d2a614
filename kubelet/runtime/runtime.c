#include "kubelet/runtime/call.h"

#include <stdio.h>

int call_cri(struct runtime *rt, const char *service, const char *method, const ProtobufCMessage *request,
             const ProtobufCMessageDescriptor *type, int deadline_ms, ProtobufCMessage **ret, struct err *err)
{
    char path[128];
    snprintf(path, sizeof(path), "/runtime.v1.%s/%s", service, method);
    return grpc_call(rt->ch, path, request, type, deadline_ms, ret, err);
}

void heavy_enter(struct runtime *rt, bool urgent)
{
    pthread_mutex_lock(&rt->lock);
    rt->urgent_waiting += urgent;
    while ((rt->heavy >= rt->heavy_max || (!urgent && rt->urgent_waiting > 0)) && !rt->stopping)
        pthread_cond_wait(&rt->light, &rt->lock);
    rt->urgent_waiting -= urgent;
    rt->heavy++;
    pthread_cond_broadcast(&rt->light);
    pthread_mutex_unlock(&rt->lock);
}

void heavy_leave(struct runtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    rt->heavy--;
    pthread_cond_broadcast(&rt->light);
    pthread_mutex_unlock(&rt->lock);
}

int runtime_new(const struct runtime_options *o, struct runtime **ret, struct err *err)
{
    struct runtime *rt = xcalloc(1, sizeof(*rt));
    rt->heavy_max = (int)MAX_OF(sysconf(_SC_NPROCESSORS_ONLN), 1) * 4;
    pthread_mutex_init(&rt->lock, NULL);
    pthread_cond_init(&rt->light, NULL);
    pthread_condattr_t mono;
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&rt->wake, &mono);
    pthread_condattr_destroy(&mono);
    struct grpc_channel_options channel = {.target = o->endpoint, .backoff_max_ms = 1000, .fail_fast = true};
    if (grpc_channel_new(&channel, &rt->ch, err) < 0 || grpc_channel_new(&channel, &rt->events, err) < 0) {
        runtime_free(rt);
        return -1;
    }
    *ret = rt;
    return 0;
}

void runtime_unlisten(struct runtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    rt->stopping = true;
    if (rt->listener.stream)
        grpc_stream_cancel(rt->listener.stream);
    pthread_cond_broadcast(&rt->wake);
    pthread_cond_broadcast(&rt->light);
    pthread_mutex_unlock(&rt->lock);
    if (rt->listener.started)
        pthread_join(rt->listener.thread, NULL);
    rt->listener.started = false;
}

struct runtime *runtime_free(struct runtime *rt)
{
    if (!rt)
        return NULL;
    runtime_unlisten(rt);
    grpc_channel_free(rt->events);
    grpc_channel_free(rt->ch);
    pthread_cond_destroy(&rt->light);
    pthread_cond_destroy(&rt->wake);
    pthread_mutex_destroy(&rt->lock);
    free(rt);
    return NULL;
}

int runtime_version(struct runtime *rt, struct runtime_info *ret, struct err *err)
{
    Cri__VersionRequest request = CRI__VERSION_REQUEST__INIT;
    _cleanup_(message_freep) Cri__VersionResponse *response = NULL;
    request.version = (char *)"0.1.0";
    if (CALL(rt, RuntimeService, Version, version, &request, STATUS_MS, &response, err) < 0)
        return -1;
    snprintf(ret->name, sizeof(ret->name), "%s", text(response->runtime_name));
    snprintf(ret->version, sizeof(ret->version), "%s", text(response->runtime_version));
    return 0;
}

int runtime_status(struct runtime *rt, struct runtime_info *ret, struct err *err)
{
    Cri__StatusRequest request = CRI__STATUS_REQUEST__INIT;
    _cleanup_(message_freep) Cri__StatusResponse *response = NULL;
    if (CALL(rt, RuntimeService, Status, status, &request, STATUS_MS, &response, err) < 0)
        return -1;
    ret->ready = ret->network_ready = false;
    ret->reason[0] = '\0';
    size_t n = response->status ? response->status->n_conditions : 0;
    for (size_t i = 0; i < n; i++) {
        const Cri__RuntimeCondition *c = response->status->conditions[i];
        bool network = strcmp(text(c->type), "NetworkReady") == 0;
        if (network)
            ret->network_ready = c->status;
        else if (strcmp(text(c->type), "RuntimeReady") == 0)
            ret->ready = c->status;
        if (!c->status && (!ret->reason[0] || !network))
            snprintf(ret->reason, sizeof(ret->reason), "%s=false reason:%s message:%s", text(c->type), text(c->reason),
                     text(c->message));
    }
    return 0;
}
