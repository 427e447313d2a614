#include "apiserver/validation/kinds.h"

static bool taint_seen(const struct doc *taints, const struct v_cursor *c)
{
    V_EACH (taints, before) {
        if (before.i == c->i)
            return false;
        if (str_eq(v_str(before.at, "key"), v_str(c->at, "key")) &&
            str_eq(v_str(before.at, "effect"), v_str(c->at, "effect")))
            return true;
    }
    return false;
}

/* Upstream reports taints under metadata. */
static void check_taints(errors *e, path_t p, const struct doc *taints)
{
    V_EACH (taints, t) {
        path_t at = FIELD_AT(p, t.i);
        struct name_problems problems = {.n = 0};
        v_name(e, FIELD(at, "key"), v_str(t.at, "key"), name_qualified);
        name_label_value(v_str(t.at, "value"), &problems);
        if (problems.n)
            field_invalid_str(e, FIELD(at, "value"), v_str(t.at, "value"), "%s%s%s", problems.text[0],
                              problems.n > 1 ? ";" : "", problems.n > 1 ? problems.text[1] : "");
        V_ENUM_REQUIRED(e, FIELD(at, "effect"), v_str(t.at, "effect"), "NoSchedule", "PreferNoSchedule", "NoExecute");
        if (taint_seen(taints, &t))
            field_duplicate(e, at, t.at);
    }
}

static void check_cidrs(errors *e, path_t p, const struct doc *cidrs)
{
    bool v4 = false, v6 = false;
    V_EACH (cidrs, c) {
        struct ip_address ip;
        int bits;
        v_name(e, FIELD_AT(p, c.i), doc_str(c.at), name_cidr);
        if (cidr_parse(doc_str(c.at), &ip, &bits))
            *(ip.v6 ? &v6 : &v4) = true;
    }
    if (doc_count(cidrs) > 1 && (!(v4 && v6) || doc_count(cidrs) > 2))
        field_invalid(e, p, cidrs, "may specify no more than one CIDR for each IP family");
}

static void check_resources(errors *e, path_t p, const struct doc *list)
{
    doc_foreach (list, it) {
        v_name(e, FIELD_KEY(p, doc_key(it)), doc_key(it), name_qualified);
        v_quantity_not_negative(e, FIELD_KEY(p, doc_key(it)), it);
    }
}

void validate_node(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec");
    check_taints(k->e, FIELD(FIELD(NULL, "metadata"), "taints"), v_get(spec, "taints"));
    check_cidrs(k->e, FIELD(FIELD(NULL, "spec"), "podCIDRs"), v_get(spec, "podCIDRs"));
}

void validate_node_update(struct kind_check *k)
{
    const struct doc *now = v_get(k->obj, "spec"), *old = v_get(k->old, "spec"), *status = v_get(k->obj, "status");
    path_t p = FIELD(NULL, "spec"), s = FIELD(NULL, "status");
    const struct doc *cidrs = v_get(old, "podCIDRs"), *addresses = v_get(status, "addresses");
    check_resources(k->e, FIELD(s, "capacity"), v_get(status, "capacity"));
    check_resources(k->e, FIELD(s, "allocatable"), v_get(status, "allocatable"));
    V_EACH (addresses, a) {
        V_EACH (addresses, before) {
            if (before.i == a.i)
                break;
            if (doc_equal(before.at, a.at))
                field_duplicate(k->e, FIELD_AT(FIELD(s, "addresses"), a.i), a.at);
        }
    }
    if (doc_count(cidrs) && !v_equal(cidrs, v_get(now, "podCIDRs")))
        field_forbidden(k->e, FIELD(p, "podCIDRs"), "node updates may not change podCIDR except from \"\" to valid");
    if (v_str(old, "providerID").n && !str_eq(v_str(old, "providerID"), v_str(now, "providerID")))
        field_forbidden(k->e, FIELD(p, "providerID"),
                        "node updates may not change providerID except from \"\" to valid");
    check_taints(k->e, FIELD(FIELD(NULL, "metadata"), "taints"), v_get(now, "taints"));
    if (!str_eq(v_str(now, "externalID"), v_str(old, "externalID")))
        field_forbidden(k->e, FIELD(p, "externalID"), "may not be updated");
}
