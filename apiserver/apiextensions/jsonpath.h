/*
 * jsonpath.h - the JSONPath of printer columns, scale and selectable fields: what kubectl's CRDs use of it.
 *
 * Members (.spec.replicas, \. for a dot in a name, ['name'], ["name"]), elements ([0], [-1]), all of them ([*], .*)
 * and filters ([?(@.type=="Ready")], with == != < <= > >= or the mere presence of a member). Braces around the whole
 * are accepted.
 * Compiled paths are immutable and live in their arena. Pure.
 */
#ifndef APISERVER_APIEXTENSIONS_JSONPATH_H
#define APISERVER_APIEXTENSIONS_JSONPATH_H

#include "api/doc.h"

#define JSONPATH_STEPS_MAX 32

struct jsonpath;

/* Error: BAD_REQUEST. */
int jsonpath_compile(struct arena *a, struct str text, const struct jsonpath **ret, struct err *err) MUST_CHECK;
/* The first node that the path leads to; NULL when there is none. */
const struct doc *jsonpath_first(const struct jsonpath *p, const struct doc *d);
/* Does the path consist of members only? */
bool jsonpath_is_simple(const struct jsonpath *p);
/* Sets the value at a path of members, whose objects are made on the way. False: something else stands there. */
bool jsonpath_set(const struct jsonpath *p, struct arena *a, struct doc *d, struct doc *value);

#endif
