/* pods/eviction: a delete that asks the disruption budget first. */
#include "api/selector.h"
#include "api/status.h"
#include "apiserver/http/body.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/subresources.h"
#include "apiserver/http/write.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/registry.h"

#define TRIES 16
#define BLOCKED "Cannot evict pod as it would violate the pod's disruption budget."

struct budget_search {
    struct arena *arena;
    const struct doc *labels;
    struct str found;
    size_t n;
};

static bool look(void *arg, const struct doc *pdb)
{
    struct budget_search *s = arg;
    const struct label_selector *selector = NULL;
    struct err ignored = ERR_INIT;
    if (label_selector_from_doc(s->arena, doc_path(pdb, "spec.selector"), &selector, &ignored) < 0 ||
        !label_selector_matches_doc(selector, s->labels))
        return true;
    if (!s->n++)
        s->found = arena_str(s->arena, meta_name(pdb));
    return true;
}

static int blocked(struct op *op, struct err *err, const char *why)
{
    status_too_many_requests(err, op->arena, 0, "%s", BLOCKED);
    status_add_cause(err, op->arena, "DisruptionBudget", why, NULL);
    return -1;
}

/* Takes one disruption from the budget in pdb (changed), or says why not. */
static int take_disruption(struct op *op, struct doc *pdb, struct str pod, struct err *err)
{
    struct doc *status = doc_need_object(op->arena, pdb, "status");
    struct str name = meta_name(pdb);
    int64_t allowed = doc_int_or(doc_get(status, "disruptionsAllowed"), 0);
    if (doc_int_or(doc_get(status, "observedGeneration"), 0) < meta_generation(pdb)) {
        err->retry_after_s = 10;
        return blocked(op, err,
                       arena_printf(op->arena,
                                    "The disruption budget " STR_FMT " is still being processed by the server.",
                                    STR_ARG(name)));
    }
    if (allowed < 0)
        return status_forbidden(err, op->arena, STR("policy"), STR("poddisruptionbudget"), name,
                                "pdb disruptions allowed is negative");
    if (allowed == 0)
        return blocked(op, err,
                       arena_printf(op->arena,
                                    "The disruption budget " STR_FMT " needs %lld healthy pods and has %lld currently",
                                    STR_ARG(name), (long long)doc_int_or(doc_get(status, "desiredHealthy"), 0),
                                    (long long)doc_int_or(doc_get(status, "currentHealthy"), 0)));
    doc_set(status, "disruptionsAllowed", doc_int(op->arena, allowed - 1));
    struct doc *disrupted = doc_need_object(op->arena, status, "disruptedPods");
    if (disrupted)
        doc_set_str(disrupted, pod, meta_time(op->arena, op->now));
    return 0;
}

static int charge_budget(struct op *pods, struct str budget, struct err *err)
{
    struct op op = *pods;
    op.res = registry_resource("policy", "poddisruptionbudgets");
    op.strategy = strategy_of(op.res);
    op.name = budget;
    for (int i = 0; i < TRIES; i++) {
        struct storage_object *now = NULL;
        _cleanup_(storage_object_unrefp) struct storage_object *out = NULL;
        struct doc *pdb = NULL;
        if (store_get(&op, true, &pdb, &now, err) < 0)
            return -1;
        arena_defer(op.arena, (void (*)(void *))storage_object_unref, now);
        if (take_disruption(&op, pdb, pods->name, err) < 0)
            return -1;
        if (store_write(&op, pdb, now->mod_revision, &out, err) == 0)
            return 0;
        if (err->code != ERR_CONFLICT)
            return -1;
        err_clear(err);
    }
    return status_modified(err, op.arena, STR("policy"), STR("poddisruptionbudgets"), budget);
}

static bool needs_budget(const struct doc *pod)
{
    struct str phase = doc_str(doc_path(pod, "status.phase"));
    return !meta_is_deleting(pod) && !str_is(phase, "Succeeded") && !str_is(phase, "Failed") &&
           !str_is(phase, "Pending");
}

static int ask_budgets(struct op *op, const struct doc *pod, struct err *err)
{
    struct budget_search s = {.arena = op->arena, .labels = doc_get(meta_of(pod), "labels")};
    const struct resource *res = registry_resource("policy", "poddisruptionbudgets");
    if (!needs_budget(pod) || !res)
        return 0;
    if (registry_each(op->registry, res, op->ns, look, &s, err) < 0)
        return -1;
    if (s.n > 1)
        return err_set(
            err, ERR_INTERNAL,
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
    return s.n ? charge_budget(op, s.found, err) : 0;
}

static void options_of(const struct doc *eviction, struct delete_options *o)
{
    const struct doc *d = doc_get(eviction, "deleteOptions");
    o->uid = doc_str(doc_path(d, "preconditions.uid"));
    o->resource_version = doc_str(doc_path(d, "preconditions.resourceVersion"));
    o->has_grace = doc_to_int(doc_get(d, "gracePeriodSeconds"), &o->grace);
    o->propagation = doc_str(doc_get(d, "propagationPolicy"));
}

int sub_eviction(struct request *r, struct err *err)
{
    struct doc *eviction = NULL, *pod = NULL;
    struct storage_object *now = NULL, *gone_object = NULL;
    struct delete_options options = {0};
    struct body_kind want = body_kind_of(r);
    bool gone;
    if (write_check(r, err) < 0 || body_object(r, &want, &eviction, err) < 0 || write_check_name(r, eviction, err) < 0)
        return -1;
    options_of(eviction, &options);
    struct op op = write_op(r);
    op.sub = "";
    if (store_get(&op, true, &pod, &now, err) < 0)
        return -1;
    arena_defer(r->arena, (void (*)(void *))storage_object_unref, now);
    if (!op.dry_run && ask_budgets(&op, pod, err) < 0)
        return -1;
    if (!options.uid.n)
        options.uid = meta_uid(pod);
    if (store_delete(&op, &options, &gone_object, &gone, err) < 0)
        return -1;
    storage_object_unref(gone_object);
    r->accept.shape = SHAPE_OBJECT;
    return respond_doc(r, 201, status_success(r->arena, NULL), err);
}
