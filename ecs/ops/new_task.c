#include "ecs/ops/new_task.h"

#include "base/map.h"
#include "base/random.h"
#include "ecs/map/status.h"
#include "ecs/map/taskdef.h"
#include "ecs/ops/tasks.h"
#include "ecs/store/usage.h"

#define DYNAMIC_N (PLACEMENT_DYNAMIC_LAST - PLACEMENT_DYNAMIC_FIRST + 1)
#define PLATFORM_VERSION "1.4.0" /* what LATEST means */

static bool given(const char *s)
{
    return s && *s;
}

/* --- ids --- */

static const char *id_of(struct arena *a, const uint64_t half[2])
{
    return arena_printf(a, "%016llx%016llx", (unsigned long long)half[0], (unsigned long long)half[1]);
}

const char *ecs_task_random_id(struct arena *a)
{
    uint64_t half[2];

    random_bytes(half, sizeof(half));
    return id_of(a, half);
}

const char *ecs_task_id_of(struct arena *a, struct str text)
{
    return id_of(a, (uint64_t[2]){hash_bytes(text.p, text.n, 1), hash_bytes(text.p, text.n, 2)});
}

/* --- host ports --- */

struct ecs_ports {
    uint8_t taken[(DYNAMIC_N + 7) / 8];
};

static void mark(void *ctx, uint16_t port)
{
    struct ecs_ports *p = ctx;

    if (placement_port_is_dynamic(port))
        p->taken[(port - PLACEMENT_DYNAMIC_FIRST) / 8] |= (uint8_t)(1 << ((port - PLACEMENT_DYNAMIC_FIRST) % 8));
}

int ecs_ports_observe(struct ecs_store *s, struct arena *a, struct ecs_ports **ret, struct err *err)
{
    struct ecs_ports *p = arena_new_of(a, struct ecs_ports);

    if (!p)
        return err_set(err, ERR_TOO_LARGE, "no memory for ports");
    ecs_usage_ports(ecs_store_usage(s), mark, p);
    *ret = p;
    return 0;
}

/* A free one at random: two gateways seldom choose the same. 0 when none is free. */
static int64_t choose_port(struct ecs_ports *p)
{
    int64_t at = (int64_t)random_below(DYNAMIC_N);

    for (int64_t i = 0; i < DYNAMIC_N; i++, at = (at + 1) % DYNAMIC_N)
        if (!(p->taken[at / 8] & (1 << (at % 8)))) {
            mark(p, (uint16_t)(PLACEMENT_DYNAMIC_FIRST + at));
            return PLACEMENT_DYNAMIC_FIRST + at;
        }
    return 0;
}

static int choose_ports(struct ecs_store *s, struct arena *a, const struct new_task *t, struct pod_port **ret,
                        size_t *ret_n, struct err *err)
{
    struct ecs_ports *map = t->ports;

    if (pod_ports(a, doc_get(t->definition, "spec"), ret, ret_n, err) < 0)
        return -1;
    for (size_t i = 0; i < *ret_n; i++) {
        struct pod_port *p = &(*ret)[i];
        if (p->host_port)
            continue;
        if (!map && ecs_ports_observe(s, a, &map, err) < 0)
            return -1;
        if (!(p->host_port = choose_port(map)))
            return err_set(err, ERR_UNAVAILABLE, "all host ports are taken");
    }
    return 0;
}

static struct doc *ports_doc(struct arena *a, const struct pod_port *v, size_t n)
{
    struct doc *list = doc_array(a);

    for (size_t i = 0; i < n; i++) {
        struct doc *p = doc_append(list, doc_object(a));
        doc_set(p, "container", doc_string(a, v[i].container));
        doc_set(p, "containerPort", doc_int(a, v[i].container_port));
        doc_set(p, "hostPort", doc_int(a, v[i].host_port));
        doc_set(p, "protocol", doc_string(a, v[i].protocol));
    }
    return list;
}

/* --- the API's Task as it is before anything has happened --- */

static void set(struct arena *a, struct doc *d, const char *key, const char *value)
{
    if (given(value))
        doc_set(d, key, doc_string_copy(a, str_of(value)));
}

static void set_copy(struct arena *a, struct doc *d, const char *key, const struct doc *value)
{
    if (value)
        doc_set(d, key, doc_clone(a, value, false));
}

static void add_tag(struct arena *a, struct doc *tags, struct str key, struct str value)
{
    doc_foreach (tags, it)
        if (str_eq(doc_str(doc_get(it, "key")), key))
            return;
    struct doc *tag = doc_append(tags, doc_object(a));
    doc_set(tag, "key", doc_string_copy(a, key));
    doc_set(tag, "value", doc_string_copy(a, value));
}

static struct doc *tags_of(struct arena *a, const struct new_task *t)
{
    struct doc *tags = doc_array(a);

