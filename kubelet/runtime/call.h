/*
 * call.h - inside of runtime/: the connection and one typed way to call it.
 */
#ifndef KUBELET_RUNTIME_CALL_H
#define KUBELET_RUNTIME_CALL_H

#include "kubelet/runtime/runtime.h"

#include "base/limits.h"
#include "cri/v1.pb-c.h"
#include "net/grpc.h"

#include <pthread.h>

#define CALL_MS 120000    /* upstream's runtimeRequestTimeout */
#define SANDBOX_MS 240000 /* network set-up may be slow */
#define PULL_MS (24 * 3600 * 1000)
#define STATUS_MS 10000

struct listener {
    pthread_t thread;
    bool started;
    runtime_event_fn *fn;
    void *ctx;
    struct grpc_stream *stream; /* under the lock: what runtime_free has to cancel */
};

struct runtime {
    struct grpc_channel *ch;
    struct grpc_channel *events; /* a connection of its own, so that a long call cannot delay an exit */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    struct listener listener;
    int heavy, heavy_max, urgent_waiting; /* calls that make processes; under the lock */
    pthread_cond_t light;
};

/* Starting containers is work for the CPUs: too many at a time all get slower. Those that end a pod's start (urgent) go
 * before those that begin another's, so that the first pods are there early. */
void heavy_enter(struct runtime *rt, bool urgent);
void heavy_leave(struct runtime *rt);
#define HEAVY(rt, urgent, call)                                                                                        \
    ({                                                                                                                 \
        heavy_enter((rt), (urgent));                                                                                   \
        int _rc = (call);                                                                                              \
        heavy_leave(rt);                                                                                               \
        _rc;                                                                                                           \
    })

int call_cri(struct runtime *rt, const char *service, const char *method, const ProtobufCMessage *request,
             const ProtobufCMessageDescriptor *type, int deadline_ms, ProtobufCMessage **ret,
             struct err *err) MUST_CHECK;

/* CALL(rt, RuntimeService, StopContainer, stop_container, &request, ms, &response, err): a response of the right type.
 */
#define CALL(rt, service, method, prefix, request, ms, ret, err)                                                       \
    call_cri((rt), #service, #method, &(request)->base, &cri__##prefix##_response__descriptor, (ms),                   \
             (ProtobufCMessage **)(ret), (err))

static inline void message_freep(void *p)
{
    ProtobufCMessage *m = *(ProtobufCMessage **)p;
    if (m)
        protobuf_c_message_free_unpacked(m, NULL);
}

/* protobuf-c gives strings that are not set as "" or NULL. */
static inline const char *text(const char *s)
{
    return s ? s : "";
}

/* config.c: both live in the arena; NULL means that it is full. */
Cri__PodSandboxConfig *config_sandbox(struct arena *a, const struct runtime_sandbox_spec *s);
Cri__ContainerConfig *config_container(struct arena *a, const struct runtime_container_spec *s);

#endif
