/*
 * Probes and life-cycle hooks.
 */
#include "apiserver/validation/pod_internal.h"

static void check_exec(struct pod_check *c, path_t p, const struct doc *exec)
{
    if (!doc_count(v_get(exec, "command")))
        field_required(c->e, FIELD(p, "command"), "%s", "");
}

static void check_http(struct pod_check *c, path_t p, const struct doc *http)
{
    if (!v_str(http, "path").n)
        field_required(c->e, FIELD(p, "path"), "%s", "");
    v_port_or_name(c->e, FIELD(p, "port"), v_get(http, "port"));
    V_ENUM(c->e, FIELD(p, "scheme"), v_str(http, "scheme"), "HTTP", "HTTPS");
    V_EACH (v_get(http, "httpHeaders"), h) {
        v_name(c->e, FIELD(p, "httpHeaders"), v_str(h.at, "name"), name_http_header);
    }
}

static void check_tcp(struct pod_check *c, path_t p, const struct doc *tcp)
{
    v_port_or_name(c->e, FIELD(p, "port"), v_get(tcp, "port"));
}

static void check_grpc(struct pod_check *c, path_t p, const struct doc *grpc)
{
    v_port(c->e, FIELD(p, "port"), v_get(grpc, "port"));
}

static void check_sleep(struct pod_check *c, path_t p, const struct doc *sleep)
{
    int64_t seconds = v_int(sleep, "seconds");
    if (c->has_grace && (seconds < 0 || seconds > c->grace))
        field_invalid_int(c->e, p, seconds, "must be non-negative and less than terminationGracePeriodSeconds (%lld)",
                          (long long)c->grace);
}

static const struct {
    const char *field;
    void (*check)(struct pod_check *c, path_t p, const struct doc *handler);
} handlers[] = {
    {"exec", check_exec}, {"httpGet", check_http}, {"tcpSocket", check_tcp},
    {"grpc", check_grpc}, {"sleep", check_sleep},
};

static void check_handler(struct pod_check *c, path_t p, const struct doc *action)
{
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        const struct doc *handler = v_get(action, handlers[i].field);
        if (!handler)
            continue;
        if (n++)
            field_forbidden(c->e, FIELD(p, handlers[i].field), "may not specify more than 1 handler type");
        else
            handlers[i].check(c, FIELD(p, handlers[i].field), handler);
    }
    if (!n)
        field_required(c->e, p, "must specify a handler type");
}

static void check_probe(struct pod_check *c, path_t p, const struct doc *probe)
{
    static const char *const numbers[] = {"initialDelaySeconds", "timeoutSeconds",   "periodSeconds",
                                          "successThreshold",    "failureThreshold", NULL};
    const struct doc *grace = v_get(probe, "terminationGracePeriodSeconds");
    check_handler(c, p, probe);
    for (const char *const *field = numbers; *field; field++)
        v_not_negative(c->e, FIELD(p, *field), v_get(probe, *field));
    if (grace && doc_int_or(grace, 0) <= 0)
        field_invalid(c->e, FIELD(p, "terminationGracePeriodSeconds"), grace, "must be greater than 0");
}

/* A container is dead after one failure to prove that it lives: more successes than one make no sense there. */
static void check_success_is_one(struct pod_check *c, path_t p, const struct doc *probe)
{
    if (v_int(probe, "successThreshold") != 1)
        field_invalid_int(c->e, FIELD(p, "successThreshold"), v_int(probe, "successThreshold"), "must be 1");
}

void v_probes(struct pod_check *c, path_t p, const struct doc *container)
{
    const struct doc *live = v_get(container, "livenessProbe"), *ready = v_get(container, "readinessProbe"),
                     *start = v_get(container, "startupProbe");
    if (live) {
        check_probe(c, FIELD(p, "livenessProbe"), live);
        check_success_is_one(c, FIELD(p, "livenessProbe"), live);
    }
    if (ready) {
        path_t at = FIELD(p, "readinessProbe");
        check_probe(c, at, ready);
        if (v_get(ready, "terminationGracePeriodSeconds"))
            field_invalid(c->e, FIELD(at, "terminationGracePeriodSeconds"),
                          v_get(ready, "terminationGracePeriodSeconds"), "must not be set for readinessProbes");
    }
    if (start) {
        check_probe(c, FIELD(p, "startupProbe"), start);
        check_success_is_one(c, FIELD(p, "startupProbe"), start);
    }
}

void v_lifecycle(struct pod_check *c, path_t p, const struct doc *lifecycle)
{
    if (v_get(lifecycle, "postStart"))
        check_handler(c, FIELD(p, "postStart"), v_get(lifecycle, "postStart"));
    if (v_get(lifecycle, "preStop"))
        check_handler(c, FIELD(p, "preStop"), v_get(lifecycle, "preStop"));
}
