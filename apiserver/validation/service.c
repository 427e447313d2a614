#include "apiserver/validation/kinds.h"

#define AFFINITY_SECONDS_MAX 86400
#define LB_RANGES_ANNOTATION "service.beta.kubernetes.io/load-balancer-source-ranges"

struct service_check {
    errors *e;
    const struct doc *spec, *meta;
    struct str type;
    bool headless, external_name;
};

static bool is_headless(const struct doc *spec)
{
    return str_is(v_str(spec, "clusterIP"), "None");
}

static struct service_check service_of(struct kind_check *k, const struct doc *obj)
{
    const struct doc *spec = v_get(obj, "spec");
    struct str type = v_str(spec, "type");
    return (struct service_check){.e = k->e,
                                  .spec = spec,
                                  .meta = v_get(obj, "metadata"),
                                  .type = type,
                                  .headless = is_headless(spec),
                                  .external_name = str_is(type, "ExternalName")};
}

static bool load_balancer(const struct service_check *s)
{
    return str_is(s->type, "LoadBalancer");
}

static bool needs_health_check(const struct doc *spec)
{
    return str_is(v_str(spec, "type"), "LoadBalancer") && str_is(v_str(spec, "externalTrafficPolicy"), "Local");
}

/* --- ports --- */

static void check_port(const struct service_check *s, path_t p, const struct doc *port, bool require_name,
                       struct seen *names)
{
    struct str name = v_str(port, "name");
    const struct doc *target = v_get(port, "targetPort"), *app = v_get(port, "appProtocol");
    if (require_name && !name.n) {
        field_required(s->e, FIELD(p, "name"), "%s", "");
    } else if (name.n) {
        v_name(s->e, FIELD(p, "name"), name, name_dns1123_label);
        if (v_seen(names, name))
            field_duplicate_str(s->e, FIELD(p, "name"), name);
    }
    v_port(s->e, FIELD(p, "port"), v_get(port, "port"));
    V_ENUM_REQUIRED(s->e, FIELD(p, "protocol"), v_str(port, "protocol"), "SCTP", "TCP", "UDP");
    if (!s->headless && !s->external_name)
        v_port_or_name(s->e, FIELD(p, "targetPort"), target);
    if (app)
        v_name(s->e, FIELD(p, "appProtocol"), doc_str(app), name_qualified);
}

static void check_ports(const struct service_check *s, path_t p)
{
    const struct doc *ports = v_get(s->spec, "ports");
    struct seen names = SEEN_IN(s->e->arena), node_ports = SEEN_IN(s->e->arena), pairs = SEEN_IN(s->e->arena);
    if (!doc_count(ports) && !s->headless && !s->external_name)
        field_required(s->e, p, "%s", "");
    V_EACH (ports, port) {
        check_port(s, FIELD_AT(p, port.i), port.at, doc_count(ports) > 1, &names);
    }
    V_EACH (ports, port2) {
        path_t at = FIELD_AT(p, port2.i);
        int64_t node_port = v_int(port2.at, "nodePort"), number = v_int(port2.at, "port");
        struct str protocol = v_str(port2.at, "protocol");
        if (node_port && str_is(s->type, "ClusterIP"))
            field_forbidden(s->e, FIELD(at, "nodePort"), "may not be used when `type` is 'ClusterIP'");
        char *key = arena_printf(s->e->arena, STR_FMT "/%lld", STR_ARG(protocol), (long long)node_port);
        if (node_port && key && v_seen(&node_ports, str_of(key)))
            field_duplicate(s->e, FIELD(at, "nodePort"), v_get(port2.at, "nodePort"));
        char *pair = arena_printf(s->e->arena, STR_FMT "/%lld", STR_ARG(protocol), (long long)number);
        if (!pair || !v_seen(&pairs, str_of(pair)))
            continue;
        struct doc *shown = doc_object(s->e->arena); /* upstream shows the pair as an object */
        doc_set(shown, "protocol", doc_string(s->e->arena, protocol));
        doc_set(shown, "port", doc_int(s->e->arena, number));
        field_duplicate(s->e, at, shown);
    }
}

/* --- by type --- */

static void check_type(const struct service_check *s, path_t p)
{
    const struct doc *ips = v_get(s->spec, "clusterIPs");
    struct str name = v_str(s->spec, "externalName");
    if ((load_balancer(s) || str_is(s->type, "NodePort")) && s->headless)
        field_invalid_str(s->e, FIELD_AT(FIELD(p, "clusterIPs"), 0), STR("None"),
                          "may not be set to 'None' for " STR_FMT " services", STR_ARG(s->type));
    if (!s->external_name)
        return;
    if (doc_count(ips) || v_str(s->spec, "clusterIP").n)
        field_forbidden(s->e, FIELD(p, "clusterIPs"), "may not be set for ExternalName services");
    if (doc_count(v_get(s->spec, "ipFamilies")))
        field_forbidden(s->e, FIELD(p, "ipFamilies"), "may not be set for ExternalName services");
    if (v_get(s->spec, "ipFamilyPolicy"))
        field_forbidden(s->e, FIELD(p, "ipFamilyPolicy"), "may not be set for ExternalName services");
    if (str_ends(name, STR(".")))
        name.n--;
    if (name.n)
        v_name(s->e, FIELD(p, "externalName"), name, name_dns1123_subdomain);
    else
        field_required(s->e, FIELD(p, "externalName"), "%s", "");
}

