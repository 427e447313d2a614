/* postStart and preStop. */
#include "kubelet/worker/internal.h"

#include "kubelet/prober/probe.h"

int hook_run(struct kubelet *k, const Corev1__Pod *pod, const Corev1__Container *c, const char *container_id,
             const char *pod_ip, const Corev1__LifecycleHandler *h, int64_t timeout_s, struct err *err)
{
    _cleanup_(buf_releasep) struct buf output = BUF_INIT(PROBE_OUTPUT_MAX);
    struct probe_target t = {
        .runtime = k->runtime,
        .container = c,
        .container_id = container_id,
        .pod_ip = pod_ip,
        .timeout_s = timeout_s,
        .user_agent = "kube-lifecycle/1.36",
    };
    if (h->exec) {
        /* Without a timeout the command may take as long as it wants: 0 is "for ever" to the runtime. */
        int rc = probe_exec(&t, h->exec, &output);
        if (rc == 1)
            return 0;
        return err_set(err, ERR_INTERNAL, "Exec lifecycle hook for Container \"%s\" in Pod \"%s_%s(%s)\" failed: %s",
                       c->name, pod->metadata->name, pod->metadata->namespace_, pod->metadata->uid,
                       text_or(output.data, ""));
    }
    if (h->httpget) {
        t.timeout_s = timeout_s > 0 ? timeout_s : 30;
        if (probe_http(&t, h->httpget, &output) == 1)
            return 0;
        return err_set(err, ERR_INTERNAL,
                       "HTTP lifecycle hook (%s) for Container \"%s\" in Pod \"%s_%s(%s)\" failed: %s",
                       text_or(h->httpget->path, "/"), c->name, pod->metadata->name, pod->metadata->namespace_,
                       pod->metadata->uid, text_or(output.data, ""));
    }
    if (h->sleep) {
        int64_t s = h->sleep->seconds;
        (void)stop_wait(k->stop, (timeout_s > 0 ? MIN_OF(s, timeout_s) : s) * NS_PER_S);
        return 0;
    }
    return err_set(err, ERR_INVALID, "invalid lifecycle handler");
}
