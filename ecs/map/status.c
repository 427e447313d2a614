#include "ecs/map/status.h"
#include "base/clock.h"

/* The states of a task in the order in which it passes them. */
static const char *const task_states[] = {"PROVISIONING", "PENDING",  "ACTIVATING",     "RUNNING",
                                          "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"};
enum { STATE_PROVISIONING, STATE_PENDING, STATE_ACTIVATING, STATE_RUNNING, STATE_DEACTIVATING, STATE_STOPPING };
#define STATE_STOPPED ((int)ARRAY_LEN(task_states) - 1)
#define START_FAILURES 1 /* restarts of a sidecar that tell its exit */

static int state_index(struct str s)
{
    for (size_t i = 0; i < ARRAY_LEN(task_states); i++) {
        if (str_is(s, task_states[i]))
            return (int)i;
    }
    return STATE_PROVISIONING;
}

/* Waiting reasons of the kubelet that will not get better, and what ECS says. */
static const struct {
    const char *waiting, *text;
} start_failures[] = {
    {"ErrImagePull", "CannotPullContainerError: "},
    {"ImagePullBackOff", "CannotPullContainerError: "},
    {"ErrImageNeverPull", "CannotPullContainerError: "},
    {"InvalidImageName", "CannotPullContainerError: "},
    {"CreateContainerConfigError", "ResourceInitializationError: "},
    {"CreateContainerError", "CannotCreateContainerError: "},
    {"RunContainerError", "CannotStartContainerError: "},
};

/* What the containers together say about the task. */
struct verdict {
    bool running_all; /* each main container has been started */
    bool essential_exited;
    bool all_exited, health_known, unhealthy, health_unsure;
    struct str start_failure; /* complete text, empty when none */
};

struct derive {
    struct arena *a;
    const struct task_observation *o;
    struct doc *task;
    bool pod_over; /* the pod is there no more, or all its containers have ended */
    struct verdict v;
};

static const struct doc *status_of(const struct doc *pod, struct str name, bool *ret_init)
{
    static const char *const lists[] = {"containerStatuses", "initContainerStatuses"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        doc_foreach (doc_get(doc_get(pod, "status"), lists[i]), s) {
            if (str_eq(doc_str(doc_get(s, "name")), name)) {
                *ret_init = i == 1;
                return s;
            }
        }
    }
    return NULL;
}

static struct doc *container_entry(struct arena *a, struct doc *list, struct str name)
{
    struct doc *c;

    doc_foreach (list, it) {
        if (str_eq(doc_str(doc_get(it, "name")), name))
            return it;
    }
    c = doc_append(list, doc_object(a));
    doc_set(c, "name", doc_string(a, name));
    return c;
}

static void set_str(struct arena *a, struct doc *o, const char *key, struct str v)
{
    if (v.n > 0)
        doc_set(o, key, doc_string(a, v));
}

static void set_exit(struct derive *d, struct doc *c, const struct doc *terminated)
{
    struct str reason = doc_str(doc_get(terminated, "reason")), text = doc_str(doc_get(terminated, "message"));

    doc_set(c, "lastStatus", doc_string(d->a, STR("STOPPED")));
    if (doc_get(c, "exitCode") || doc_get(c, "reason"))
        return;
    if (str_is(reason, "OOMKilled"))
        doc_set(c, "reason", doc_string(d->a, STR("OutOfMemoryError: Container killed due to memory usage")));
    else if (str_is(reason, "ContainerCannotRun") || str_is(reason, "StartError"))
        doc_set(c, "reason", doc_printf(d->a, "CannotStartContainerError: " STR_FMT, STR_ARG(text)));
    if (doc_is(doc_get(terminated, "exitCode"), DOC_NUMBER))
        doc_set(c, "exitCode", doc_clone(d->a, doc_get(terminated, "exitCode"), true));
}

