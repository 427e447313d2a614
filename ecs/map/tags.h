/*
 * tags.h - the rules of ECS's tags: arrays of {key, value}.
 *
 * Pure. Lengths and characters are the wire's business (the API's model has them). Here: no key twice, none that begins
 * with "aws:" in whatever case (those are given by ECS itself, and do not count), at most TAGS_MAX on a resource.
 * Results live in the arena and share strings with their inputs. Errors: fault.h.
 */
#ifndef ECS_MAP_TAGS_H
#define ECS_MAP_TAGS_H

#include "api/doc.h"

#define TAGS_MAX 50

/* What a request brings: NULL or an array. */
int tags_check(const struct doc *tags, struct err *err) MUST_CHECK;
/* Each with a value: one that was left out is "". */
struct doc *tags_filled(struct arena *a, const struct doc *tags);
/* Those of a resource with `more` set on top: old keys keep their places. LimitExceededException. */
int tags_merge(struct arena *a, const struct doc *tags, const struct doc *more, struct doc **ret,
               struct err *err) MUST_CHECK;
/* Without those keys (an array of strings). */
int tags_without(struct arena *a, const struct doc *tags, const struct doc *keys, struct doc **ret,
                 struct err *err) MUST_CHECK;

#endif
