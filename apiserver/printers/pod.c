/* The row of a pod: Ready, Status and Restarts come from one walk over its container statuses. */
#include "rules.h"

#include <stdio.h>

#include "base/clock.h"

struct walk {
    const struct cell_context *c;
    const struct doc *spec, *status;
    struct str reason;
    size_t ready, total;
    int64_t restarts, last_restart;           /* seconds; 0 = none */
    int64_t side_restarts, side_last_restart; /* of restartable init containers alone */
    bool initializing;
};

static bool restartable(const struct walk *w, struct str name)
{
    doc_foreach (doc_get(w->spec, "initContainers"), ic)
        if (str_eq(doc_str(doc_get(ic, "name")), name))
            return str_is(doc_str(doc_get(ic, "restartPolicy")), "Always");
    return false;
}

static struct str printed(const struct walk *w, const char *prefix, const char *word, int64_t v)
{
    char *s = arena_printf(w->c->a, "%s%s%lld", prefix, word, (long long)v);
    return str_of(s);
}

/* Why a terminated container ended: its reason, else signal or exit code. */
static struct str ended(const struct walk *w, const char *prefix, const struct doc *terminated)
{
    struct str reason = doc_str(doc_get(terminated, "reason"));
    int64_t signal = doc_int_or(doc_get(terminated, "signal"), 0);

    if (reason.n)
        return str_of(arena_printf(w->c->a, "%s" STR_FMT, prefix, STR_ARG(reason)));
    if (signal)
        return printed(w, prefix, "Signal:", signal);
    return printed(w, prefix, "ExitCode:", doc_int_or(doc_get(terminated, "exitCode"), 0));
}

static int64_t last_finish(const struct doc *status, int64_t latest)
{
    struct str at = doc_str(doc_path(status, "lastState.terminated.finishedAt"));
    int64_t s;
    int32_t ns;
    return at.n && parse_rfc3339(at, &s, &ns) && s > latest ? s : latest;
}

/* The init containers in order, up to the first that is not done. */
static void walk_init(struct walk *w)
{
    int64_t i = 0;

    doc_foreach (doc_get(w->status, "initContainerStatuses"), cs) {
        const struct doc *terminated = doc_path(cs, "state.terminated"), *waiting = doc_path(cs, "state.waiting");
        int64_t restarts = doc_int_or(doc_get(cs, "restartCount"), 0);
        struct str wait_reason = doc_str(doc_get(waiting, "reason"));
        bool side = restartable(w, doc_str(doc_get(cs, "name")));

        w->restarts += restarts;
        w->last_restart = last_finish(cs, w->last_restart);
        if (side) {
            w->side_restarts += restarts;
            w->side_last_restart = last_finish(cs, w->side_last_restart);
        }
        bool done = terminated && doc_int_or(doc_get(terminated, "exitCode"), 0) == 0;
        if (!done && side && doc_true(doc_get(cs, "started"))) {
            w->ready += doc_true(doc_get(cs, "ready"));
            done = true;
        }
        if (done) {
            i++;
            continue;
        }
        w->initializing = true;
        if (terminated)
            w->reason = ended(w, "Init:", terminated);
        else if (wait_reason.n && !str_is(wait_reason, "PodInitializing"))
            w->reason = str_of(arena_printf(w->c->a, "Init:" STR_FMT, STR_ARG(wait_reason)));
        else
            w->reason = str_of(
                arena_printf(w->c->a, "Init:%lld/%zu", (long long)i, doc_count(doc_get(w->spec, "initContainers"))));
        return;
    }
}

/* One container's word on the status; true when it runs. */
static bool walk_container(struct walk *w, const struct doc *cs, struct str *failure)
{
    const struct doc *terminated = doc_path(cs, "state.terminated"), *waiting = doc_path(cs, "state.waiting");
    struct str wait_reason = doc_str(doc_get(waiting, "reason"));

    w->restarts += doc_int_or(doc_get(cs, "restartCount"), 0);
    w->last_restart = last_finish(cs, w->last_restart);
    if (wait_reason.n) {
        w->reason = wait_reason;
    } else if (terminated) {
        w->reason = ended(w, "", terminated);
        if (doc_int_or(doc_get(terminated, "exitCode"), 0) != 0)
            *failure = w->reason;
    } else if (doc_true(doc_get(cs, "ready")) && doc_path(cs, "state.running")) {
        w->ready++;
        return true;
    }
    return false;
}

