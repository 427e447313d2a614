/* Services: fields that follow the type, and what is taken for them before they are written. */
#include "api/fielderr.h"
#include "api/status.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/service_alloc.h"
#include "apiserver/registry/strategy.h"

#define PORTS_MAX 128 /* node ports of one service that are looked at */

static struct doc *spec_of(const struct doc *svc)
{
    return doc_get(svc, "spec");
}
static struct str type_of(const struct doc *svc)
{
    return doc_str(doc_path(svc, "spec.type"));
}
static bool is_type(const struct doc *svc, const char *type)
{
    return str_is(type_of(svc), type);
}
static bool headless(const struct doc *svc)
{
    return str_is(doc_str(doc_path(svc, "spec.clusterIP")), "None");
}
static bool needs_ip(const struct doc *svc)
{
    return !is_type(svc, "ExternalName");
}
static bool needs_ports(const struct doc *svc)
{
    const struct doc *wanted = doc_path(svc, "spec.allocateLoadBalancerNodePorts");
    return is_type(svc, "NodePort") || (is_type(svc, "LoadBalancer") && (!wanted || doc_true(wanted)));
}
static bool may_have_ports(const struct doc *svc)
{
    return is_type(svc, "NodePort") || is_type(svc, "LoadBalancer");
}
static bool needs_health_port(const struct doc *svc)
{
    return is_type(svc, "LoadBalancer") && str_is(doc_str(doc_path(svc, "spec.externalTrafficPolicy")), "Local");
}

/* --- before validation -------------------------------------------------------------------------------------------- */

/* clusterIP and clusterIPs[0] are one thing in two places. */
static void normalize_ips(struct op *op, struct doc *svc)
{
    struct doc *spec = spec_of(svc);
    struct str ip = doc_str(doc_get(spec, "clusterIP"));
    if (!doc_is(spec, DOC_OBJECT) || !ip.n || doc_count(doc_get(spec, "clusterIPs")))
        return;
    struct doc *list = doc_array(op->arena);
    if (list) {
        doc_append(list, doc_string(op->arena, ip));
        doc_set(spec, "clusterIPs", list);
    }
}

void service_prepare_create(struct op *op, struct doc *obj)
{
    struct doc *status = doc_object(op->arena), *empty = doc_object(op->arena);
    if (!status || !empty)
        return;
    doc_set(status, "loadBalancer", empty);
    doc_set(obj, "status", status);
    normalize_ips(op, obj);
}

static const struct doc *same_port(const struct doc *ports, const struct doc *port)
{
    doc_foreach (ports, p) {
        if (doc_same(doc_get(p, "port"), doc_get(port, "port")) &&
            str_eq(doc_str(doc_get(p, "protocol")), doc_str(doc_get(port, "protocol"))))
            return p;
    }
    return NULL;
}

static bool port_used(const struct doc *ports, int64_t node_port)
{
    doc_foreach (ports, p) {
        if (doc_int_or(doc_get(p, "nodePort"), 0) == node_port)
            return true;
    }
    return false;
}

static void keep_node_ports(struct op *op, struct doc *obj, const struct doc *old)
{
    struct doc *ports = doc_path(obj, "spec.ports");
    doc_foreach (ports, p) {
        const struct doc *was = same_port(doc_path(old, "spec.ports"), p);
        int64_t node_port = doc_int_or(doc_get(was, "nodePort"), 0);
        if (!doc_int_or(doc_get(p, "nodePort"), 0) && node_port && !port_used(ports, node_port))
            doc_set(p, "nodePort", doc_int(op->arena, node_port));
    }
}

