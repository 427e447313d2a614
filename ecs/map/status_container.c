#include "base/clock.h"
#include "base/map.h"
#include "ecs/map/status_rules.h"
#include "ecs/map/taskdef_rules.h"

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
#define RESTARTS_THAT_EXIT 1 /* a restart of a sidecar tells its exit */
#define UNRESOLVED "dependency graph: dependent container not in expected state"

static const struct doc *status_of(const struct doc *pod, struct str name)
{
    static const char *const lists[] = {"containerStatuses", "initContainerStatuses"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        doc_foreach (doc_get(doc_get(pod, "status"), lists[i]), s) {
            if (str_eq(doc_str(doc_get(s, "name")), name))
                return s;
        }
    }
    return NULL;
}

static int64_t time_of(const struct doc *d, const char *path)
{
    int64_t s;
    int32_t ns;

    return parse_rfc3339(doc_str(doc_path(d, path)), &s, &ns) ? s : 0;
}

static void set_str(struct arena *a, struct doc *o, const char *key, struct str v)
{
    if (v.n > 0)
        doc_set(o, key, doc_string(a, v));
}

/* --- an entry that is new --- */

/* arn:aws:ecs:R:A:task/CLUSTER/ID -> arn:aws:ecs:R:A:container/CLUSTER/ID/UUID; the UUID follows from the name. */
static void set_arn(struct arena *a, struct doc *c, struct str task_arn, struct str name)
{
    const char *mark = memmem(task_arn.p, task_arn.n, ":task/", 6);
    uint64_t h = hash_bytes(task_arn.p, task_arn.n, hash_bytes(name.p, name.n, 3)), l = hash_bytes(&h, sizeof(h), 4);

    if (!mark)
        return;
    struct str head = str_n(task_arn.p, (size_t)(mark - task_arn.p)), tail = str_from(task_arn, head.n + 6);
    doc_set(c, "containerArn",
            doc_printf(a, STR_FMT ":container/" STR_FMT "/%08x-%04x-4%03x-a%03x-%012llx", STR_ARG(head), STR_ARG(tail),
                       (unsigned)(h >> 32), (unsigned)(h >> 16) & 0xffff, (unsigned)h & 0xfff,
                       (unsigned)(l >> 52) & 0xfff, (unsigned long long)l & 0xffffffffffff));
    doc_set(c, "taskArn", doc_string(a, task_arn));
}

static void set_size(struct derive *d, struct doc *c, const struct doc *def)
{
    static const char *const keys[] = {"cpu", "memory", "memoryReservation"};
    const struct doc *over = NULL;

    doc_foreach (doc_path(d->task, "overrides.containerOverrides"), it) {
        if (str_eq(doc_str(doc_get(it, "name")), doc_str(doc_get(def, "name"))))
            over = it;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        int64_t v = doc_int_or(doc_get(over, keys[i]), doc_int_or(doc_get(def, keys[i]), 0));
        if (v > 0 || i == 0)
            doc_set(c, keys[i], doc_printf(d->a, "%lld", (long long)v));
    }
}

static struct doc *entry_of(struct derive *d, struct doc *list, const struct doc *def)
{
    struct str name = doc_str(doc_get(def, "name"));
    struct doc *c;

    doc_foreach (list, it) {
        if (str_eq(doc_str(doc_get(it, "name")), name))
            return it;
    }
    c = doc_append(list, doc_object(d->a));
    set_arn(d->a, c, doc_str(doc_get(d->task, "taskArn")), name);
    doc_set(c, "name", doc_string(d->a, name));
    set_str(d->a, c, "image", doc_str(doc_get(def, "image")));
    doc_set(c, "networkBindings", doc_array(d->a));
    doc_set(c, "networkInterfaces", doc_array(d->a));
    doc_set(c, "managedAgents", doc_array(d->a));
    set_size(d, c, def);
    return c;
}

/* --- what the kubelet says of it --- */

static bool could_not_start(const struct doc *terminated)
{
    struct str reason = doc_str(doc_get(terminated, "reason"));

    return str_is(reason, "ContainerCannotRun") || str_is(reason, "StartError");
}

/* It has been a process, and its exit code is that process's. */
static bool has_exited(const struct doc *terminated)
{
    return doc_is(doc_get(terminated, "exitCode"), DOC_NUMBER) && !could_not_start(terminated) &&
           !str_is(doc_str(doc_get(terminated, "reason")), "ContainerStatusUnknown");
}

