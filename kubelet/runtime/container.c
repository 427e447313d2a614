#include "kubelet/runtime/call.h"

int runtime_container_create(struct runtime *rt, const char *sandbox_id, const struct runtime_container_spec *s,
                             char **ret_id, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    Cri__CreateContainerRequest request = CRI__CREATE_CONTAINER_REQUEST__INIT;
    _cleanup_(message_freep) Cri__CreateContainerResponse *response = NULL;
    request.pod_sandbox_id = (char *)sandbox_id;
    request.config = config_container(a, s);
    request.sandbox_config = config_sandbox(a, s->sandbox);
    if (CALL(rt, RuntimeService, CreateContainer, create_container, &request, CALL_MS, &response, err) < 0)
        return -1;
    *ret_id = xstrdup(text(response->container_id));
    return 0;
}

int runtime_container_start(struct runtime *rt, const char *id, struct err *err)
{
    Cri__StartContainerRequest request = CRI__START_CONTAINER_REQUEST__INIT;
    _cleanup_(message_freep) Cri__StartContainerResponse *response = NULL;
    request.container_id = (char *)id;
    return HEAVY(rt, true,
                 CALL(rt, RuntimeService, StartContainer, start_container, &request, CALL_MS, &response, err));
}

int runtime_container_stop(struct runtime *rt, const char *id, int64_t grace_s, struct err *err)
{
    Cri__StopContainerRequest request = CRI__STOP_CONTAINER_REQUEST__INIT;
    _cleanup_(message_freep) Cri__StopContainerResponse *response = NULL;
    request.container_id = (char *)id;
    request.timeout = grace_s;
    /* The runtime answers when the container has ended, so the deadline counts from the end of the grace. */
    int64_t deadline_ms = CALL_MS + MIN_OF(grace_s, 3600 * 24) * 1000;
    return CALL(rt, RuntimeService, StopContainer, stop_container, &request, (int)deadline_ms, &response, err);
}

int runtime_container_remove(struct runtime *rt, const char *id, struct err *err)
{
    Cri__RemoveContainerRequest request = CRI__REMOVE_CONTAINER_REQUEST__INIT;
    _cleanup_(message_freep) Cri__RemoveContainerResponse *response = NULL;
    request.container_id = (char *)id;
    return CALL(rt, RuntimeService, RemoveContainer, remove_container, &request, CALL_MS, &response, err);
}

int runtime_container_reopen_log(struct runtime *rt, const char *id, struct err *err)
{
    Cri__ReopenContainerLogRequest request = CRI__REOPEN_CONTAINER_LOG_REQUEST__INIT;
    _cleanup_(message_freep) Cri__ReopenContainerLogResponse *response = NULL;
    request.container_id = (char *)id;
    return CALL(rt, RuntimeService, ReopenContainerLog, reopen_container_log, &request, STATUS_MS, &response, err);
}
