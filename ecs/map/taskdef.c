#include "ecs/map/taskdef.h"
#include "base/parse.h"
#include "ecs/map/query.h"
#include "ecs/map/taskdef_rules.h"

#define CONTAINERS_MAX 10
#define CONSTRAINTS_MAX 10
#define CPU_MIN 128
#define CPU_MAX 196608
#define BAD_SIZE                                                                                                       \
    "Invalid '%s' setting for task. For more information, see the Troubleshooting section of the Amazon ECS "          \
    "Developer Guide."

enum task_network taskdef_network(const struct doc *taskdef)
{
    struct str mode = doc_str(doc_get(taskdef, "networkMode"));

    return str_is(mode, "awsvpc") ? NETWORK_AWSVPC : str_is(mode, "host") ? NETWORK_HOST : NETWORK_BRIDGE;
}

bool taskdef_requires(const struct doc *taskdef, const char *compatibility)
{
    doc_foreach (doc_get(taskdef, "requiresCompatibilities"), it) {
        if (str_is(doc_str(it), compatibility))
            return true;
    }
    return false;
}

/* --- sizes --- */

/* "2", ".5", "1.25" followed by unit: the number times scale, exact or not at all. */
static bool parse_scaled(struct str s, const char *unit, int64_t scale, int64_t *ret)
{
    int64_t whole = 0, part = 0, div = 1;
    size_t i = 0, digits = 0;

    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && digits < 9; i++, digits++)
        whole = whole * 10 + (s.p[i] - '0');
    if (i < s.n && s.p[i] == '.') {
        for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && div < 1000000; i++, digits++, div *= 10)
            part = part * 10 + (s.p[i] - '0');
    }
    struct str rest = str_trim(str_from(s, i));
    if (digits == 0 || !str_ieq(rest, str_of(unit)))
        return false;
    *ret = whole * scale + part * scale / div;
    return *ret > 0;
}

bool taskdef_parse_cpu(struct str s, int64_t *ret)
{
    s = str_trim(s);
    return parse_range(s, 1, 1 << 24, ret) || parse_scaled(s, "vCPU", 1024, ret);
}

bool taskdef_parse_memory(struct str s, int64_t *ret)
{
    s = str_trim(s);
    return parse_range(s, 1, 1 << 30, ret) || parse_scaled(s, "GB", 1024, ret) || parse_scaled(s, "MB", 1, ret);
}

static const struct fargate_row {
    int64_t cpu, min, max, step;
} fargate_table[] = {
    {256, 512, 1024, 512},         {256, 2048, 2048, 1024},       {512, 1024, 4096, 1024},
    {1024, 2048, 8192, 1024},      {2048, 4096, 16384, 1024},     {4096, 8192, 30720, 1024},
    {8192, 16384, 61440, 4096},    {16384, 32768, 122880, 8192},  {32768, 61440, 61440, 1024},
    {32768, 122880, 122880, 1024}, {32768, 249856, 249856, 1024},
};

bool taskdef_fargate_size(struct ecs_size size)
{
    for (size_t i = 0; i < ARRAY_LEN(fargate_table); i++) {
        const struct fargate_row *r = &fargate_table[i];

        if (r->cpu == size.cpu && size.memory >= r->min && size.memory <= r->max &&
            (size.memory - r->min) % r->step == 0)
            return true;
    }
    return false;
}

static int task_size(const struct doc *from, struct ecs_size *size, struct err *err)
{
    const struct doc *cpu = doc_get(from, "cpu"), *memory = doc_get(from, "memory");

    if (cpu && !taskdef_parse_cpu(doc_text(cpu), &size->cpu))
        return ecs_fault(err, ECS_CLIENT, BAD_SIZE, "cpu");
    if (memory && !taskdef_parse_memory(doc_text(memory), &size->memory))
        return ecs_fault(err, ECS_CLIENT, BAD_SIZE, "memory");
    return 0;
}

static int64_t container_memory(const struct doc *c)
{
    return doc_int_or(doc_get(c, "memoryReservation"), doc_int_or(doc_get(c, "memory"), 0));
}

