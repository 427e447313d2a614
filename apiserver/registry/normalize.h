/*
 * normalize.h - what upstream's conversion to its internal types and back does to an object on the way in: fields that
 * are two names of one thing are brought together, and write-only fields become what they stand for. Pure.
 */
#ifndef APISERVER_REGISTRY_NORMALIZE_H
#define APISERVER_REGISTRY_NORMALIZE_H

#include "api/doc.h"
#include "api/resources.h"

void normalize(const struct resource *res, struct arena *a, struct doc *obj);

#endif
