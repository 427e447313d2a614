/*
 * codec.h - objects between their four forms: request bodies, document trees, stored bytes, and encoded answers.
 *
 * Stored bytes are upstream's: k8s\0 and runtime.Unknown around the protobuf of the storage version (JSON for custom
 * resources and API services), without resourceVersion. A document is always complete: apiVersion and kind of the
 * served version, and metadata.resourceVersion when it came from the store. Answers are encoded at most once for each
 * version of an object and live in the slots of the storage object.
 */
#ifndef APISERVER_REGISTRY_CODEC_H
#define APISERVER_REGISTRY_CODEC_H

#include "api/doc.h"
#include "api/resources.h"
#include "api/selector.h"
#include "apiserver/http/negotiate.h"
#include "apiserver/storage/storage.h"
#include "net/shared_buf.h"

/* --- stored <-> document --- */

/* The object in the served version. Views point into o's bytes: o must live as long as the document. */
int codec_load(const struct resource *res, struct arena *a, const struct storage_object *o, struct doc **ret,
               struct err *err) MUST_CHECK;
/* obj is in the served version; it is left as it was. ERR_TOO_LARGE past LIMIT_OBJECT. */
int codec_store(const struct resource *res, struct arena *a, struct doc *obj, struct buf *out,
                struct err *err) MUST_CHECK;

/* --- encoded answers --- */

/* One encoding of one object. For JSON `inner` is what follows `"kind":..,"apiVersion":..,` up to the end, so that a
 * list's item is "{" and inner; for protobuf it is the raw message inside the envelope. */
struct encoded {
    struct shared_buf *buf;
    struct str all, inner;
    uint64_t made_by; /* custom resources: id of the compiled version that it was written with; else 0 */
};
/* *ret is a copy with a reference to buf for the caller. Any thread. enc: JSON or PROTOBUF. */
int codec_encoded(const struct resource *res, const struct storage_object *o, enum encoding enc, struct encoded *ret,
                  struct err *err) MUST_CHECK;
/* The same of its PartialObjectMetadata. */
int codec_encoded_metadata(const struct resource *res, const struct storage_object *o, enum encoding enc,
                           struct encoded *ret, struct err *err) MUST_CHECK;
/* A document as answer bytes; the kind is looked up by its apiVersion and kind. */
int codec_write(const struct doc *d, enum encoding enc, struct buf *out, struct err *err) MUST_CHECK;
/* {kind, apiVersion: meta.k8s.io/v1, metadata} of an object. */
struct doc *codec_partial_metadata(struct arena *a, const struct doc *obj, bool beta);

/* --- what selectors look at --- */

struct object_index {
    struct str ns, name;
    const struct label *labels; /* sorted by key */
    size_t n_labels;
    const struct str *fields; /* in the order of the resource's selectable fields */
    size_t n_fields;
};
/* Made once a version, in a slot. NULL only when the object cannot be decoded. Any thread. */
const struct object_index *codec_index(const struct resource *res, const struct storage_object *o);

struct field_def {
    const char *label;                                           /* as in a selector */
    const char *path;                                            /* in the storage version */
    struct str (*value)(const struct doc *obj, struct arena *a); /* where it is more than a path */
    bool hidden;                                                 /* for the server's own rules, not for selectors */
};
/* The indexed fields of a resource beyond metadata.name and metadata.namespace. */
size_t codec_fields(const struct resource *res, const struct field_def **ret);
/* Does the resource take this label in a field selector (metadata.* included)? */
bool codec_field_known(const struct resource *res, struct str label);
/* The value of the label in an indexed object. */
struct str codec_field_value(const struct resource *res, const struct object_index *ix, struct str label);

/* --- keys --- */

/* "/registry/pods/default/web" into out; an empty ns or name leaves a prefix that ends in '/'. */
bool codec_key(const struct resource *res, const char *etcd_prefix, struct str ns, struct str name, struct buf *out);

#endif
