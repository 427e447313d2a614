/*
 * continue_token.h - upstream's list continuation: base64url of {"v":"meta.k8s.io/v1","rv":R,"start":"ns/name\u0000"}.
 * Pure. A token of an upstream apiserver on the same etcd is understood too.
 */
#ifndef APISERVER_STORAGE_CONTINUE_TOKEN_H
#define APISERVER_STORAGE_CONTINUE_TOKEN_H

#include "base/buf.h"
#include "base/err.h"

#define CONTINUE_TOKEN_MAX 4096

/* start is the first key that was not listed, without the list's prefix. revision -1: go on with what is there now. */
void continue_token_encode(struct buf *out, int64_t revision, struct str start);
/* ERR_BAD_REQUEST for anything that is no token, or would leave the prefix. start is appended to the buffer. */
int continue_token_decode(struct str token, int64_t *ret_revision, struct buf *start, struct err *err) MUST_CHECK;

#endif
