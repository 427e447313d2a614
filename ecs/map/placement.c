#include "ecs/map/placement.h"
#include "base/map.h"
#include "ecs/map/fault.h"
#include "ecs/map/instance.h"
#include "ecs/map/query.h"

struct candidates {
    size_t *v, n; /* indices of instances */
};

const uint16_t placement_reserved[] = {22, 2375, 2376, 51678, 51679};
const size_t placement_reserved_n = ARRAY_LEN(placement_reserved);

void placement_reserve(struct placement_instance *in)
{
    for (size_t i = 0; i < placement_reserved_n && in->n_ports < PLACEMENT_PORTS_MAX; i++)
        in->ports[in->n_ports++] = (struct placement_port){placement_reserved[i], false};
}

static struct str attribute_value(const struct placement_instance *in, struct str name, bool *ret_found)
{
    for (size_t i = 0; i < in->n_attributes; i++) {
        if (str_eq(in->attributes[i].name, name)) {
            *ret_found = true;
            return in->attributes[i].value;
        }
    }
    *ret_found = false;
    return STR("");
}

static struct str agent_connected(const struct placement_instance *in)
{
    return in->connected ? STR("true") : STR("false");
}

bool placement_value(const void *ctx, struct str subject, size_t i, struct str *ret)
{
    static const struct {
        const char *subject;
        size_t offset; /* of the struct str */
    } members[] = {{"ec2InstanceId", offsetof(struct placement_instance, ec2_instance_id)},
                   {"containerInstanceArn", offsetof(struct placement_instance, arn)},
                   {"agentVersion", offsetof(struct placement_instance, agent_version)},
                   {"registeredAt", offsetof(struct placement_instance, registered_at)},
                   {"runningTasksCount", offsetof(struct placement_instance, running_text)}};
    const struct placement_instance *in = ctx;
    bool found = false;

    if (str_is(subject, "task:group")) {
        if (i < in->n_tasks)
            *ret = in->tasks[i].group;
        return i < in->n_tasks;
    }
    if (i > 0)
        return false;
    if (str_starts(subject, STR("attribute:"))) {
        *ret = attribute_value(in, str_from(subject, 10), &found);
        return found || instance_can(str_from(subject, 10));
    }
    if (str_ieq(subject, STR("agentConnected"))) {
        *ret = agent_connected(in);
        return true;
    }
    for (size_t k = 0; k < ARRAY_LEN(members); k++) {
        if (!str_ieq(subject, str_of(members[k].subject)))
            continue;
        *ret = *(const struct str *)((const char *)in + members[k].offset);
        return ret->n > 0;
    }
    return false;
}

static size_t group_count(const struct placement_instance *in, struct str group)
{
    size_t n = in->placed;

    for (size_t i = 0; i < in->n_tasks; i++)
        n += str_eq(in->tasks[i].group, group);
    return n;
}

static bool has_port(const struct placement_port *v, size_t n, const struct pod_port *p)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i].port == p->host_port && v[i].udp == str_is(p->protocol, "udp"))
            return true;
    }
    return false;
}

static bool port_taken(const struct placement_instance *in, const struct pod_port *p)
{
    return has_port(in->ports, in->n_ports, p) || has_port(in->dynamic, in->n_dynamic, p);
}

/* Those on the host: a task of awsvpc has an address of its own. */
static size_t host_ports(const struct placement_request *req)
{
    return str_is(doc_str(doc_get(req->taskdef, "networkMode")), "awsvpc") ? 0 : req->n_ports;
}

static const char *resource_failure(const struct placement_instance *in, const struct placement_request *req)
{
    size_t more = 0, n_ports = host_ports(req);

    if (req->size.cpu > 0 && req->size.cpu > in->remaining.cpu)
        return "RESOURCE:CPU";
    if (req->size.memory > 0 && req->size.memory > in->remaining.memory)
        return "RESOURCE:MEMORY";
    if (in->pods_max > 0 && in->pods >= in->pods_max)
        return "RESOURCE:ENI"; /* each pod has an interface of its own; ECS has no other word for it */
    for (size_t i = 0; i < n_ports; i++) {
        if (req->ports[i].host_port <= 0)
            continue;
        more += !placement_port_is_dynamic(req->ports[i].host_port);
        if (port_taken(in, &req->ports[i]))
            return "RESOURCE:PORTS";
    }
    return more > 0 && in->n_ports + more > PLACEMENT_PORTS_MAX ? "RESOURCE:PORTS" : NULL;
}

/* --- constraints --- */

/* What a request asks of any instance, read once. */
struct demands {
    const struct query **queries;
    size_t n;
    bool distinct;
    const struct doc *attributes; /* requiresAttributes */
    struct str architecture;      /* as the attribute says it; empty: any */
};

static struct str architecture_of(const struct doc *taskdef)
{
    struct str s = doc_str(doc_path(taskdef, "runtimePlatform.cpuArchitecture"));

    return str_is(s, "ARM64") ? STR("arm64") : str_is(s, "X86_64") ? STR("x86_64") : STR("");
}