static void set_exit(struct derive *d, struct doc *c, const struct doc *terminated)
{
    struct str text = doc_str(doc_get(terminated, "message"));

    doc_set(c, "lastStatus", doc_string(d->a, STR("STOPPED")));
    if (doc_get(c, "exitCode"))
        return;
    if (could_not_start(terminated)) {
        d->v.start_failure = str_of(arena_printf(d->a, "CannotStartContainerError: " STR_FMT, STR_ARG(text)));
        doc_set(c, "reason", doc_string(d->a, d->v.start_failure));
    }
    if (str_is(doc_str(doc_get(terminated, "reason")), "OOMKilled"))
        doc_set(c, "reason", doc_string(d->a, STR("OutOfMemoryError: Container killed due to memory usage")));
    if (has_exited(terminated))
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
    int64_t started = time_of(s, "state.running.startedAt"), interval = doc_int_or(doc_get(h, "interval"), 30), wait;

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
    if (!started)
        return STR("UNKNOWN");
    if (d->o->now_s - started >= wait)
        return STR("UNHEALTHY");
    status_again(d, started + wait);
    return STR("UNKNOWN");
}

static void set_network(struct derive *d, struct doc *c, struct str name)
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
    if (bindings->n > 0)
        doc_set(c, "networkBindings", bindings);
    if (interfaces->n > 0)
        doc_set(c, "networkInterfaces", interfaces);
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

static void set_health(struct derive *d, struct doc *c, const struct doc *def, const struct doc *s, bool running)
{
    struct str health = health_of(d, def, s, doc_str(doc_get(c, "healthStatus")), running);

    doc_set(c, "healthStatus", doc_string(d->a, health));
    if (!doc_true(doc_get(def, "essential")) || !doc_get(def, "healthCheck"))
        return;
    d->v.health_known = true;
    d->v.unhealthy = d->v.unhealthy || str_is(health, "UNHEALTHY");
    d->v.health_unsure = d->v.health_unsure || str_is(health, "UNKNOWN");
}

static void add_times(struct verdict *v, const struct doc *running, const struct doc *ended, bool essential)
{
    int64_t start = time_of(running ? running : ended, "startedAt"), end = time_of(ended, "finishedAt");

    if (start && (!v->first_start_s || start < v->first_start_s))
        v->first_start_s = start;
    if (essential && end && (!v->end_s || end < v->end_s))
        v->end_s = end;
}

#define RESTART_WAIT_S 10 /* how long after its end a container is expected to be started again */

/* It has ended, and its restartPolicy brings it back. On a node where nothing does, it counts as ended after a while.
 */
static bool will_restart(struct derive *d, const struct doc *def, const struct doc *ended)
{
    int64_t begin = time_of(ended, "startedAt"), end = time_of(ended, "finishedAt");

    if (!ended || !doc_true(doc_path(def, "restartPolicy.enabled")) || d->pod_over ||
        str_is(doc_str(doc_get(d->task, "desiredStatus")), "STOPPED") || end - begin < taskdef_restart_period(def) ||
        d->o->now_s - end >= RESTART_WAIT_S)
        return false;
    doc_foreach (doc_path(def, "restartPolicy.ignoredExitCodes"), code) {
        if (doc_equal(code, doc_get(ended, "exitCode")))
            return false;
    }
    status_again(d, end + RESTART_WAIT_S);
    return true;
}

