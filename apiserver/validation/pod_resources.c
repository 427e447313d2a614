/*
 * Resource requests and limits.
 */
#include "apiserver/validation/pod_internal.h"

static const char *const container_resources[] = {"cpu", "memory", "ephemeral-storage", NULL};
static const char *const standard_resources[] = {"cpu",
                                                 "memory",
                                                 "ephemeral-storage",
                                                 "requests.cpu",
                                                 "requests.memory",
                                                 "requests.ephemeral-storage",
                                                 "limits.cpu",
                                                 "limits.memory",
                                                 "limits.ephemeral-storage",
                                                 "pods",
                                                 "resourcequotas",
                                                 "services",
                                                 "replicationcontrollers",
                                                 "secrets",
                                                 "configmaps",
                                                 "persistentvolumeclaims",
                                                 "storage",
                                                 "requests.storage",
                                                 "services.nodeports",
                                                 "services.loadbalancers",
                                                 NULL};

static bool has_slash(struct str name)
{
    return name.n && memchr(name.p, '/', name.n);
}

static bool huge_pages(struct str name)
{
    return str_starts(name, STR("hugepages-"));
}

static bool native(struct str name)
{
    return !has_slash(name) || memmem(name.p, name.n, "kubernetes.io/", 14);
}

static bool extended(struct arena *a, struct str name)
{
    if (native(name) || str_starts(name, STR("requests.")))
        return false;
    char *quota = arena_printf(a, "requests." STR_FMT, STR_ARG(name)); /* quota must be able to name it */
    return quota && name_fine(name_qualified, str_of(quota));
}

static bool may_overcommit(struct str name)
{
    return native(name) && !huge_pages(name);
}

static void check_resource_name(errors *e, path_t p, struct str name)
{
    size_t before = e->n;
    v_name(e, p, name, name_qualified);
    if (!has_slash(name)) {
        if (e->n == before && !v_among(name, standard_resources) && !huge_pages(name) &&
            !str_starts(name, STR("requests.hugepages-")))
            field_invalid_str(e, p, name, "must be a standard resource type or fully qualified");
        if (!v_among(name, container_resources) && !huge_pages(name))
            field_invalid_str(e, p, name, "must be a standard resource for containers");
    } else if (!native(name) && !extended(e->arena, name)) {
        field_invalid_str(e, p, name, "doesn't follow extended resource name standard");
    }
}

static bool read_quantity(const struct doc *v, struct quantity *ret)
{
    return quantity_read(doc_text(v), ret);
}

static void check_value(errors *e, path_t p, struct str name, const struct doc *value)
{
    struct quantity q;
    v_quantity_not_negative(e, p, value);
    if (extended(e->arena, name) && read_quantity(value, &q) && quantity_milli(&q) % 1000 != 0)
        field_invalid_str(e, p, doc_text(value), "must be an integer");
}

static void check_pair(errors *e, path_t p, struct str name, const struct doc *request, const struct doc *limit)
{
    struct quantity r, l;
    if (!limit) {
        if (!may_overcommit(name))
            field_required(e, FIELD(p, "limits"), "Limit must be set for non overcommitable resources");
        return;
    }
    if (!read_quantity(request, &r) || !read_quantity(limit, &l))
        return;
    int cmp = quantity_cmp(&r, &l);
    if (cmp != 0 && !may_overcommit(name))
        field_invalid_str(e, FIELD(p, "requests"), doc_text(request), "must be equal to " STR_FMT " limit of " STR_FMT,
                          STR_ARG(name), STR_ARG(doc_text(limit)));
    else if (cmp > 0)
        field_invalid_str(e, FIELD(p, "requests"), doc_text(request),
                          "must be less than or equal to " STR_FMT " limit of " STR_FMT, STR_ARG(name),
                          STR_ARG(doc_text(limit)));
}

static bool any_of(const struct doc *limits, const struct doc *requests, const char *name)
{
    return v_get(limits, name) || v_get(requests, name);
}

static void check_claims(struct pod_check *c, path_t p, const struct doc *claims)
{
    struct seen seen = SEEN_IN(c->arena);
    V_EACH (claims, claim) {
        struct str name = v_str(claim.at, "name");
        if (!name.n)
            field_required(c->e, FIELD_AT(p, claim.i), "%s", "");
        else if (v_seen(&seen, name))
            field_duplicate_str(c->e, FIELD_AT(p, claim.i), name);
        else if (!v_seen_has(&c->claims, name))
            field_not_found_str(c->e, FIELD_AT(p, claim.i), name);
    }
}

void v_resources(struct pod_check *c, path_t p, const struct doc *resources)
{
    const struct doc *limits = v_get(resources, "limits"), *requests = v_get(resources, "requests");
    bool pages = false;
    doc_foreach (limits, it) {
        path_t at = FIELD_KEY(FIELD(p, "limits"), doc_key(it));
        check_resource_name(c->e, at, doc_key(it));
        check_value(c->e, at, doc_key(it), it);
        pages |= huge_pages(doc_key(it));
    }
    doc_foreach (requests, it) {
        path_t at = FIELD_KEY(FIELD(p, "requests"), doc_key(it));
        check_resource_name(c->e, at, doc_key(it));
        check_value(c->e, at, doc_key(it), it);
        check_pair(c->e, p, doc_key(it), it, limits ? doc_get_str(limits, doc_key(it)) : NULL);
        pages |= huge_pages(doc_key(it));
    }
    if (pages && !any_of(limits, requests, "cpu") && !any_of(limits, requests, "memory"))
        field_forbidden(c->e, p, "HugePages require cpu or memory");
    check_claims(c, FIELD(p, "claims"), v_get(resources, "claims"));
}

static void add_requests(struct pod_check *c, const char *list, const struct doc *name_of, struct quantity *sum)
{
    V_EACH (v_get(c->spec, list), ctr) {
        struct quantity q;
        const struct doc *requests = v_get(v_get(ctr.at, "resources"), "requests");
        const struct doc *value = requests ? doc_get_str(requests, doc_key(name_of)) : NULL;
        if (value && read_quantity(value, &q))
            quantity_add(sum, &q);
    }
}

void v_pod_resources(struct pod_check *c, path_t p)
{
    const struct doc *resources = v_get(c->spec, "resources");
    const struct doc *limits = v_get(resources, "limits"), *requests = v_get(resources, "requests");
    path_t at = FIELD(p, "resources");
    if (!resources)
        return;
    if (v_get(resources, "claims"))
        field_forbidden(c->e, FIELD(at, "claims"), "claims may not be set for Resources at pod-level");
    doc_foreach (limits, it) {
        check_resource_name(c->e, FIELD_KEY(FIELD(at, "limits"), doc_key(it)), doc_key(it));
        check_value(c->e, FIELD_KEY(FIELD(at, "limits"), doc_key(it)), doc_key(it), it);
    }
    doc_foreach (requests, it) {
        path_t here = FIELD_KEY(FIELD(at, "requests"), doc_key(it));
        struct quantity own, sum = quantity_of(0, QUANTITY_DECIMAL_SI);
        char text[QUANTITY_TEXT_MAX];
        check_resource_name(c->e, here, doc_key(it));
        check_value(c->e, here, doc_key(it), it);
        check_pair(c->e, at, doc_key(it), it, limits ? doc_get_str(limits, doc_key(it)) : NULL);
        add_requests(c, "containers", it, &sum);
        if (!read_quantity(it, &own) || quantity_cmp(&sum, &own) <= 0)
            continue;
        quantity_format(&sum, text);
        field_invalid_str(c->e, here, doc_text(it),
                          "must be greater than or equal to aggregate container requests of %s", text);
    }
}
