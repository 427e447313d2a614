/*
 * A pod's spec as a whole, and pod templates. The order of the checks is upstream's, since messages are shown in it.
 */
#include "apiserver/validation/pod_internal.h"

#include "base/parse.h"

#define NAMESERVERS_MAX 3
#define SEARCHES_MAX 32
#define SEARCH_CHARS_MAX 2048
#define HOSTNAME_OVERRIDE_MAX 64
#define MIRROR "kubernetes.io/config.mirror"
#define DELETION_COST "controller.kubernetes.io/pod-deletion-cost"

static void check_resource_claims(struct pod_check *c, path_t p, const struct doc *list)
{
    V_EACH (list, claim) {
        path_t at = FIELD_AT(p, claim.i);
        struct str name = v_str(claim.at, "name");
        const struct doc *direct = v_get(claim.at, "resourceClaimName");
        const struct doc *tmpl = v_get(claim.at, "resourceClaimTemplateName");
        if (!name.n)
            field_required(c->e, FIELD(at, "name"), "%s", "");
        else if (v_seen(&c->claims, name))
            field_duplicate_str(c->e, FIELD(at, "name"), name);
        else
            v_name(c->e, FIELD(at, "name"), name, name_dns1123_label);
        if (direct && tmpl)
            field_invalid(c->e, at, claim.at,
                          "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
        if (!direct && !tmpl)
            field_invalid(c->e, at, claim.at, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
        if (direct)
            v_name(c->e, FIELD(at, "resourceClaimName"), doc_str(direct), name_dns1123_subdomain);
        if (tmpl)
            v_name(c->e, FIELD(at, "resourceClaimTemplateName"), doc_str(tmpl), name_dns1123_subdomain);
    }
}

static void check_host_network(struct pod_check *c, path_t p)
{
    if (!v_true(c->spec, "hostNetwork"))
        return;
    V_EACH (v_get(c->spec, "containers"), ctr) {
        V_EACH (v_get(ctr.at, "ports"), port) {
            int64_t host = v_int(port.at, "hostPort");
            if ((c->is_pod || host != 0) && host != v_int(port.at, "containerPort"))
                field_invalid_int(
                    c->e, FIELD(FIELD_AT(FIELD(FIELD_AT(FIELD(p, "containers"), ctr.i), "ports"), port.i), "hostPort"),
                    host, "must match `containerPort` when `hostNetwork` is true");
        }
    }
}

static void check_pull_secrets(errors *e, path_t p, const struct doc *list)
{
    V_EACH (list, s) {
        if (doc_count(s.at) > 1)
            field_invalid(e, FIELD_AT(p, s.i), s.at, "only name may be set");
    }
}

static void check_searches(errors *e, path_t p, const struct doc *searches)
{
    size_t chars = doc_count(searches) ? doc_count(searches) - 1 : 0;
    V_EACH (searches, s) {
        chars += doc_str(s.at).n;
    }
    if (doc_count(searches) > SEARCHES_MAX)
        field_invalid(e, p, searches, "must not have more than 32 search paths");
    if (chars > SEARCH_CHARS_MAX)
        field_invalid(e, p, searches, "must not have more than 2048 characters (including spaces) in the search list");
    V_EACH (searches, s2) {
        struct str search = doc_str(s2.at);
        if (str_is(search, "."))
            continue;
        if (str_ends(search, STR(".")))
            search.n--;
        v_name(e, FIELD_AT(p, s2.i), search, name_dns1123_subdomain_underscore);
    }
}

static void check_dns(struct pod_check *c, path_t p)
{
    const struct doc *config = v_get(c->spec, "dnsConfig");
    const struct doc *servers = v_get(config, "nameservers");
    if (str_is(v_str(c->spec, "dnsPolicy"), "None")) {
        if (!config) {
            field_required(c->e, p, "must provide `dnsConfig` when `dnsPolicy` is None");
            return;
        }
        if (!doc_count(servers)) {
            field_required(c->e, FIELD(p, "nameservers"),
                           "must provide at least one DNS nameserver when `dnsPolicy` is None");
            return;
        }
    }
    if (doc_count(servers) > NAMESERVERS_MAX)
        field_invalid(c->e, FIELD(p, "nameservers"), servers, "must not have more than 3 nameservers");
    V_EACH (servers, s) {
        v_ip(c->e, FIELD_AT(FIELD(p, "nameservers"), s.i), doc_str(s.at));
    }
    check_searches(c->e, FIELD(p, "searches"), v_get(config, "searches"));
    V_EACH (v_get(config, "options"), o) {
        if (!v_str(o.at, "name").n)
            field_required(c->e, FIELD_AT(FIELD(p, "options"), o.i), "must not be empty");
    }
}

static void check_host_users(struct pod_check *c, path_t p)
{
    const struct doc *users = v_get(c->spec, "hostUsers");
    if (!users || doc_true(users))
        return;
    if (v_true(c->spec, "hostNetwork"))
        field_forbidden(c->e, FIELD(p, "hostNetwork"), "when `hostUsers` is false");
    if (v_true(c->spec, "hostPID"))
        field_forbidden(c->e, FIELD(p, "HostPID"), "when `hostUsers` is false");
    if (v_true(c->spec, "hostIPC"))
        field_forbidden(c->e, FIELD(p, "HostIPC"), "when `hostUsers` is false");
}

static void check_hostname(struct pod_check *c, path_t p)
{
    const struct doc *override = v_get(c->spec, "hostnameOverride");
    path_t at = FIELD(p, "hostnameOverride");
    if (!override)
        return;
    if (v_true(c->spec, "setHostnameAsFQDN"))
        field_forbidden(c->e, at, "may not be specified when setHostnameAsFQDN is true");
    if (v_true(c->spec, "hostNetwork"))
        field_forbidden(c->e, at, "may not be specified when hostNetwork is true");
    if (doc_str(override).n > HOSTNAME_OVERRIDE_MAX)
        field_too_long(c->e, at, HOSTNAME_OVERRIDE_MAX);
    v_name(c->e, at, doc_str(override), name_dns1123_subdomain);
}

static void check_host_aliases(errors *e, path_t p, const struct doc *list)
{
    V_EACH (list, alias) {
        path_t at = FIELD_AT(p, alias.i);
        v_ip(e, FIELD(at, "ip"), v_str(alias.at, "ip"));
        V_EACH (v_get(alias.at, "hostnames"), host) {
            v_name(e, FIELD_AT(FIELD(at, "hostnames"), host.i), doc_str(host.at), name_dns1123_subdomain);
        }
    }
}

/* Names that, when they are there, must be in a form. */
static void check_names(struct pod_check *c, path_t p)
{
    static const struct {
        const char *field;
        name_check check;
    } names[] = {
        {"hostname", name_dns1123_label},
        {"subdomain", name_dns1123_label},
        {"priorityClassName", name_dns1123_subdomain},
        {"runtimeClassName", name_dns1123_subdomain},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str s = v_str(c->spec, names[i].field);
        if (s.n)
            v_name(c->e, FIELD(p, names[i].field), s, names[i].check);
    }
}

static void check_os(struct pod_check *c, path_t p)
{
    const struct doc *os = v_get(c->spec, "os");
    struct str name = v_str(os, "name");
    if (!os)
        return;
    if (!name.n)
        field_required(c->e, FIELD(FIELD(p, "os"), "name"), "%s", "");
    else
        V_ENUM(c->e, FIELD(p, "os"), name, "linux", "windows");
    if (str_is(name, "linux") && v_get(v_get(c->spec, "securityContext"), "windowsOptions"))
        field_forbidden(c->e, FIELD(FIELD(p, "securityContext"), "windowsOptions"),
                        "windows options cannot be set for a linux pod");
}

static void check_deadline(struct pod_check *c, path_t p)
{
    const struct doc *deadline = v_get(c->spec, "activeDeadlineSeconds");
    int64_t seconds = doc_int_or(deadline, 0);
    if (deadline && (seconds < 1 || seconds > INT32_MAX))
        field_invalid_int(c->e, FIELD(p, "activeDeadlineSeconds"), seconds,
                          "must be between 1 and 2147483647, inclusive");
}

static void check_readiness_gates(errors *e, path_t p, const struct doc *list)
{
    V_EACH (list, gate) {
        v_name(e, FIELD(FIELD_AT(p, gate.i), "conditionType"), v_str(gate.at, "conditionType"), name_qualified);
    }
}

static void check_overhead(errors *e, path_t p, const struct doc *overhead)
{
    doc_foreach (overhead, it) {
        v_quantity_not_negative(e, FIELD_KEY(p, doc_key(it)), it);
    }
}

static void check_placement(struct pod_check *c, path_t p)
{
    errors *e = c->e;
    v_labels(e, FIELD(p, "nodeSelector"), v_get(c->spec, "nodeSelector"));
    v_pod_security(c, FIELD(p, "securityContext"), v_get(c->spec, "securityContext"));
    check_pull_secrets(e, FIELD(p, "imagePullSecrets"), v_get(c->spec, "imagePullSecrets"));
    v_affinity(e, FIELD(p, "affinity"), v_get(c->spec, "affinity"));
    check_dns(c, FIELD(p, "dnsConfig"));
    check_readiness_gates(e, FIELD(p, "readinessGates"), v_get(c->spec, "readinessGates"));
    v_scheduling_gates(e, FIELD(p, "schedulingGates"), v_get(c->spec, "schedulingGates"));
    v_topology_spread(e, FIELD(p, "topologySpreadConstraints"), v_get(c->spec, "topologySpreadConstraints"));
}

void v_pod_spec(struct pod_check *c, path_t p)
{
    errors *e = c->e;
    const struct doc *grace = v_get(c->spec, "terminationGracePeriodSeconds");
    struct str account = v_str(c->spec, "serviceAccountName"), node = v_str(c->spec, "nodeName");
    c->volumes.arena = c->block_claims.arena = c->claims.arena = c->host_ports.arena = c->arena;
    c->has_grace = grace != NULL;
    c->grace = doc_int_or(grace, 0);
    if (!grace)
        field_required(e, FIELD(p, "terminationGracePeriodSeconds"), "%s", "");
    v_volumes(c, FIELD(p, "volumes"), v_get(c->spec, "volumes"));
    check_resource_claims(c, FIELD(p, "resourceClaims"), v_get(c->spec, "resourceClaims"));
    v_containers(c, FIELD(p, "containers"), v_get(c->spec, "containers"));
    v_init_containers(c, FIELD(p, "initContainers"), v_get(c->spec, "initContainers"));
    v_ephemeral_containers(c, FIELD(p, "ephemeralContainers"), v_get(c->spec, "ephemeralContainers"));
    v_pod_resources(c, p);
    check_host_network(c, p);
    V_ENUM_REQUIRED(e, FIELD(p, "restartPolicy"), v_str(c->spec, "restartPolicy"), "Always", "OnFailure", "Never");
    V_ENUM_REQUIRED(e, FIELD(p, "dnsPolicy"), v_str(c->spec, "dnsPolicy"), "ClusterFirstWithHostNet", "ClusterFirst",
                    "Default", "None");
    check_placement(c, p);
    check_host_users(c, p);
    check_hostname(c, p);
    if (account.n)
        v_name(e, FIELD(p, "serviceAccountName"), account, name_dns1123_subdomain);
    if (node.n)
        v_name(e, FIELD(p, "nodeName"), node, name_dns1123_subdomain);
    check_deadline(c, p);
    check_names(c, p);
    v_tolerations(e, FIELD(p, "tolerations"), v_get(c->spec, "tolerations"));
    check_host_aliases(e, FIELD(p, "hostAliases"), v_get(c->spec, "hostAliases"));
    if (v_get(c->spec, "preemptionPolicy"))
        V_ENUM_REQUIRED(e, FIELD(p, "preemptionPolicy"), v_str(c->spec, "preemptionPolicy"), "PreemptLowerPriority",
                        "Never");
    check_overhead(e, FIELD(p, "overhead"), v_get(c->spec, "overhead"));
    check_os(c, p);
}

void v_pod_annotations(errors *e, path_t p, const struct doc *annotations, const struct doc *spec)
{
    const struct doc *mirror = v_get(annotations, MIRROR), *cost = v_get(annotations, DELETION_COST);
    int64_t value;
    if (mirror && !v_str(spec, "nodeName").n)
        field_invalid(e, FIELD_KEY(p, STR(MIRROR)), mirror, "must set spec.nodeName if mirror pod annotation is set");
    if (cost && (!parse_range(doc_str(cost), INT32_MIN, INT32_MAX, &value) ||
                 str_starts(doc_str(cost), STR("0")) != str_is(doc_str(cost), "0")))
        field_invalid(e, FIELD_KEY(p, STR(DELETION_COST)), cost, "must be a 32bit integer");
}

/* --- templates --- */

void v_pod_template(errors *e, path_t p, const struct doc *tmpl, bool forbid_privileged)
{
    const struct doc *meta = v_get(tmpl, "metadata"), *spec = v_get(tmpl, "spec");
    struct pod_check c = {
        .e = e, .arena = e->arena, .spec = spec, .meta = meta, .forbid_privileged = forbid_privileged};
    v_labels(e, FIELD(p, "labels"), v_get(meta, "labels"));
    v_annotations(e, FIELD(p, "annotations"), v_get(meta, "annotations"));
    v_pod_annotations(e, FIELD(p, "annotations"), v_get(meta, "annotations"), spec);
    v_pod_spec(&c, FIELD(p, "spec"));
    if (doc_count(v_get(spec, "ephemeralContainers")))
        field_forbidden(e, FIELD(FIELD(p, "spec"), "ephemeralContainers"),
                        "ephemeral containers not allowed in pod template");
}

void v_pod_template_of(errors *e, path_t p, const struct doc *tmpl, const struct doc *selector, const char *kind,
                       bool forbid_privileged)
{
    const struct doc *labels = v_get(v_get(tmpl, "metadata"), "labels"), *spec = v_get(tmpl, "spec");
    struct str policy = v_str(spec, "restartPolicy");
    bool parses;
    if (v_selector_size(selector) && !v_selects(e->arena, selector, labels, &parses) && parses)
        field_invalid(e, FIELD(FIELD(p, "metadata"), "labels"), labels, "`selector` does not match template `labels`");
    v_pod_template(e, p, tmpl, forbid_privileged);
    if (!str_is(policy, "Always"))
        field_not_supported_str(e, FIELD(FIELD(p, "spec"), "restartPolicy"), policy, (const char *const[]){"Always"},
                                1);
    if (v_get(spec, "activeDeadlineSeconds"))
        field_forbidden(e, FIELD(FIELD(p, "spec"), "activeDeadlineSeconds"),
                        "activeDeadlineSeconds in %s is not Supported", kind);
}
