#include "ecs/map/taskdef_rules.h"

static bool any_container(const struct doc *td, const char *path)
{
    doc_foreach (doc_get(td, "containerDefinitions"), c) {
        const struct doc *d = doc_path(c, path);

        if (taskdef_says_something(d))
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
    {"com.amazonaws.ecs.capability.docker-remote-api.1.22", "linuxParameters.sharedMemorySize", NULL},
    {"com.amazonaws.ecs.capability.docker-remote-api.1.22", "linuxParameters.tmpfs", NULL},
    {"com.amazonaws.ecs.capability.docker-remote-api.1.25", "linuxParameters.initProcessEnabled", NULL},
    {"com.amazonaws.ecs.capability.docker-remote-api.1.29", "healthCheck", NULL},
    {"com.amazonaws.ecs.capability.privileged-container", "privileged", NULL},
    {"ecs.capability.container-health-check", "healthCheck", NULL},
    {"ecs.capability.container-restart-policy", "restartPolicy.enabled", NULL},
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

static bool each_is(const struct doc *list, const char *value)
{
    doc_foreach (list, it) {
        if (!str_is(doc_str(it), value))
            return false;
    }
    return true;
}

static bool fits_fargate(const struct doc *td)
{
    static const char *const unfit[] = {"privileged",
                                        "dnsServers",
                                        "dnsSearchDomains",
                                        "resourceRequirements",
                                        "dockerSecurityOptions",
                                        "linuxParameters.sharedMemorySize"};
    struct ecs_size size = {0};

    for (size_t i = 0; i < ARRAY_LEN(unfit); i++) {
        if (any_container(td, unfit[i]))
            return false;
    }
    doc_foreach (doc_get(td, "containerDefinitions"), c) {
        if (!each_is(doc_path(c, "linuxParameters.capabilities.add"), "SYS_PTRACE"))
            return false;
    }
    doc_foreach (doc_get(td, "volumes"), v) {
        if (doc_get(v, "dockerVolumeConfiguration") || doc_str(doc_path(v, "host.sourcePath")).n > 0)
            return false;
    }
    return taskdef_network(td) == NETWORK_AWSVPC && doc_count(doc_get(td, "placementConstraints")) == 0 &&
           doc_str(doc_get(td, "ipcMode")).n == 0 && !str_is(doc_str(doc_get(td, "pidMode")), "host") &&
           taskdef_parse_cpu(doc_text(doc_get(td, "cpu")), &size.cpu) &&
           taskdef_parse_memory(doc_text(doc_get(td, "memory")), &size.memory) && taskdef_fargate_size(size);
}

/* An image of an ECR registry: ACCOUNT.dkr.ecr.REGION.amazonaws.com/... */
static bool any_ecr_image(const struct doc *td)
{
    doc_foreach (doc_get(td, "containerDefinitions"), c) {
        if (taskdef_is_ecr_image(doc_str(doc_get(c, "image"))))
            return true;
    }
    return false;
}

static bool any_named_port_range(const struct doc *td)
{
    doc_foreach (doc_get(td, "containerDefinitions"), c) {
        doc_foreach (doc_get(c, "portMappings"), p) {
            if (doc_get(p, "containerPortRange"))
                return true;
        }
    }
    return false;
}

static void add_if(struct arena *a, struct doc *list, bool wanted, const char *name)
{
    if (wanted)
        add_attribute(a, list, name);
}

/* What follows from more than a member's being there. */
static void add_derived(struct arena *a, const struct doc *td, struct doc *list)
{
    bool awslogs = any_driver(td, "awslogs"), execution = doc_get(td, "executionRoleArn"), ecr = any_ecr_image(td);
    bool host = taskdef_network(td) == NETWORK_HOST, role = doc_get(td, "taskRoleArn");
    int64_t cpu = 0;

    add_if(a, list, awslogs, "com.amazonaws.ecs.capability.logging-driver.awslogs");
    add_if(a, list, awslogs, "com.amazonaws.ecs.capability.docker-remote-api.1.19");
    add_if(a, list, awslogs && execution, "ecs.capability.execution-role-awslogs");
    add_if(a, list, any_driver(td, "json-file"), "com.amazonaws.ecs.capability.logging-driver.json-file");
    add_if(a, list, ecr, "com.amazonaws.ecs.capability.ecr-auth");
    add_if(a, list, ecr && execution, "ecs.capability.execution-role-ecr-pull");
    add_if(a, list, role,
           host ? "com.amazonaws.ecs.capability.task-iam-role-network-host"
                : "com.amazonaws.ecs.capability.task-iam-role");
    add_if(a, list, any_named_port_range(td), "ecs.capability.container-port-range");
    add_if(a, list, taskdef_network(td) == NETWORK_AWSVPC, "ecs.capability.task-eni");
    add_if(a, list, taskdef_parse_cpu(doc_text(doc_get(td, "cpu")), &cpu) && cpu > 10240,
           "ecs.capability.increased-task-cpu-limit");
}

void taskdef_derive(struct arena *a, struct doc *taskdef)
{
    struct doc *attributes = doc_array(a), *compat = doc_array(a);

    for (size_t i = 0; i < ARRAY_LEN(attribute_rows); i++) {
        if ((attribute_rows[i].container_path && any_container(taskdef, attribute_rows[i].container_path)) ||
            (attribute_rows[i].task_path && doc_get(taskdef, attribute_rows[i].task_path)))
            add_attribute(a, attributes, attribute_rows[i].attribute);
    }
    add_derived(a, taskdef, attributes);
    if (taskdef_network(taskdef) != NETWORK_AWSVPC)
        doc_append(compat, doc_string(a, STR("EXTERNAL")));
    doc_append(compat, doc_string(a, STR("EC2")));
    if (fits_fargate(taskdef))
        doc_append(compat, doc_string(a, STR("FARGATE")));
    doc_set(taskdef, "requiresAttributes", attributes);
    doc_set(taskdef, "compatibilities", compat);
}