    doc_foreach (t->tags, it)
        add_tag(a, tags, doc_str(doc_get(it, "key")), doc_str(doc_get(it, "value")));
    doc_foreach (t->propagated, it)
        add_tag(a, tags, doc_str(doc_get(it, "key")), doc_str(doc_get(it, "value")));
    if (t->managed_tags)
        add_tag(a, tags, STR("aws:ecs:clusterName"), str_of(t->cluster));
    if (t->managed_tags && given(t->service))
        add_tag(a, tags, STR("aws:ecs:serviceName"), str_of(t->service));
    return tags;
}

static void add_detail(struct arena *a, struct doc *details, const char *name, struct doc *value)
{
    struct doc *d = doc_append(details, doc_object(a));

    doc_set(d, "name", doc_string(a, str_of(name)));
    doc_set(d, "value", value);
}

/* The network interface of an awsvpc task. Its ids follow from the task's. */
static struct doc *attachments_of(struct arena *a, const struct new_task *t, struct str mode)
{
    struct doc *list = doc_array(a), *details = doc_array(a);
    struct str subnet = doc_str(doc_at(doc_path(t->network, "awsvpcConfiguration.subnets"), 0));
    const char *id = t->id;

    if (!str_is(mode, "awsvpc"))
        return list;
    struct doc *e = doc_append(list, doc_object(a));
    doc_set(e, "id", doc_printf(a, "%.8s-%.4s-4%.3s-a%.3s-%.12s", id, id + 8, id + 13, id + 17, id + 20));
    doc_set(e, "type", doc_string(a, STR("ElasticNetworkInterface")));
    doc_set(e, "status", doc_string(a, STR("PRECREATED")));
    doc_set(e, "details", details);
    if (subnet.n)
        add_detail(a, details, "subnetId", doc_string_copy(a, subnet));
    add_detail(a, details, "networkInterfaceId", doc_printf(a, "eni-0%.16s", id));
    return list;
}

static struct doc *attributes_of(struct arena *a, const struct doc *spec)
{
    struct str arch = doc_str(doc_path(spec, "runtimePlatform.cpuArchitecture"));
    struct doc *list = doc_array(a), *e = doc_append(list, doc_object(a));

    doc_set(e, "name", doc_string(a, STR("ecs.cpu-architecture")));
    doc_set(e, "value", doc_string(a, str_is(arch, "ARM64") ? STR("arm64") : STR("x86_64")));
    return list;
}

/* Task sizes are told in units, however they were written ("1 vCPU"). */
static void set_sizes(struct arena *a, struct doc *d, const struct doc *spec, const struct doc *overrides)
{
    const struct doc *cpu = doc_get(overrides, "cpu"), *memory = doc_get(overrides, "memory");
    int64_t n;

    if (taskdef_parse_cpu(doc_text(cpu ? cpu : doc_get(spec, "cpu")), &n))
        doc_set(d, "cpu", doc_printf(a, "%lld", (long long)n));
    if (taskdef_parse_memory(doc_text(memory ? memory : doc_get(spec, "memory")), &n))
        doc_set(d, "memory", doc_printf(a, "%lld", (long long)n));
}

static void set_platform(struct arena *a, struct doc *d, const struct new_task *t)
{
    bool latest = !given(t->platform_version) || strcmp(t->platform_version, "LATEST") == 0;
    struct doc *storage;

    if (!str_is(doc_str(doc_get(d, "launchType")), "FARGATE"))
        return;
    set(a, d, "platformVersion", latest ? PLATFORM_VERSION : t->platform_version);
    set(a, d, "platformFamily", "Linux");
    set_copy(a, d, "ephemeralStorage", t->ephemeral_storage);
    if (t->ephemeral_storage)
        return;
    storage = doc_object(a);
    doc_set(storage, "sizeInGiB", doc_int(a, 20));
    doc_set(d, "ephemeralStorage", storage);
}

static struct doc *task_doc(struct arena *a, const struct new_task *t)
{
    const struct doc *spec = doc_get(t->definition, "spec");
    struct doc *d = doc_object(a);

    doc_set(d, "taskArn", doc_printf(a, "arn:aws:ecs:%s:%s:task/%s/%s", t->region, t->account, t->cluster, t->id));
    doc_set(d, "clusterArn", doc_printf(a, "arn:aws:ecs:%s:%s:cluster/%s", t->region, t->account, t->cluster));
    set_copy(a, d, "taskDefinitionArn", doc_get(spec, "taskDefinitionArn"));
    set(a, d, "containerInstanceArn", t->instance_arn);
    set(a, d, "group",
        given(t->group) ? t->group : arena_printf(a, "family:" STR_FMT, STR_ARG(doc_str(doc_get(spec, "family")))));
    set(a, d, "launchType", given(t->launch_type) ? t->launch_type : "EC2");
    set(a, d, "capacityProviderName", t->capacity_provider);
    set(a, d, "startedBy", t->started_by);
    doc_set(d, "lastStatus", doc_string(a, task_first_state(doc_str(doc_get(spec, "networkMode")))));
    set(a, d, "desiredStatus", "RUNNING");
    set(a, d, "healthStatus", "UNKNOWN");
    set(a, d, "availabilityZone", given(t->zone) ? t->zone : arena_printf(a, "%sa", t->region));
    doc_set(d, "createdAt", doc_int(a, t->now_s));
    doc_set(d, "version", doc_int(a, 1));
    doc_set(d, "enableExecuteCommand", doc_bool(a, false));
    set_sizes(a, d, spec, t->overrides);
    set_platform(a, d, t);
    doc_set(d, "attributes", attributes_of(a, spec));
    doc_set(d, "attachments", attachments_of(a, t, doc_str(doc_get(spec, "networkMode"))));
    doc_set(d, "tags", tags_of(a, t));
    doc_set(d, "overrides", t->overrides ? doc_clone(a, t->overrides, false) : doc_object(a));
    doc_need_array(a, doc_get(d, "overrides"), "containerOverrides");
    doc_need_array(a, doc_get(d, "overrides"), "inferenceAcceleratorOverrides");
    doc_set(d, "inferenceAccelerators",
            doc_get(spec, "inferenceAccelerators") ? doc_clone(a, doc_get(spec, "inferenceAccelerators"), false)
                                                   : doc_array(a));
    return d;
}