/* What the server gave and the client left out stays as it was. */
static void keep_given(struct op *op, struct doc *obj, const struct doc *old)
{
    struct doc *spec = spec_of(obj);
    if (needs_ip(obj) && needs_ip(old) && !doc_str(doc_get(spec, "clusterIP")).n) {
        doc_keep(op->arena, spec, spec_of(old), "clusterIP");
        if (!doc_count(doc_get(spec, "clusterIPs")))
            doc_keep(op->arena, spec, spec_of(old), "clusterIPs");
    }
    if (needs_ports(obj) && needs_ports(old))
        keep_node_ports(op, obj, old);
    if (needs_health_port(obj) && needs_health_port(old) && !doc_int_or(doc_get(spec, "healthCheckNodePort"), 0))
        doc_keep(op->arena, spec, spec_of(old), "healthCheckNodePort");
    if (needs_ip(obj) && needs_ip(old)) {
        if (!doc_count(doc_get(spec, "ipFamilies")))
            doc_keep(op->arena, spec, spec_of(old), "ipFamilies");
        if (!doc_str(doc_get(spec, "ipFamilyPolicy")).n)
            doc_keep(op->arena, spec, spec_of(old), "ipFamilyPolicy");
    }
}

static void drop_same(struct doc *spec, const struct doc *old_spec, const char *field)
{
    if (doc_same(doc_get(spec, field), doc_get(old_spec, field)))
        doc_remove(spec, field);
}

/* A field that came with the old type and that the client just sent back goes with it. */
static void drop_with_type(struct op *op, struct doc *obj, const struct doc *old)
{
    static const char *const ip_fields[] = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"};
    struct doc *spec = spec_of(obj);
    const struct doc *was = spec_of(old);
    if (needs_ip(old) && !needs_ip(obj))
        for (size_t i = 0; i < ARRAY_LEN(ip_fields); i++)
            drop_same(spec, was, ip_fields[i]);
    if (may_have_ports(old) && !may_have_ports(obj))
        doc_foreach (doc_get(spec, "ports"), p) {
            const struct doc *q = same_port(doc_get(was, "ports"), p);
            if (q && doc_same(doc_get(q, "nodePort"), doc_get(p, "nodePort")))
                doc_remove(p, "nodePort");
        }
    if (needs_health_port(old) && !needs_health_port(obj))
        drop_same(spec, was, "healthCheckNodePort");
    if (is_type(old, "LoadBalancer") && !is_type(obj, "LoadBalancer")) {
        drop_same(spec, was, "allocateLoadBalancerNodePorts");
        drop_same(spec, was, "loadBalancerClass");
    }
    if (may_have_ports(old) && !may_have_ports(obj))
        drop_same(spec, was, "externalTrafficPolicy");
    (void)op;
}

/* A client that knows of clusterIP only changes that alone: the list follows, and validation tells whether it may. */
static void follow_cluster_ip(struct op *op, struct doc *obj, const struct doc *old)
{
    struct doc *spec = spec_of(obj), *list = doc_get(spec, "clusterIPs");
    struct str now = doc_str(doc_get(spec, "clusterIP")), was = doc_str(doc_get(spec_of(old), "clusterIP"));
    if (!now.n || str_eq(now, was) || !doc_count(list) || !doc_same(list, doc_get(spec_of(old), "clusterIPs")))
        return;
    doc_replace(list, list->first, doc_string(op->arena, now));
}

void service_prepare_update(struct op *op, struct doc *obj, const struct doc *old)
{
    if (*op->sub || !doc_is(spec_of(obj), DOC_OBJECT))
        return;
    follow_cluster_ip(op, obj, old);
    keep_given(op, obj, old);
    drop_with_type(op, obj, old);
    normalize_ips(op, obj);
}

/* --- what is taken ------------------------------------------------------------------------------------------------ */

struct reservation {
    char ip[SERVICE_IP_MAX]; /* taken in this operation; "" = none */
    int64_t ports[PORTS_MAX];
    size_t n_ports;
    /* Given back when the write has happened. */
    struct str old_ip;
    int64_t old_ports[PORTS_MAX];
    size_t n_old_ports;
};

static void give_back(struct op *op, const struct reservation *r)
{
    if (r->ip[0])
        service_give_ip(op, str_of(r->ip));
    for (size_t i = 0; i < r->n_ports; i++)
        service_give_port(op, r->ports[i]);
}

