#include "ecs/map/status.h"

#include "base/clock.h"
#include "ecs/map/status_rules.h"

#include <arpa/inet.h>

#define SETUP_S 180 /* how long a node may take to set a pod up */

/* The states of a task in the order in which it passes them. */
static const char *const task_states[] = {"PROVISIONING", "PENDING",  "ACTIVATING",     "RUNNING",
                                          "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"};
enum {
    STATE_PROVISIONING,
    STATE_PENDING,
    STATE_ACTIVATING,
    STATE_RUNNING,
    STATE_DEACTIVATING,
    STATE_STOPPING,
    STATE_DEPROVISIONING,
    STATE_STOPPED
};

static int state_index(struct str s)
{
    for (size_t i = 0; i < ARRAY_LEN(task_states); i++) {
        if (str_is(s, task_states[i]))
            return (int)i;
    }
    return STATE_PROVISIONING;
}

struct str task_first_state(struct str network_mode)
{
    return str_is(network_mode, "awsvpc") ? STR("PROVISIONING") : STR("PENDING");
}

void status_again(struct derive *d, int64_t at_s)
{
    if (!d->again_s || at_s < d->again_s)
        d->again_s = at_s;
}

static bool has_interface(const struct derive *d)
{
    return str_is(doc_str(doc_get(d->o->taskdef, "networkMode")), "awsvpc");
}

/* --- why it stops --- */

/* A node that cannot even set the pod up (its network, its volumes) tries on for ever; ECS gives such a task up. */
static void check_setup(struct derive *d)
{
    int64_t since;
    int32_t ns;

    doc_foreach (doc_path(d->o->pod, "status.conditions"), c) {
        if (!str_is(doc_str(doc_get(c, "type")), "PodReadyToStartContainers") ||
            !str_is(doc_str(doc_get(c, "status")), "False") ||
            !parse_rfc3339(doc_str(doc_get(c, "lastTransitionTime")), &since, &ns))
            continue;
        if (d->o->now_s - since < SETUP_S)
            status_again(d, since + SETUP_S);
        else
            d->v.start_failure = str_of(arena_printf(
                d->a,
                "ResourceInitializationError: the network and volumes of the task were not there within %d seconds",
                SETUP_S));
    }
}

/* Only the first reason counts. */
static void stop_for(struct derive *d, const char *code, struct str reason)
{
    if (!doc_str(doc_get(d->task, "stopCode")).n) {
        doc_set(d->task, "stopCode", doc_string(d->a, str_of(code)));
        doc_set(d->task, "stoppedReason", doc_string(d->a, reason));
    }
    if (!doc_get(d->task, "stoppingAt"))
        doc_set(d->task, "stoppingAt", doc_int(d->a, d->o->now_s));
    doc_set(d->task, "desiredStatus", doc_string(d->a, STR("STOPPED")));
}

/* Somebody else takes the pod away: kubectl, an eviction, the node's going. */
static bool is_taken_away(const struct derive *d)
{
    return d->o->pod_gone || doc_path(d->o->pod, "metadata.deletionTimestamp");
}

/* The condition in which Kubernetes tells why it takes a pod away. */
static struct str disruption(const struct doc *pod)
{
    doc_foreach (doc_path(pod, "status.conditions"), c) {
        if (str_is(doc_str(doc_get(c, "type")), "DisruptionTarget"))
            return doc_str(doc_get(c, "message"));
    }
    return STR("");
}

static void find_reason(struct derive *d, bool was_running)
{
    const char *lost = was_running ? "TerminationNotice" : "TaskFailedToStart";
    struct str message = doc_str(doc_path(d->o->pod, "status.message")), why = disruption(d->o->pod);

    if (d->v.start_failure.n > 0)
        stop_for(d, "TaskFailedToStart", d->v.start_failure);
    else if (d->o->host_lost)
        stop_for(d, lost, str_of(d->o->host_lost));
    else if (doc_str(doc_path(d->o->pod, "status.reason")).n > 0) /* evicted, not admitted, shut down */
        stop_for(d, lost, message.n > 0 ? message : doc_str(doc_path(d->o->pod, "status.reason")));
    else if (is_taken_away(d))
        stop_for(d, lost, why.n > 0 ? why : STR("The pod of the task was deleted."));
    else if (d->v.essential_ran || (d->v.essential_exited && was_running))
        stop_for(d, "EssentialContainerExited", STR("Essential container in task exited"));
    else if (d->pod_over || d->v.essential_exited)
        stop_for(d, "TaskFailedToStart", message.n > 0 ? message : STR("Task failed to start"));
}

/* --- where it is --- */

/* The pod has its address, or is past that. */
static bool has_network(const struct derive *d)
{
    return doc_str(doc_path(d->o->pod, "status.podIP")).n > 0 || d->v.seen_alive || !has_interface(d);
}

static int next_state(const struct derive *d)
{
    bool stopping = str_is(doc_str(doc_get(d->task, "desiredStatus")), "STOPPED");
    bool leaving = doc_path(d->o->pod, "metadata.deletionTimestamp") && !d->o->pod_gone && !d->o->host_lost;

    if (stopping && d->o->pod && !d->pod_over)
        return STATE_STOPPING;
    if (stopping)
        return leaving && has_interface(d) ? STATE_DEPROVISIONING : STATE_STOPPED;
    if (d->v.started_all)
        return STATE_RUNNING;
    return has_network(d) ? STATE_PENDING : STATE_PROVISIONING;
}

