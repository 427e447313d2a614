/*
 * conform.h - makes a parsed JSON body what upstream would have after decoding it into its Go type.
 *
 * Unknown members are dropped and reported (`unknown field "spec.foo"`, as upstream's strict decoding errors), nulls
 * are treated as Go treats them, zero values are left out or added as Go's omitempty says, special forms become
 * canonical (times in UTC, quantities), maps are sorted. So what comes out can be compared, stored and served. A member
 * of the wrong type is an error with Go's text: `json: cannot unmarshal string into Go struct field
 * DeploymentSpec.spec.replicas of type int32`; the caller puts its own words in front.
 *
 * The tree is rebuilt in the same arena; the old root must not be used any more. Pure; one thread a tree.
 */
#ifndef API_CONFORM_H
#define API_CONFORM_H

#include "api/doc.h"
#include "api/json.h"
#include "api/schema.h"

/* warnings may be NULL. Errors: BAD_REQUEST (wrong type or form), TOO_LARGE (too deep, arena full). */
int conform(struct arena *a, struct doc *d, const struct schema_message *m, struct doc_warnings *warnings,
            struct doc **ret, struct err *err) MUST_CHECK;

/* The document of a zero Go value of that type: {"metadata":{},"spec":{...}} with all that is never left out. */
struct doc *conform_zero(struct arena *a, const struct schema_message *m);

#endif
