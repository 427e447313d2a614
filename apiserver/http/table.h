/*
 * table.h - objects as a meta.k8s.io Table: one, a list, a watch event.
 */
#ifndef APISERVER_HTTP_TABLE_H
#define APISERVER_HTTP_TABLE_H

#include "apiserver/http/request.h"
#include "apiserver/storage/storage.h"

/* Answers with the table of one object, which is in the served version (or a Scale, a Status ...). */
int table_respond_object(struct request *r, int status, const struct doc *obj, struct err *err) MUST_CHECK;
int table_respond_list(struct request *r, const struct storage_list *list, struct err *err) MUST_CHECK;
/* Appends the table of one watched object, without a line end. Column definitions are in the first one only. */
int table_write_event(const struct request *r, const struct storage_object *o, bool with_columns, struct buf *out,
                      struct err *err) MUST_CHECK;
/* includeObject=None|Metadata|Object; ERR_BAD_REQUEST for anything else. */
int table_check_query(const struct request *r, struct err *err) MUST_CHECK;

#endif
