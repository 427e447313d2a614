/* A pod's own defaults: requests from limits, of containers and of the pod as a whole, and ports of the host's network.
 */
#include "api/defaults_rules.h"

#include "api/quantity.h"

static void container_requests(struct arena *a, struct doc *containers, const struct schema_message *m)
{
    const struct schema_message *mr = m ? default_message(m, "resources") : NULL;

    doc_foreach (containers, it) {
        struct doc *resources = doc_get(it, "resources"), *limits = doc_get(resources, "limits");
        if (!doc_is(limits, DOC_OBJECT))
            continue;
        default_unset_put(resources, mr, "requests", doc_object(a));
        struct doc *requests = doc_get(resources, "requests");
        doc_foreach (limits, limit)
            if (requests && !doc_get_str(requests, doc_key(limit)))
                doc_set_str(requests, doc_key(limit), doc_clone(a, limit, true));
        if (requests)
            doc_sort_members(requests, false);
    }
}

static void host_ports(struct arena *a, struct doc *containers, const struct schema_message *m)
{
    const struct schema_message *mp = m ? default_message(m, "ports") : NULL;

    doc_foreach (containers, it)
        doc_foreach (doc_get(it, "ports"), port)
            if (doc_get(port, "containerPort"))
                default_unset_put(port, mp, "hostPort", doc_clone(a, doc_get(port, "containerPort"), true));
}

/* --- resources of the whole pod --- */

static bool is_pod_level(struct str resource)
{
    return str_is(resource, "cpu") || str_is(resource, "memory") || str_starts(resource, STR("hugepages-"));
}

static bool container_amount(const struct doc *container, const char *list, struct str resource, struct quantity *ret)
{
    const struct doc *d = doc_get_str(doc_get(doc_get(container, "resources"), list), resource);

    return d && quantity_read(doc_text(d), ret);
}

static bool is_sidecar(const struct doc *container)
{
    return str_is(doc_str(doc_get(container, "restartPolicy")), "Always");
}

/* What the pod needs of a resource: the sum of what runs together, or more if an init container wants more. */
static bool aggregate(const struct doc *spec, const char *list, struct str resource, struct quantity *ret)
{
    struct quantity sum = {0}, init_max = {0}, sidecars = {0}, q;
    bool any = false;

    doc_foreach (doc_get(spec, "containers"), it)
        if (container_amount(it, list, resource, &q)) {
            quantity_add(&sum, &q);
            any = true;
        }
    doc_foreach (doc_get(spec, "initContainers"), it) {
        if (!container_amount(it, list, resource, &q))
            continue;
        any = true;
        if (is_sidecar(it)) {
            quantity_add(&sidecars, &q);
            q = sidecars;
        } else {
            quantity_add(&q, &sidecars);
        }
        if (quantity_cmp(&q, &init_max) > 0)
            init_max = q;
    }
    quantity_add(&sum, &sidecars);
    *ret = quantity_cmp(&init_max, &sum) > 0 ? init_max : sum;
    return any;
}

struct totals {
    struct arena *a;
    const struct doc *spec;
    struct doc *resources;
    const struct schema_message *m; /* of resources */
    const char *list;               /* "requests" or "limits" */
};

static void set_total(struct totals *t, struct str resource, struct doc *value)
{
    if (!doc_is(doc_get(t->resources, t->list), DOC_OBJECT))
        default_put(t->resources, t->m, t->list, doc_object(t->a));
    struct doc *map = doc_get(t->resources, t->list);
    if (map && value) {
        doc_set_str(map, resource, value);
        doc_sort_members(map, false);
    }
}

static void default_total(struct totals *t, struct str resource)
{
    char text[QUANTITY_TEXT_MAX];
    struct quantity q;

    if (doc_get_str(doc_get(t->resources, t->list), resource) || !aggregate(t->spec, t->list, resource, &q))
        return;
    quantity_format(&q, text);
    set_total(t, resource, doc_string_copy(t->a, str_of(text)));
}

static void default_totals_of(struct totals *t, const struct doc *containers, bool huge_pages_only)
{
    doc_foreach (containers, it)
        doc_foreach (doc_get(doc_get(it, "resources"), t->list), r)
            if (huge_pages_only ? str_starts(doc_key(r), STR("hugepages-")) : is_pod_level(doc_key(r)))
                default_total(t, doc_key(r));
}

static void pod_resources(struct arena *a, struct doc *spec, const struct schema_message *m)
{
    struct totals t = {.a = a, .spec = spec, .resources = doc_get(spec, "resources"), .list = "limits"};
    struct doc *limits = doc_get(t.resources, "limits");

    t.m = default_message(m, "resources");
    if (doc_count(limits) == 0 && doc_count(doc_get(t.resources, "requests")) == 0)
        return;
    bool limited = doc_count(limits) > 0;
    default_totals_of(&t, doc_get(spec, "containers"), true);
    default_totals_of(&t, doc_get(spec, "initContainers"), true);
    if (!limited)
        return;
    t.list = "requests";
    default_totals_of(&t, doc_get(spec, "containers"), false);
    default_totals_of(&t, doc_get(spec, "initContainers"), false);
    doc_foreach (doc_get(t.resources, "limits"), it)
        if (is_pod_level(doc_key(it)) && !doc_get_str(doc_get(t.resources, "requests"), doc_key(it)))
            set_total(&t, doc_key(it), doc_clone(a, it, true));
}

void default_pod(struct arena *a, struct doc *pod, const struct schema_message *m)
{
    const struct schema_message *ms = default_message(m, "spec"), *mc = default_message(ms, "containers");
    struct doc *spec = doc_get(pod, "spec");

    if (!doc_is(spec, DOC_OBJECT))
        return;
    container_requests(a, doc_get(spec, "containers"), mc);
    container_requests(a, doc_get(spec, "initContainers"), mc);
    if (doc_is(doc_get(spec, "resources"), DOC_OBJECT))
        pod_resources(a, spec, ms);
    if (!doc_true(doc_get(spec, "hostNetwork")))
        return;
    host_ports(a, doc_get(spec, "containers"), mc);
    host_ports(a, doc_get(spec, "initContainers"), mc);
}
