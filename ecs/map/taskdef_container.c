#include "base/parse.h"
#include "ecs/map/fault.h"
#include "ecs/map/taskdef_rules.h"

/* What a container may not have. A row refuses when the member at the path is there and says something. */
enum refusal { REFUSE_ALWAYS, REFUSE_FARGATE };
static const struct {
    const char *path;
    enum refusal when;
} refused[] = {
    {"secrets", REFUSE_ALWAYS},
    {"environmentFiles", REFUSE_ALWAYS},
    {"firelensConfiguration", REFUSE_ALWAYS},
    {"credentialSpecs", REFUSE_ALWAYS},
    {"disableNetworking", REFUSE_ALWAYS},
    {"restartPolicy.enabled", REFUSE_ALWAYS},
    {"ulimits", REFUSE_ALWAYS},
    {"linuxParameters.devices", REFUSE_ALWAYS},
    {"privileged", REFUSE_FARGATE},
    {"links", REFUSE_FARGATE},
    {"extraHosts", REFUSE_FARGATE},
    {"dnsServers", REFUSE_FARGATE},
    {"dnsSearchDomains", REFUSE_FARGATE},
    {"resourceRequirements", REFUSE_FARGATE},
    {"linuxParameters.maxSwap", REFUSE_FARGATE},
    {"linuxParameters.swappiness", REFUSE_FARGATE},
    {"linuxParameters.tmpfs", REFUSE_FARGATE},
    {"linuxParameters.sharedMemorySize", REFUSE_FARGATE},
};

static bool says_something(const struct doc *d)
{
    if (doc_is(d, DOC_ARRAY) || doc_is(d, DOC_OBJECT))
        return doc_count(d) > 0;
    return d && !doc_is(d, DOC_NULL) && !(doc_is(d, DOC_BOOL) && !d->b);
}

static int check_refused(const struct doc *c, bool fargate, struct err *err)
{
    struct str name = doc_str(doc_get(c, "name"));

    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (!says_something(doc_path(c, refused[i].path)))
            continue;
        if (refused[i].when == REFUSE_ALWAYS)
            return ecs_fault(err, ECS_CLIENT, "Invalid setting for container '" STR_FMT "'. '%s' is not supported.",
                             STR_ARG(name), refused[i].path);
        if (fargate)
            return ecs_fault(err, ECS_CLIENT, "Fargate compatible task definitions do not support %s", refused[i].path);
    }
    doc_foreach (doc_get(c, "resourceRequirements"), r) {
        if (!str_is(doc_str(doc_get(r, "type")), "GPU"))
            return ecs_fault(err, ECS_CLIENT,
                             "Invalid setting for container '" STR_FMT "'. The resource '" STR_FMT
                             "' is not supported.",
                             STR_ARG(name), STR_ARG(doc_str(doc_get(r, "type"))));
    }
    return 0;
}

/* uid or uid:gid; "root" is 0. Names stand in the image, which nobody has read yet. */
static int check_user(const struct doc *c, struct err *err)
{
    struct str user = doc_str(doc_get(c, "user")), rest = user, part;
    int64_t id;

    while (user.n > 0 && str_split(&rest, ':', &part)) {
        if (!str_is(part, "root") && !parse_range(part, 0, UINT32_MAX - 1, &id))
            return ecs_fault(err, ECS_CLIENT,
                             "Invalid setting for container '" STR_FMT "'. 'user' '" STR_FMT
                             "' is not supported: it must be numeric.",
                             STR_ARG(doc_str(doc_get(c, "name"))), STR_ARG(user));
    }
    return 0;
}

