/*
 * The listener: learns from the runtime that a container or sandbox has ended.
 *
 * CRI's own event stream where the runtime has it (it names the pod), else containerd's event service on the same
 * socket (it names the container only, but comes within a millisecond). Whenever a stream begins the listener is told
 * to look at everything, for nothing is kept for who was not there.
 */
#include "kubelet/runtime/call.h"

#include "cri/containerd_events.pb-c.h"

#include <time.h>

#define EVENTS_CRI "/runtime.v1.RuntimeService/GetContainerEvents"
#define EVENTS_CONTAINERD "/containerd.services.events.v1.Events/Subscribe"
#define RETRY_MS 200

enum source { SOURCE_CRI, SOURCE_CONTAINERD, SOURCE_NONE };

static bool set_stream(struct runtime *rt, struct grpc_stream *st)
{
    pthread_mutex_lock(&rt->lock);
    bool go = !rt->stopping;
    rt->listener.stream = go ? st : NULL;
    pthread_mutex_unlock(&rt->lock);
    return go;
}

static bool pause_or_stop(struct runtime *rt, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&rt->lock);
    while (!rt->stopping && pthread_cond_timedwait(&rt->wake, &rt->lock, &until) == 0)
        ;
    bool stop = rt->stopping;
    pthread_mutex_unlock(&rt->lock);
    return stop;
}

static void on_cri_event(struct listener *l, const Cri__ContainerEventResponse *e)
{
    const Cri__PodSandboxStatus *s = e->pod_sandbox_status;
    const char *uid = s && s->metadata ? s->metadata->uid : NULL;
    l->fn(l->ctx, uid && uid[0] ? uid : NULL, text(e->container_id));
}

static void on_containerd_event(struct listener *l, const Containerd__Envelope *e)
{
    if (!e->event || !e->event->type_url || !strstr(e->event->type_url, "TaskExit"))
        return;
    Containerd__TaskExit *exit = containerd__task_exit__unpack(NULL, e->event->value.len, e->event->value.data);
    if (!exit)
        return;
    if (strcmp(text(exit->id), text(exit->container_id)) == 0) /* else an exec's process */
        l->fn(l->ctx, NULL, exit->container_id);
    containerd__task_exit__free_unpacked(exit, NULL);
}

static int subscribe(enum source source, struct grpc_stream *st, struct err *err)
{
    if (source == SOURCE_CRI) {
        Cri__GetEventsRequest request = CRI__GET_EVENTS_REQUEST__INIT;
        if (grpc_stream_send(st, &request.base, err) < 0)
            return -1;
    } else {
        char *filters[] = {(char *)"topic==\"/tasks/exit\",namespace==k8s.io"};
        Containerd__SubscribeRequest request = CONTAINERD__SUBSCRIBE_REQUEST__INIT;
        request.filters = filters;
        request.n_filters = 1;
        if (grpc_stream_send(st, &request.base, err) < 0)
            return -1;
    }
    grpc_stream_close_send(st);
    return 0;
}

/* Listens on one source until its stream ends; the reason is in err. */
static void listen_once(struct runtime *rt, enum source source, struct err *err)
{
    struct listener *l = &rt->listener;
    _cleanup_(grpc_stream_freep) struct grpc_stream *st = NULL;
    if (grpc_stream_open(rt->events, source == SOURCE_CRI ? EVENTS_CRI : EVENTS_CONTAINERD, &st, err) < 0)
        return;
    if (set_stream(rt, st) && subscribe(source, st, err) == 0) {
        bool told = false;
        for (;;) {
            _cleanup_(message_freep) ProtobufCMessage *m = NULL;
            const ProtobufCMessageDescriptor *type =
                source == SOURCE_CRI ? &cri__container_event_response__descriptor : &containerd__envelope__descriptor;
            /* A stream that has said nothing for a moment stands: whoever refuses it does so at once. */
            int rc = grpc_stream_recv(st, type, told ? -1 : 100, &m, err);
            if (!told && (rc > 0 || (rc < 0 && err->code == ERR_TIMEOUT && grpc_channel_connected(rt->events)))) {
                l->fn(l->ctx, NULL, NULL);
                told = true;
            }
            if (rc < 0 && err->code == ERR_TIMEOUT) {
                err_clear(err);
                continue;
            }
            if (rc <= 0)
                break;
            if (source == SOURCE_CRI)
                on_cri_event(l, (Cri__ContainerEventResponse *)m);
            else
                on_containerd_event(l, (Containerd__Envelope *)m);
        }
    }
    set_stream(rt, NULL);
}

static void *listener_main(void *arg)
{
    struct runtime *rt = arg;
    enum source source = SOURCE_CRI;
    for (;;) {
        struct err err = ERR_INIT;
        listen_once(rt, source, &err);
        if (err.code == ERR_UNIMPLEMENTED && source != SOURCE_NONE)
            source++;
        else if (pause_or_stop(rt, RETRY_MS))
            return NULL;
        if (source == SOURCE_NONE) { /* neither: the slow relist has to do */
            if (pause_or_stop(rt, 60 * 1000))
                return NULL;
            source = SOURCE_CRI;
        }
        pthread_mutex_lock(&rt->lock);
        bool stop = rt->stopping;
        pthread_mutex_unlock(&rt->lock);
        if (stop)
            return NULL;
    }
}

int runtime_listen(struct runtime *rt, runtime_event_fn *fn, void *ctx, struct err *err)
{
    rt->listener.fn = fn;
    rt->listener.ctx = ctx;
    int rc = pthread_create(&rt->listener.thread, NULL, listener_main, rt);
    if (rc != 0)
        return err_errno(err, rc, "cannot start the runtime's listener");
    rt->listener.started = true;
    return 0;
}
