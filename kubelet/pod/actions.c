#include "kubelet/pod/actions.h"

#include "base/clock.h"
#include "kubelet/pod/ecs.h"

struct compute {
    struct arena *a;
    const Corev1__Pod *pod;
    const struct runtime_pod *running;
    const struct probe_view *probes;
    struct pod_actions *out;
};

static int64_t ran_s(const struct runtime_container *r)
{
    return (r->finished_ns - r->started_ns) / NS_PER_S;
}

bool container_should_restart(const Corev1__Pod *pod, const Corev1__Container *k, const struct runtime_container *state)
{
    if (pod_deleting(pod))
        return false;
    if (!state || state->state == CONTAINER_CREATED || state->state == CONTAINER_UNKNOWN)
        return true;
    return state->state == CONTAINER_EXITED && container_restarts(pod, k, state->exit_code, ran_s(state));
}

/* The newest container of that name in the sandbox that is in use: older sandboxes are history. */
static const struct runtime_container *current(const struct compute *c, const char *name)
{
    const struct runtime_container *r = runtime_pod_container(c->running, name);
    return r && strcmp(r->sandbox_id, c->running->sandboxes[0].id) == 0 ? r : NULL;
}

static void add_kill(struct compute *c, const struct runtime_container *r, const Corev1__Container *spec,
                     enum kill_reason reason, const char *message)
{
    c->out->kills[c->out->n_kills++] =
        (struct kill_action){.container = r, .spec = spec, .reason = reason, .message = message ? message : ""};
}

/* --- the sandbox --- */

static bool sandbox_changed(const struct compute *c)
{
    const struct runtime_pod *r = c->running;
    if (r->n_sandboxes == 0)
        return true;
    c->out->attempt = r->sandboxes[0].attempt + 1;
    c->out->sandbox_id = r->sandboxes[0].id;
    size_t ready = 0;
    for (size_t i = 0; i < r->n_sandboxes; i++)
        ready += r->sandboxes[i].ready;
    bool host = c->pod->spec->hostnetwork;
    if (ready > 1 || !r->sandboxes[0].ready || r->sandboxes[0].host_network != host ||
        (!host && r->sandboxes[0].n_ips == 0))
        return true;
    c->out->attempt = r->sandboxes[0].attempt;
    return false;
}

static bool succeeded_before(const struct compute *c, const Corev1__Container *k)
{
    const struct runtime_container *r = runtime_pod_container(c->running, k->name);
    return r && r->state == CONTAINER_EXITED && r->exit_code == 0;
}

static bool init_done_before(const struct compute *c)
{
    for (size_t i = 0; i < c->pod->spec->n_initcontainers; i++) {
        const Corev1__Container *k = c->pod->spec->initcontainers[i];
        if (!container_is_sidecar(k) && !succeeded_before(c, k))
            return false;
    }
    return true;
}

static void plan_new_sandbox(struct compute *c)
{
    struct pod_actions *out = c->out;
    const Corev1__PodSpec *spec = c->pod->spec;
    out->kill_pod = out->create_sandbox = true;
    if (pod_restarts_never(c->pod) && out->attempt != 0 && c->running->n_containers != 0) {
        out->create_sandbox = false; /* its containers have run once, which is all they may */
        return;
    }
    for (size_t i = 0; i < spec->n_containers; i++)
        if (!text_is(spec->restartpolicy, "OnFailure") || !succeeded_before(c, spec->containers[i]))
            out->start[out->n_start++] = i;
    if (out->n_start == 0 && init_done_before(c)) {
        out->create_sandbox = false;
        return;
    }
    if (spec->n_initcontainers) {
        out->n_start = 0;
        out->start_init[out->n_start_init++] = 0;
    }
}

/* --- init containers and sidecars --- */

static bool any_regular_ran(const struct compute *c)
{
    for (size_t i = 0; i < c->pod->spec->n_containers; i++) {
        const struct runtime_container *r = current(c, c->pod->spec->containers[i]->name);
        if (r && (r->state == CONTAINER_RUNNING || r->state == CONTAINER_EXITED))
            return true;
    }
    return false;
}

/* A sidecar that once began: kill it when a probe failed, start it again when it has ended. True while it counts as
 * started, so that what comes after it may go on. */
static bool keep_sidecar(struct compute *c, size_t index, const struct runtime_container *r)
{
    const Corev1__Container *k = c->pod->spec->initcontainers[index];
    if (r && r->state == CONTAINER_CREATED)
        return false;
    if (!r || r->state != CONTAINER_RUNNING) {
        if (r && r->state == CONTAINER_UNKNOWN)
            add_kill(c, r, k, KILL_UNKNOWN, "Container is in Unknown state, try killing it before restart");
        c->out->start_init[c->out->n_start_init++] = index;
        return false;
    }
    bool started = !k->startupprobe;
    if (k->startupprobe) {
        enum probe_result startup = c->probes->startup(c->probes->ctx, r->id);
        started = startup == PROBE_SUCCESS;
        if (startup == PROBE_FAILURE) {
            add_kill(c, r, k, KILL_STARTUP, arena_printf(c->a, "Init container %s failed startup probe", k->name));
            c->out->start_init[c->out->n_start_init++] = index;
        }
    }
    if (started && k->livenessprobe && c->probes->liveness(c->probes->ctx, r->id) == PROBE_FAILURE) {
        add_kill(c, r, k, KILL_LIVENESS, arena_printf(c->a, "Init container %s failed liveness probe", k->name));
        c->out->start_init[c->out->n_start_init++] = index;
    }
    return started;
}

