/*
 * defaults.h - the values that an object gets when it is read: upstream's defaulting functions as tables.
 *
 * Works on a conformed document (conform.h) or on one decoded from protobuf, in place. Idempotent. Pure; one thread a
 * tree. Kinds without defaults are left as they are.
 */
#ifndef API_DEFAULTS_H
#define API_DEFAULTS_H

#include "api/doc.h"
#include "api/schema.h"

void defaults_apply(struct arena *a, struct doc *obj, const struct schema_kind *kind);

#endif
