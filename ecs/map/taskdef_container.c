#include "base/parse.h"
#include "ecs/map/taskdef_rules.h"

#define MEMORY_MIN 4
#define IMAGE_MAX 512
#define VOLUMES_FROM_DEPTH 10 /* containers are no more */

/* --- memory, cpu --- */

static int check_memory(const struct doc *td, const struct doc *c, struct err *err)
{
    const struct doc *hard = doc_get(c, "memory"), *soft = doc_get(c, "memoryReservation");
    int64_t memory = doc_int_or(hard, 0), task = 0;

    if (!hard && !soft && !doc_get(td, "memory"))
        return taskdef_invalid(err, c, "At least one of 'memory' or 'memoryReservation' must be specified.");
    if ((hard && memory < MEMORY_MIN) || (soft && doc_int_or(soft, 0) < MEMORY_MIN))
        return taskdef_invalid(err, c, "'%s' must be at least %d.",
                               hard && memory < MEMORY_MIN ? "memory" : "memoryReservation", MEMORY_MIN);
    if (hard && soft && doc_int_or(soft, 0) > memory)
        return taskdef_invalid(err, c, "'memory' must be greater than or equal to 'memoryReservation'.");
    if (doc_get(td, "memory") && taskdef_parse_memory(doc_text(doc_get(td, "memory")), &task) && memory > task)
        return ecs_fault(err, ECS_CLIENT,
                         "The 'memory' setting for container '" STR_FMT "' is greater than for the task.",
                         STR_ARG(doc_str(doc_get(c, "name"))));
    if (doc_int_or(doc_get(c, "cpu"), 0) < 0)
        return taskdef_invalid(err, c, "'cpu' must not be negative.");
    return 0;
}

static int check_cpu_sum(const struct doc *td, struct err *err)
{
    int64_t task = 0, sum = 0;

    if (!taskdef_parse_cpu(doc_text(doc_get(td, "cpu")), &task))
        return 0;
    doc_foreach (doc_get(td, "containerDefinitions"), c)
        sum += doc_int_or(doc_get(c, "cpu"), 0);
    if (sum > task)
        return ecs_fault(err, ECS_CLIENT,
                         "The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value.");
    return 0;
}

/* --- health check --- */

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

    if (!h)
        return 0;
    struct str kind = doc_str(doc_at(doc_get(h, "command"), 0));
    bool known = str_is(kind, "CMD") || str_is(kind, "CMD-SHELL");
    if (!known || doc_count(doc_get(h, "command")) < 2)
        return taskdef_invalid(err, c, "The health check command must start with CMD or CMD-SHELL and hold a command.");
    for (size_t i = 0; i < ARRAY_LEN(health_fields); i++) {
        const struct doc *v = doc_get(h, health_fields[i].field);
        int64_t n = doc_int_or(v, health_fields[i].min);

        if (n < health_fields[i].min || n > health_fields[i].max)
            return taskdef_invalid(err, c, "Health check '%s' must be between %lld and %lld.", health_fields[i].field,
                                   (long long)health_fields[i].min, (long long)health_fields[i].max);
        if (!v && health_fields[i].otherwise >= 0)
            doc_set(h, health_fields[i].field, doc_int(a, health_fields[i].otherwise));
    }
    return 0;
}

/* --- mounts --- */

static int check_volume(const struct doc *td, struct str name, struct err *err)
{
    doc_foreach (doc_get(td, "volumes"), v) {
        if (str_eq(doc_str(doc_get(v, "name")), name))
            return 0;
    }
    return ecs_fault(err, ECS_CLIENT, "Unknown volume '" STR_FMT "'.", STR_ARG(name));
}

/* Is it mounted by an earlier entry of the list? */
static bool mounted_before(const struct doc *list, const struct doc *until, struct str path)
{
    doc_foreach (list, m) {
        if (m == until)
            return false;
        if (str_eq(doc_str(doc_get(m, "containerPath")), path))
            return true;
    }
    return false;
}

static int check_path(const struct doc *c, const struct doc *list, const struct doc *m, struct err *err)
{
    struct str path = doc_str(doc_get(m, "containerPath"));
    bool shm = str_is(path, "/dev/shm") && doc_int_or(doc_path(c, "linuxParameters.sharedMemorySize"), 0) > 0;
    const struct doc *points = doc_get(c, "mountPoints");

    if (path.n == 0 || path.p[0] != '/' || memchr(path.p, ':', path.n))
        return taskdef_invalid(err, c, "The container path '" STR_FMT "' must be absolute and without ':'.",
                               STR_ARG(path));
    if (shm || mounted_before(list, m, path) || (list != points && mounted_before(points, NULL, path)))
        return taskdef_invalid(err, c, "Duplicate mount point '" STR_FMT "'.", STR_ARG(path));
    return 0;
}

