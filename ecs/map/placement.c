#include "ecs/map/placement.h"
#include "ecs/map/fault.h"
#include "ecs/map/query.h"

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

static bool instance_value(const void *ctx, struct str subject, size_t i, struct str *ret)
{
    const struct placement_instance *in = ctx;
    bool found = false;

    if (str_is(subject, "task:group")) {
        if (i < in->n_tasks)
            *ret = in->tasks[i].group;
        return i < in->n_tasks;
    }
    if (i > 0)
        return false;
    if (str_is(subject, "ec2InstanceId") || str_is(subject, "ec2instanceid")) {
        *ret = in->ec2_instance_id;
        return true;
    }
    if (str_is(subject, "containerInstanceArn") || str_is(subject, "arn")) {
        *ret = in->arn;
        return true;
    }
    if (str_starts(subject, STR("attribute:")))
        *ret = attribute_value(in, str_from(subject, 10), &found);
    return found;
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

static const char *resource_failure(const struct placement_instance *in, const struct placement_request *req)
{
    size_t more = 0;

    if (!in->active || !in->connected)
        return "AGENT";
    if (req->size.cpu > in->remaining.cpu)
        return "RESOURCE:CPU";
    if (req->size.memory > in->remaining.memory)
        return "RESOURCE:MEMORY";
    if (in->pods_max > 0 && in->pods >= in->pods_max)
        return "RESOURCE:ENI"; /* each pod has an interface of its own; ECS has no other word for it */
    for (size_t i = 0; i < req->n_ports; i++) {
        more += req->ports[i].host_port > 0;
        if (req->ports[i].host_port > 0 && port_taken(in, &req->ports[i]))
            return "RESOURCE:PORTS";
    }
    return in->n_ports + more > PLACEMENT_PORTS_MAX ? "RESOURCE:PORTS" : NULL;
}

static int constraint_failure(struct arena *a, const struct placement_instance *in, const struct placement_request *req,
                              const char **ret, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(req->constraints); i++) {
        doc_foreach (req->constraints[i], c) {
            const struct query *q;

            if (str_is(doc_str(doc_get(c, "type")), "distinctInstance")) {
                if (group_count(in, req->group) > 0)
                    *ret = "ATTRIBUTE";
                continue;
            }
            if (query_parse(a, doc_str(doc_get(c, "expression")), &q, err) < 0)
                return -1;
            if (!query_matches(q, instance_value, in))
                *ret = "MEMBEROF_PLACEMENT";
        }
    }
    return 0;
}

int placement_fits(struct arena *a, const struct placement_instance *instance, const struct placement_request *req,
                   const char **ret_reason, struct err *err)
{
    const char *reason = NULL;

    if (constraint_failure(a, instance, req, &reason, err) < 0)
        return -1;
    *ret_reason = reason ? reason : resource_failure(instance, req);
    return 0;
}

/* --- strategies --- */

struct ranking {
    const struct placement_instance *all;
    size_t n;
    const struct placement_request *req;
};

static struct str spread_key(const struct placement_instance *in, struct str field)
{
    bool found;

    if (str_ieq(field, STR("instanceId")) || str_ieq(field, STR("host")))
        return in->arn;
    return attribute_value(in, str_starts(field, STR("attribute:")) ? str_from(field, 10) : field, &found);
}

/* Tasks of the group on all the instances that have the same value. */
static int64_t spread_load(const struct ranking *r, const struct placement_instance *in, struct str field)
{
    struct str key = spread_key(in, field);
    int64_t n = 0;

    for (size_t i = 0; i < r->n; i++) {
        if (str_eq(spread_key(&r->all[i], field), key))
            n += (int64_t)group_count(&r->all[i], r->req->group);
    }
    return n;
}

/* Smaller is better. */
static int64_t rank_of(const struct ranking *r, const struct placement_instance *in, const struct doc *strategy)
{
    struct str type = doc_str(doc_get(strategy, "type")), field = doc_str(doc_get(strategy, "field"));

    if (str_is(type, "spread"))
        return spread_load(r, in, field);
    if (str_is(type, "binpack"))
        return str_ieq(field, STR("cpu")) ? in->remaining.cpu : in->remaining.memory;
    return 0;
}

/* Is candidate better than best, by the strategies in their order? */
static bool better(const struct ranking *r, const struct placement_instance *candidate,
                   const struct placement_instance *best)
{
    doc_foreach (r->req->strategy, s) {
        int64_t x = rank_of(r, candidate, s), y = rank_of(r, best, s);

        if (x != y)
            return x < y;
    }
    return false;
}

static bool is_random(const struct doc *strategy)
{
    return str_is(doc_str(doc_get(doc_at(strategy, 0), "type")), "random");
}

int placement_choose(struct arena *a, const struct placement_instance *instances, size_t n,
                     const struct placement_request *req, size_t *ret, const char **ret_reason, struct err *err)
{
    struct ranking r = {instances, n, req};
    size_t best = n, last = n;
    const char *reason = "AGENT", *why;
    size_t start = n > 0 && is_random(req->strategy) ? (size_t)(req->random % n) : 0;

    for (size_t k = 0; k < n; k++) {
        size_t i = (start + k) % n;

        if (placement_fits(a, &instances[i], req, &why, err) < 0)
            return -1;
        if (why) {
            reason = why;
            last = i;
        } else if (best == n || better(&r, &instances[i], &instances[best])) {
            best = i;
        }
    }
    *ret = best < n ? best : last;
    *ret_reason = best < n ? NULL : reason;
    return best < n ? 0 : 1;
}

void placement_take(struct placement_instance *instance, const struct placement_request *req)
{
    instance->remaining.cpu -= req->size.cpu;
    instance->remaining.memory -= req->size.memory;
    instance->placed++;
    instance->pods++;
    for (size_t i = 0; i < req->n_ports && instance->n_ports < PLACEMENT_PORTS_MAX; i++) {
        if (req->ports[i].host_port > 0)
            instance->ports[instance->n_ports++] =
                (struct placement_port){(uint16_t)req->ports[i].host_port, str_is(req->ports[i].protocol, "udp")};
    }
}

int placement_check(struct arena *a, const struct doc *constraints, const struct doc *strategy, struct err *err)
{
    const struct query *q;

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
