#include "apiserver/validation/kinds.h"

#define ENDPOINTS_MAX 1000
#define ADDRESSES_MAX 100
#define PORTS_MAX 20000
#define TOPOLOGY_MAX 16
#define HINTS_MAX 8

static void check_ports(errors *e, path_t p, const struct doc *list)
{
    struct seen names = SEEN_IN(e->arena);
    if (doc_count(list) > PORTS_MAX) {
        field_too_many(e, p, doc_count(list), PORTS_MAX);
        return;
    }
    V_EACH (list, port) {
        path_t at = FIELD_AT(p, port.i);
        struct str name = v_str(port.at, "name");
        if (name.n)
            v_name(e, FIELD(at, "name"), name, name_dns1123_label);
        if (v_seen(&names, name))
            field_duplicate_str(e, FIELD(at, "name"), name);
        if (v_get(port.at, "protocol"))
            V_ENUM(e, FIELD(at, "protocol"), v_str(port.at, "protocol"), "SCTP", "TCP", "UDP");
        else
            field_required(e, FIELD(at, "protocol"), "%s", "");
        if (v_get(port.at, "port"))
            v_port(e, FIELD(at, "port"), v_get(port.at, "port"));
        if (v_get(port.at, "appProtocol"))
            v_name(e, FIELD(at, "appProtocol"), v_str(port.at, "appProtocol"), name_qualified);
    }
}

static void check_ip(errors *e, path_t list, path_t at, struct str s, bool want_v6)
{
    struct ip_address ip;
    if (!name_fine(name_ip, s)) {
        v_ip(e, at, s);
        return;
    }
    if (ip_parse(s, &ip) && ip.v6 != want_v6)
        field_invalid_str(e, list, s, want_v6 ? "must be an IPv6 address" : "must be an IPv4 address");
    v_endpoint_ip(e, at, s);
}

static void check_addresses(errors *e, path_t p, const struct doc *list, struct str type)
{
    if (!doc_count(list))
        field_required(e, p, "must contain at least 1 address");
    else if (doc_count(list) > ADDRESSES_MAX)
        field_too_many(e, p, doc_count(list), ADDRESSES_MAX);
    V_EACH (list, a) {
        path_t at = FIELD_AT(p, a.i);
        if (str_is(type, "IPv4") || str_is(type, "IPv6"))
            check_ip(e, p, at, doc_str(a.at), str_is(type, "IPv6"));
        else if (str_is(type, "FQDN"))
            v_name(e, at, doc_str(a.at), name_fully_qualified_domain);
    }
}

static void check_hints_of(errors *e, path_t p, const struct doc *list, name_check check)
{
    struct seen names = SEEN_IN(e->arena);
    if (doc_count(list) > HINTS_MAX) {
        field_too_many(e, p, doc_count(list), HINTS_MAX);
        return;
    }
    V_EACH (list, h) {
        path_t at = FIELD(FIELD_AT(p, h.i), "name");
        struct str name = v_str(h.at, "name");
        if (v_seen(&names, name))
            field_duplicate_str(e, at, name);
        v_name(e, at, name, check);
    }
}

static void check_endpoint(errors *e, path_t p, const struct doc *endpoint, struct str type)
{
    const struct doc *topology = v_get(endpoint, "deprecatedTopology"), *hints = v_get(endpoint, "hints");
    check_addresses(e, FIELD(p, "addresses"), v_get(endpoint, "addresses"), type);
    if (v_get(endpoint, "nodeName"))
        v_name(e, FIELD(p, "nodeName"), v_str(endpoint, "nodeName"), name_dns1123_subdomain);
    if (doc_count(topology) > TOPOLOGY_MAX)
        field_too_many(e, FIELD(p, "deprecatedTopology"), doc_count(topology), TOPOLOGY_MAX);
    v_labels(e, FIELD(p, "deprecatedTopology"), topology);
    if (v_get(endpoint, "hostname"))
        v_name(e, FIELD(p, "hostname"), v_str(endpoint, "hostname"), name_dns1123_label);
    check_hints_of(e, FIELD(FIELD(p, "hints"), "forZones"), v_get(hints, "forZones"), name_label_value);
    check_hints_of(e, FIELD(FIELD(p, "hints"), "forNodes"), v_get(hints, "forNodes"), name_dns1123_subdomain);
}

void validate_endpoint_slice(struct kind_check *k)
{
    struct str type = v_str(k->obj, "addressType");
    const struct doc *endpoints = v_get(k->obj, "endpoints");
    V_ENUM_REQUIRED(k->e, FIELD(NULL, "addressType"), type, "FQDN", "IPv4", "IPv6");
    if (doc_count(endpoints) > ENDPOINTS_MAX) {
        field_too_many(k->e, FIELD(NULL, "endpoints"), doc_count(endpoints), ENDPOINTS_MAX);
    } else {
        V_EACH (endpoints, it) {
            check_endpoint(k->e, FIELD_AT(FIELD(NULL, "endpoints"), it.i), it.at, type);
        }
    }
    check_ports(k->e, FIELD(NULL, "ports"), v_get(k->obj, "ports"));
}

void validate_endpoint_slice_update(struct kind_check *k)
{
    validate_endpoint_slice(k);
    v_immutable(k->e, FIELD(NULL, "addressType"), v_get(k->obj, "addressType"), v_get(k->old, "addressType"));
}
