#include "kubelet/runtime/call.h"

int runtime_exec_sync(struct runtime *rt, const char *id, char *const *command, size_t n, int64_t timeout_s,
                      struct runtime_exec_result *ret, struct err *err)
{
    Cri__ExecSyncRequest request = CRI__EXEC_SYNC_REQUEST__INIT;
    _cleanup_(message_freep) Cri__ExecSyncResponse *response = NULL;
    request.container_id = (char *)id;
    request.cmd = (char **)command;
    request.n_cmd = n;
    request.timeout = timeout_s;
    int deadline_ms = timeout_s > 0 ? (int)MIN_OF(timeout_s, 3600 * 24) * 1000 + STATUS_MS : GRPC_NO_DEADLINE;
    if (CALL(rt, RuntimeService, ExecSync, exec_sync, &request, deadline_ms, &response, err) < 0)
        return -1;
    ret->exit_code = response->exit_code;
    struct str out = str_n((char *)response->stdout.data, response->stdout.len);
    struct str more = str_n((char *)response->stderr.data, response->stderr.len);
    out.n = MIN_OF(out.n, ret->output.max > 1 ? ret->output.max - 1 : 0);
    buf_str_add(&ret->output, out);
    more.n = MIN_OF(more.n, ret->output.max - ret->output.len - 1);
    buf_str_add(&ret->output, more);
    return 0;
}

int runtime_exec_url(struct runtime *rt, const char *id, const char *const *command, size_t n,
                     const struct runtime_stream_options *o, char **ret, struct err *err)
{
    Cri__ExecRequest request = CRI__EXEC_REQUEST__INIT;
    _cleanup_(message_freep) Cri__ExecResponse *response = NULL;
    request.container_id = (char *)id;
    request.cmd = (char **)command;
    request.n_cmd = n;
    request.tty = o->tty;
    request.stdin = o->in;
    request.stdout = o->out;
    request.stderr = o->error;
    if (CALL(rt, RuntimeService, Exec, exec, &request, STATUS_MS, &response, err) < 0)
        return -1;
    *ret = xstrdup(text(response->url));
    return 0;
}

int runtime_attach_url(struct runtime *rt, const char *id, const struct runtime_stream_options *o, char **ret,
                       struct err *err)
{
    Cri__AttachRequest request = CRI__ATTACH_REQUEST__INIT;
    _cleanup_(message_freep) Cri__AttachResponse *response = NULL;
    request.container_id = (char *)id;
    request.tty = o->tty;
    request.stdin = o->in;
    request.stdout = o->out;
    request.stderr = o->error;
    if (CALL(rt, RuntimeService, Attach, attach, &request, STATUS_MS, &response, err) < 0)
        return -1;
    *ret = xstrdup(text(response->url));
    return 0;
}

int runtime_port_forward_url(struct runtime *rt, const char *sandbox_id, const int32_t *ports, size_t n, char **ret,
                             struct err *err)
{
    Cri__PortForwardRequest request = CRI__PORT_FORWARD_REQUEST__INIT;
    _cleanup_(message_freep) Cri__PortForwardResponse *response = NULL;
    request.pod_sandbox_id = (char *)sandbox_id;
    request.port = (int32_t *)ports;
    request.n_port = n;
    if (CALL(rt, RuntimeService, PortForward, port_forward, &request, STATUS_MS, &response, err) < 0)
        return -1;
    *ret = xstrdup(text(response->url));
    return 0;
}
