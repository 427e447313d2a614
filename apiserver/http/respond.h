/*
 * respond.h - answers: objects in the form that was asked for, Status objects, plain text.
 *
 * Each call finishes the request. Any thread.
 */
#ifndef APISERVER_HTTP_RESPOND_H
#define APISERVER_HTTP_RESPOND_H

#include "api/doc.h"
#include "apiserver/http/request.h"

struct storage_object;

/* A stored object, as JSON or protobuf from its caches, or as Table or metadata. */
int respond_object(struct request *r, int status, const struct storage_object *o, struct err *err);
/* A document with apiVersion and kind that the schema knows (Status, TokenRequest, Scale ...), in the accepted
 * encoding. */
int respond_doc(struct request *r, int status, const struct doc *d, struct err *err);
/* A document as JSON, whatever was asked for: discovery, OpenAPI. */
void respond_json(struct request *r, int status, const char *content_type, const struct doc *d);
/* The Status of an error. */
void respond_error(struct request *r, const struct err *err);
void respond_text(struct request *r, int status, struct str text);
/* Bytes that are shared; takes over the reference. */
void respond_shared(struct request *r, int status, const char *content_type, struct shared_buf *taken);
void respond_slices(struct request *r, int status, const char *content_type, const struct slice *v, size_t n);
/* Does the client want indented JSON (pretty=true, or a browser or curl without saying)? */
bool respond_pretty(const struct request *r);

#define RESPOND_HEADERS_MAX 24
/* The fields every answer carries, Warning fields included; returns how many. */
size_t respond_headers(struct request *r, const char *content_type, struct http_header out[RESPOND_HEADERS_MAX]);

#endif