static int check_memory(const struct doc *td, const struct doc *c, struct err *err)
{
    struct str name = doc_str(doc_get(c, "name"));
    const struct doc *hard = doc_get(c, "memory"), *soft = doc_get(c, "memoryReservation");
    int64_t memory = doc_int_or(hard, 0), task = 0;

    if (!hard && !soft && !doc_get(td, "memory"))
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT
                         "'. At least one of 'memory' or 'memoryReservation' must be specified.",
                         STR_ARG(name));
    if ((hard && memory < 4) || (soft && doc_int_or(soft, 0) < 4))
        return ecs_fault(err, ECS_CLIENT, "Invalid setting for container '" STR_FMT "'. '%s' must be at least 4.",
                         STR_ARG(name), hard && memory < 4 ? "memory" : "memoryReservation");
    if (hard && soft && doc_int_or(soft, 0) > memory)
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT
                         "'. The value of 'memoryReservation' must not be greater than that of 'memory'.",
                         STR_ARG(name));
    if (doc_get(td, "memory") && taskdef_parse_memory(doc_text(doc_get(td, "memory")), &task) && memory > task)
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT
                         "'. 'memory' must not be greater than that of the task.",
                         STR_ARG(name));
    return 0;
}

static const struct {
    const char *field;
    int64_t min, max, otherwise; /* otherwise < 0: no default */
} health_fields[] = {
    {"interval", 5, 300, 30},
    {"timeout", 2, 60, 5},
    {"retries", 1, 10, 3},
    {"startPeriod", 0, 300, -1},
};

static int fill_health(struct arena *a, const struct doc *c, struct err *err)
{
    struct doc *h = doc_get(c, "healthCheck");
    struct str name = doc_str(doc_get(c, "name"));

    if (!h)
        return 0;
    struct str kind = doc_str(doc_at(doc_get(h, "command"), 0));
    bool known = str_is(kind, "CMD") || str_is(kind, "CMD-SHELL");
    if (!known || doc_count(doc_get(h, "command")) < 2)
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT
                         "'. The health check command must start with CMD or CMD-SHELL and hold a command.",
                         STR_ARG(name));
    for (size_t i = 0; i < ARRAY_LEN(health_fields); i++) {
        const struct doc *v = doc_get(h, health_fields[i].field);
        int64_t n = doc_int_or(v, health_fields[i].min);

        if (n < health_fields[i].min || n > health_fields[i].max)
            return ecs_fault(err, ECS_CLIENT,
                             "Invalid setting for container '" STR_FMT
                             "'. Health check '%s' must be between %lld and %lld.",
                             STR_ARG(name), health_fields[i].field, (long long)health_fields[i].min,
                             (long long)health_fields[i].max);
        if (!v && health_fields[i].otherwise >= 0)
            doc_set(h, health_fields[i].field, doc_int(a, health_fields[i].otherwise));
    }
    return 0;
}

static int fill_ports(struct arena *a, struct doc *c, enum task_network network, struct err *err)
{
    doc_foreach (doc_need_array(a, c, "portMappings"), p) {
        int64_t port = doc_int_or(doc_get(p, "containerPort"), 0);
        const struct doc *host = doc_get(p, "hostPort");
        struct str protocol = doc_str(doc_get(p, "protocol"));

        if (doc_get(p, "containerPortRange"))
            return ecs_fault(err, ECS_CLIENT,
                             "Invalid setting for container '" STR_FMT "'. 'containerPortRange' is not supported.",
                             STR_ARG(doc_str(doc_get(c, "name"))));
        if (port < 1 || port > 65535 || doc_int_or(host, 0) < 0 || doc_int_or(host, 0) > 65535)
            return ecs_fault(err, ECS_CLIENT, "Invalid port mapping for container '" STR_FMT "'.",
                             STR_ARG(doc_str(doc_get(c, "name"))));
        if (protocol.n > 0 && !str_is(protocol, "tcp") && !str_is(protocol, "udp"))
            return ecs_fault(err, ECS_CLIENT, "Invalid protocol '" STR_FMT "' in a port mapping.", STR_ARG(protocol));
        if (network != NETWORK_BRIDGE && doc_int_or(host, 0) != 0 && doc_int_or(host, 0) != port)
            return ecs_fault(err, ECS_CLIENT,
                             "When networkMode=%s, the host ports and container ports in port mappings must match.",
                             network == NETWORK_HOST ? "host" : "awsvpc");
        if (network != NETWORK_BRIDGE)
            doc_set(p, "hostPort", doc_int(a, port));
        else if (!host)
            doc_set(p, "hostPort", doc_int(a, 0));
        if (protocol.n == 0)
            doc_set(p, "protocol", doc_string(a, STR("tcp")));
    }
    return 0;
}

