#include "ecs/map/fault.h"
#include "ecs/map/taskdef_rules.h"

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
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT "'. It depends on %s container '" STR_FMT "'.",
                         STR_ARG(name), on ? "its own" : "an unknown", STR_ARG(want));
    if (!ends && !str_is(condition, "START") && !str_is(condition, "HEALTHY"))
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT "'. Unknown dependency condition '" STR_FMT "'.",
                         STR_ARG(name), STR_ARG(condition));
    if (ends && doc_true(doc_get(on, "essential")))
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT "'. Essential container '" STR_FMT
                         "' cannot be awaited with " STR_FMT ".",
                         STR_ARG(name), STR_ARG(want), STR_ARG(condition));
    if (str_is(condition, "HEALTHY") && !doc_get(on, "healthCheck"))
        return ecs_fault(err, ECS_CLIENT,
                         "Invalid setting for container '" STR_FMT "'. Container '" STR_FMT
                         "' is awaited with HEALTHY but has no health check.",
                         STR_ARG(name), STR_ARG(want));
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

        if (doc_count(deps) >= doc_count(containers) && doc_count(deps) > 0)
            return ecs_fault(err, ECS_CLIENT, "Invalid setting for container '" STR_FMT "'. Too many dependencies.",
                             STR_ARG(doc_str(doc_get(c, "name"))));
        doc_foreach (deps, d) {
            if (check_dependency(containers, c, d, err) < 0 || check_repeated(c, d, err) < 0)
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

/* --- ports --- */

static bool ports_collide(const struct doc *one, const struct doc *two, const char *field)
{
    int64_t port = doc_int_or(doc_get(one, field), 0);

    return port != 0 && port == doc_int_or(doc_get(two, field), 0) &&
           str_eq(doc_str(doc_get(one, "protocol")), doc_str(doc_get(two, "protocol")));
}

/* Containers of a pod share one network, in bridge mode too. */
static int check_pair(const struct doc *c, const struct doc *p, const struct doc *c2, const struct doc *p2,
                      enum task_network network, struct err *err)
{
    if (network == NETWORK_BRIDGE && ports_collide(p, p2, "hostPort"))
        return ecs_fault(err, ECS_CLIENT, "The host port %lld is used twice in the task definition.",
                         (long long)doc_int_or(doc_get(p, "hostPort"), 0));
    if (ports_collide(p, p2, "containerPort"))
        return ecs_fault(err, ECS_CLIENT,
                         "Containers '" STR_FMT "' and '" STR_FMT
                         "' use the same containerPort %lld, which is not supported: they share one network.",
                         STR_ARG(doc_str(doc_get(c, "name"))), STR_ARG(doc_str(doc_get(c2, "name"))),
                         (long long)doc_int_or(doc_get(p, "containerPort"), 0));
    return 0;
}

int taskdef_port_rules(const struct doc *containers, enum task_network network, struct err *err)
{
    doc_foreach (containers, c) {
        doc_foreach (doc_get(c, "portMappings"), p) {
            bool behind = false; /* each pair once */

            doc_foreach (containers, c2) {
                doc_foreach (doc_get(c2, "portMappings"), p2) {
                    if (behind && check_pair(c, p, c2, p2, network, err) < 0)
                        return -1;
                    behind = behind || p2 == p;
                }
            }
        }
    }
    return 0;
}

/* --- derived --- */

static bool any_container(const struct doc *td, const char *path)
{
    doc_foreach (doc_get(td, "containerDefinitions"), c) {
        const struct doc *d = doc_path(c, path);

        if (d && !(doc_is(d, DOC_BOOL) && !d->b) && !(doc_is(d, DOC_ARRAY) && d->n == 0))
            return true;
    }
    return false;
}

static bool any_driver(const struct doc *td, const char *driver)
{
    doc_foreach (doc_get(td, "containerDefinitions"), c) {
        if (str_is(doc_str(doc_path(c, "logConfiguration.logDriver")), driver))
            return true;
    }
    return false;
}

/* An attribute is required when a container or the task has the member. */
static const struct {
    const char *attribute, *container_path, *task_path;
} attribute_rows[] = {
    {"com.amazonaws.ecs.capability.docker-remote-api.1.18", "name", NULL},
    {"com.amazonaws.ecs.capability.docker-remote-api.1.21", "memoryReservation", NULL},
    {"com.amazonaws.ecs.capability.docker-remote-api.1.25", "linuxParameters.initProcessEnabled", NULL},
    {"com.amazonaws.ecs.capability.docker-remote-api.1.29", "healthCheck", NULL},
    {"com.amazonaws.ecs.capability.privileged-container", "privileged", NULL},
    {"com.amazonaws.ecs.capability.task-iam-role", NULL, "taskRoleArn"},
    {"ecs.capability.container-health-check", "healthCheck", NULL},
    {"ecs.capability.container-ordering", "dependsOn", NULL},
    {"ecs.capability.pid-ipc-namespace-sharing", NULL, "pidMode"},
    {"ecs.capability.pid-ipc-namespace-sharing", NULL, "ipcMode"},
    {"ecs.capability.private-registry-authentication.secretsmanager", "repositoryCredentials", NULL},
};

static void add_attribute(struct arena *a, struct doc *list, const char *name)
{
    struct doc *o;

    doc_foreach (list, it) {
        if (str_is(doc_str(doc_get(it, "name")), name))
            return;
    }
    o = doc_object(a);
    doc_set(o, "name", doc_string(a, str_of(name)));
    doc_append(list, o);
}

static bool fits_fargate(const struct doc *td)
{
    struct ecs_size size = {0};

    if (taskdef_network(td) != NETWORK_AWSVPC || any_container(td, "privileged") || any_container(td, "links") ||
        any_container(td, "extraHosts") || any_container(td, "dnsServers") || any_container(td, "resourceRequirements"))
        return false;
    doc_foreach (doc_get(td, "volumes"), v) {
        if (doc_get(v, "dockerVolumeConfiguration") || doc_str(doc_path(v, "host.sourcePath")).n > 0)
            return false;
    }
    return doc_count(doc_get(td, "placementConstraints")) == 0 &&
           taskdef_parse_cpu(doc_text(doc_get(td, "cpu")), &size.cpu) &&
           taskdef_parse_memory(doc_text(doc_get(td, "memory")), &size.memory) && taskdef_fargate_size(size);
}

void taskdef_derive(struct arena *a, struct doc *taskdef)
{
    struct doc *attributes = doc_array(a), *compat = doc_array(a);
    bool awsvpc = taskdef_network(taskdef) == NETWORK_AWSVPC;

    for (size_t i = 0; i < ARRAY_LEN(attribute_rows); i++) {
        if ((attribute_rows[i].container_path && any_container(taskdef, attribute_rows[i].container_path)) ||
            (attribute_rows[i].task_path && doc_get(taskdef, attribute_rows[i].task_path)))
            add_attribute(a, attributes, attribute_rows[i].attribute);
    }
    if (any_driver(taskdef, "awslogs")) {
        add_attribute(a, attributes, "com.amazonaws.ecs.capability.logging-driver.awslogs");
        if (doc_get(taskdef, "executionRoleArn"))
            add_attribute(a, attributes, "ecs.capability.execution-role-awslogs");
    }
    if (awsvpc)
        add_attribute(a, attributes, "ecs.capability.task-eni");
    if (!awsvpc)
        doc_append(compat, doc_string(a, STR("EXTERNAL")));
    doc_append(compat, doc_string(a, STR("EC2")));
    if (fits_fargate(taskdef))
        doc_append(compat, doc_string(a, STR("FARGATE")));
    doc_set(taskdef, "requiresAttributes", attributes);
    doc_set(taskdef, "compatibilities", compat);
}