static int read_demands(struct arena *a, const struct placement_request *req, struct demands *ret, struct err *err)
{
    size_t max = doc_count(req->constraints[0]) + doc_count(req->constraints[1]);

    *ret = (struct demands){.queries = arena_calloc(a, max + 1, sizeof(const struct query *)),
                            .attributes = doc_get(req->taskdef, "requiresAttributes"),
                            .architecture = architecture_of(req->taskdef)};
    if (!ret->queries)
        return err_set(err, ERR_TOO_LARGE, "too many placement constraints");
    for (size_t i = 0; i < ARRAY_LEN(req->constraints); i++) {
        doc_foreach (req->constraints[i], c) {
            if (str_is(doc_str(doc_get(c, "type")), "distinctInstance"))
                ret->distinct = true;
            else if (query_parse(a, doc_str(doc_get(c, "expression")), &ret->queries[ret->n++], err) < 0)
                return -1;
        }
    }
    return 0;
}

static bool has_attributes(const struct placement_instance *in, const struct demands *d)
{
    bool found;
    struct str architecture = attribute_value(in, STR("ecs.cpu-architecture"), &found);

    if (found && d->architecture.n && !str_eq(architecture, d->architecture))
        return false;
    doc_foreach (d->attributes, at) {
        struct str name = doc_str(doc_get(at, "name")), value = doc_str(doc_get(at, "value"));
        struct str have = attribute_value(in, name, &found);

        if (!(found ? !value.n || str_eq(have, value) : instance_can(name)))
            return false;
    }
    return true;
}

/* What does not depend on what has been placed. */
static const char *standing_failure(const struct placement_instance *in, const struct demands *d)
{
    if (!in->active)
        return PLACEMENT_NOT_ACTIVE;
    for (size_t i = 0; i < d->n; i++) {
        if (!query_matches(d->queries[i], placement_value, in))
            return PLACEMENT_MEMBER_OF;
    }
    return has_attributes(in, d) ? NULL : "ATTRIBUTE";
}

static const char *failure(const struct placement_instance *in, const struct placement_request *req,
                           const struct demands *d)
{
    const char *reason = standing_failure(in, d);

    if (reason)
        return reason;
    if (!in->connected)
        return "AGENT";
    if (d->distinct && group_count(in, req->group) > 0)
        return PLACEMENT_DISTINCT;
    return resource_failure(in, req);
}

int placement_fits(struct arena *a, const struct placement_instance *instance, const struct placement_request *req,
                   const char **ret_reason, struct err *err)
{
    struct demands d;

    if (read_demands(a, req, &d, err) < 0)
        return -1;
    *ret_reason = failure(instance, req, &d);
    return 0;
}