static void check_affinity_config(errors *e, path_t p, const struct doc *config)
{
    const struct doc *client = v_get(config, "clientIP"), *timeout = v_get(client, "timeoutSeconds");
    static const char why[] = "when session affinity type is ClientIP";
    if (!config)
        field_required(e, p, "%s", why);
    else if (!client)
        field_required(e, FIELD(p, "clientIP"), "%s", why);
    else if (!timeout)
        field_required(e, FIELD(FIELD(p, "clientIP"), "timeoutSeconds"), "%s", why);
    else if (doc_int_or(timeout, 0) <= 0 || doc_int_or(timeout, 0) > AFFINITY_SECONDS_MAX)
        field_invalid(e, FIELD(FIELD(p, "clientIP"), "timeoutSeconds"), timeout,
                      "must be greater than 0 and less than %d", AFFINITY_SECONDS_MAX);
}

static void check_affinity(const struct service_check *s, path_t p)
{
    struct str affinity = v_str(s->spec, "sessionAffinity");
    const struct doc *config = v_get(s->spec, "sessionAffinityConfig");
    V_ENUM_REQUIRED(s->e, FIELD(p, "sessionAffinity"), affinity, "ClientIP", "None");
    if (str_is(affinity, "ClientIP"))
        check_affinity_config(s->e, FIELD(p, "sessionAffinityConfig"), config);
    else if (str_is(affinity, "None") && config)
        field_forbidden(s->e, FIELD(p, "sessionAffinityConfig"), "must not be set when session affinity is None");
}

/* --- addresses --- */

static void check_families(const struct service_check *s, path_t p)
{
    struct seen seen = SEEN_IN(s->e->arena);
    V_EACH (v_get(s->spec, "ipFamilies"), f) {
        V_ENUM(s->e, FIELD_AT(FIELD(p, "ipFamilies"), f.i), doc_str(f.at), "IPv4", "IPv6");
        if (v_seen(&seen, doc_str(f.at)))
            field_duplicate(s->e, FIELD_AT(FIELD(p, "ipFamilies"), f.i), f.at);
    }
    if (v_get(s->spec, "ipFamilyPolicy"))
        V_ENUM(s->e, FIELD(p, "ipFamilyPolicy"), v_str(s->spec, "ipFamilyPolicy"), "PreferDualStack",
               "RequireDualStack", "SingleStack");
}

static void check_family_of(const struct service_check *s, path_t p, struct str ip, size_t i)
{
    struct str family = doc_str(doc_at(v_get(s->spec, "ipFamilies"), i));
    struct ip_address address;
    if (!family.n || !ip_parse(ip, &address))
        return;
    if (str_is(family, "IPv4") && address.v6)
        field_invalid_str(s->e, p, ip, "expected an IPv4 value as indicated by `ipFamilies[%zu]`", i);
    if (str_is(family, "IPv6") && !address.v6)
        field_invalid_str(s->e, p, ip, "expected an IPv6 value as indicated by `ipFamilies[%zu]`", i);
}

static void check_ips(const struct service_check *s, path_t p)
{
    const struct doc *ips = v_get(s->spec, "clusterIPs");
    struct str ip = v_str(s->spec, "clusterIP");
    path_t at = FIELD(p, "clusterIPs");
    bool v4 = false, v6 = false;
    if (ip.n && !doc_count(ips))
        field_required(s->e, at, "%s", "");
    else if (ip.n && !str_eq(doc_str(doc_at(ips, 0)), ip))
        field_invalid(s->e, at, ips, "first value must match `clusterIP`");
    else if (!ip.n && doc_count(ips))
        field_invalid(s->e, at, ips, "must be empty when `clusterIP` is not specified");
    check_families(s, p);
    V_EACH (ips, c) {
        struct ip_address address;
        if (c.i == 0 && str_is(doc_str(c.at), "None")) {
            if (doc_count(ips) > 1)
                field_invalid(s->e, at, ips, "'None' must be the first and only value");
            continue;
        }
        v_ip(s->e, FIELD_AT(at, c.i), doc_str(c.at));
        check_family_of(s, FIELD_AT(at, c.i), doc_str(c.at), c.i);
        if (ip_parse(doc_str(c.at), &address))
            *(address.v6 ? &v6 : &v4) = true;
    }
    if (doc_count(ips) > 2)
        field_invalid(s->e, at, ips, "may only hold up to 2 values");
    if (doc_count(ips) > 1 && !(v4 && v6))
        field_invalid(s->e, at, ips, "may specify no more than one IP for each IP family");
}

