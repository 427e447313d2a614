/*
 * taskdef_rules.h - the parts of taskdef_normalise. Not for others.
 *
 *   taskdef.c            the task: sizes, volumes, what Fargate asks for
 *   taskdef_refused.c    members that are refused by name
 *   taskdef_container.c  a container's own members and their defaults
 *   taskdef_linux.c      user, limits, capabilities, tmpfs, kernel parameters, security options
 *   taskdef_ports.c      port mappings, and their collisions
 *   taskdef_shared.c     what the containers of a pod have to agree on; dependsOn
 *   taskdef_derive.c     compatibilities, requiresAttributes
 *
 * Each check of a container returns -1 with the first mistake.
 */
#ifndef ECS_MAP_TASKDEF_RULES_H
#define ECS_MAP_TASKDEF_RULES_H

#include "ecs/map/fault.h"
#include "ecs/map/taskdef.h"

enum task_network { NETWORK_BRIDGE, NETWORK_HOST, NETWORK_AWSVPC };
enum task_network taskdef_network(const struct doc *taskdef);
bool taskdef_requires(const struct doc *taskdef, const char *compatibility); /* in requiresCompatibilities */
bool taskdef_is_ecr_image(struct str image);
bool taskdef_says_something(const struct doc *d); /* not null, false, 0, "" or empty */

/* "Invalid setting for container 'NAME'. " and the text. */
int taskdef_invalid(struct err *err, const struct doc *container, const char *fmt, ...) PRINTF_FMT(3, 4);

/* user of a container: "uid[:gid]" or "name[:gid]". */
struct taskdef_user {
    int64_t uid, gid; /* -1: not given */
    struct str name;  /* of the image's /etc/passwd; empty with a uid */
};
bool taskdef_parse_user(struct str user, struct taskdef_user *ret);
/* "label:..." is known and refused. ret_profile: AppArmor's, empty for no-new-privileges. */
bool taskdef_security_option(struct str option, struct str *ret_profile);
/* How long it must have run to be started again: restartAttemptPeriod, else 300. */
int64_t taskdef_restart_period(const struct doc *container);
/* A tmpfs is made with these options, or they say nothing about one. */
bool taskdef_tmpfs_option(struct str option);
/* "8080-8090" */
bool taskdef_port_range(struct str range, int64_t *ret_first, int64_t *ret_last);

int taskdef_check_refused(const struct doc *td, const struct doc *c, struct err *err) MUST_CHECK;
int taskdef_check_linux(const struct doc *td, const struct doc *c, struct err *err) MUST_CHECK;
int taskdef_fill_ports(struct arena *a, const struct doc *td, const struct doc *c, struct err *err) MUST_CHECK;
/* Each container's own fields: refusals, then defaults. */
int taskdef_containers(struct arena *a, struct doc *taskdef, struct err *err) MUST_CHECK;
/* dependsOn between the containers. */
int taskdef_dependencies(const struct doc *containers, struct err *err) MUST_CHECK;
/* Port collisions between the containers. */
int taskdef_port_rules(const struct doc *containers, enum task_network network, struct err *err) MUST_CHECK;
/* A pod has one host name, one resolver, one /etc/hosts, one set of kernel parameters. */
int taskdef_shared_rules(const struct doc *taskdef, struct err *err) MUST_CHECK;
void taskdef_derive(struct arena *a, struct doc *taskdef); /* compatibilities, requiresAttributes */

#endif