static int invalid(struct op *op, struct field_errors *errs, struct err *err)
{
    return field_errors_to_err(errs, STR(""), STR("Service"), op->name, err);
}

/* Words why an address or port could not be taken. */
static int word_ip(struct op *op, struct str ip, struct err *err)
{
    const char *why = arena_strdup(op->arena, err->msg);
    if (err->code == ERR_UNAVAILABLE)
        return status_internal(err, op->arena, "failed to allocate a serviceIP: %s", why);
    if (err->code != ERR_ALREADY_EXISTS && err->code != ERR_NOT_FOUND)
        return -1;
    struct field_errors errs = field_errors_in(op->arena);
    struct doc *list = doc_array(op->arena);
    doc_append(list, doc_string(op->arena, ip));
    field_invalid(&errs, FIELD(FIELD(NULL, "spec"), "clusterIPs"), list, "failed to allocate IP " STR_FMT ": %s",
                  STR_ARG(ip), why);
    return invalid(op, &errs, err);
}

static int word_port(struct op *op, size_t i, int64_t port, struct err *err)
{
    const char *why = arena_strdup(op->arena, err->msg);
    if (err->code == ERR_UNAVAILABLE)
        return status_internal(err, op->arena, "failed to allocate a nodePort: %s", why);
    if (err->code != ERR_ALREADY_EXISTS && err->code != ERR_NOT_FOUND)
        return -1;
    struct field_errors errs = field_errors_in(op->arena);
    field_invalid_int(&errs, FIELD(FIELD_AT(FIELD(FIELD(NULL, "spec"), "ports"), i), "nodePort"), port, "%s", why);
    return invalid(op, &errs, err);
}

static void set_families(struct op *op, struct doc *spec)
{
    if (!doc_count(doc_get(spec, "ipFamilies"))) {
        struct doc *families = doc_array(op->arena);
        if (families) {
            doc_append(families, doc_string(op->arena, STR("IPv4")));
            doc_set(spec, "ipFamilies", families);
        }
    }
    if (!doc_str(doc_get(spec, "ipFamilyPolicy")).n)
        doc_set(spec, "ipFamilyPolicy", doc_string(op->arena, STR("SingleStack")));
}

static int take_ip(struct op *op, struct doc *obj, const struct doc *old, struct reservation *r, struct err *err)
{
    struct doc *spec = spec_of(obj);
    struct str want = doc_str(doc_get(spec, "clusterIP"));
    struct str had = old && needs_ip(old) && !headless(old) ? doc_str(doc_path(old, "spec.clusterIP")) : STR("");
    if (!needs_ip(obj)) {
        r->old_ip = had;
        return 0;
    }
    set_families(op, spec);
    if (headless(obj) || (want.n && str_eq(want, had)))
        return 0;
    char ip[SERVICE_IP_MAX];
    if (service_take_ip(op, want, ip, err) < 0)
        return word_ip(op, want, err);
    memcpy(r->ip, ip, sizeof(ip));
    r->old_ip = had;
    struct doc *text = doc_string_copy(op->arena, str_of(ip)), *list = doc_array(op->arena);
    if (!text || !list)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    doc_append(list, doc_clone(op->arena, text, true));
    doc_set(spec, "clusterIP", text);
    doc_set(spec, "clusterIPs", list);
    return 0;
}

static bool holds(const struct reservation *r, int64_t port)
{
    for (size_t i = 0; i < r->n_ports; i++)
        if (r->ports[i] == port)
            return true;
    return false;
}

static bool had_port(const struct doc *old, int64_t port)
{
    return old && (port_used(doc_path(old, "spec.ports"), port) ||
                   doc_int_or(doc_path(old, "spec.healthCheckNodePort"), 0) == port);
}

/* The port that another protocol of the same number already has: TCP and UDP 53 share one node port. */
static int64_t sibling_port(const struct doc *ports, const struct doc *port)
{
    doc_foreach (ports, p) {
        int64_t node_port = doc_int_or(doc_get(p, "nodePort"), 0);
        if (p != port && node_port && doc_same(doc_get(p, "port"), doc_get(port, "port")) &&
            !str_eq(doc_str(doc_get(p, "protocol")), doc_str(doc_get(port, "protocol"))))
            return node_port;
    }
    return 0;
}

