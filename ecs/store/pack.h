/*
 * pack.h - texts that look much like a model text, in a fraction of their length.
 *
 * Thousands of tasks differ in a few identifiers and times. A packed text is a row of pieces: bytes as they are, then a
 * copy from the model or from what came before. Unpacking is little more than copying (about 1 GB/s); packing costs a
 * few microseconds for a task.
 *
 * Pure; a model may be used by several threads at a time.
 */
#ifndef ECS_STORE_PACK_H
#define ECS_STORE_PACK_H

#include "base/buf.h"

#define PACK_TEXT_MAX ((size_t)1 << 20) /* of a text and of a model */

struct pack_model;

/* NULL when the text is too long. It is copied. */
struct pack_model *pack_model_new(struct str text);
struct pack_model *pack_model_free(struct pack_model *m); /* returns NULL, accepts NULL */

/* Appends the packed text; false when it is too long (out is then undefined). */
bool pack(const struct pack_model *m, struct str text, struct buf *out) MUST_CHECK;
/* Writes exactly n bytes, the length that the text had; false when `packed` is none of such a text. */
bool unpack(const struct pack_model *m, struct str packed, char *to, size_t n) MUST_CHECK;

#endif
