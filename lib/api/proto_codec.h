/*
 * proto_codec.h - document tree <-> Kubernetes protobuf, through the schema tables.
 *
 * The bytes are upstream's, to the last: fields in the order of their numbers, scalars that are no pointers in Go
 * written even when zero, map entries in the order of their keys. Members that the schema does not know are skipped.
 *
 * Decoding gives the tree that upstream would write as JSON: members in Go's order, zero values left out or present as
 * there. Strings are views into the bytes, which must live as long as the tree.
 *
 * The envelope is what upstream stores in etcd and sends over HTTP: the four bytes "k8s\0", then a runtime.Unknown with
 * apiVersion, kind and the object's bytes.
 *
 * Pure functions, any thread. Errors: BAD_REQUEST for input that is no such message, TOO_LARGE when buffer or arena is
 * full.
 */
#ifndef API_PROTO_CODEC_H
#define API_PROTO_CODEC_H

#include "api/doc.h"
#include "api/schema.h"
#include "base/buf.h"

int proto_encode(struct buf *out, const struct doc *d, const struct schema_message *m, struct err *err) MUST_CHECK;
int proto_decode(struct arena *a, struct str bytes, const struct schema_message *m, struct doc **ret,
                 struct err *err) MUST_CHECK;

/* An object in its envelope; apiVersion and kind are taken from the document. */
int proto_encode_object(struct buf *out, const struct doc *d, const struct schema_message *m,
                        struct err *err) MUST_CHECK;
/* The same with apiVersion and kind given: what is stored may be another version than what is served. */
int proto_encode_object_as(struct buf *out, const struct doc *d, const struct schema_message *m, struct str api_version,
                           struct str kind, struct err *err) MUST_CHECK;

struct proto_envelope {
    struct str api_version, kind; /* may be empty */
    struct str raw;               /* the message */
};
bool proto_has_envelope(struct str bytes);                                                /* begins with k8s\0 */
int proto_open(struct str bytes, struct proto_envelope *ret, struct err *err) MUST_CHECK; /* views into bytes */
/* Opens the envelope and decodes; the document gets the envelope's apiVersion and kind. */
int proto_decode_object(struct arena *a, struct str bytes, const struct schema_message *m, struct doc **ret,
                        struct err *err) MUST_CHECK;

#endif