static void note_waiting(struct derive *d, struct doc *c, const struct doc *waiting)
{
    struct str reason = doc_str(doc_get(waiting, "reason")), text = doc_str(doc_get(waiting, "message"));

    for (size_t i = 0; i < ARRAY_LEN(start_failures); i++) {
        if (!str_is(reason, start_failures[i].waiting))
            continue;
        d->v.start_failure =
            str_of(arena_printf(d->a, "%s" STR_FMT, start_failures[i].text, STR_ARG(text.n > 0 ? text : reason)));
        doc_set(c, "reason", doc_string(d->a, d->v.start_failure));
    }
}

/* HEALTHY when the probe passes. When it does not, the check may not have run often enough yet. */
static struct str health_of(struct derive *d, const struct doc *def, const struct doc *s, struct str before,
                            bool running)
{
    const struct doc *h = doc_get(def, "healthCheck");
    int64_t started;
    int32_t nanos;
    int64_t interval = doc_int_or(doc_get(h, "interval"), 30), wait;
    struct str at = doc_str(doc_path(s, "state.running.startedAt"));

    if (!h || (!running && before.n == 0))
        return STR("UNKNOWN");
    if (!running)
        return before;
    if (doc_true(doc_get(s, "ready")))
        return STR("HEALTHY");
    if (str_is(before, "HEALTHY") || str_is(before, "UNHEALTHY"))
        return STR("UNHEALTHY");
    wait = doc_int_or(doc_get(h, "startPeriod"), 0) +
           doc_int_or(doc_get(h, "retries"), 3) * (interval + doc_int_or(doc_get(h, "timeout"), 5));
    if (!parse_rfc3339(at, &started, &nanos) || d->o->now_s - started < wait)
        return STR("UNKNOWN");
    return STR("UNHEALTHY");
}

static void set_bindings(struct derive *d, struct doc *c, struct str name)
{
    bool awsvpc = str_is(doc_str(doc_get(d->o->taskdef, "networkMode")), "awsvpc");
    struct str ip = doc_str(doc_path(d->o->pod, "status.podIP"));
    struct doc *bindings = doc_array(d->a), *interfaces = doc_array(d->a);

    for (size_t i = 0; !awsvpc && i < d->o->n_ports; i++) {
        const struct pod_port *p = &d->o->ports[i];
        struct doc *b;

        if (!str_eq(p->container, name) || p->host_port == 0)
            continue;
        b = doc_append(bindings, doc_object(d->a));
        doc_set(b, "bindIP", doc_string(d->a, STR("0.0.0.0")));
        doc_set(b, "containerPort", doc_int(d->a, p->container_port));
        doc_set(b, "hostPort", doc_int(d->a, p->host_port));
        doc_set(b, "protocol", doc_string(d->a, p->protocol));
    }
    if (awsvpc && ip.n > 0) {
        struct doc *n = doc_append(interfaces, doc_object(d->a));

        set_str(d->a, n, "attachmentId", doc_str(doc_get(doc_at(doc_get(d->task, "attachments"), 0), "id")));
        doc_set(n, "privateIpv4Address", doc_string(d->a, ip));
    }
    if (d->o->pod) {
        doc_set(c, "networkBindings", bindings);
        doc_set(c, "networkInterfaces", interfaces);
    }
}

static void set_ids(struct derive *d, struct doc *c, const struct doc *s)
{
    struct str id = doc_str(doc_get(s, "containerID")), image = doc_str(doc_get(s, "imageID"));
    const char *mark = memmem(id.p, id.n, "://", 3), *digest = memmem(image.p, image.n, "sha256:", 7);

    if (mark)
        set_str(d->a, c, "runtimeId", str_n(mark + 3, (size_t)(id.p + id.n - mark - 3)));
    if (digest)
        set_str(d->a, c, "imageDigest", str_n(digest, (size_t)(image.p + image.n - digest)));
}

static void add_health(struct verdict *v, struct str health)
{
    v->health_known = true;
    v->unhealthy = v->unhealthy || str_is(health, "UNHEALTHY");
    v->health_unsure = v->health_unsure || str_is(health, "UNKNOWN");
}

