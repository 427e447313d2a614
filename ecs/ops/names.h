/*
 * names.h - names of AWS and of Kubernetes objects. Pure.
 */
#ifndef ECS_OPS_NAMES_H
#define ECS_OPS_NAMES_H

#include "base/arena.h"

#define ECS_NAME_MAX 63

/* prefix + name as a DNS label of at most ECS_NAME_MAX: the name itself when it can be one, else what can be kept of it
 * and a hash of all of it (so that two names never share an object: "Web" and "web"). */
const char *ecs_object_label(struct arena *a, const char *prefix, struct str name);

/* The part behind the last "cluster/", "task-definition/" ... of an ARN of that type; a text that is no ARN is itself
 * the name. Empty for an ARN of another type. */
struct str ecs_name_of(struct str name_or_arn, const char *type);

/* "FAMILY:REVISION" taken apart; false when the revision is no number above 0. Without ':' *ret_revision is 0. */
bool ecs_split_revision(struct str s, struct str *ret_family, int64_t *ret_revision);

uint64_t ecs_name_hash(struct str s); /* the same in every process */

bool ecs_valid_name(struct str s, size_t max); /* letters, digits, - and _ */

#endif
