#include "kubelet/pod/status.h"

#include "base/buf.h"
#include "base/limits.h"
#include "kubelet/pod/build.h"
#include "kubelet/pod/ecs.h"

#define MESSAGE_TOTAL 12288 /* all termination messages of a pod */

static const Corev1__ContainerStatus *find_status(Corev1__ContainerStatus *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (text_is(list[i]->name, name))
            return list[i];
    return NULL;
}

static const struct waiting_reason *find_waiting(const struct status_input *in, const char *name)
{
    for (size_t i = 0; i < in->n_waiting; i++)
        if (strcmp(in->waiting[i].container, name) == 0)
            return &in->waiting[i];
    return NULL;
}

/* --- container states --- */

static Corev1__ContainerState *state_waiting(struct arena *a, const char *reason, const char *message)
{
    Corev1__ContainerState *s = BUILD(a, Corev1__ContainerState, corev1__container_state);
    s->waiting = BUILD(a, Corev1__ContainerStateWaiting, corev1__container_state_waiting);
    s->waiting->reason = build_text(a, reason);
    if (!text_empty(message))
        s->waiting->message = build_text(a, message);
    return s;
}

static char *container_id(struct arena *a, const struct status_input *in, const char *id)
{
    return BUILD_PRINTF(a, "%s://%s", in->runtime_name, id);
}

static const char *ended_reason(const struct runtime_container *r)
{
    if (!text_empty(r->reason))
        return r->reason;
    return r->exit_code == 0 ? "Completed" : "Error";
}

static Corev1__ContainerState *state_terminated(struct arena *a, const struct status_input *in,
                                                const struct runtime_container *r)
{
    Corev1__ContainerState *s = BUILD(a, Corev1__ContainerState, corev1__container_state);
    Corev1__ContainerStateTerminated *t =
        BUILD(a, Corev1__ContainerStateTerminated, corev1__container_state_terminated);
    s->terminated = t;
    t->has_exitcode = true;
    t->exitcode = r->exit_code;
    t->reason = build_text(a, ended_reason(r));
    const char *message = in->message ? in->message(in->ctx, r) : NULL;
    if (text_empty(message))
        message = r->message;
    if (!text_empty(message)) {
        size_t share = MESSAGE_TOTAL / (in->pod->spec->n_containers + in->pod->spec->n_initcontainers);
        t->message = build_must(arena_strndup(a, message, strnlen(message, share)));
    }
    t->startedat = build_time(a, r->started_ns); /* 1970 when it never ran, as upstream */
    t->finishedat = build_time(a, r->finished_ns);
    t->containerid = container_id(a, in, r->id);
    return s;
}

static Corev1__ContainerState *state_of(struct arena *a, const struct status_input *in,
                                        const struct runtime_container *r)
{
    if (r->state == CONTAINER_EXITED)
        return state_terminated(a, in, r);
    if (r->state != CONTAINER_RUNNING)
        return state_waiting(a, "ContainerCreating", NULL);
    Corev1__ContainerState *s = BUILD(a, Corev1__ContainerState, corev1__container_state);
    s->running = BUILD(a, Corev1__ContainerStateRunning, corev1__container_state_running);
    s->running->startedat = build_time(a, r->started_ns);
    return s;
}

/* The runtime knows nothing of a container that the API believes to be running: it was lost. */
static Corev1__ContainerState *state_lost(struct arena *a, const char *message)
{
    Corev1__ContainerState *s = BUILD(a, Corev1__ContainerState, corev1__container_state);
    s->terminated = BUILD(a, Corev1__ContainerStateTerminated, corev1__container_state_terminated);
    s->terminated->has_exitcode = true;
    s->terminated->exitcode = 137;
    s->terminated->reason = (char *)"ContainerStatusUnknown";
    s->terminated->message = build_text(a, message);
    return s;
}

static void status_without_container(struct arena *a, const struct status_input *in, const Corev1__Container *k,
                                     const Corev1__ContainerStatus *old, Corev1__ContainerStatus *out)
{
    const char *reason = in->pod->spec->n_initcontainers ? "PodInitializing" : "ContainerCreating";
    out->image = build_text(a, text_or(k->image, ""));
    out->imageid = (char *)"";
    if (old) {
        out->restartcount = old->restartcount;
        out->laststate = old->laststate;
    }
    if (old && old->state && old->state->terminated) { /* removed after its end: what the API knows stays true */
        out->state = old->state;
        out->image = old->image;
        out->imageid = old->imageid;
        out->containerid = old->containerid;
        return;
    }
    if (old && old->state && old->state->running) {
        if (in->terminal) {
            out->state = state_lost(a, "The container could not be located when the pod was terminated");
            return;
        }
        out->laststate = state_lost(a, "The container could not be located when the pod was deleted.  The container "
                                       "used to be Running");
        out->restartcount = old->restartcount + 1;
    }
    out->state = state_waiting(a, reason, NULL);
}