static void one_container(struct derive *d, const struct doc *def, struct doc *c)
{
    bool init = false, essential = doc_true(doc_get(def, "essential"));
    struct str name = doc_str(doc_get(def, "name"));
    const struct doc *s = status_of(d->o->pod, pod_name(d->a, name), &init);
    const struct doc *running = doc_path(s, "state.running"), *ended = doc_path(s, "state.terminated");

    if (!ended && doc_int_or(doc_get(s, "restartCount"), 0) >= START_FAILURES)
        ended = doc_path(s, "lastState.terminated");
    if (str_is(doc_str(doc_get(c, "lastStatus")), "STOPPED") || ended || d->pod_over)
        set_exit(d, c, ended);
    else
        doc_set(c, "lastStatus", doc_string(d->a, running ? STR("RUNNING") : STR("PENDING")));
    bool stopped = str_is(doc_str(doc_get(c, "lastStatus")), "STOPPED");
    if (!stopped && doc_path(s, "state.waiting"))
        note_waiting(d, c, doc_path(s, "state.waiting"));
    set_ids(d, c, s);
    set_str(d->a, c, "image", doc_str(doc_get(def, "image")));
    struct str health = health_of(d, def, s, doc_str(doc_get(c, "healthStatus")), running && !stopped);
    doc_set(c, "healthStatus", doc_string(d->a, health));
    if (essential && doc_get(def, "healthCheck"))
        add_health(&d->v, health);
    set_bindings(d, c, name);
    if (!running && !ended)
        d->v.running_all = false;
    if (!stopped)
        d->v.all_exited = false;
    if (essential && stopped)
        d->v.essential_exited = true;
}

static bool has_code(const struct derive *d)
{
    return doc_str(doc_get(d->task, "stopCode")).n > 0;
}

/* Only the first reason counts. */
static void stop_for(struct derive *d, const char *code, struct str reason)
{
    if (!has_code(d)) {
        doc_set(d->task, "stopCode", doc_string(d->a, str_of(code)));
        doc_set(d->task, "stoppedReason", doc_string(d->a, reason));
    }
    if (!doc_get(d->task, "stoppingAt"))
        doc_set(d->task, "stoppingAt", doc_int(d->a, d->o->now_s));
    doc_set(d->task, "desiredStatus", doc_string(d->a, STR("STOPPED")));
}

static void find_reason(struct derive *d, bool was_running)
{
    struct str phase = doc_str(doc_path(d->o->pod, "status.phase"));
    struct str text = doc_str(doc_path(d->o->pod, "status.message"));

    if (d->v.start_failure.n > 0)
        stop_for(d, "TaskFailedToStart", d->v.start_failure);
    else if (!d->o->pod && d->o->pod_was_made)
        stop_for(d, was_running ? "TerminationNotice" : "TaskFailedToStart",
                 STR("Host terminated: the task's pod is gone."));
    else if (d->v.essential_exited)
        stop_for(d, "EssentialContainerExited", STR("Essential container in task exited"));
    else if (d->pod_over && (str_is(phase, "Failed") || str_is(phase, "Succeeded")))
        stop_for(d, was_running ? "EssentialContainerExited" : "TaskFailedToStart",
                 text.n > 0 ? text : STR("Task failed to start"));
}

static int next_state(const struct derive *d)
{
    bool stopping = str_is(doc_str(doc_get(d->task, "desiredStatus")), "STOPPED");

    if (stopping)
        return !d->o->pod || d->pod_over ? STATE_STOPPED : STATE_STOPPING;
    if (!d->o->pod)
        return STATE_PROVISIONING;
    return d->v.running_all ? STATE_RUNNING : STATE_PENDING;
}

static void set_time(struct derive *d, const char *key)
{
    if (!doc_get(d->task, key))
        doc_set(d->task, key, doc_int(d->a, d->o->now_s));
}

