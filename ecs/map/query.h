/*
 * query.h - the cluster query language of placement constraints and attribute filters.
 *
 *     attribute:ecs.instance-type =~ t3.* and not (attribute:stack in [prod, test] or task:group == service:web)
 *
 * Operators: == equals, != not_equals, > greater_than, >= , <, <=, exists, !exists / not_exists, in, !in / not_in, =~
 * matches,
 * !~ not_matches; && and, || or, ! not, parentheses. Numbers, versions (1.9.2) and times are compared as such, anything
 * else as text. Pure; bounded in length (QUERY_MAX) and depth; patterns are those of api/regex.h, matched anywhere.
 */
#ifndef ECS_MAP_QUERY_H
#define ECS_MAP_QUERY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define QUERY_MAX 2000
#define QUERY_DEPTH_MAX 32

struct query;

/* InvalidParameterException (fault.h) when it does not parse. The text must live as long as the query. */
int query_parse(struct arena *a, struct str text, const struct query **ret, struct err *err) MUST_CHECK;

/* Gives the i-th value of a subject ("attribute:zone", "ec2InstanceId", "task:group" ...); false past the last one. An
 * attribute without a value gives "". */
typedef bool (*query_value)(const void *ctx, struct str subject, size_t i, struct str *ret);
bool query_matches(const struct query *q, query_value values, const void *ctx);

#endif
