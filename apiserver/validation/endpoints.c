#include "apiserver/validation/kinds.h"

static void check_addresses(errors *e, path_t p, const struct doc *list)
{
    V_EACH (list, a) {
        path_t at = FIELD_AT(p, a.i);
        struct str host = v_str(a.at, "hostname"), ip = v_str(a.at, "ip");
        v_ip(e, FIELD(at, "ip"), ip);
        if (host.n)
            v_name(e, FIELD(at, "hostname"), host, name_dns1123_label);
        if (v_get(a.at, "nodeName"))
            v_name(e, FIELD(at, "nodeName"), v_str(a.at, "nodeName"), name_dns1123_subdomain);
        if (name_fine(name_ip, ip))
            v_endpoint_ip(e, FIELD(at, "ip"), ip);
    }
}

static void check_ports(errors *e, path_t p, const struct doc *list)
{
    V_EACH (list, port) {
        path_t at = FIELD_AT(p, port.i);
        struct str name = v_str(port.at, "name");
        if (name.n)
            v_name(e, FIELD(at, "name"), name, name_dns1123_label);
        else if (doc_count(list) > 1)
            field_required(e, FIELD(at, "name"), "%s", "");
        v_port(e, FIELD(at, "port"), v_get(port.at, "port"));
        V_ENUM_REQUIRED(e, FIELD(at, "protocol"), v_str(port.at, "protocol"), "SCTP", "TCP", "UDP");
        if (v_get(port.at, "appProtocol"))
            v_name(e, FIELD(at, "appProtocol"), v_str(port.at, "appProtocol"), name_qualified);
    }
}

void validate_endpoints(struct kind_check *k)
{
    V_EACH (v_get(k->obj, "subsets"), s) {
        path_t at = FIELD_AT(FIELD(NULL, "subsets"), s.i);
        const struct doc *ready = v_get(s.at, "addresses"), *not_ready = v_get(s.at, "notReadyAddresses");
        if (!doc_count(ready) && !doc_count(not_ready))
            field_required(k->e, at, "must specify `addresses` or `notReadyAddresses`");
        check_addresses(k->e, FIELD(at, "addresses"), ready);
        check_addresses(k->e, FIELD(at, "notReadyAddresses"), not_ready);
        check_ports(k->e, FIELD(at, "ports"), v_get(s.at, "ports"));
    }
}