int placement_admits(struct arena *a, const struct placement_instance *instances, size_t n,
                     const struct placement_request *req, bool *ret, struct err *err)
{
    struct demands d;

    if (read_demands(a, req, &d, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        ret[i] = !standing_failure(&instances[i], &d);
    return 0;
}

int placement_reasons(struct arena *a, const struct placement_instance *instances, size_t n,
                      const struct placement_request *req, const char **ret, struct err *err)
{
    struct demands d;

    if (read_demands(a, req, &d, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        ret[i] = failure(&instances[i], req, &d);
    return 0;
}

/* --- strategies --- */

static struct str spread_key(const struct placement_instance *in, struct str field)
{
    bool found;

    return attribute_value(in, str_starts(field, STR("attribute:")) ? str_from(field, 10) : field, &found);
}

static bool is_instance_field(struct str field)
{
    return str_ieq(field, STR("instanceId")) || str_ieq(field, STR("host"));
}

/* Tasks of the group on all the instances that have the same value, for each instance. */
static void rank_spread(const struct placement_instance *in, size_t n, const struct placement_request *req,
                        struct str field, int64_t *rank)
{
    struct map sums; /* value -> sum + 1 as a pointer: a map holds no NULL */

    for (size_t i = 0; i < n; i++)
        rank[i] = (int64_t)group_count(&in[i], req->group);
    if (is_instance_field(field))
        return;
    map_init(&sums, NULL);
    for (size_t i = 0; i < n; i++) {
        struct str key = spread_key(&in[i], field);
        uintptr_t sum = (uintptr_t)map_get(&sums, key);

        map_set(&sums, key, (void *)((sum ? sum : 1) + (uintptr_t)rank[i]));
    }
    for (size_t i = 0; i < n; i++)
        rank[i] = (int64_t)(uintptr_t)map_get(&sums, spread_key(&in[i], field));
    map_release(&sums);
}

/* Smaller is better. */
static void rank_all(const struct placement_instance *in, size_t n, const struct placement_request *req,
                     const struct doc *strategy, int64_t *rank)
{
    struct str type = doc_str(doc_get(strategy, "type")), field = doc_str(doc_get(strategy, "field"));

    if (str_is(type, "spread")) {
        rank_spread(in, n, req, field, rank);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        rank[i] = 0; /* random: whoever is left in the end */
        if (str_is(type, "binpack"))
            rank[i] = str_ieq(field, STR("cpu")) ? in[i].remaining.cpu : in[i].remaining.memory;
    }
}

/* Keeps of the candidates those of the best rank. */
static void keep_best(struct candidates *c, const int64_t *rank)
{
    size_t kept = 0;
    int64_t best = INT64_MAX;

    for (size_t i = 0; i < c->n; i++)
        best = MIN_OF(best, rank[c->v[i]]);
    for (size_t i = 0; i < c->n; i++) {
        if (rank[c->v[i]] == best)
            c->v[kept++] = c->v[i];
    }
    c->n = kept;
}

size_t placement_closest(const struct placement_instance *instances, const char *const *reasons, size_t n)
{
    static const char *const far[] = {PLACEMENT_NOT_ACTIVE, PLACEMENT_MEMBER_OF, "ATTRIBUTE", "AGENT",
                                      PLACEMENT_DISTINCT};
    size_t best = n, best_at = 0;

    (void)instances;
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;

        while (at < ARRAY_LEN(far) && reasons[i] && strcmp(reasons[i], far[at]) != 0)
            at++;
        if (reasons[i] && (best == n || at > best_at)) {
            best = i;
            best_at = at;
        }
    }
    return best;
}

int placement_choose(struct arena *a, const struct placement_instance *instances, size_t n,
                     const struct placement_request *req, size_t *ret, const char **ret_reason, struct err *err)
{
    const char **reasons = arena_calloc(a, n + 1, sizeof(*reasons));
    int64_t *rank = arena_calloc(a, n + 1, sizeof(*rank));
    struct candidates c = {.v = arena_calloc(a, n + 1, sizeof(*c.v))};

    if (!reasons || !rank || !c.v)
        return err_set(err, ERR_TOO_LARGE, "too many container instances");
    if (placement_reasons(a, instances, n, req, reasons, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!reasons[i])
            c.v[c.n++] = i;
    }
    if (c.n == 0) {
        *ret = placement_closest(instances, reasons, n);
        *ret_reason = *ret < n ? reasons[*ret] : PLACEMENT_NOT_ACTIVE;
        return 1;
    }
    doc_foreach (req->strategy, s) {
        if (c.n == 1)
            break;
        rank_all(instances, n, req, s, rank);
        keep_best(&c, rank);
    }
    *ret = c.v[req->random % c.n];
    *ret_reason = NULL;
    return 0;
}

void placement_take(struct placement_instance *instance, const struct placement_request *req)
{
    instance->remaining.cpu -= req->size.cpu;
    instance->remaining.memory -= req->size.memory;
    instance->placed++;
    instance->pods++;
    for (size_t i = 0; i < host_ports(req) && instance->n_ports < PLACEMENT_PORTS_MAX; i++) {
        if (req->ports[i].host_port > 0 && !placement_port_is_dynamic(req->ports[i].host_port))
            instance->ports[instance->n_ports++] =
                (struct placement_port){(uint16_t)req->ports[i].host_port, str_is(req->ports[i].protocol, "udp")};
    }
}

int placement_check(struct arena *a, const struct doc *constraints, const struct doc *strategy, struct err *err)
{
    const struct query *q;

    if (doc_count(constraints) > PLACEMENT_CONSTRAINTS_MAX)
        return ecs_fault(err, ECS_INVALID, "At most %d placement constraints can be specified.",
                         PLACEMENT_CONSTRAINTS_MAX);
    if (doc_count(strategy) > PLACEMENT_STRATEGIES_MAX)
        return ecs_fault(err, ECS_INVALID, "At most %d placement strategies can be specified.",
                         PLACEMENT_STRATEGIES_MAX);
    doc_foreach (constraints, c) {
        struct str type = doc_str(doc_get(c, "type"));

        if (str_is(type, "distinctInstance"))
            continue;
        if (!str_is(type, "memberOf"))
            return ecs_fault(err, ECS_INVALID, "Invalid placement constraint type '" STR_FMT "'.", STR_ARG(type));
        if (query_parse(a, doc_str(doc_get(c, "expression")), &q, err) < 0)
            return -1;
    }
    doc_foreach (strategy, s) {
        struct str type = doc_str(doc_get(s, "type")), field = doc_str(doc_get(s, "field"));
        bool pack = str_is(type, "binpack");

        if (!str_is(type, "random") && !str_is(type, "spread") && !pack)
            return ecs_fault(err, ECS_INVALID, "Invalid placement strategy type '" STR_FMT "'.", STR_ARG(type));
        if ((pack && !str_ieq(field, STR("cpu")) && !str_ieq(field, STR("memory"))) ||
            (str_is(type, "spread") && field.n == 0))
            return ecs_fault(err, ECS_INVALID, "Invalid field '" STR_FMT "' of the placement strategy '" STR_FMT "'.",
                             STR_ARG(field), STR_ARG(type));
    }
    return 0;
}
