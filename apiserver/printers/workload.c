/* Cells of jobs, nodes and events. */
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"

/* --- jobs --- */

struct doc *cell_job_status(const struct cell_context *c, const char *arg)
{
    static const struct {
        const char *condition, *word;
    } rows[] = {{"Complete", "Complete"},
                {"Failed", "Failed"},
                {NULL, "Terminating"},
                {"Suspended", "Suspended"},
                {"FailureTarget", "FailureTarget"},
                {"SuccessCriteriaMet", "SuccessCriteriaMet"}};
    const struct doc *conditions = doc_path(c->obj, "status.conditions");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].condition ? cell_condition_true(conditions, rows[i].condition)
                              : doc_str(doc_path(c->obj, "metadata.deletionTimestamp")).n > 0)
            return cell_string(c, str_of(rows[i].word));
    return cell_string(c, STR("Running"));
}

struct doc *cell_job_completions(const struct cell_context *c, const char *arg)
{
    int64_t done = doc_int_or(doc_path(c->obj, "status.succeeded"), 0), want;
    int64_t parallel = doc_int_or(doc_path(c->obj, "spec.parallelism"), 0);

    if (doc_to_int(doc_path(c->obj, "spec.completions"), &want))
        return doc_printf(c->a, "%lld/%lld", (long long)done, (long long)want);
    if (parallel > 1)
        return doc_printf(c->a, "%lld/1 of %lld", (long long)done, (long long)parallel);
    return doc_printf(c->a, "%lld/1", (long long)done);
}

struct doc *cell_job_duration(const struct cell_context *c, const char *arg)
{
    struct str start = doc_str(doc_path(c->obj, "status.startTime"));
    struct str end = doc_str(doc_path(c->obj, "status.completionTime"));
    char text[HUMAN_DURATION_MAX];
    int64_t from, to = c->now_s;
    int32_t ns;

    if (!start.n || !parse_rfc3339(start, &from, &ns) || (end.n && !parse_rfc3339(end, &to, &ns)))
        return cell_string(c, STR(""));
    printer_human_duration(to - from, text);
    return doc_string_copy(c->a, str_of(text));
}

/* --- nodes --- */

struct doc *cell_node_status(const struct cell_context *c, const char *arg)
{
    const struct doc *ready = cell_find(doc_path(c->obj, "status.conditions"), "type", "Ready");
    const char *word = !ready ? "Unknown" : str_is(doc_str(doc_get(ready, "status")), "True") ? "Ready" : "NotReady";

    if (doc_true(doc_path(c->obj, "spec.unschedulable")))
        return doc_printf(c->a, "%s,SchedulingDisabled", word);
    return cell_string(c, str_of(word));
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct doc *cell_node_roles(const struct cell_context *c, const char *arg)
{
    static const char prefix[] = "node-role.kubernetes.io/";
    const struct doc *labels = doc_path(c->obj, "metadata.labels");
    struct str *roles = arena_calloc(c->a, doc_count(labels) + 1, sizeof(*roles));
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(64 * KIB);
    size_t n = 0;

    if (!roles)
        return NULL;
    doc_foreach (labels, l) {
        if (str_starts(doc_key(l), str_of(prefix)) && l->key_len > sizeof(prefix) - 1)
            roles[n++] = str_from(doc_key(l), sizeof(prefix) - 1);
        else if (str_is(doc_key(l), "kubernetes.io/role") && doc_str(l).n)
            roles[n++] = doc_str(l);
    }
    qsort(roles, n, sizeof(*roles), by_text);
    for (size_t i = 0; i < n; i++)
        if (!i || !str_eq(roles[i], roles[i - 1]))
            cell_add(&out, roles[i], ",");
    return n ? cell_take(c, &out) : cell_string(c, STR("<none>"));
}

struct doc *cell_node_address(const struct cell_context *c, const char *arg)
{
    struct str ip = doc_str(doc_get(cell_find(doc_path(c->obj, "status.addresses"), "type", arg), "address"));
    return cell_string(c, ip.n ? ip : STR("<none>"));
}

/* --- events, in both groups: a new field's name, and its name in the old group --- */

static const struct doc *either(const struct cell_context *c, const char *one, const char *other)
{
    const struct doc *d = doc_path(c->obj, one);
    return d ? d : doc_path(c->obj, other);
}

static struct str first_seen(const struct cell_context *c)
{
    const struct doc *d = either(c, "firstTimestamp", "deprecatedFirstTimestamp");
    return cell_since(c, doc_str(d).n ? d : doc_get(c->obj, "eventTime"));
}

struct doc *cell_event_first(const struct cell_context *c, const char *arg)
{
    return cell_string(c, first_seen(c));
}

struct doc *cell_event_last(const struct cell_context *c, const char *arg)
{
    const struct doc *series = doc_path(c->obj, "series.lastObservedTime");
    const struct doc *last = either(c, "lastTimestamp", "deprecatedLastTimestamp");

    if (doc_str(series).n)
        return cell_string(c, cell_since(c, series));
    return cell_string(c, doc_str(last).n ? cell_since(c, last) : first_seen(c));
}

struct doc *cell_event_count(const struct cell_context *c, const char *arg)
{
    int64_t n = doc_int_or(either(c, "count", "deprecatedCount"), 0), series;

    if (doc_to_int(doc_path(c->obj, "series.count"), &series))
        n = series;
    else if (n == 0)
        n = 1;
    return doc_int(c->a, n);
}

struct doc *cell_event_object(const struct cell_context *c, const char *arg)
{
    const struct doc *o = either(c, "involvedObject", "regarding");
    struct str kind = arena_str(c->a, doc_str(doc_get(o, "kind"))), name = doc_str(doc_get(o, "name"));

    if (arg) /* the part of the object */
        return cell_string(c, doc_str(doc_get(o, "fieldPath")));
    for (size_t i = 0; i < kind.n; i++)
        if (kind.p[i] >= 'A' && kind.p[i] <= 'Z')
            ((char *)kind.p)[i] |= 0x20; /* a copy of our own */
    return name.n ? doc_printf(c->a, STR_FMT "/" STR_FMT, STR_ARG(kind), STR_ARG(name)) : cell_string(c, kind);
}

struct doc *cell_event_source(const struct cell_context *c, const char *arg)
{
    const struct doc *source = either(c, "source", "deprecatedSource");
    struct str component = doc_str(doc_get(source, "component")), host = doc_str(doc_get(source, "host"));

    if (!component.n)
        component = doc_str(either(c, "reportingComponent", "reportingController"));
    if (!host.n)
        host = doc_str(doc_get(c->obj, "reportingInstance"));
    return host.n ? doc_printf(c->a, STR_FMT ", " STR_FMT, STR_ARG(component), STR_ARG(host))
                  : cell_string(c, component);
}

struct doc *cell_event_message(const struct cell_context *c, const char *arg)
{
    return cell_string(c, str_trim(doc_str(either(c, "message", "note"))));
}
