/*
 * negotiate.h - which form an answer takes and which form a body has, from Accept and Content-Type.
 *
 * Pure. The rules are apimachinery's: Accept entries by quality, then by order; a form is an encoding (JSON, YAML,
 * protobuf) and a shape (the object itself, a Table, or only the metadata of it).
 */
#ifndef APISERVER_HTTP_NEGOTIATE_H
#define APISERVER_HTTP_NEGOTIATE_H

#include "base/err.h"
#include "base/str.h"

enum encoding { ENC_JSON, ENC_YAML, ENC_PROTOBUF, ENC_N };
enum shape { SHAPE_OBJECT, SHAPE_TABLE, SHAPE_METADATA, SHAPE_METADATA_LIST, SHAPE_DISCOVERY };

struct accepted {
    enum encoding encoding;
    enum shape shape;
    bool beta;   /* v=v1beta1 of the shape (v2beta1 for discovery) */
    bool stream; /* a ;stream=watch parameter was present */
};

enum negotiate_for {
    NEGOTIATE_OBJECT,
    NEGOTIATE_LIST,
    NEGOTIATE_DISCOVERY,
    NEGOTIATE_PLAIN,
    NEGOTIATE_CUSTOM = 16 /* or'ed in: protobuf for metadata only */
};

/* An empty header accepts anything. ERR_NOT_ACCEPTABLE with upstream's text when nothing fits. */
int negotiate_accept(struct str header, enum negotiate_for what, struct accepted *ret, struct err *err) MUST_CHECK;

/* Body of create and update. Empty means JSON. ERR_UNSUPPORTED_MEDIA with upstream's text otherwise. */
int negotiate_content_type(struct str header, enum encoding *ret, struct err *err) MUST_CHECK;

enum patch_type { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC };
/* ERR_UNSUPPORTED_MEDIA for everything else, server-side apply included. */
int negotiate_patch_type(struct str header, enum patch_type *ret, struct err *err) MUST_CHECK;

const char *encoding_media_type(enum encoding e);
/* The media type of a watch stream's frames. */
const char *encoding_watch_type(enum encoding e);

#endif
