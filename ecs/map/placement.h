/*
 * placement.h - on which container instance a task goes.
 *
 * Pure: the caller gives the instances as it sees them and what the tasks placed before in the same call have taken
 * (placement_take). Constraints bind, strategies order one after the other, and of those that are equally good the
 * caller's number takes one (as ECS does without a strategy). Failure reasons are ECS's, literals: RESOURCE:CPU,
 * RESOURCE:MEMORY, RESOURCE:PORTS, RESOURCE:ENI (the node takes no more pods), ATTRIBUTE, AGENT, and those below.
 *
 * A choice costs a look at each instance and each task on them, whatever the strategy.
 */
#ifndef ECS_MAP_PLACEMENT_H
#define ECS_MAP_PLACEMENT_H

#include "api/doc.h"
#include "ecs/map/pod.h"
#include "ecs/map/taskdef.h"

#define PLACEMENT_PORTS_MAX 100       /* of one instance, as ECS: those chosen by themselves do not count */
#define PLACEMENT_DYNAMIC_FIRST 32768 /* ip_local_port_range, which ECS chooses host ports from */
#define PLACEMENT_DYNAMIC_LAST 60999

#define PLACEMENT_CONSTRAINTS_MAX 10
#define PLACEMENT_STRATEGIES_MAX 5

#define PLACEMENT_NOT_ACTIVE "NO ACTIVE INSTANCES" /* it is DRAINING, or its node cordoned */
#define PLACEMENT_MEMBER_OF "MemberOf placement constraint unsatisfied."
#define PLACEMENT_DISTINCT "DistinctInstance placement constraint unsatisfied."

struct placement_task { /* one that runs there, or is about to */
    struct str group;
};
struct placement_port {
    uint16_t port;
    bool udp;
};
struct placement_attribute {
    struct str name, value;
};
struct placement_instance {
    struct str arn, ec2_instance_id, agent_version;
    struct str registered_at, running_text;       /* RFC 3339; a number */
    const struct placement_attribute *attributes; /* ecs.* of the instance are among them */
    size_t n_attributes;
    bool connected, active; /* the node is ready; status ACTIVE and not cordoned */
    struct ecs_size remaining;
    struct placement_port ports[PLACEMENT_PORTS_MAX]; /* reserved ones */
    size_t n_ports;
    const struct placement_port *dynamic; /* taken ones of the dynamic range */
    size_t n_dynamic;
    size_t pods, pods_max;              /* on the node; pods_max 0: no limit */
    const struct placement_task *tasks; /* what ran at the start of the call */
    size_t n_tasks;
    size_t placed; /* tasks of this call's group placed here so far, by placement_take */
};

struct placement_request {
    struct ecs_size size;
    const struct pod_port *ports; /* host_port 0 takes none in advance */
    size_t n_ports;
    struct str group;
    const struct doc *taskdef;        /* its requiresAttributes and runtimePlatform bind; NULL: not asked */
    const struct doc *constraints[2]; /* of the task definition and of the request; NULL or arrays */
    const struct doc *strategy;       /* array of {type, field}; NULL: any of those that fit */
    uint64_t random;
};

static inline bool placement_port_is_dynamic(int64_t port)
{
    return port >= PLACEMENT_DYNAMIC_FIRST && port <= PLACEMENT_DYNAMIC_LAST;
}
/* The ports that every instance keeps for itself, as ECS's agent: 22, 2375, 2376, 51678, 51679. */
extern const uint16_t placement_reserved[];
extern const size_t placement_reserved_n;
void placement_reserve(struct placement_instance *instance); /* adds them to ports */

/* What the cluster query language asks of an instance (query.h): attribute:NAME, task:group, ec2InstanceId,
 * agentConnected, agentVersion, registeredAt, runningTasksCount; ctx is a struct placement_instance. */
bool placement_value(const void *ctx, struct str subject, size_t i, struct str *ret);

/* Index of the instance. Returns 0, or 1 when none fits: *ret is then the one that came closest (n when there are none)
 * and *ret_reason the reason of its failure. -1 for a constraint that does not parse. */
int placement_choose(struct arena *a, const struct placement_instance *instances, size_t n,
                     const struct placement_request *req, size_t *ret, const char **ret_reason,
                     struct err *err) MUST_CHECK;
/* Does this one instance fit (StartTask)? NULL, or the reason. */
int placement_fits(struct arena *a, const struct placement_instance *instance, const struct placement_request *req,
                   const char **ret_reason, struct err *err) MUST_CHECK;
/* The same of each of n, into ret[n]: the failures of a RunTask that found no place. */
int placement_reasons(struct arena *a, const struct placement_instance *instances, size_t n,
                      const struct placement_request *req, const char **ret, struct err *err) MUST_CHECK;
/* Which of n may run the task at all, whatever they have left (a DAEMON's): ACTIVE, constraints and attributes met. */
int placement_admits(struct arena *a, const struct placement_instance *instances, size_t n,
                     const struct placement_request *req, bool *ret, struct err *err) MUST_CHECK;
/* Of those that failed, the one that came closest; n when none failed. */
size_t placement_closest(const struct placement_instance *instances, const char *const *reasons, size_t n);
void placement_take(struct placement_instance *instance, const struct placement_request *req);
/* Types and fields of a strategy and of constraints, with ECS's errors; both may be NULL. */
int placement_check(struct arena *a, const struct doc *constraints, const struct doc *strategy,
                    struct err *err) MUST_CHECK;

#endif