/* volumesFrom goes on to the volumes that the other has from others: it must come to an end. */
static bool volumes_end(const struct doc *td, const struct doc *c, size_t depth)
{
    doc_foreach (doc_get(c, "volumesFrom"), f) {
        if (depth == 0 || !volumes_end(td, taskdef_container(td, doc_str(doc_get(f, "sourceContainer"))), depth - 1))
            return false;
    }
    return true;
}

/* Each source once: that also keeps the walks along them short. */
static int check_volumes_from(const struct doc *td, const struct doc *c, struct err *err)
{
    const struct doc *list = doc_get(c, "volumesFrom");

    doc_foreach (list, f) {
        struct str name = doc_str(doc_get(f, "sourceContainer"));

        if (!taskdef_container(td, name) || taskdef_container(td, name) == c)
            return ecs_fault(err, ECS_CLIENT, "Invalid 'volumesFrom': unknown container '" STR_FMT "'.", STR_ARG(name));
        doc_foreach (list, other) {
            if (other == f)
                break;
            if (str_eq(doc_str(doc_get(other, "sourceContainer")), name))
                return ecs_fault(err, ECS_CLIENT, "Invalid 'volumesFrom': '" STR_FMT "' is given twice.",
                                 STR_ARG(name));
        }
    }
    return 0;
}

static int check_mounts(const struct doc *td, const struct doc *c, struct err *err)
{
    static const char *const lists[] = {"mountPoints", "linuxParameters.tmpfs"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        doc_foreach (doc_path(c, lists[i]), m) {
            if ((i == 0 && check_volume(td, doc_str(doc_get(m, "sourceVolume")), err) < 0) ||
                check_path(c, doc_path(c, lists[i]), m, err) < 0)
                return -1;
        }
    }
    if (!volumes_end(td, c, VOLUMES_FROM_DEPTH))
        return ecs_fault(err, ECS_CLIENT, "Invalid 'volumesFrom': the containers refer to each other in a ring.");
    return 0;
}

/* --- logs --- */

static bool is_awslogs_option(struct str option)
{
    static const char *const options[] = {"awslogs-create-group",
                                          "awslogs-region",
                                          "awslogs-group",
                                          "awslogs-stream-prefix",
                                          "awslogs-datetime-format",
                                          "awslogs-multiline-pattern",
                                          "mode",
                                          "max-buffer-size"};

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (str_is(option, options[i]))
            return true;
    }
    return false;
}

static int check_awslogs(const struct doc *td, const struct doc *options, struct err *err)
{
    const char *group = doc_get(options, "awslogs-group") ? "" : "awslogs-group";
    const char *region = doc_get(options, "awslogs-region") ? "" : "awslogs-region";

    if (*group || *region)
        return ecs_fault(err, ECS_CLIENT, "Log driver awslogs requires options: %s%s%s", group,
                         *group && *region ? ", " : "", region);
    doc_foreach (options, o) {
        if (!is_awslogs_option(doc_key(o)))
            return ecs_fault(err, ECS_CLIENT, "Log driver awslogs disallows options: " STR_FMT, STR_ARG(doc_key(o)));
    }
    if (taskdef_requires(td, "FARGATE") && doc_str(doc_get(td, "executionRoleArn")).n == 0)
        return ecs_fault(err, ECS_CLIENT,
                         "Fargate requires task definition to have execution role ARN to support log driver awslogs.");
    return 0;
}

static int check_logs(const struct doc *td, const struct doc *c, struct err *err)
{
    const struct doc *log = doc_get(c, "logConfiguration");
    struct str driver = doc_str(doc_get(log, "logDriver"));

    if (!log)
        return 0;
    if (taskdef_requires(td, "FARGATE") && !str_is(driver, "awslogs") && !str_is(driver, "splunk") &&
        !str_is(driver, "awsfirelens"))
        return ecs_fault(err, ECS_CLIENT,
                         STR_FMT " is not a valid log driver. Must be one of [awslogs, splunk, awsfirelens]",
                         STR_ARG(driver));
    if (str_is(driver, "awsfirelens")) /* those with one are refused before */
        return ecs_fault(
            err, ECS_CLIENT,
            "When awsfirelens log driver is specified in log configuration, a firelens configuration object "
            "must be specified.");
    return str_is(driver, "awslogs") ? check_awslogs(td, doc_get(log, "options"), err) : 0;
}

/* --- image, environment --- */

bool taskdef_is_ecr_image(struct str image)
{
    struct str rest = image, host = STR("");

    (void)str_split(&rest, '/', &host);
    return memmem(host.p, host.n, ".dkr.ecr.", 9) && memmem(host.p, host.n, ".amazonaws.com", 14);
}

static bool image_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_:./#@", c)))
            return false;
    }
    return s.n <= IMAGE_MAX;
}