static const struct runtime_container *ended_before(const struct runtime_pod *p, const struct runtime_container *r)
{
    for (size_t i = 0; i < p->n_containers; i++) {
        const struct runtime_container *o = &p->containers[i];
        if (o != r && strcmp(o->name, r->name) == 0 && o->state == CONTAINER_EXITED)
            return o; /* newest first */
    }
    return NULL;
}

static bool is_empty_state(const Corev1__ContainerState *s)
{
    return !s || (!s->waiting && !s->running && !s->terminated);
}

static void status_from_container(struct arena *a, const struct status_input *in, const struct runtime_container *r,
                                  const Corev1__ContainerStatus *old, Corev1__ContainerStatus *out)
{
    out->image = build_text(a, r->image);
    out->imageid = build_text(a, r->image_id);
    out->containerid = container_id(a, in, r->id);
    out->restartcount = (int32_t)r->attempt;
    if (old && old->restartcount > out->restartcount)
        out->restartcount = old->restartcount;
    out->state = state_of(a, in, r);
    const struct runtime_container *before = ended_before(in->running, r);
    if (before)
        out->laststate = state_terminated(a, in, before);
    else if (old && !is_empty_state(old->laststate))
        out->laststate = old->laststate;
    else if (old && old->state && old->state->terminated && !text_is(old->containerid, out->containerid))
        out->laststate = old->state;
}

static void mark_waiting(struct arena *a, const struct status_input *in, const struct runtime_container *r,
                         Corev1__ContainerStatus *out)
{
    const struct waiting_reason *w = find_waiting(in, out->name);
    const Corev1__Container *k = w ? pod_find_container(in->pod, out->name, &(bool){false}) : NULL;
    if (!k || in->terminal || !container_should_restart(in->pod, k, r))
        return;
    if (out->state->terminated)
        out->laststate = out->state;
    out->state = state_waiting(a, w->reason, w->message);
}

static void mark_ready(const struct status_input *in, const Corev1__Container *k, bool init,
                       const struct runtime_container *r, Corev1__ContainerStatus *out)
{
    bool running = out->state->running != NULL;
    bool sidecar = init && container_is_sidecar(k);
    out->has_ready = out->has_started = true;
    if (init && !sidecar) {
        out->ready =
            out->state->terminated && (out->state->terminated->exitcode == 0 || ecs_may_fail(in->pod, k->name));
        out->started = running;
        return;
    }
    out->started = running && (!k->startupprobe || in->probes->startup(in->probes->ctx, r->id) == PROBE_SUCCESS);
    out->ready = out->started && (!k->readinessprobe || in->readiness(in->ctx, r->id) == PROBE_SUCCESS);
}

static Corev1__ContainerStatus *container_status(struct arena *a, const struct status_input *in,
                                                 const Corev1__Container *k, bool init,
                                                 const Corev1__ContainerStatus *old)
{
    Corev1__ContainerStatus *out = BUILD(a, Corev1__ContainerStatus, corev1__container_status);
    const struct runtime_container *r = runtime_pod_container(in->running, k->name);
    out->name = build_text(a, k->name);
    out->has_restartcount = true;
    if (r)
        status_from_container(a, in, r, old, out);
    else
        status_without_container(a, in, k, old, out);
    mark_waiting(a, in, r, out);
    mark_ready(in, k, init, r, out);
    if (!out->laststate)
        out->laststate = BUILD(a, Corev1__ContainerState, corev1__container_state);
    return out;
}

/* --- phase --- */

struct tally {
    int waiting, running, stopped, succeeded, unknown;
};

static void tally_one(struct tally *t, const Corev1__ContainerStatus *s)
{
    if (!s) {
        t->unknown++;
    } else if (s->state->running) {
        t->running++;
    } else if (s->state->terminated) {
        t->stopped++;
        t->succeeded += s->state->terminated->exitcode == 0;
    } else if (s->laststate && s->laststate->terminated) {
        t->stopped++;
        t->succeeded += s->laststate->terminated->exitcode == 0;
    } else {
        t->waiting++;
    }
}

