/* Cells of bindings, quotas, certificates, autoscalers and the kinds of the API machinery itself. */
#include "rules.h"

#include <stdio.h>

#include "base/limits.h"

#define CELL_MAX (64 * KIB)

/* --- role bindings: arg is the kind of subject --- */

struct doc *cell_subjects(const struct cell_context *c, const char *arg)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(CELL_MAX);
    bool account = str_is(str_of(arg), "ServiceAccount");

    doc_foreach (doc_get(c->obj, "subjects"), s) {
        if (!str_is(doc_str(doc_get(s, "kind")), arg))
            continue;
        cell_add(&out, account ? doc_str(doc_get(s, "namespace")) : doc_str(doc_get(s, "name")), ", ");
        if (account)
            buf_printf(&out, "/" STR_FMT, STR_ARG(doc_str(doc_get(s, "name"))));
    }
    return cell_take(c, &out);
}

/* --- quotas: arg "limits." or "" --- */

struct doc *cell_quota(const struct cell_context *c, const char *arg)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(CELL_MAX);
    struct doc *hard = doc_clone(c->a, doc_path(c->obj, "status.hard"), true);

    doc_sort_members(hard, false);
    doc_foreach (hard, h) {
        if (str_starts(doc_key(h), STR("limits.")) != (*arg != '\0'))
            continue;
        struct str used = doc_text(doc_get_str(doc_path(c->obj, "status.used"), doc_key(h)));
        cell_add(&out, doc_key(h), ", ");
        buf_printf(&out, ": " STR_FMT "/" STR_FMT, STR_ARG(used.n ? used : STR("0")), STR_ARG(doc_text(h)));
    }
    return cell_take(c, &out);
}

/* --- controller revisions --- */

struct doc *cell_controller(const struct cell_context *c, const char *arg)
{
    doc_foreach (doc_path(c->obj, "metadata.ownerReferences"), o) {
        if (!doc_true(doc_get(o, "controller")))
            continue;
        struct str group = doc_str(doc_get(o, "apiVersion")), kind = arena_str(c->a, doc_str(doc_get(o, "kind")));
        const char *slash = group.n ? memchr(group.p, '/', group.n) : NULL;
        group.n = slash ? (size_t)(slash - group.p) : 0;
        for (size_t i = 0; i < kind.n; i++)
            if (kind.p[i] >= 'A' && kind.p[i] <= 'Z')
                ((char *)kind.p)[i] |= 0x20; /* a copy of our own */
        return doc_printf(c->a, STR_FMT "%s" STR_FMT "/" STR_FMT, STR_ARG(kind), group.n ? "." : "", STR_ARG(group),
                          STR_ARG(doc_str(doc_get(o, "name"))));
    }
    return cell_string(c, STR("<none>"));
}

/* --- certificate signing requests --- */

struct doc *cell_csr_condition(const struct cell_context *c, const char *arg)
{
    static const char *const words[] = {"Approved", "Denied", "Failed"};
    const struct doc *conditions = doc_path(c->obj, "status.conditions");
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(KIB);

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (cell_find(conditions, "type", words[i]))
            cell_add(&out, str_of(words[i]), ",");
    if (!out.len)
        cell_add(&out, STR("Pending"), ",");
    if (doc_str(doc_path(c->obj, "status.certificate")).n)
        cell_add(&out, STR("Issued"), ",");
    return cell_take(c, &out);
}

/* --- autoscalers: resource metrics by percent or value; v1 has one target --- */

static void add_target(struct buf *out, const struct cell_context *c, const struct doc *metric, size_t i)
{
    const struct doc *current = doc_at(doc_path(c->obj, "status.currentMetrics"), i);
    struct str type = doc_str(doc_get(metric, "type")), name = doc_str(doc_path(metric, "resource.name"));
    struct str value = doc_text(doc_path(metric, "resource.target.averageValue"));
    int64_t want = doc_int_or(doc_path(metric, "resource.target.averageUtilization"), 0), have;

    cell_add(out, STR(""), ", ");
    if (!str_is(type, "Resource")) {
        buf_puts(out, "<unknown>/<auto>");
    } else if (value.n) {
        struct str is = doc_text(doc_path(current, "resource.current.averageValue"));
        buf_printf(out, STR_FMT ": " STR_FMT "/" STR_FMT, STR_ARG(name), STR_ARG(is.n ? is : STR("<unknown>")),
                   STR_ARG(value));
    } else if (doc_to_int(doc_path(current, "resource.current.averageUtilization"), &have)) {
        buf_printf(out, STR_FMT ": %lld%%/%lld%%", STR_ARG(name), (long long)have, (long long)want);
    } else {
        buf_printf(out, STR_FMT ": <unknown>/%lld%%", STR_ARG(name), (long long)want);
    }
}

