#include "base/parse.h"
#include "ecs/map/taskdef_rules.h"

#define PORT_MAX 65535
#define PORT_NAME_MAX 64

bool taskdef_port_range(struct str range, int64_t *ret_first, int64_t *ret_last)
{
    struct str rest = range, first = STR("");

    return str_split(&rest, '-', &first) && rest.p && parse_range(first, 1, PORT_MAX, ret_first) &&
           parse_range(rest, 1, PORT_MAX, ret_last) && *ret_first < *ret_last;
}

/* --- one mapping --- */

static bool name_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c == '-' && i > 0)))
            return false;
    }
    return s.n <= PORT_NAME_MAX;
}

static int check_range(const struct doc *td, const struct doc *c, const struct doc *p, struct err *err)
{
    struct str range = doc_str(doc_get(p, "containerPortRange"));
    int64_t first, last;

    if (doc_get(p, "containerPort") || doc_get(p, "hostPort"))
        return taskdef_invalid(err, c, "cannot specify both single port and port range");
    if (!taskdef_port_range(range, &first, &last))
        return taskdef_invalid(err, c, "Invalid 'containerPortRange' setting '" STR_FMT "'.", STR_ARG(range));
    if (taskdef_network(td) != NETWORK_AWSVPC)
        return taskdef_invalid(err, c, "'containerPortRange' is not supported when networkMode=%s.",
                               taskdef_network(td) == NETWORK_HOST ? "host" : "bridge");
    return 0;
}

static int fill_port(struct arena *a, const struct doc *td, const struct doc *c, struct doc *p, struct err *err)
{
    enum task_network network = taskdef_network(td);
    int64_t port = doc_int_or(doc_get(p, "containerPort"), 0), host = doc_int_or(doc_get(p, "hostPort"), 0);
    struct str name = doc_str(doc_get(c, "name"));

    if (port < 1 || port > PORT_MAX || host < 0 || host > PORT_MAX)
        return ecs_fault(err, ECS_CLIENT, "Invalid port mapping for container '" STR_FMT "'.", STR_ARG(name));
    if (network != NETWORK_BRIDGE && host != 0 && host != port)
        return ecs_fault(err, ECS_CLIENT,
                         "When networkMode=%s, the host ports and container ports in port mappings must match.",
                         network == NETWORK_HOST ? "host" : "awsvpc");
    if (network != NETWORK_BRIDGE)
        doc_set(p, "hostPort", doc_int(a, port));
    else if (!doc_get(p, "hostPort"))
        doc_set(p, "hostPort", doc_int(a, 0));
    return 0;
}

int taskdef_fill_ports(struct arena *a, const struct doc *td, const struct doc *c, struct err *err)
{
    doc_foreach (doc_get(c, "portMappings"), p) {
        struct str protocol = doc_str(doc_get(p, "protocol")), name = doc_str(doc_get(p, "name"));
        bool range = doc_get(p, "containerPortRange");

        if (protocol.n > 0 && !str_is(protocol, "tcp") && !str_is(protocol, "udp"))
            return ecs_fault(err, ECS_CLIENT, "Invalid protocol '" STR_FMT "' in a port mapping.", STR_ARG(protocol));
        if (!name_ok(name))
            return taskdef_invalid(err, c, "The port mapping name '" STR_FMT "' contains invalid characters.",
                                   STR_ARG(name));
        if (range ? check_range(td, c, p, err) < 0 : fill_port(a, td, c, p, err) < 0)
            return -1;
        if (protocol.n == 0)
            doc_set(p, "protocol", doc_string(a, STR("tcp")));
    }
    return 0;
}

/* --- collisions --- */

struct mapping {
    const struct doc *container, *port;
};

static void span_of(const struct doc *p, int64_t *first, int64_t *last)
{
    if (!taskdef_port_range(doc_str(doc_get(p, "containerPortRange")), first, last))
        *first = *last = doc_int_or(doc_get(p, "containerPort"), 0);
}

static bool container_ports_meet(const struct doc *p, const struct doc *q)
{
    int64_t first, last, first2, last2;

    span_of(p, &first, &last);
    span_of(q, &first2, &last2);
    return first <= last2 && first2 <= last && str_eq(doc_str(doc_get(p, "protocol")), doc_str(doc_get(q, "protocol")));
}

static bool host_ports_meet(const struct doc *p, const struct doc *q)
{
    int64_t port = doc_int_or(doc_get(p, "hostPort"), 0);

    return port != 0 && port == doc_int_or(doc_get(q, "hostPort"), 0) &&
           str_eq(doc_str(doc_get(p, "protocol")), doc_str(doc_get(q, "protocol")));
}

/* Containers of a pod share one network, in bridge mode too. There one container may have several host ports for one of
 * its own. */
static int check_pair(const struct mapping *one, const struct mapping *two, enum task_network network, struct err *err)
{
    struct str name = doc_str(doc_get(one->port, "name"));

    if (name.n > 0 && str_eq(name, doc_str(doc_get(two->port, "name"))))
        return taskdef_invalid(err, two->container, "The port mapping name '" STR_FMT "' is already used.",
                               STR_ARG(name));
    if (network == NETWORK_BRIDGE && host_ports_meet(one->port, two->port))
        return ecs_fault(err, ECS_CLIENT, "The host port %lld is used twice in the task definition.",
                         (long long)doc_int_or(doc_get(one->port, "hostPort"), 0));
    if (!container_ports_meet(one->port, two->port) || (network == NETWORK_BRIDGE && one->container == two->container))
        return 0;
    if (network != NETWORK_BRIDGE)
        return taskdef_invalid(err, two->container, "The container port is used multiple times in task.");
    return ecs_fault(err, ECS_CLIENT,
                     "Containers '" STR_FMT "' and '" STR_FMT
                     "' use the same containerPort %lld, which is not supported: they share one network.",
                     STR_ARG(doc_str(doc_get(one->container, "name"))),
                     STR_ARG(doc_str(doc_get(two->container, "name"))),
                     (long long)doc_int_or(doc_get(one->port, "containerPort"), 0));
}

int taskdef_port_rules(const struct doc *containers, enum task_network network, struct err *err)
{
    doc_foreach (containers, c) {
        doc_foreach (doc_get(c, "portMappings"), p) {
            const struct mapping one = {c, p};
            bool behind = false; /* each pair once */

            doc_foreach (containers, c2) {
                doc_foreach (doc_get(c2, "portMappings"), p2) {
                    const struct mapping two = {c2, p2};

                    if (behind && check_pair(&one, &two, network, err) < 0)
                        return -1;
                    behind = behind || p2 == p;
                }
            }
        }
    }
    return 0;
}