static int check_image(const struct doc *td, const struct doc *c, struct err *err)
{
    struct str image = doc_str(doc_get(c, "image"));

    if (!image_ok(image))
        return ecs_fault(err, ECS_CLIENT, "Container.image contains invalid characters.");
    if (taskdef_requires(td, "FARGATE") && taskdef_is_ecr_image(image) &&
        doc_str(doc_get(td, "executionRoleArn")).n == 0)
        return ecs_fault(err, ECS_CLIENT,
                         "Fargate requires task definition to have execution role ARN to support ECR images.");
    doc_foreach (doc_get(c, "environment"), e) {
        struct str name = doc_str(doc_get(e, "name"));

        if (name.n == 0 || memchr(name.p, '=', name.n))
            return taskdef_invalid(err, c, "An environment variable must have a name, without '='.");
    }
    return 0;
}

/* --- restarts --- */

#define IGNORED_CODES_MAX 50
#define RESTART_PERIOD 300
#define RESTART_PERIOD_MIN 60
#define RESTART_PERIOD_MAX 1800

int64_t taskdef_restart_period(const struct doc *container)
{
    return doc_int_or(doc_path(container, "restartPolicy.restartAttemptPeriod"), RESTART_PERIOD);
}

/* Then it may be an init container of the pod. */
static bool is_awaited(const struct doc *td, struct str name)
{
    doc_foreach (doc_get(td, "containerDefinitions"), c) {
        doc_foreach (doc_get(c, "dependsOn"), d) {
            if (str_eq(doc_str(doc_get(d, "containerName")), name))
                return true;
        }
    }
    return false;
}

static int check_restarts(const struct doc *td, const struct doc *c, struct err *err)
{
    const struct doc *policy = doc_get(c, "restartPolicy");
    int64_t period = doc_int_or(doc_get(policy, "restartAttemptPeriod"), RESTART_PERIOD_MIN);

    if (period < RESTART_PERIOD_MIN || period > RESTART_PERIOD_MAX)
        return taskdef_invalid(err, c, "'restartAttemptPeriod' must be between %d and %d.", RESTART_PERIOD_MIN,
                               RESTART_PERIOD_MAX);
    if (doc_count(doc_get(policy, "ignoredExitCodes")) > IGNORED_CODES_MAX)
        return taskdef_invalid(err, c, "'ignoredExitCodes' has more than %d codes.", IGNORED_CODES_MAX);
    if (doc_true(doc_get(policy, "enabled")) && is_awaited(td, doc_str(doc_get(c, "name"))))
        return taskdef_invalid(err, c, "'restartPolicy' is not supported for a container that others depend on.");
    return 0;
}

/* --- all of it --- */

static int check_timeouts(const struct doc *td, const struct doc *c, struct err *err)
{
    int64_t stop = doc_int_or(doc_get(c, "stopTimeout"), 0), start = doc_int_or(doc_get(c, "startTimeout"), 0);

    if (stop < 0 || start < 0)
        return taskdef_invalid(err, c, "'%s' must not be negative.", stop < 0 ? "stopTimeout" : "startTimeout");
    if (taskdef_requires(td, "FARGATE") && stop > 120)
        return taskdef_invalid(err, c, "'stopTimeout' exceeds 120.");
    return 0;
}

static const char *const empty_lists[] = {"portMappings", "environment", "mountPoints", "volumesFrom",
                                          "systemControls"};

static int one_container(struct arena *a, struct doc *td, struct doc *c, struct err *err)
{
    if (taskdef_check_refused(td, c, err) < 0 || check_image(td, c, err) < 0 || taskdef_check_linux(td, c, err) < 0 ||
        check_memory(td, c, err) < 0 || check_mounts(td, c, err) < 0 || fill_health(a, c, err) < 0 ||
        check_logs(td, c, err) < 0 || check_timeouts(td, c, err) < 0 || check_restarts(td, c, err) < 0)
        return -1;
    if (!doc_get(c, "cpu"))
        doc_set(c, "cpu", doc_int(a, 0));
    if (!doc_get(c, "essential"))
        doc_set(c, "essential", doc_bool(a, true));
    for (size_t i = 0; i < ARRAY_LEN(empty_lists); i++)
        (void)doc_need_array(a, c, empty_lists[i]);
    return taskdef_fill_ports(a, td, c, err);
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
            return ecs_fault(err, ECS_CLIENT, "Container names must be unique within a task definition.");
        if (check_volumes_from(taskdef, c, err) < 0)
            return -1;
    }
    doc_foreach (list, c) {
        if (one_container(a, taskdef, c, err) < 0)
            return -1;
        essential = essential || doc_true(doc_get(c, "essential"));
    }
    if (!essential)
        return ecs_fault(err, ECS_CLIENT, "At least one container of a task definition must be essential.");
    if (check_cpu_sum(taskdef, err) < 0 || taskdef_dependencies(list, err) < 0 ||
        taskdef_shared_rules(taskdef, err) < 0)
        return -1;
    return taskdef_port_rules(list, taskdef_network(taskdef), err);
}
