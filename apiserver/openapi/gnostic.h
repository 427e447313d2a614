/*
 * gnostic.h - an OpenAPI v2 document as the protobuf messages that older kubectl asks for (apiserver/openapi only).
 *
 * The messages are gnostic's openapi.v2: what JSON writes as members of an object are lists of named pairs there.
 */
#ifndef APISERVER_OPENAPI_GNOSTIC_H
#define APISERVER_OPENAPI_GNOSTIC_H

#include "api/doc.h"
#include "base/buf.h"

void gnostic_encode(struct buf *out, const struct doc *v2);

#endif
