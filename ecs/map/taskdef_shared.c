#include "ecs/map/taskdef_rules.h"

#include <arpa/inet.h>

#define RESOLVERS_MAX 3
#define SEARCHES_MAX 32
#define HOSTNAME_LEN 64

/* --- dependsOn --- */

static const struct doc *by_name(const struct doc *containers, struct str name)
{
    doc_foreach (containers, c) {
        if (str_eq(doc_str(doc_get(c, "name")), name))
            return c;
    }
    return NULL;
}

/* Can `from` be reached over dependsOn within depth steps? Containers are ten at most, so a longer path has a ring. */
static bool depth_exceeds(const struct doc *containers, const struct doc *from, size_t depth)
{
    if (depth == 0)
        return true;
    doc_foreach (doc_get(from, "dependsOn"), d) {
        if (depth_exceeds(containers, by_name(containers, doc_str(doc_get(d, "containerName"))), depth - 1))
            return true;
    }
    return false;
}

static int check_dependency(const struct doc *containers, const struct doc *c, const struct doc *dep, struct err *err)
{
    struct str name = doc_str(doc_get(c, "name")), want = doc_str(doc_get(dep, "containerName"));
    struct str condition = doc_str(doc_get(dep, "condition"));
    const struct doc *on = by_name(containers, want);
    bool ends = str_is(condition, "COMPLETE") || str_is(condition, "SUCCESS");

    if (!on || on == c)
        return ecs_fault(err, ECS_CLIENT, "Cannot depend on container " STR_FMT " because it %s.", STR_ARG(want),
                         on ? "is the same container" : "does not exist");
    if (!ends && !str_is(condition, "START") && !str_is(condition, "HEALTHY"))
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT "'. Unknown dependency condition '" STR_FMT "'.",
                         STR_ARG(name), STR_ARG(condition));
    if (ends && doc_true(doc_get(on, "essential")))
        return ecs_fault(err, ECS_CLIENT,
                         "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container.");
    if (str_is(condition, "HEALTHY") && !doc_get(on, "healthCheck"))
        return ecs_fault(err, ECS_CLIENT,
                         "A dependency container with HEALTHY condition must have health check configured.");
    return 0;
}

/* One condition for each awaited container: it also keeps the walk for cycles short. */
static int check_repeated(const struct doc *c, const struct doc *dep, struct err *err)
{
    struct str want = doc_str(doc_get(dep, "containerName"));

    doc_foreach (doc_get(c, "dependsOn"), d) {
        if (d != dep && str_eq(doc_str(doc_get(d, "containerName")), want))
            return ecs_fault(err, ECS_CLIENT,
                             "Invalid setting for container '" STR_FMT "'. It depends twice on container '" STR_FMT
                             "'.",
                             STR_ARG(doc_str(doc_get(c, "name"))), STR_ARG(want));
    }
    return 0;
}

/* A container that one awaits the end of and another the health of cannot be both in a pod. */
static int check_mixture(const struct doc *containers, struct str name, struct err *err)
{
    bool ends = false, healthy = false;

    doc_foreach (containers, c) {
        doc_foreach (doc_get(c, "dependsOn"), d) {
            struct str condition = doc_str(doc_get(d, "condition"));

            if (!str_eq(doc_str(doc_get(d, "containerName")), name))
                continue;
            ends = ends || str_is(condition, "COMPLETE") || str_is(condition, "SUCCESS");
            healthy = healthy || str_is(condition, "HEALTHY");
        }
    }
    if (ends && healthy)
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT
                         "'. Awaiting it with HEALTHY and with COMPLETE or SUCCESS together is not supported.",
                         STR_ARG(name));
    return 0;
}

int taskdef_dependencies(const struct doc *containers, struct err *err)
{
    doc_foreach (containers, c) {
        const struct doc *deps = doc_get(c, "dependsOn");

        doc_foreach (deps, d) {
            if (check_dependency(containers, c, d, err) < 0)
                return -1;
        }
        if (doc_count(deps) >= doc_count(containers) && doc_count(deps) > 0)
            return taskdef_invalid(err, c, "Too many dependencies.");
        doc_foreach (deps, d) {
            if (check_repeated(c, d, err) < 0)
                return -1;
        }
        if (check_mixture(containers, doc_str(doc_get(c, "name")), err) < 0)
            return -1;
    }
    doc_foreach (containers, c) {
        if (depth_exceeds(containers, c, doc_count(containers) + 1))
            return ecs_fault(err, ECS_CLIENT, "Container dependencies contain a cycle.");
    }
    return 0;
}

/* --- what a pod has once --- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Labels in lower case, joined by dots; each begins and ends with a letter or a digit. */
static bool host_name_ok(struct str s)
{
    struct str rest = s, label;

    while (str_split(&rest, '.', &label)) {
        if (label.n == 0 || !is_alnum(label.p[0]) || !is_alnum(label.p[label.n - 1]))
            return false;
        for (size_t i = 0; i < label.n; i++) {
            if (!is_alnum(label.p[i]) && label.p[i] != '-')
                return false;
        }
    }
    return s.n > 0;
}

