#include "ecs/map/overrides.h"

#include "api/json.h"
#include "base/buf.h"
#include "ecs/map/fault.h"
#include "ecs/map/taskdef.h"

#define MEMORY_MIN 4 /* MiB of a container */
#define STORAGE_MIN 21
#define STORAGE_MAX 200

static int check_container(const struct doc *taskdef, const struct doc *o, struct err *err)
{
    struct str name = doc_str(doc_get(o, "name"));
    int64_t memory = doc_int_or(doc_get(o, "memory"), 0), soft = doc_int_or(doc_get(o, "memoryReservation"), 0);

    if (!taskdef_container(taskdef, name))
        return ecs_fault(err, ECS_INVALID,
                         "Override for container named " STR_FMT " is not a container in the TaskDefinition.",
                         STR_ARG(name));
    if (doc_count(doc_get(o, "environmentFiles")))
        return ecs_fault(err, ECS_INVALID,
                         "Override for container named " STR_FMT ": environmentFiles is not supported.", STR_ARG(name));
    if (doc_int_or(doc_get(o, "cpu"), 0) < 0 || (doc_get(o, "memory") && memory < MEMORY_MIN) ||
        (doc_get(o, "memoryReservation") && soft < MEMORY_MIN))
        return ecs_fault(err, ECS_INVALID, "Invalid 'memory' or 'cpu' setting for container '" STR_FMT "'.",
                         STR_ARG(name));
    if (memory && soft > memory)
        return ecs_fault(err, ECS_INVALID,
                         "Invalid setting for container '" STR_FMT
                         "'. 'memory' must be greater than or equal to 'memoryReservation'.",
                         STR_ARG(name));
    return 0;
}

static int check_length(const struct doc *overrides, struct err *err)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(OVERRIDES_BYTES_MAX);

    json_write(&text, overrides);
    if (!buf_ok(&text))
        return ecs_fault(err, ECS_INVALID, "Container Overrides length must be at most %d", OVERRIDES_BYTES_MAX);
    return 0;
}

static int check_size(const struct doc *taskdef, const struct doc *overrides, bool fargate, struct err *err)
{
    const struct doc *cpu = doc_get(overrides, "cpu"), *memory = doc_get(overrides, "memory");
    const struct doc *storage = doc_path(overrides, "ephemeralStorage.sizeInGiB");
    int64_t gib = doc_int_or(storage, STORAGE_MIN);
    struct ecs_size size;

    if (cpu && !taskdef_parse_cpu(doc_text(cpu), &size.cpu))
        return ecs_fault(err, ECS_INVALID, "Invalid 'cpu' setting for task");
    if (memory && !taskdef_parse_memory(doc_text(memory), &size.memory))
        return ecs_fault(err, ECS_INVALID, "Invalid 'memory' setting for task");
    if (taskdef_size(taskdef, overrides, &size, err) < 0)
        return -1;
    if (fargate && (cpu || memory) && !taskdef_fargate_size(size))
        return ecs_fault(err, ECS_CLIENT, "No Fargate configuration exists for given values: %lld CPU, %lld memory",
                         (long long)size.cpu, (long long)size.memory);
    if (storage && (!fargate || gib < STORAGE_MIN || gib > STORAGE_MAX))
        return ecs_fault(err, ECS_INVALID, "ephemeralStorage is for tasks on FARGATE, and from %d to %d GiB.",
                         STORAGE_MIN, STORAGE_MAX);
    return 0;
}

int overrides_check(const struct doc *taskdef, const struct doc *overrides, bool fargate, struct err *err)
{
    if (!overrides)
        return 0;
    if (check_length(overrides, err) < 0)
        return -1;
    doc_foreach (doc_get(overrides, "containerOverrides"), o)
        if (check_container(taskdef, o, err) < 0)
            return -1;
    return check_size(taskdef, overrides, fargate, err);
}

int task_names_check(struct str group, struct str started_by, struct err *err)
{
    if (str_starts(group, STR("service:")) || str_starts(group, STR("family:")))
        return ecs_fault(err, ECS_INVALID, "Invalid namespace for group.");
    if (started_by.n > STARTED_BY_MAX)
        return ecs_fault(err, ECS_INVALID, "startedBy must be at most %d characters long.", STARTED_BY_MAX);
    return 0;
}

int task_platform_check(struct str version, bool fargate, struct err *err)
{
    static const char *const versions[] = {"LATEST", "1.4.0", "1.3.0", "1.2.0", "1.1.0", "1.0.0"};

    if (!version.n)
        return 0;
    if (!fargate)
        return ecs_fault(err, ECS_INVALID, "The platform version must be null when specifying an EC2 launch type.");
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (str_is(version, versions[i]))
            return 0;
    return ecs_fault(err, "PlatformUnknownException", "The specified platform does not exist.");
}
