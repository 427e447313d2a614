/*
 * write.h - what the handlers of writes share.
 */
#ifndef APISERVER_HTTP_WRITE_H
#define APISERVER_HTTP_WRITE_H

#include "apiserver/http/request.h"
#include "apiserver/registry/store.h"

/* The operation that the request asks for. */
struct op write_op(struct request *r);
/* dryRun and the other write parameters are acceptable, and so is what the client takes as an answer. */
int write_check(struct request *r, struct err *err) MUST_CHECK;
/* metadata.name and namespace of obj against the path: filled in when empty, ERR_BAD_REQUEST when different. */
int write_check_name(struct request *r, struct doc *obj, struct err *err) MUST_CHECK;
/* A store_transform that gives a copy of the document ctx. */
int write_given(void *ctx, struct op *op, const struct doc *old, struct doc **ret, struct err *err);
/* DeleteOptions from body and query. */
int write_delete_options(struct request *r, struct delete_options *ret, struct err *err) MUST_CHECK;
/* The object; answers, and drops the reference. */
int write_respond(struct request *r, int status, struct storage_object *taken, struct err *err) MUST_CHECK;

#endif