static int take_one_port(struct op *op, struct doc *holder, const char *field, int64_t want, size_t i,
                         const struct doc *old, struct reservation *r, struct err *err)
{
    int64_t got = want;
    if (want && (had_port(old, want) || holds(r, want)))
        return 0;
    if (r->n_ports == PORTS_MAX)
        return err_set(err, ERR_BAD_REQUEST, "too many node ports");
    if (service_take_port(op, want, &got, err) < 0)
        return word_port(op, i, want, err);
    r->ports[r->n_ports++] = got;
    doc_set(holder, field, doc_int(op->arena, got));
    return 0;
}

static int take_ports(struct op *op, struct doc *obj, const struct doc *old, struct reservation *r, struct err *err)
{
    struct doc *ports = doc_path(obj, "spec.ports");
    size_t i = 0;
    if (!may_have_ports(obj))
        return 0;
    doc_foreach (ports, p) {
        int64_t want = doc_int_or(doc_get(p, "nodePort"), 0);
        if (!want && needs_ports(obj)) {
            int64_t shared = sibling_port(ports, p);
            if (shared) {
                doc_set(p, "nodePort", doc_int(op->arena, shared));
                i++;
                continue;
            }
        }
        if ((want || needs_ports(obj)) && take_one_port(op, p, "nodePort", want, i, old, r, err) < 0)
            return -1;
        i++;
    }
    if (needs_health_port(obj))
        return take_one_port(op, spec_of(obj), "healthCheckNodePort",
                             doc_int_or(doc_path(obj, "spec.healthCheckNodePort"), 0), 0, old, r, err);
    return 0;
}

static void note_old_ports(const struct doc *obj, const struct doc *old, struct reservation *r)
{
    doc_foreach (doc_path(old, "spec.ports"), p) {
        int64_t port = doc_int_or(doc_get(p, "nodePort"), 0);
        if (port && !had_port(obj, port) && r->n_old_ports < PORTS_MAX)
            r->old_ports[r->n_old_ports++] = port;
    }
    int64_t health = doc_int_or(doc_path(old, "spec.healthCheckNodePort"), 0);
    if (health && !had_port(obj, health) && r->n_old_ports < PORTS_MAX)
        r->old_ports[r->n_old_ports++] = health;
}

int service_reserve(struct op *op, struct doc *obj, const struct doc *old, struct reservation **ret, struct err *err)
{
    struct reservation *r = arena_new_of(op->arena, struct reservation);
    if (!r || !doc_is(spec_of(obj), DOC_OBJECT))
        return err_set(err, ERR_TOO_LARGE, "request too large");
    if (take_ip(op, obj, old, r, err) < 0 || take_ports(op, obj, old, r, err) < 0) {
        give_back(op, r);
        return -1;
    }
    if (old)
        note_old_ports(obj, old, r);
    *ret = r;
    return 0;
}

void service_settle(struct op *op, struct reservation *r, const struct doc *obj, bool written)
{
    (void)obj;
    if (!r)
        return;
    if (!written) {
        give_back(op, r);
        return;
    }
    if (r->old_ip.n)
        service_give_ip(op, r->old_ip);
    for (size_t i = 0; i < r->n_old_ports; i++)
        service_give_port(op, r->old_ports[i]);
}

void service_release(struct op *op, const struct doc *obj)
{
    if (needs_ip(obj) && !headless(obj))
        doc_foreach (doc_path(obj, "spec.clusterIPs"), ip)
            service_give_ip(op, doc_str(ip));
    doc_foreach (doc_path(obj, "spec.ports"), p) {
        int64_t port = doc_int_or(doc_get(p, "nodePort"), 0);
        if (port)
            service_give_port(op, port);
    }
    int64_t health = doc_int_or(doc_path(obj, "spec.healthCheckNodePort"), 0);
    if (health)
        service_give_port(op, health);
}