int taskdef_size(const struct doc *taskdef, const struct doc *overrides, struct ecs_size *ret, struct err *err)
{
    struct ecs_size size = {0}, sum = {0};

    if (task_size(taskdef, &size, err) < 0 || task_size(overrides, &size, err) < 0)
        return -1;
    doc_foreach (doc_get(taskdef, "containerDefinitions"), c) {
        const struct doc *over = NULL;

        doc_foreach (doc_get(overrides, "containerOverrides"), it) {
            if (str_eq(doc_str(doc_get(it, "name")), doc_str(doc_get(c, "name"))))
                over = it;
        }
        sum.cpu += doc_int_or(doc_get(over, "cpu"), doc_int_or(doc_get(c, "cpu"), 0));
        sum.memory += container_memory(over) ? container_memory(over) : container_memory(c);
    }
    ret->cpu = size.cpu ? size.cpu : sum.cpu;
    ret->memory = size.memory ? size.memory : sum.memory;
    return 0;
}

/* --- checks of the task --- */

static bool family_ok(struct str family)
{
    for (size_t i = 0; i < family.n; i++) {
        char c = family.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return family.n > 0 && family.n <= 255;
}

static const char *const volume_refused[] = {"efsVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration",
                                             "s3filesVolumeConfiguration", "configuredAtLaunch"};

static int check_docker_volume(struct str name, const struct doc *docker, struct err *err)
{
    struct str driver = doc_str(doc_get(docker, "driver"));

    if (driver.n > 0 && !str_is(driver, "local"))
        return ecs_fault(err, ECS_CLIENT, "Volume '" STR_FMT "': the driver '" STR_FMT "' is not supported.",
                         STR_ARG(name), STR_ARG(driver));
    if (doc_count(doc_get(docker, "driverOpts")) > 0)
        return ecs_fault(err, ECS_CLIENT, "Volume '" STR_FMT "': 'driverOpts' is not supported.", STR_ARG(name));
    return 0;
}

static int check_volume(const struct doc *taskdef, const struct doc *v, struct err *err)
{
    const struct doc *docker = doc_get(v, "dockerVolumeConfiguration");
    struct str name = doc_str(doc_get(v, "name")), source = doc_str(doc_path(v, "host.sourcePath"));

    if (name.n == 0)
        return ecs_fault(err, ECS_CLIENT, "Volume name should not be null or empty.");
    doc_foreach (doc_get(taskdef, "volumes"), other) {
        if (other == v)
            break;
        if (str_eq(doc_str(doc_get(other, "name")), name))
            return ecs_fault(err, ECS_CLIENT, "Duplicate volume name '" STR_FMT "'.", STR_ARG(name));
    }
    if (taskdef_requires(taskdef, "FARGATE") && (docker || source.n > 0))
        return ecs_fault(err, ECS_CLIENT, "Fargate compatible task definitions do not support %s",
                         docker ? "dockerVolumeConfiguration" : "sourcePath");
    for (size_t i = 0; i < ARRAY_LEN(volume_refused); i++) {
        if (taskdef_says_something(doc_get(v, volume_refused[i])))
            return ecs_fault(err, ECS_CLIENT, "Volume '" STR_FMT "': '%s' is not supported.", STR_ARG(name),
                             volume_refused[i]);
    }
    if (source.n > 0 && source.p[0] != '/')
        return ecs_fault(err, ECS_CLIENT, "Volume '" STR_FMT "': 'sourcePath' must be absolute.", STR_ARG(name));
    return check_docker_volume(name, docker, err);
}

static int check_constraints(struct arena *a, const struct doc *taskdef, struct err *err)
{
    const struct doc *list = doc_get(taskdef, "placementConstraints");

    if (doc_count(list) > CONSTRAINTS_MAX)
        return ecs_fault(err, ECS_CLIENT, "Too many placement constraints: a task definition has %d at most.",
                         CONSTRAINTS_MAX);
    doc_foreach (list, p) {
        const struct query *q;

        if (query_parse(a, doc_str(doc_get(p, "expression")), &q, err) < 0)
            return -1;
    }
    return 0;
}

static int check_fargate(const struct doc *taskdef, struct err *err)
{
    struct ecs_size size = {0};
    int64_t disk = doc_int_or(doc_path(taskdef, "ephemeralStorage.sizeInGiB"), 21);

    if (taskdef_network(taskdef) != NETWORK_AWSVPC)
        return ecs_fault(err, ECS_CLIENT, "Fargate only supports network mode 'awsvpc'.");
    if (task_size(taskdef, &size, err) < 0)
        return -1;
    if (!size.cpu || !size.memory)
        return ecs_fault(err, ECS_CLIENT, "Fargate requires that '%s' be defined at the task level.",
                         size.cpu ? "memory" : "cpu");
    if (!taskdef_fargate_size(size))
        return ecs_fault(err, ECS_CLIENT, "No Fargate configuration exists for given values: %lld CPU, %lld memory",
                         (long long)size.cpu, (long long)size.memory);
    if (disk < 21 || disk > 200)
        return ecs_fault(err, ECS_CLIENT, "Ephemeral storage must be between 21 and 200 GiB.");
    if (doc_count(doc_get(taskdef, "placementConstraints")) > 0)
        return ecs_fault(err, ECS_CLIENT, "Fargate compatible task definitions do not support constraints");
    if (doc_str(doc_get(taskdef, "ipcMode")).n > 0)
        return ecs_fault(err, ECS_CLIENT, "Tasks using the Fargate launch type do not support ipcMode.");
    if (str_is(doc_str(doc_get(taskdef, "pidMode")), "host"))
        return ecs_fault(err, ECS_CLIENT, "Fargate compatible task definitions do not support pidMode 'host'");
    return 0;
}

static int check_task(struct arena *a, const struct doc *taskdef, struct err *err)
{
    const struct doc *containers = doc_get(taskdef, "containerDefinitions");
    struct str os = doc_str(doc_path(taskdef, "runtimePlatform.operatingSystemFamily"));
    struct ecs_size size = {0};

    if (!family_ok(doc_str(doc_get(taskdef, "family"))))
        return ecs_fault(err, ECS_CLIENT, "Family contains invalid characters.");
    if (doc_count(containers) == 0)
        return ecs_fault(err, ECS_CLIENT, "Container list cannot be empty.");
    if (doc_count(containers) > CONTAINERS_MAX)
        return ecs_fault(err, ECS_CLIENT, "Too many containers: a task definition has %d at most.", CONTAINERS_MAX);
    if (str_is(doc_str(doc_get(taskdef, "networkMode")), "none"))
        return ecs_fault(err, ECS_CLIENT, "'networkMode' 'none' is not supported: a pod always has a network.");
    if (doc_count(doc_get(taskdef, "inferenceAccelerators")) > 0)
        return ecs_fault(err, ECS_CLIENT, "Unsupported field 'inferenceAccelerators'");
    if (os.n > 0 && !str_is(os, "LINUX"))
        return ecs_fault(err, ECS_CLIENT, "'operatingSystemFamily' '" STR_FMT "' is not supported.", STR_ARG(os));
    if (task_size(taskdef, &size, err) < 0)
        return -1;
    doc_foreach (doc_get(taskdef, "volumes"), v) {
        if (check_volume(taskdef, v, err) < 0)
            return -1;
    }
    if (taskdef_requires(taskdef, "FARGATE") ? check_fargate(taskdef, err) < 0 : check_constraints(a, taskdef, err) < 0)
        return -1;
    if (size.cpu != 0 && (size.cpu < CPU_MIN || size.cpu > CPU_MAX))
        return ecs_fault(err, ECS_CLIENT, BAD_SIZE, "cpu");
    return 0;
}

/* "1 vCPU" and "2GB" come back as "1024" and "2048". */
static void plain_sizes(struct arena *a, struct doc *td)
{
    struct ecs_size size = {0};

    if (taskdef_parse_cpu(doc_text(doc_get(td, "cpu")), &size.cpu))
        doc_set(td, "cpu", doc_printf(a, "%lld", (long long)size.cpu));
    if (taskdef_parse_memory(doc_text(doc_get(td, "memory")), &size.memory))
        doc_set(td, "memory", doc_printf(a, "%lld", (long long)size.memory));
}

/* What it is to run on must be able to take it. Managed instances do not exist: they may stand beside others only. */
static int check_compatible(const struct doc *td, struct err *err)
{
    const struct doc *wanted = doc_get(td, "requiresCompatibilities"), *able = doc_get(td, "compatibilities");

    doc_foreach (wanted, w) {
        bool found = str_is(doc_str(w), "MANAGED_INSTANCES") && doc_count(wanted) > 1;

        doc_foreach (able, c)
            found = found || doc_equal(w, c);
        if (!found)
            return ecs_fault(err, ECS_CLIENT,
                             "'requiresCompatibilities' '" STR_FMT "' is not supported by this task definition.",
                             STR_ARG(doc_str(w)));
    }
    return 0;
}

int taskdef_normalise(struct arena *a, const struct doc *input, struct doc **ret, struct err *err)
{
    struct doc *td = doc_clone(a, input, true);

    if (!td)
        return err_set(err, ERR_TOO_LARGE, "the task definition is too large");
    doc_remove(td, "tags");
    if (check_task(a, td, err) < 0 || taskdef_containers(a, td, err) < 0)
        return -1;
    plain_sizes(a, td);
    (void)doc_need_array(a, td, "volumes");
    (void)doc_need_array(a, td, "placementConstraints");
    taskdef_derive(a, td);
    if (!arena_overflow(a) && check_compatible(td, err) < 0)
        return -1;
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the task definition is too large");
    *ret = td;
    return 0;
}

void taskdef_stamp(struct arena *a, struct doc *taskdef, const struct taskdef_stamp *stamp)
{
    struct str family = doc_str(doc_get(taskdef, "family"));

    doc_set(taskdef, "taskDefinitionArn",
            doc_printf(a, "arn:aws:ecs:%s:%s:task-definition/" STR_FMT ":%lld", stamp->region, stamp->account,
                       STR_ARG(family), (long long)stamp->revision));
    doc_set(taskdef, "revision", doc_int(a, stamp->revision));
    doc_set(taskdef, "status", doc_string(a, STR("ACTIVE")));
    doc_set(taskdef, "registeredAt", doc_int(a, stamp->now_s));
    doc_set(taskdef, "registeredBy", doc_string_copy(a, stamp->registered_by));
}

int taskdef_check_launch(const struct doc *taskdef, struct str launch_type, const struct doc *network, struct err *err)
{
    bool awsvpc = taskdef_network(taskdef) == NETWORK_AWSVPC, found = launch_type.n == 0;

    doc_foreach (doc_get(taskdef, "compatibilities"), it)
        found = found || str_eq(doc_str(it), launch_type);
    if (!found)
        return ecs_fault(err, ECS_INVALID, "Task definition does not support launch_type " STR_FMT ".",
                         STR_ARG(launch_type));
    if (awsvpc && !doc_get(network, "awsvpcConfiguration"))
        return ecs_fault(err, ECS_INVALID,
                         "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
    if (!awsvpc && doc_get(network, "awsvpcConfiguration"))
        return ecs_fault(err, ECS_INVALID,
                         "Network Configuration is not valid for the given networkMode of this task definition.");
    if (!str_is(launch_type, "FARGATE") &&
        str_is(doc_str(doc_path(network, "awsvpcConfiguration.assignPublicIp")), "ENABLED"))
        return ecs_fault(err, ECS_INVALID, "Assign public IP is not supported for this launch type.");
    return 0;
}

const struct doc *taskdef_container(const struct doc *taskdef, struct str name)
{
    doc_foreach (doc_get(taskdef, "containerDefinitions"), c) {
        if (str_eq(doc_str(doc_get(c, "name")), name))
            return c;
    }
    return NULL;
}
