/*
 * convert.h - the few resources that are served in a version other than the stored one: events.k8s.io/v1 (stored as
 * core/v1) and autoscaling/v1 (stored as autoscaling/v2). Documents are changed in place; strings are shared.
 */
#ifndef APISERVER_REGISTRY_CONVERT_H
#define APISERVER_REGISTRY_CONVERT_H

#include "api/doc.h"
#include "api/resources.h"

/* Is the served version the stored one? */
bool convert_is_storage_version(const struct resource *res);
void convert_from_storage(const struct resource *res, struct arena *a, struct doc *obj);
void convert_to_storage(const struct resource *res, struct arena *a, struct doc *obj);

#endif