static void enter_state(struct derive *d, int before, int now)
{
    now = MAX_OF(before, now);
    doc_set(d->task, "lastStatus", doc_string(d->a, str_of(task_states[now])));
    if (now == STATE_RUNNING) {
        set_time(d, "startedAt");
        set_time(d, "connectivityAt");
        doc_set(d->task, "connectivity", doc_string(d->a, STR("CONNECTED")));
    }
    if (now == STATE_STOPPED) {
        set_time(d, "executionStoppedAt");
        set_time(d, "stoppedAt");
    }
}

/* The pod's address is the task's network interface. */
static void set_attachments(struct derive *d)
{
    struct str ip = doc_str(doc_path(d->o->pod, "status.podIP"));

    doc_foreach (doc_get(d->task, "attachments"), att) {
        struct doc *details = doc_need_array(d->a, att, "details"), *found = NULL;

        if (!str_is(doc_str(doc_get(att, "type")), "ElasticNetworkInterface"))
            continue;
        if (str_is(doc_str(doc_get(d->task, "lastStatus")), "STOPPED"))
            doc_set(att, "status", doc_string(d->a, STR("DELETED")));
        if (ip.n == 0)
            continue;
        doc_foreach (details, it) {
            if (str_is(doc_str(doc_get(it, "name")), "privateIPv4Address"))
                found = it;
        }
        if (!found) {
            found = doc_append(details, doc_object(d->a));
            doc_set(found, "name", doc_string(d->a, STR("privateIPv4Address")));
        }
        doc_set(found, "value", doc_string(d->a, ip));
        if (!str_is(doc_str(doc_get(att, "status")), "DELETED"))
            doc_set(att, "status", doc_string(d->a, STR("ATTACHED")));
    }
}

static bool pod_is_over(const struct task_observation *o)
{
    struct str phase = doc_str(doc_path(o->pod, "status.phase"));

    return o->pod ? str_is(phase, "Failed") || str_is(phase, "Succeeded") : o->pod_was_made;
}

int task_status(struct arena *a, const struct task_observation *o, struct doc **ret, struct err *err)
{
    struct derive d = {.a = a, .o = o, .task = doc_clone(a, o->task, true), .pod_over = pod_is_over(o)};
    struct doc *containers = doc_need_array(a, d.task, "containers");
    int before = state_index(doc_str(doc_get(o->task, "lastStatus")));

    d.v.running_all = o->pod != NULL;
    d.v.all_exited = true;
    if (before == STATE_STOPPED) {
        *ret = d.task;
        return d.task ? 0 : err_set(err, ERR_TOO_LARGE, "the task is too large");
    }
    doc_foreach (doc_get(o->taskdef, "containerDefinitions"), def)
        one_container(&d, def, container_entry(a, containers, doc_str(doc_get(def, "name"))));
    find_reason(&d, before >= STATE_RUNNING || doc_get(d.task, "startedAt"));
    /* A task that was so short that nobody saw it run has run all the same. */
    if (d.v.essential_exited && d.v.start_failure.n == 0 && o->pod && !doc_get(d.task, "startedAt"))
        doc_set(d.task, "startedAt", doc_int(a, o->now_s));
    enter_state(&d, before, next_state(&d));
    if (d.v.health_known)
        doc_set(d.task, "healthStatus",
                doc_string(a, d.v.unhealthy       ? STR("UNHEALTHY")
                              : d.v.health_unsure ? STR("UNKNOWN")
                                                  : STR("HEALTHY")));
    else
        doc_set(d.task, "healthStatus", doc_string(a, STR("UNKNOWN")));
    set_attachments(&d);
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the task is too large");
    *ret = d.task;
    return 0;
}

bool task_must_stop_pod(const struct doc *task)
{
    return str_is(doc_str(doc_get(task, "desiredStatus")), "STOPPED") &&
           !str_is(doc_str(doc_get(task, "lastStatus")), "STOPPED");
}