static int64_t ran_s(const Corev1__ContainerStateTerminated *t)
{
    return t->finishedat && t->startedat ? t->finishedat->seconds - t->startedat->seconds : 0;
}

/* Are the init containers at work still, or has one failed for good? */
static const char *init_phase(const Corev1__Pod *pod, const Corev1__PodStatus *st, struct tally *sidecars)
{
    bool pending = false, failed = false;
    bool initialized = false;
    for (size_t i = 0; i < st->n_containerstatuses; i++)
        initialized |= st->containerstatuses[i]->state->running || st->containerstatuses[i]->state->terminated ||
                       (st->containerstatuses[i]->laststate && st->containerstatuses[i]->laststate->terminated);
    for (size_t i = 0; i < pod->spec->n_initcontainers; i++) {
        const Corev1__Container *k = pod->spec->initcontainers[i];
        const Corev1__ContainerStatus *s = st->initcontainerstatuses[i];
        if (container_is_sidecar(k)) {
            tally_one(sidecars, s);
            if (!initialized && !s->started)
                pending = true;
            continue;
        }
        const Corev1__ContainerStateTerminated *end = s->state->terminated ? s->state->terminated
                                                      : s->laststate       ? s->laststate->terminated
                                                                           : NULL;
        if (s->state->running || !end)
            pending |= !initialized;
        else if (end->exitcode != 0 && ecs_may_fail(pod, k->name))
            continue;
        else if (end->exitcode != 0 && !container_restarts(pod, k, end->exitcode, ran_s(end)))
            failed = true;
        else if (end->exitcode != 0)
            pending |= !initialized;
    }
    return failed ? "Failed" : pending ? "Pending" : NULL;
}

static bool some_will_restart(const Corev1__Pod *pod, const Corev1__PodStatus *st)
{
    for (size_t i = 0; i < st->n_containerstatuses; i++) {
        const Corev1__ContainerStatus *s = st->containerstatuses[i];
        const Corev1__ContainerStateTerminated *end = s->state->terminated ? s->state->terminated
                                                      : s->laststate       ? s->laststate->terminated
                                                                           : NULL;
        if (end && container_restarts(pod, pod->spec->containers[i], end->exitcode, ran_s(end)))
            return true;
    }
    return false;
}

static const char *phase_of(const struct status_input *in, const Corev1__PodStatus *st)
{
    struct tally t = {0}, sidecars = {0};
    const char *init = init_phase(in->pod, st, &sidecars);
    if (init && strcmp(init, "Failed") == 0)
        return "Failed";
    for (size_t i = 0; i < st->n_containerstatuses; i++)
        tally_one(&t, st->containerstatuses[i]);
    if (in->terminal && t.running == 0 && t.unknown == 0) {
        /* Nothing will be started any more: what never ran counts as failed. */
        return t.waiting == 0 && !init && t.succeeded == t.stopped ? "Succeeded" : "Failed";
    }
    if (init)
        return init;
    if (t.waiting > 0)
        return "Pending";
    if (t.running > 0 && t.unknown == 0)
        return "Running";
    if (t.running == 0 && t.stopped > 0 && t.unknown == 0) {
        if (some_will_restart(in->pod, st))
            return "Running";
        return t.succeeded == t.stopped ? "Succeeded" : "Failed";
    }
    return "Pending";
}

/* --- conditions --- */

struct verdict {
    bool yes;
    const char *reason, *message;
};

static void names_add(struct buf *b, const char *name)
{
    if (b->len)
        buf_putc(b, ' ');
    buf_puts(b, name);
}

static struct verdict verdict_no(const char *reason, const char *message)
{
    return (struct verdict){.reason = reason, .message = message};
}

static struct verdict initialized(struct arena *a, const Corev1__Pod *pod, const Corev1__PodStatus *st)
{
    _cleanup_(buf_releasep) struct buf names = BUF_INIT(LIMIT_ANNOTATIONS);
    for (size_t i = 0; i < st->n_containerstatuses; i++)
        if (st->containerstatuses[i]->started)
            return (struct verdict){.yes = true};
    for (size_t i = 0; i < st->n_initcontainerstatuses; i++) {
        const Corev1__ContainerStatus *s = st->initcontainerstatuses[i];
        if (container_is_sidecar(pod->spec->initcontainers[i]) ? !s->started : !s->ready)
            names_add(&names, s->name);
    }
    if (text_is(st->phase, "Succeeded"))
        return (struct verdict){.yes = true, .reason = "PodCompleted"};
    if (!names.len)
        return (struct verdict){.yes = true};
    return verdict_no("ContainersNotInitialized",
                      BUILD_PRINTF(a, "containers with incomplete status: [%s]", names.data));
}

