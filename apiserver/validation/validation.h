/*
 * validation.h - is this object acceptable? Upstream's rules, paths and texts.
 *
 * Pure: no I/O, no clock. The object has been decoded, pruned and defaulted, and the strategy has done its part (status
 * reset, generation, system metadata), as upstream validates after those steps. Every kind gets its ObjectMeta checked;
 * kinds with rules of their own are in a table, one file each.
 */
#ifndef APISERVER_VALIDATION_VALIDATION_H
#define APISERVER_VALIDATION_VALIDATION_H

#include "api/fielderr.h"

struct validation_request {
    struct arena *arena; /* for the errors */
    const char *group;   /* "" for core */
    const char *version;
    const char *kind;        /* of the object: "Pod" */
    const char *subresource; /* "" for the object itself, "status", "binding", "resize" ... */
    bool namespaced;
    const struct doc *obj;
    const struct doc *old;  /* the stored object on update, NULL on create */
    bool forbid_privileged; /* --allow-privileged=false */
};

/* 0, or ERR_INVALID with upstream's message and causes (Status details in the arena): Pod "x" is invalid:
 * spec.containers: Required value */
int validate_object(const struct validation_request *req, struct err *err) MUST_CHECK;

/* The errors themselves. */
void validate_errors(const struct validation_request *req, struct field_errors *ret);

#endif