/* The containers from last to first, so that the first one's word counts. */
static void walk_containers(struct walk *w)
{
    const struct doc *list = doc_get(w->status, "containerStatuses"), *conditions = doc_get(w->status, "conditions");
    size_t n = doc_count(list);
    const struct doc **reversed = arena_calloc(w->c->a, n + 1, sizeof(const struct doc *));
    struct str failure = STR("");
    bool running = false;

    w->restarts = w->side_restarts;
    w->last_restart = w->side_last_restart;
    if (!reversed)
        return;
    doc_foreach (list, cs)
        reversed[--n] = cs;
    for (n = 0; n < doc_count(list); n++)
        running |= walk_container(w, reversed[n], &failure);
    if (!str_is(w->reason, "Completed"))
        return;
    if (running && cell_condition_true(conditions, "Ready"))
        w->reason = STR("Running");
    else if (failure.n)
        w->reason = failure;
    else if (running)
        w->reason = STR("NotReady");
}

static void walk(struct walk *w)
{
    const struct doc *conditions = doc_get(w->status, "conditions"),
                     *scheduled = cell_find(conditions, "type", "PodScheduled");
    struct str phase = doc_str(doc_get(w->status, "phase")), own = doc_str(doc_get(w->status, "reason"));

    w->reason = own.n ? own : phase;
    if (str_is(doc_str(doc_get(scheduled, "reason")), "SchedulingGated"))
        w->reason = STR("SchedulingGated");
    w->total = doc_count(doc_get(w->spec, "containers"));
    doc_foreach (doc_get(w->spec, "initContainers"), ic)
        w->total += str_is(doc_str(doc_get(ic, "restartPolicy")), "Always");
    walk_init(w);
    if (!w->initializing || cell_condition_true(conditions, "Initialized"))
        walk_containers(w);
    if (!doc_str(doc_path(w->c->obj, "metadata.deletionTimestamp")).n)
        return;
    if (str_is(own, "NodeLost"))
        w->reason = STR("Unknown");
    else if (!str_is(phase, "Succeeded") && !str_is(phase, "Failed"))
        w->reason = STR("Terminating");
}

static struct doc *restarts_cell(const struct walk *w)
{
    char since[HUMAN_DURATION_MAX];

    if (!w->restarts || !w->last_restart)
        return doc_printf(w->c->a, "%lld", (long long)w->restarts);
    printer_human_duration(w->c->now_s - w->last_restart, since);
    return doc_printf(w->c->a, "%lld (%s ago)", (long long)w->restarts, since);
}

static struct doc *gates_cell(const struct walk *w)
{
    const struct doc *gates = doc_get(w->spec, "readinessGates"), *conditions = doc_get(w->status, "conditions");
    size_t good = 0;

    if (!doc_count(gates))
        return cell_string(w->c, STR("<none>"));
    doc_foreach (gates, g) {
        struct str type = doc_str(doc_get(g, "conditionType"));
        doc_foreach (conditions, cond)
            if (str_eq(doc_str(doc_get(cond, "type")), type)) {
                good += str_is(doc_str(doc_get(cond, "status")), "True");
                break;
            }
    }
    return doc_printf(w->c->a, "%zu/%zu", good, doc_count(gates));
}

void pod_cells(const struct cell_context *c, struct doc *cells)
{
    struct walk w = {.c = c, .spec = doc_get(c->obj, "spec"), .status = doc_get(c->obj, "status")};
    struct str ip = doc_str(doc_get(doc_at(doc_get(w.status, "podIPs"), 0), "ip"));

    walk(&w);
    doc_append(cells, cell_text(c, "metadata.name"));
    doc_append(cells, doc_printf(c->a, "%zu/%zu", w.ready, w.total));
    doc_append(cells, cell_string(c, w.reason));
    doc_append(cells, restarts_cell(&w));
    doc_append(cells, cell_age(c, "metadata.creationTimestamp"));
    doc_append(cells, cell_string(c, ip.n ? ip : STR("<none>")));
    doc_append(cells, cell_text(c, "spec.nodeName|<none>"));
    doc_append(cells, cell_text(c, "status.nominatedNodeName|<none>"));
    doc_append(cells, gates_cell(&w));
}