static void check_external_ips(const struct service_check *s, path_t p)
{
    V_EACH (v_get(s->spec, "externalIPs"), ip) {
        if (name_fine(name_ip, doc_str(ip.at)))
            v_endpoint_ip(s->e, FIELD_AT(FIELD(p, "externalIPs"), ip.i), doc_str(ip.at));
        else
            v_ip(s->e, FIELD_AT(FIELD(p, "externalIPs"), ip.i), doc_str(ip.at));
    }
}

/* --- load balancers and traffic policies --- */

static void check_load_balancer(const struct service_check *s, path_t p)
{
    const struct doc *ranges = v_get(s->spec, "loadBalancerSourceRanges");
    const struct doc *class = v_get(s->spec, "loadBalancerClass");
    path_t at = FIELD(p, "LoadBalancerSourceRanges");
    static const char only[] = "may only be used when `type` is 'LoadBalancer'";
    if (doc_count(ranges) && !load_balancer(s))
        field_forbidden(s->e, at, "%s", only);
    V_EACH (ranges, r) {
        v_name(s->e, FIELD_AT(at, r.i), str_trim(doc_str(r.at)), name_cidr);
    }
    if (!doc_count(ranges) && v_get(v_get(s->meta, "annotations"), LB_RANGES_ANNOTATION) && !load_balancer(s))
        field_forbidden(s->e, FIELD_KEY(FIELD(FIELD(NULL, "metadata"), "annotations"), STR(LB_RANGES_ANNOTATION)), "%s",
                        only);
    if (v_get(s->spec, "allocateLoadBalancerNodePorts") && !load_balancer(s))
        field_forbidden(s->e, FIELD(p, "allocateLoadBalancerNodePorts"), "%s", only);
    if (load_balancer(s) && !v_get(s->spec, "allocateLoadBalancerNodePorts"))
        field_required(s->e, FIELD(NULL, "allocateLoadBalancerNodePorts"), "%s", "");
    if (class && load_balancer(s))
        v_name(s->e, FIELD(p, "loadBalancerClass"), doc_str(class), name_qualified);
    else if (class)
        field_forbidden(s->e, FIELD(p, "loadBalancerClass"), "%s", only);
}

static bool has_cluster_traffic(const struct service_check *s)
{
    static const char *const types[] = {"ClusterIP", "NodePort", "LoadBalancer", NULL};
    return v_among(s->type, types);
}