/* --- the object --- */

static int set_size(struct arena *a, struct doc *spec, const struct new_task *t, struct err *err)
{
    struct ecs_size size;
    struct doc *d = doc_object(a);

    if (taskdef_size(doc_get(t->definition, "spec"), t->overrides, &size, err) < 0)
        return -1;
    doc_set(d, "cpu", doc_int(a, size.cpu));
    doc_set(d, "memory", doc_int(a, size.memory));
    doc_set(spec, "size", d);
    return 0;
}

static void set_spec(struct arena *a, struct doc *spec, const struct new_task *t)
{
    const struct doc *definition = doc_get(t->definition, "spec");

    set(a, spec, "cluster", t->cluster);
    doc_set(spec, "definition",
            doc_printf(a, STR_FMT ":%lld", STR_ARG(doc_str(doc_get(definition, "family"))),
                       (long long)doc_int_or(doc_get(definition, "revision"), 0)));
    set_copy(a, spec, "definitionObject", doc_path(t->definition, "metadata.name"));
    set(a, spec, "clientToken", t->client_token);
    set(a, spec, "request", t->request);
    set(a, spec, "referenceId", t->reference_id);
    set(a, spec, "service", t->service);
    set(a, spec, "deployment", t->deployment);
    if (given(t->service))
        doc_set(spec, "number", doc_int(a, t->number));
    set(a, spec, "instance", t->instance);
    set(a, spec, "node", t->node);
}

struct placed_ports {
    const struct pod_port *v;
    size_t n;
};

/* On an instance the room is taken before the object is written: another call may be about to count on it too. */
static int create_in_place(struct ecs_store *s, struct arena *a, const struct new_task *t, struct doc *o,
                           const struct placed_ports *ports, struct doc **ret, struct err *err)
{
    const struct doc *size = doc_path(o, "spec.size");
    bool awsvpc = str_is(doc_str(doc_path(t->definition, "spec.networkMode")), "awsvpc");
    const struct ecs_claim claim = {
        .ns = str_of(t->ns),
        .task = str_of(t->id),
        .node = str_of(t->node),
        .group = doc_str(doc_path(o, "status.group")),
        .size = {doc_int_or(doc_get(size, "cpu"), 0), doc_int_or(doc_get(size, "memory"), 0)},
        .ports = ports->v,
        .n_ports = awsvpc ? 0 : ports->n};

    if (!given(t->instance) || !given(t->node))
        return ecs_store_create(s, a, ECS_TASK, o, ret, err);
    if (!ecs_usage_claim(ecs_store_usage(s), &claim))
        return err_set(err, ERR_CONFLICT, "the room on instance %s was taken in the meantime", t->instance);
    if (ecs_store_create(s, a, ECS_TASK, o, ret, err) == 0)
        return 0;
    ecs_usage_unclaim(ecs_store_usage(s), claim.ns, claim.task);
    return -1;
}

int ecs_task_create(struct ecs_store *s, struct arena *a, const struct new_task *t, struct doc **ret, struct err *err)
{
    struct doc *o = ecs_object_new(a, t->ns, t->id), *spec = doc_need_object(a, o, "spec"), *status;
    struct pod_port *ports;
    size_t n_ports;

    if (choose_ports(s, a, t, &ports, &n_ports, err) < 0)
        return -1;
    struct task_observation first = {.task = task_doc(a, t),
                                     .taskdef = doc_get(t->definition, "spec"),
                                     .ports = ports,
                                     .n_ports = n_ports,
                                     .now_s = t->now_s};
    set_spec(a, spec, t);
    doc_set(spec, "ports", ports_doc(a, ports, n_ports));
    if (set_size(a, spec, t, err) < 0 || task_status(a, &first, &status, NULL, err) < 0)
        return -1;
    doc_set(o, "status", status);
    return create_in_place(s, a, t, o, &(struct placed_ports){ports, n_ports}, ret, err);
}