static bool address_ok(struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr a;

    return str_copy(text, sizeof(text), s) && (inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1);
}

/* Members of which a pod has one: those containers that give it must agree. */
static int check_equal(const struct doc *containers, const char *member, struct err *err)
{
    const struct doc *first = NULL;

    doc_foreach (containers, c) {
        const struct doc *d = doc_get(c, member);

        if (!taskdef_says_something(d))
            continue;
        if (first && !doc_equal(first, d))
            return taskdef_invalid(err, c, "Another '%s' than another container's is not supported: they share one.",
                                   member);
        first = d;
    }
    return 0;
}

static int check_names(const struct doc *c, struct err *err)
{
    struct str hostname = doc_str(doc_get(c, "hostname"));

    if (hostname.n > 0 && (hostname.n > HOSTNAME_LEN || !host_name_ok(hostname)))
        return taskdef_invalid(err, c,
                               "The hostname '" STR_FMT "' is not supported: it must be a DNS name in lower case.",
                               STR_ARG(hostname));
    doc_foreach (doc_get(c, "extraHosts"), h) {
        struct str name = doc_str(doc_get(h, "hostname"));

        if (!host_name_ok(name) || !address_ok(doc_str(doc_get(h, "ipAddress"))))
            return taskdef_invalid(err, c,
                                   "The extra host '" STR_FMT
                                   "' is not supported: it must be a DNS name in lower case with "
                                   "an IP address.",
                                   STR_ARG(name));
    }
    if (doc_count(doc_get(c, "dnsServers")) > RESOLVERS_MAX || doc_count(doc_get(c, "dnsSearchDomains")) > SEARCHES_MAX)
        return taskdef_invalid(err, c, "More than %d DNS servers or %d search domains are not supported.",
                               RESOLVERS_MAX, SEARCHES_MAX);
    doc_foreach (doc_get(c, "dnsServers"), s) {
        if (!address_ok(doc_str(s)))
            return taskdef_invalid(err, c, "The DNS server '" STR_FMT "' is no IP address.", STR_ARG(doc_str(s)));
    }
    return 0;
}

/* "name" or "name:alias" */
static int check_links(const struct doc *containers, const struct doc *c, struct err *err)
{
    doc_foreach (doc_get(c, "links"), l) {
        struct str rest = doc_str(l), name = STR(""), alias = STR("");

        (void)(str_split(&rest, ':', &name) && rest.p && str_split(&rest, ':', &alias));
        if (!by_name(containers, name) || by_name(containers, name) == c)
            return taskdef_invalid(err, c, "It links an unknown container '" STR_FMT "'.", STR_ARG(name));
        if (!host_name_ok(alias.n > 0 ? alias : name))
            return taskdef_invalid(err, c,
                                   "The link '" STR_FMT "' is not supported: it needs an alias that is a DNS name.",
                                   STR_ARG(doc_str(l)));
    }
    return 0;
}

static const struct doc *find_parameter(const struct doc *c, struct str name)
{
    doc_foreach (doc_get(c, "systemControls"), s) {
        if (str_eq(doc_str(doc_get(s, "namespace")), name))
            return doc_get(s, "value");
    }
    return NULL;
}

static int check_parameters(const struct doc *containers, const struct doc *c, struct err *err)
{
    doc_foreach (doc_get(c, "systemControls"), s) {
        struct str name = doc_str(doc_get(s, "namespace"));

        doc_foreach (containers, other) {
            const struct doc *v = find_parameter(other, name);

            if (v && !doc_equal(v, doc_get(s, "value")))
                return taskdef_invalid(err, c,
                                       "Two values of the kernel parameter '" STR_FMT
                                       "' in one task are not supported: the containers share it.",
                                       STR_ARG(name));
        }
    }
    return 0;
}

int taskdef_shared_rules(const struct doc *taskdef, struct err *err)
{
    static const char *const one_each[] = {"hostname", "dnsServers", "dnsSearchDomains"};
    const struct doc *containers = doc_get(taskdef, "containerDefinitions");

    for (size_t i = 0; i < ARRAY_LEN(one_each); i++) {
        if (check_equal(containers, one_each[i], err) < 0)
            return -1;
    }
    doc_foreach (containers, c) {
        if (check_names(c, err) < 0 || check_links(containers, c, err) < 0 || check_parameters(containers, c, err) < 0)
            return -1;
    }
    if (str_is(doc_str(doc_get(taskdef, "ipcMode")), "none") && doc_count(containers) > 1)
        return ecs_fault(
            err, ECS_CLIENT,
            "'ipcMode' 'none' is not supported for more than one container: they share the IPC namespace.");
    return 0;
}