/* One regular init container on the way up. True when it is done and the next may start. */
static bool advance_init(struct compute *c, size_t index, const struct runtime_container *r)
{
    struct pod_actions *out = c->out;
    if (!r) {
        out->start_init[out->n_start_init++] = index;
        return false;
    }
    switch (r->state) {
    case CONTAINER_CREATED: /* its start failed: take it away and try again */
        out->start_init[out->n_start_init++] = index;
        return false;
    case CONTAINER_RUNNING:
        return false;
    case CONTAINER_UNKNOWN:
        add_kill(c, r, c->pod->spec->initcontainers[index], KILL_UNKNOWN,
                 "Init container is in Unknown state, try killing it before restart");
        break;
    case CONTAINER_EXITED:
        if (r->exit_code == 0 || ecs_may_fail(c->pod, r->name))
            return true;
        break;
    }
    const Corev1__Container *k = c->pod->spec->initcontainers[index];
    if (r->state == CONTAINER_EXITED ? container_restarts(c->pod, k, r->exit_code, ran_s(r))
                                     : !container_restarts_never(c->pod, k))
        out->start_init[out->n_start_init++] = index;
    else
        out->kill_pod = true;
    return false;
}

/* True when all init containers are done and all sidecars have started. */
static bool plan_init(struct compute *c)
{
    const Corev1__PodSpec *spec = c->pod->spec;
    bool initialized = any_regular_ran(c), on = true;
    for (size_t i = 0; i < spec->n_initcontainers; i++) {
        const Corev1__Container *k = spec->initcontainers[i];
        const struct runtime_container *r = current(c, k->name);
        bool sidecar = container_is_sidecar(k);
        if (initialized) { /* regular ones are history, whether the runtime still knows them or not */
            if (sidecar)
                keep_sidecar(c, i, r);
        } else if (on) {
            /* A later one that has a state proves that this one was done, even if it is gone from the runtime. */
            bool later = false;
            for (size_t k2 = i + 1; k2 < spec->n_initcontainers && !r; k2++)
                later |= current(c, spec->initcontainers[k2]->name) != NULL;
            on = sidecar ? keep_sidecar(c, i, r) : (later || advance_init(c, i, r));
        } else if (sidecar && r) {
            keep_sidecar(c, i, r);
        }
    }
    return initialized || on;
}

/* --- regular containers --- */

/* True when the running container stays as it is. */
static bool keep_container(struct compute *c, size_t index, const struct runtime_container *r)
{
    const Corev1__Container *k = c->pod->spec->containers[index];
    bool restart = !container_restarts_never(c->pod, k);
    enum kill_reason reason;
    const char *message;
    if (r->hash && r->hash != container_hash(k->name, k->image)) {
        message = arena_printf(c->a, "Container %s definition changed", k->name);
        reason = KILL_CHANGED;
        restart = true;
    } else if (k->livenessprobe && c->probes->liveness(c->probes->ctx, r->id) == PROBE_FAILURE) {
        message = arena_printf(c->a, "Container %s failed liveness probe", k->name);
        reason = KILL_LIVENESS;
    } else if (k->startupprobe && c->probes->startup(c->probes->ctx, r->id) == PROBE_FAILURE) {
        message = arena_printf(c->a, "Container %s failed startup probe", k->name);
        reason = KILL_STARTUP;
    } else {
        return true;
    }
    if (restart) {
        message = arena_printf(c->a, "%s, will be restarted", message ? message : "");
        c->out->start[c->out->n_start++] = index;
    }
    add_kill(c, r, k, reason, message);
    return false;
}

static void plan_containers(struct compute *c)
{
    const Corev1__PodSpec *spec = c->pod->spec;
    size_t keep = 0;
    for (size_t i = 0; i < spec->n_containers; i++) {
        const struct runtime_container *r = current(c, spec->containers[i]->name);
        if (r && r->state == CONTAINER_RUNNING) {
            keep += keep_container(c, i, r);
            continue;
        }
        if (!container_should_restart(c->pod, spec->containers[i], r))
            continue;
        if (r && r->state == CONTAINER_UNKNOWN)
            add_kill(c, r, spec->containers[i], KILL_UNKNOWN,
                     "Container is in Unknown state, try killing it before restart");
        c->out->start[c->out->n_start++] = i;
    }
    if (keep == 0 && c->out->n_start == 0) {
        c->out->kill_pod = true; /* all have ended for good */
        c->out->n_start_init = 0;
    }
}

void pod_actions_compute(struct arena *a, const Corev1__Pod *pod, const struct runtime_pod *running,
                         const struct probe_view *probes, struct pod_actions *ret)
{
    const Corev1__PodSpec *spec = pod->spec;
    *ret = (struct pod_actions){0};
    ret->kills = arena_calloc(a, spec->n_containers + spec->n_initcontainers * 2 + 1, sizeof(*ret->kills));
    ret->start_init = arena_calloc(a, spec->n_initcontainers * 2 + 1, sizeof(*ret->start_init));
    ret->start = arena_calloc(a, spec->n_containers + 1, sizeof(*ret->start));
    if (!ret->kills || !ret->start_init || !ret->start)
        abort(); /* bounded by the size of a stored object */
    struct compute c = {.a = a, .pod = pod, .running = running, .probes = probes, .out = ret};
    if (sandbox_changed(&c)) {
        plan_new_sandbox(&c);
        return;
    }
    if (plan_init(&c) && !ret->kill_pod)
        plan_containers(&c);
}