static void check_traffic(const struct service_check *s, path_t p)
{
    struct str external = v_str(s->spec, "externalTrafficPolicy");
    const struct doc *internal = v_get(s->spec, "internalTrafficPolicy"), *port = v_get(s->spec, "healthCheckNodePort");
    bool reachable = load_balancer(s) || str_is(s->type, "NodePort") ||
                     (str_is(s->type, "ClusterIP") && doc_count(v_get(s->spec, "externalIPs")));
    if (!reachable && external.n)
        field_invalid_str(s->e, FIELD(p, "externalTrafficPolicy"), external,
                          "may only be set for externally-accessible services");
    else if (reachable)
        V_ENUM_REQUIRED(s->e, FIELD(p, "externalTrafficPolicy"), external, "Cluster", "Local");
    if (!needs_health_check(s->spec)) {
        if (doc_int_or(port, 0) != 0)
            field_invalid(s->e, FIELD(p, "healthCheckNodePort"), port,
                          "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    } else if (doc_int_or(port, 0) != 0) { /* 0 here: given out after validation */
        v_port(s->e, FIELD(p, "healthCheckNodePort"), port);
    }
    if (!internal && has_cluster_traffic(s))
        field_required(s->e, FIELD(p, "internalTrafficPolicy"), "%s", "");
    else if (internal)
        V_ENUM(s->e, FIELD(p, "internalTrafficPolicy"), doc_str(internal), "Cluster", "Local");
    if (v_get(s->spec, "trafficDistribution"))
        V_ENUM(s->e, FIELD(p, "trafficDistribution"), v_str(s->spec, "trafficDistribution"), "PreferClose",
               "PreferSameZone", "PreferSameNode");
}

void validate_service(struct kind_check *k)
{
    struct service_check s = service_of(k, k->obj);
    path_t p = FIELD(NULL, "spec");
    check_ports(&s, FIELD(p, "ports"));
    check_type(&s, p);
    v_labels(s.e, FIELD(p, "selector"), v_get(s.spec, "selector"));
    check_affinity(&s, p);
    if (!s.external_name)
        check_ips(&s, p);
    check_external_ips(&s, p);
    V_ENUM_REQUIRED(s.e, FIELD(p, "type"), s.type, "ClusterIP", "ExternalName", "LoadBalancer", "NodePort");
    check_load_balancer(&s, p);
    check_traffic(&s, p);
}

/* --- update: the first address and family of a service are for life, unless it stops to have any --- */

static void check_primary(errors *e, path_t p, const struct doc *now, const struct doc *old, const char *unset)
{
    struct str first = doc_str(doc_at(now, 0)), was = doc_str(doc_at(old, 0));
    if (!was.n)
        return;
    if (!first.n && doc_count(old) > doc_count(now))
        field_invalid(e, FIELD_AT(p, 0), now, "%s", unset);
    else if (!str_eq(first, was))
        field_invalid(e, FIELD_AT(p, 0), now, "may not change once set");
    else if (doc_count(now) == 2 && doc_count(old) == 2 && !v_equal(doc_at(now, 1), doc_at(old, 1)))
        field_invalid(e, FIELD_AT(p, 1), now, "may not change once set");
}

static void check_release(errors *e, path_t p, const struct doc *spec, const struct doc *old, const char *list,
                          const char *what)
{
    if (doc_count(v_get(old, list)) == 2 && doc_count(v_get(spec, list)) == 1 &&
        !str_is(v_str(spec, "ipFamilyPolicy"), "SingleStack"))
        field_invalid(e, FIELD(p, "ipFamilyPolicy"), v_get(spec, "ipFamilyPolicy"),
                      "must be set to 'SingleStack' when releasing the secondary %s", what);
}

void validate_service_update(struct kind_check *k)
{
    struct service_check now = service_of(k, k->obj), old = service_of(k, k->old);
    path_t p = FIELD(NULL, "spec");
    if (!now.external_name && !old.external_name) {
        if (!(now.headless && old.headless)) {
            check_primary(k->e, FIELD(p, "clusterIPs"), v_get(now.spec, "clusterIPs"), v_get(old.spec, "clusterIPs"),
                          "primary clusterIP can not be unset");
            check_release(k->e, p, now.spec, old.spec, "clusterIPs", "clusterIP");
        }
        if (!now.headless && !old.headless) {
            check_primary(k->e, FIELD(p, "ipFamilies"), v_get(now.spec, "ipFamilies"), v_get(old.spec, "ipFamilies"),
                          "primary ipFamily can not be unset");
            check_release(k->e, p, now.spec, old.spec, "ipFamilies", "ipFamily");
        }
    }
    if (load_balancer(&now) && load_balancer(&old) &&
        !v_equal(v_get(now.spec, "loadBalancerClass"), v_get(old.spec, "loadBalancerClass")))
        field_invalid(k->e, FIELD(p, "loadBalancerClass"), v_get(now.spec, "loadBalancerClass"),
                      "may not change once set");
    if (needs_health_check(now.spec) && needs_health_check(old.spec) &&
        v_int(now.spec, "healthCheckNodePort") != v_int(old.spec, "healthCheckNodePort"))
        field_forbidden(k->e, FIELD(p, "healthCheckNodePort"), "field is immutable");
    validate_service(k);
}

void validate_service_status(struct kind_check *k)
{
    const struct doc *ingress = v_get(v_get(v_get(k->obj, "status"), "loadBalancer"), "ingress");
    path_t p = FIELD(FIELD(FIELD(NULL, "status"), "loadBalancer"), "ingress");
    if (doc_count(ingress) && !str_is(v_str(v_get(k->old, "spec"), "type"), "LoadBalancer")) {
        field_forbidden(k->e, p, "may only be used when `spec.type` is 'LoadBalancer'");
        return;
    }
    V_EACH (ingress, it) {
        path_t at = FIELD_AT(p, it.i);
        struct str ip = v_str(it.at, "ip"), host = v_str(it.at, "hostname"), mode = v_str(it.at, "ipMode");
        struct ip_address address;
        if (ip.n)
            v_ip(k->e, FIELD(at, "ip"), ip);
        if (ip.n && !mode.n)
            field_required(k->e, FIELD(at, "ipMode"), "must be specified when `ip` is set");
        else if (!ip.n && mode.n)
            field_forbidden(k->e, FIELD(at, "ipMode"), "may not be specified when `ip` is not set");
        else if (mode.n)
            V_ENUM(k->e, FIELD(at, "ipMode"), mode, "Proxy", "VIP");
        if (host.n)
            v_name(k->e, FIELD(at, "hostname"), host, name_dns1123_subdomain);
        if (host.n && ip_parse(host, &address))
            field_invalid_str(k->e, FIELD(at, "hostname"), host, "must be a DNS name, not an IP address");
    }
}
