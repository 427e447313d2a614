/*
 * body.h - the body of a write as a document: parsed, checked for its kind and unknown fields, conformed, defaulted.
 */
#ifndef APISERVER_HTTP_BODY_H
#define APISERVER_HTTP_BODY_H

#include "apiserver/http/request.h"

enum field_validation { VALIDATE_WARN, VALIDATE_STRICT, VALIDATE_IGNORE };

/* The fieldValidation parameter; ERR_INVALID for a value that is none. */
int body_field_validation(const struct request *r, enum field_validation *ret, struct err *err) MUST_CHECK;

/* The kind that a request's body is expected to have: the resource's, or the subresource's. */
struct body_kind {
    const char *group, *version, *kind;
    const struct schema_message *message;
    const struct custom *custom; /* of a custom resource, which has no message */
};
struct body_kind body_kind_of(const struct request *r);

/* Reads r->body as that kind. Warnings go to r->warnings. Errors are ERR_BAD_REQUEST and ERR_UNSUPPORTED_MEDIA with
 * upstream's texts. */
int body_object(struct request *r, const struct body_kind *want, struct doc **ret, struct err *err) MUST_CHECK;
/* The same for an options kind that a client may name in any group and version (DeleteOptions): no kind check, no
 * defaults, unknown fields ignored. */
int body_any_version(struct request *r, const struct schema_message *m, const char *kind, struct doc **ret,
                     struct err *err) MUST_CHECK;
/* The second half, for a document that did not come from a body (a patched object): unknown fields, form, defaults. */
int body_finish(struct request *r, const struct body_kind *want, struct doc *d, struct doc_warnings *found,
                struct doc **ret, struct err *err) MUST_CHECK;
/* The text alone as a tree: JSON or YAML. For patches. */
int body_tree(struct request *r, struct doc_warnings *found, struct doc **ret, struct err *err) MUST_CHECK;

#endif