static struct verdict containers_ready(struct arena *a, const Corev1__Pod *pod, const Corev1__PodStatus *st)
{
    _cleanup_(buf_releasep) struct buf names = BUF_INIT(LIMIT_ANNOTATIONS);
    for (size_t i = 0; i < st->n_initcontainerstatuses; i++)
        if (container_is_sidecar(pod->spec->initcontainers[i]) && !st->initcontainerstatuses[i]->ready)
            names_add(&names, st->initcontainerstatuses[i]->name);
    for (size_t i = 0; i < st->n_containerstatuses; i++)
        if (!st->containerstatuses[i]->ready)
            names_add(&names, st->containerstatuses[i]->name);
    if (text_is(st->phase, "Succeeded"))
        return verdict_no("PodCompleted", NULL);
    if (text_is(st->phase, "Failed"))
        return verdict_no("PodFailed", NULL);
    if (!names.len)
        return (struct verdict){.yes = true};
    return verdict_no("ContainersNotReady", BUILD_PRINTF(a, "containers with unready status: [%s]", names.data));
}

static const Corev1__PodCondition *find_condition(const Corev1__PodStatus *st, const char *type)
{
    for (size_t i = 0; st && i < st->n_conditions; i++)
        if (text_is(st->conditions[i]->type, type))
            return st->conditions[i];
    return NULL;
}

static struct verdict pod_ready(struct arena *a, const Corev1__Pod *pod, struct verdict containers)
{
    if (!containers.yes)
        return containers;
    for (size_t i = 0; i < pod->spec->n_readinessgates; i++) {
        const char *type = pod->spec->readinessgates[i]->conditiontype;
        const Corev1__PodCondition *c = find_condition(pod->status, type);
        if (!c)
            return verdict_no(
                "ReadinessGatesNotReady",
                BUILD_PRINTF(a, "corresponding condition of pod readiness gate \"%s\" does not exist.", type));
        if (!text_is(c->status, "True"))
            return verdict_no("ReadinessGatesNotReady",
                              BUILD_PRINTF(a, "the status of pod readiness gate \"%s\" is not \"True\", but %s", type,
                                           text_or(c->status, "")));
    }
    return containers;
}

static bool ready_to_start(const struct status_input *in)
{
    const struct runtime_pod *r = in->running;
    return r->n_sandboxes && r->sandboxes[0].ready && (r->sandboxes[0].n_ips || in->pod->spec->hostnetwork);
}

static void add_condition(struct arena *a, const struct status_input *in, Corev1__PodStatus *st, const char *type,
                          struct verdict v)
{
    Corev1__PodCondition *c = BUILD(a, Corev1__PodCondition, corev1__pod_condition);
    const Corev1__PodCondition *old = find_condition(in->pod->status, type);
    c->type = (char *)type;
    c->status = (char *)(v.yes ? "True" : "False");
    c->reason = (char *)v.reason;
    c->message = (char *)v.message;
    c->has_observedgeneration = st->has_observedgeneration;
    c->observedgeneration = st->observedgeneration;
    c->lasttransitiontime = old && text_is(old->status, c->status) && old->lasttransitiontime
                                ? old->lasttransitiontime
                                : build_time(a, in->now_ns);
    st->conditions[st->n_conditions++] = c;
}

static const char *const own_conditions[] = {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady",
                                             "PodScheduled"};

bool pod_condition_is_own(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(own_conditions); i++)
        if (text_is(type, own_conditions[i]))
            return true;
    return false;
}

static void set_conditions(struct arena *a, const struct status_input *in, Corev1__PodStatus *st)
{
    const Corev1__PodStatus *old = in->pod->status;
    struct verdict containers = containers_ready(a, in->pod, st);
    st->conditions = BUILD_ARRAY(a, ARRAY_LEN(own_conditions) + (old ? old->n_conditions : 0), Corev1__PodCondition *);
    add_condition(a, in, st, "PodReadyToStartContainers", (struct verdict){.yes = ready_to_start(in)});
    add_condition(a, in, st, "Initialized", initialized(a, in->pod, st));
    add_condition(a, in, st, "Ready", pod_ready(a, in->pod, containers));
    add_condition(a, in, st, "ContainersReady", containers);
    add_condition(a, in, st, "PodScheduled", (struct verdict){.yes = true});
    for (size_t i = 0; old && i < old->n_conditions; i++)
        if (!pod_condition_is_own(old->conditions[i]->type))
            st->conditions[st->n_conditions++] = old->conditions[i];
}