struct doc *cell_hpa_targets(const struct cell_context *c, const char *arg)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(CELL_MAX);
    int64_t want, have;
    size_t i = 0;

    if (doc_to_int(doc_path(c->obj, "spec.targetCPUUtilizationPercentage"), &want)) {
        if (!doc_to_int(doc_path(c->obj, "status.currentCPUUtilizationPercentage"), &have))
            return doc_printf(c->a, "cpu: <unknown>/%lld%%", (long long)want);
        return doc_printf(c->a, "cpu: %lld%%/%lld%%", (long long)have, (long long)want);
    }
    doc_foreach (doc_path(c->obj, "spec.metrics"), m) {
        if (i < 2)
            add_target(&out, c, m, i);
        i++;
    }
    if (!i)
        return cell_string(c, STR("<none>"));
    if (i > 2)
        buf_printf(&out, " + %zu more...", i - 2);
    return cell_take(c, &out);
}

/* --- the API machinery --- */

struct doc *cell_param_kind(const struct cell_context *c, const char *arg)
{
    const struct doc *k = doc_path(c->obj, "spec.paramKind");

    if (!k)
        return cell_string(c, STR("<unset>"));
    return doc_printf(c->a, STR_FMT "/" STR_FMT, STR_ARG(doc_str(doc_get(k, "apiVersion"))),
                      STR_ARG(doc_str(doc_get(k, "kind"))));
}

struct doc *cell_param_ref(const struct cell_context *c, const char *arg)
{
    const struct doc *r = doc_path(c->obj, "spec.paramRef");
    struct str ns = doc_str(doc_get(r, "namespace")), name = doc_str(doc_get(r, "name"));

    if (!r)
        return cell_string(c, STR("<unset>"));
    if (!ns.n)
        return cell_string(c, name);
    return doc_printf(c->a, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name));
}

struct doc *cell_api_service(const struct cell_context *c, const char *arg)
{
    const struct doc *s = doc_path(c->obj, "spec.service");

    if (!doc_is(s, DOC_OBJECT))
        return cell_string(c, STR("Local"));
    return doc_printf(c->a, STR_FMT "/" STR_FMT, STR_ARG(doc_str(doc_get(s, "namespace"))),
                      STR_ARG(doc_str(doc_get(s, "name"))));
}

struct doc *cell_api_available(const struct cell_context *c, const char *arg)
{
    const struct doc *cond = cell_find(doc_path(c->obj, "status.conditions"), "type", "Available");
    struct str status = doc_str(doc_get(cond, "status"));

    if (!cond)
        return cell_string(c, STR("Unknown"));
    if (str_is(status, "True"))
        return cell_string(c, status);
    return doc_printf(c->a, STR_FMT " (" STR_FMT ")", STR_ARG(status), STR_ARG(doc_str(doc_get(cond, "reason"))));
}

struct doc *cell_claim_state(const struct cell_context *c, const char *arg)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(KIB);

    if (doc_str(doc_path(c->obj, "metadata.deletionTimestamp")).n)
        cell_add(&out, STR("deleted"), ",");
    if (!doc_path(c->obj, "status.allocation"))
        cell_add(&out, out.len ? STR("") : STR("pending"), "");
    else
        cell_add(&out, STR("allocated"), ",");
    if (doc_count(doc_path(c->obj, "status.reservedFor")))
        cell_add(&out, STR("reserved"), ",");
    return cell_take(c, &out);
}

struct doc *cell_component_condition(const struct cell_context *c, const char *arg)
{
    const struct doc *healthy = cell_find(doc_get(c->obj, "conditions"), "type", "Healthy");
    struct str s = doc_str(doc_get(healthy, arg));

    if (!str_is(str_of(arg), "status"))
        return cell_string(c, s);
    return cell_string(c, str_is(s, "True") ? STR("Healthy") : str_is(s, "False") ? STR("Unhealthy") : STR("Unknown"));
}