static void one_container(struct derive *d, const struct doc *def, struct doc *c)
{
    bool essential = doc_true(doc_get(def, "essential"));
    struct str name = doc_str(doc_get(def, "name"));
    const struct doc *s = status_of(d->o->pod, pod_name(d->a, name));
    const struct doc *running = doc_path(s, "state.running"), *ended = doc_path(s, "state.terminated");

    if (will_restart(d, def, ended)) {
        d->v.seen_alive = true;
        return;
    }
    if (!ended && doc_int_or(doc_get(s, "restartCount"), 0) >= RESTARTS_THAT_EXIT &&
        !doc_true(doc_path(def, "restartPolicy.enabled")))
        ended = doc_path(s, "lastState.terminated");
    if (str_is(doc_str(doc_get(c, "lastStatus")), "STOPPED") || ended || d->pod_over)
        set_exit(d, c, ended);
    else
        doc_set(c, "lastStatus", doc_string(d->a, running ? STR("RUNNING") : STR("PENDING")));
    bool stopped = str_is(doc_str(doc_get(c, "lastStatus")), "STOPPED");
    if (!stopped && doc_path(s, "state.waiting"))
        note_waiting(d, c, doc_path(s, "state.waiting"));
    set_ids(d, c, s);
    set_health(d, c, def, s, running && !stopped);
    if (running || ended)
        set_network(d, c, name);
    add_times(&d->v, running, ended, essential);
    d->v.started_all = d->v.started_all && (running || ended);
    d->v.seen_alive = d->v.seen_alive || running || has_exited(ended);
    d->v.essential_exited = d->v.essential_exited || (essential && stopped);
    d->v.essential_ran = d->v.essential_ran || (essential && stopped && doc_get(c, "exitCode"));
}

/* --- startTimeout --- */

static struct doc *entry_named(const struct derive *d, struct str name)
{
    doc_foreach (doc_get(d->task, "containers"), it) {
        if (str_eq(doc_str(doc_get(it, "name")), name))
            return it;
    }
    return NULL;
}

/* A container that awaits another gives up when that one has not come to the condition within its startTimeout. */
static void check_start(struct derive *d, struct str waiting, const struct doc *dependency)
{
    struct str name = doc_str(doc_get(dependency, "containerName"));
    struct doc *c = entry_named(d, waiting), *other = entry_named(d, name);
    const struct doc *def = NULL, *s = status_of(d->o->pod, pod_name(d->a, name));
    int64_t started = time_of(s, "state.running.startedAt"), limit;

    doc_foreach (doc_get(d->o->taskdef, "containerDefinitions"), it) {
        if (str_eq(doc_str(doc_get(it, "name")), name))
            def = it;
    }
    limit = doc_int_or(doc_get(def, "startTimeout"), 0);
    if (!limit || !started || !str_is(doc_str(doc_get(c, "lastStatus")), "PENDING") ||
        !str_is(doc_str(doc_get(other, "lastStatus")), "RUNNING"))
        return;
    if (d->o->now_s - started < limit) {
        status_again(d, started + limit);
        return;
    }
    doc_set(c, "reason", doc_string(d->a, STR(UNRESOLVED)));
    d->v.start_failure = str_of(arena_printf(
        d->a, "Container " STR_FMT " was not %s within its startTimeout of %lld s.", STR_ARG(name),
        str_is(doc_str(doc_get(dependency, "condition")), "HEALTHY") ? "healthy" : "complete", (long long)limit));
}

static void check_starts(struct derive *d)
{
    doc_foreach (doc_get(d->o->taskdef, "containerDefinitions"), def)
        doc_foreach (doc_get(def, "dependsOn"), dependency) {
            if (!str_is(doc_str(doc_get(dependency, "condition")), "START"))
                check_start(d, doc_str(doc_get(def, "name")), dependency);
        }
}

/* One that never ran because another, which it awaits, failed. */
static void check_failed(struct derive *d, struct str waiting, const struct doc *dependency)
{
    struct doc *c = entry_named(d, waiting), *other = entry_named(d, doc_str(doc_get(dependency, "containerName")));
    bool stopped = str_is(doc_str(doc_get(c, "lastStatus")), "STOPPED");

    if (stopped && !doc_get(c, "exitCode") && !doc_get(c, "reason") && doc_int_or(doc_get(other, "exitCode"), 0) != 0)
        doc_set(c, "reason", doc_string(d->a, STR(UNRESOLVED)));
}

static void check_ends(struct derive *d)
{
    doc_foreach (doc_get(d->o->taskdef, "containerDefinitions"), def)
        doc_foreach (doc_get(def, "dependsOn"), dependency)
            check_failed(d, doc_str(doc_get(def, "name")), dependency);
}

void status_containers(struct derive *d)
{
    struct doc *containers = doc_need_array(d->a, d->task, "containers");

    d->v.started_all = d->o->pod != NULL;
    doc_foreach (doc_get(d->o->taskdef, "containerDefinitions"), def)
        one_container(d, def, entry_of(d, containers, def));
    if (d->pod_over)
        check_ends(d);
    else
        check_starts(d);
}
