#include "kubelet/runtime/call.h"

int runtime_sandbox_run(struct runtime *rt, const struct runtime_sandbox_spec *s, char **ret_id, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    Cri__RunPodSandboxRequest request = CRI__RUN_POD_SANDBOX_REQUEST__INIT;
    _cleanup_(message_freep) Cri__RunPodSandboxResponse *response = NULL;
    request.config = config_sandbox(a, s);
    if (HEAVY(rt, false,
              CALL(rt, RuntimeService, RunPodSandbox, run_pod_sandbox, &request, SANDBOX_MS, &response, err)) < 0)
        return -1;
    *ret_id = xstrdup(text(response->pod_sandbox_id));
    return 0;
}

int runtime_sandbox_stop(struct runtime *rt, const char *id, struct err *err)
{
    Cri__StopPodSandboxRequest request = CRI__STOP_POD_SANDBOX_REQUEST__INIT;
    _cleanup_(message_freep) Cri__StopPodSandboxResponse *response = NULL;
    request.pod_sandbox_id = (char *)id;
    return CALL(rt, RuntimeService, StopPodSandbox, stop_pod_sandbox, &request, SANDBOX_MS, &response, err);
}

int runtime_sandbox_remove(struct runtime *rt, const char *id, struct err *err)
{
    Cri__RemovePodSandboxRequest request = CRI__REMOVE_POD_SANDBOX_REQUEST__INIT;
    _cleanup_(message_freep) Cri__RemovePodSandboxResponse *response = NULL;
    request.pod_sandbox_id = (char *)id;
    return CALL(rt, RuntimeService, RemovePodSandbox, remove_pod_sandbox, &request, SANDBOX_MS, &response, err);
}