static int check_mounts(const struct doc *td, const struct doc *c, struct err *err)
{
    doc_foreach (doc_get(c, "mountPoints"), m) {
        struct str name = doc_str(doc_get(m, "sourceVolume"));
        bool found = false;

        doc_foreach (doc_get(td, "volumes"), v)
            found = found || str_eq(doc_str(doc_get(v, "name")), name);
        if (!found)
            return ecs_fault(err, ECS_CLIENT, "Unknown volume '" STR_FMT "'.", STR_ARG(name));
        if (doc_str(doc_get(m, "containerPath")).n == 0)
            return ecs_fault(err, ECS_CLIENT, "Container path of volume '" STR_FMT "' should not be null or empty.",
                             STR_ARG(name));
    }
    doc_foreach (doc_get(c, "volumesFrom"), f) {
        struct str name = doc_str(doc_get(f, "sourceContainer"));

        if (!taskdef_container(td, name) || str_eq(name, doc_str(doc_get(c, "name"))))
            return ecs_fault(err, ECS_CLIENT, "Invalid 'volumesFrom': unknown container '" STR_FMT "'.", STR_ARG(name));
    }
    return 0;
}

static const char *const empty_lists[] = {"portMappings", "environment", "mountPoints", "volumesFrom",
                                          "systemControls"};

static int one_container(struct arena *a, struct doc *td, struct doc *c, struct err *err)
{
    if (check_refused(c, taskdef_requires(td, "FARGATE"), err) < 0 || check_user(c, err) < 0 ||
        check_memory(td, c, err) < 0 || check_mounts(td, c, err) < 0 || fill_health(a, c, err) < 0)
        return -1;
    if (taskdef_requires(td, "FARGATE") && doc_int_or(doc_get(c, "stopTimeout"), 0) > 120)
        return ecs_fault(err, ECS_CLIENT, "Invalid setting for container '" STR_FMT "'. 'stopTimeout' exceeds 120.",
                         STR_ARG(doc_str(doc_get(c, "name"))));
    if (!doc_get(c, "cpu"))
        doc_set(c, "cpu", doc_int(a, 0));
    if (!doc_get(c, "essential"))
        doc_set(c, "essential", doc_bool(a, true));
    for (size_t i = 0; i < ARRAY_LEN(empty_lists); i++)
        (void)doc_need_array(a, c, empty_lists[i]);
    return fill_ports(a, c, taskdef_network(td), err);
}

static bool name_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return s.n <= 255;
}

int taskdef_containers(struct arena *a, struct doc *taskdef, struct err *err)
{
    const struct doc *list = doc_get(taskdef, "containerDefinitions");
    bool essential = false;

    doc_foreach (list, c) {
        struct str name = doc_str(doc_get(c, "name"));

        if (name.n == 0)
            return ecs_fault(err, ECS_CLIENT, "Container.name should not be null or empty.");
        if (!name_ok(name))
            return ecs_fault(err, ECS_CLIENT, "Container name contains invalid characters.");
        if (doc_str(doc_get(c, "image")).n == 0)
            return ecs_fault(err, ECS_CLIENT, "Container.image should not be null or empty.");
        if (taskdef_container(taskdef, name) != c)
            return ecs_fault(err, ECS_CLIENT, "Container names must be unique: '" STR_FMT "' is used twice.",
                             STR_ARG(name));
    }
    doc_foreach (list, c) {
        if (one_container(a, taskdef, c, err) < 0)
            return -1;
        essential = essential || doc_true(doc_get(c, "essential"));
    }
    if (!essential)
        return ecs_fault(err, ECS_CLIENT, "At least one container of a task definition must be essential.");
    if (taskdef_dependencies(list, err) < 0)
        return -1;
    return taskdef_port_rules(list, taskdef_network(taskdef), err);
}