static void set_time(struct derive *d, const char *key, int64_t at_s)
{
    if (!doc_get(d->task, key))
        doc_set(d->task, key, doc_int(d->a, at_s ? at_s : d->o->now_s));
}

/* The kubelet pulls images between taking the pod on and starting the first container. */
static void set_pull_times(struct derive *d)
{
    int64_t begin, end = d->v.first_start_s;
    int32_t ns;

    if (!parse_rfc3339(doc_str(doc_path(d->o->pod, "status.startTime")), &begin, &ns))
        return;
    set_time(d, "pullStartedAt", begin);
    if (end)
        set_time(d, "pullStoppedAt", MAX_OF(begin, end));
}

static void set_connected(struct derive *d)
{
    set_time(d, "connectivityAt", 0);
    if (!doc_get(d->task, "connectivity"))
        doc_set(d->task, "connectivity", doc_string(d->a, STR("CONNECTED")));
}

static void enter_state(struct derive *d, int before, int now)
{
    now = MAX_OF(before, now);
    doc_set(d->task, "lastStatus", doc_string(d->a, str_of(task_states[now])));
    if (doc_str(doc_path(d->o->pod, "spec.nodeName")).n > 0 || d->v.seen_alive)
        set_connected(d);
    set_pull_times(d);
    if (now == STATE_RUNNING || d->v.essential_ran) /* also when nobody saw it run */
        set_time(d, "startedAt", 0);
    if (now >= STATE_DEPROVISIONING)
        set_time(d, "executionStoppedAt", d->v.end_s);
    if (now != STATE_STOPPED)
        return;
    set_time(d, "stoppedAt", 0);
    doc_foreach (doc_get(d->task, "containers"), c)
        doc_set(c, "lastStatus", doc_string(d->a, STR("STOPPED")));
}

static void set_health(struct derive *d)
{
    struct str h = !d->v.health_known   ? STR("UNKNOWN")
                   : d->v.unhealthy     ? STR("UNHEALTHY")
                   : d->v.health_unsure ? STR("UNKNOWN")
                                        : STR("HEALTHY");

    doc_set(d->task, "healthStatus", doc_string(d->a, h));
}

/* --- the interface --- */

static void set_detail(struct arena *a, struct doc *details, const char *name, struct doc *value)
{
    doc_foreach (details, it) {
        if (str_is(doc_str(doc_get(it, "name")), name)) {
            doc_set(it, "value", value);
            return;
        }
    }
    struct doc *d = doc_append(details, doc_object(a));
    doc_set(d, "name", doc_string(a, str_of(name)));
    doc_set(d, "value", value);
}

/* What an interface with that address is called: the ids are made up, the address is real. */
static void set_address(struct arena *a, struct doc *details, struct str ip)
{
    struct in_addr v4;
    char *dns = arena_strndup(a, ip.p, ip.n);

    if (!dns)
        return;
    if (inet_pton(AF_INET, dns, &v4) == 1) {
        const uint8_t *b = (const uint8_t *)&v4.s_addr;
        set_detail(a, details, "macAddress", doc_printf(a, "0a:58:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3]));
    }
    for (char *p = dns; *p; p++)
        *p = *p == '.' || *p == ':' ? '-' : *p;
    set_detail(a, details, "privateDnsName", doc_printf(a, "ip-%s.ec2.internal", dns));
    set_detail(a, details, "privateIPv4Address", doc_string(a, ip));
}

static void set_attachments(struct derive *d)
{
    struct str ip = doc_str(doc_path(d->o->pod, "status.podIP"));
    bool stopped = str_is(doc_str(doc_get(d->task, "lastStatus")), "STOPPED");

    doc_foreach (doc_get(d->task, "attachments"), att) {
        if (!str_is(doc_str(doc_get(att, "type")), "ElasticNetworkInterface"))
            continue;
        if (ip.n > 0)
            set_address(d->a, doc_need_array(d->a, att, "details"), ip);
        if (stopped || ip.n > 0)
            doc_set(att, "status", doc_string(d->a, stopped ? STR("DELETED") : STR("ATTACHED")));
    }
}

static bool pod_is_over(const struct task_observation *o)
{
    struct str phase = doc_str(doc_path(o->pod, "status.phase"));

    return o->pod_gone || o->host_lost || str_is(phase, "Failed") || str_is(phase, "Succeeded");
}

int task_status(struct arena *a, const struct task_observation *o, struct doc **ret, int64_t *ret_again_s,
                struct err *err)
{
    struct derive d = {.a = a, .o = o, .task = doc_clone(a, o->task, true), .pod_over = pod_is_over(o)};
    int before = state_index(doc_str(doc_get(o->task, "lastStatus")));

    if (before != STATE_STOPPED) {
        status_containers(&d);
        if (before <= STATE_PENDING && !d.pod_over && !d.v.seen_alive && !d.v.start_failure.n)
            check_setup(&d);
        find_reason(&d, before >= STATE_RUNNING || doc_get(d.task, "startedAt"));
        enter_state(&d, before, next_state(&d));
        set_health(&d);
        set_attachments(&d);
    }
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the task is too large");
    if (ret_again_s)
        *ret_again_s = d.again_s;
    *ret = d.task;
    return 0;
}

bool task_must_stop_pod(const struct doc *task)
{
    return str_is(doc_str(doc_get(task, "desiredStatus")), "STOPPED") &&
           !str_is(doc_str(doc_get(task, "lastStatus")), "STOPPED");
}