/* --- the whole --- */

static void set_addresses(struct arena *a, const struct status_input *in, Corev1__PodStatus *st)
{
    const Corev1__PodStatus *old = in->pod->status;
    const struct runtime_sandbox *s = in->running->n_sandboxes ? &in->running->sandboxes[0] : NULL;
    const char *const *ips = s ? s->ips : NULL;
    size_t n = s && s->ready ? s->n_ips : 0;
    if (in->pod->spec->hostnetwork)
        ips = in->host_ips, n = in->n_host_ips;
    st->hostips = BUILD_ARRAY(a, in->n_host_ips, Corev1__HostIP *);
    for (size_t i = 0; i < in->n_host_ips; i++) {
        st->hostips[i] = BUILD(a, Corev1__HostIP, corev1__host_ip);
        st->hostips[i]->ip = build_text(a, in->host_ips[i]);
        st->n_hostips++;
    }
    if (in->n_host_ips)
        st->hostip = st->hostips[0]->ip;
    if (n == 0 && old && old->n_podips) { /* a stopped sandbox gives its address back, the status keeps the last */
        st->podip = old->podip;
        st->podips = old->podips;
        st->n_podips = old->n_podips;
        return;
    }
    st->podips = BUILD_ARRAY(a, n, Corev1__PodIP *);
    for (size_t i = 0; i < n; i++) {
        st->podips[i] = BUILD(a, Corev1__PodIP, corev1__pod_ip);
        st->podips[i]->ip = build_text(a, ips[i]);
        st->n_podips++;
    }
    if (n)
        st->podip = st->podips[0]->ip;
}

static void set_container_statuses(struct arena *a, const struct status_input *in, Corev1__PodStatus *st)
{
    const Corev1__PodSpec *spec = in->pod->spec;
    const Corev1__PodStatus *old = in->pod->status;
    st->initcontainerstatuses = BUILD_ARRAY(a, spec->n_initcontainers, Corev1__ContainerStatus *);
    for (size_t i = 0; i < spec->n_initcontainers; i++) {
        const Corev1__Container *k = spec->initcontainers[i];
        st->initcontainerstatuses[st->n_initcontainerstatuses++] = container_status(
            a, in, k, true,
            old ? find_status(old->initcontainerstatuses, old->n_initcontainerstatuses, k->name) : NULL);
    }
    st->containerstatuses = BUILD_ARRAY(a, spec->n_containers, Corev1__ContainerStatus *);
    for (size_t i = 0; i < spec->n_containers; i++) {
        const Corev1__Container *k = spec->containers[i];
        st->containerstatuses[st->n_containerstatuses++] = container_status(
            a, in, k, false, old ? find_status(old->containerstatuses, old->n_containerstatuses, k->name) : NULL);
    }
}

Corev1__PodStatus *pod_status_make(struct arena *a, const struct status_input *in)
{
    Corev1__PodStatus *st = BUILD(a, Corev1__PodStatus, corev1__pod_status);
    const Corev1__PodStatus *old = in->pod->status;
    if (in->pod->metadata->has_generation) {
        st->has_observedgeneration = true;
        st->observedgeneration = in->pod->metadata->generation;
    }
    st->starttime = old && old->starttime ? old->starttime : build_time(a, in->start_ns);
    st->qosclass = (char *)in->qos_class;
    if (old) { /* what others have written */
        st->nominatednodename = old->nominatednodename;
        st->resourceclaimstatuses = old->resourceclaimstatuses;
        st->n_resourceclaimstatuses = old->n_resourceclaimstatuses;
        st->ephemeralcontainerstatuses = old->ephemeralcontainerstatuses;
        st->n_ephemeralcontainerstatuses = old->n_ephemeralcontainerstatuses;
        st->reason = old->reason;
        st->message = old->message;
    }
    set_addresses(a, in, st);
    set_container_statuses(a, in, st);
    st->phase = (char *)phase_of(in, st);
    if (pod_finished(in->pod))
        st->phase = old->phase; /* an end is an end */
    if (in->failed_reason) {
        st->phase = (char *)"Failed";
        st->reason = (char *)in->failed_reason;
        st->message = (char *)in->failed_message;
    }
    set_conditions(a, in, st);
    return st;
}
