/*
 * expand.h - Kubernetes' $(NAME) expansion in env values, command and args.
 *
 * $(NAME) of a known name becomes its value, of an unknown one stays as written; $$ becomes $. Nothing nests. Pure.
 */
#ifndef KUBELET_POD_EXPAND_H
#define KUBELET_POD_EXPAND_H

#include "base/buf.h"

/* Finds a variable: true and *ret_value, or false. */
typedef bool (*expand_lookup)(const void *ctx, struct str name, struct str *ret_value);

/* Appends the expanded text to out, whose ceiling bounds it. */
void expand_text(struct buf *out, struct str text, expand_lookup lookup, const void *ctx);

#endif
