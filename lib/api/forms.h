/*
 * forms.h - messages that stand in JSON as something else than an object: times, quantities, raw JSON ... (lib/api
 * only).
 *
 * One row a form. A NULL or null document is the zero Go value everywhere. What holds other messages (lists, the
 * JSONSchemaProps alternatives) has no row here: the walkers do it.
 */
#ifndef API_FORMS_H
#define API_FORMS_H

#include "api/doc.h"
#include "api/schema.h"
#include "base/buf.h"

struct form {
    /* The canonical document for what a client sent; *ret may be d itself. NULL: nothing to check. */
    int (*conform)(struct arena *a, struct doc *d, struct doc **ret, struct err *err);
    /* The message's bytes. */
    int (*encode)(struct buf *out, const struct doc *d, struct err *err);
    int (*decode)(struct arena *a, struct str bytes, struct doc **ret, struct err *err);
    const char *zero; /* JSON text of the zero value; NULL = null */
};

/* NULL when the walkers do it themselves. */
const struct form *form_of(const struct schema_message *m);
struct doc *form_zero(struct arena *a, const struct form *f);

/* Go's formatting of a float64 in JSON. */
struct doc *doc_double(struct arena *a, double v);
/* "string", "number" ... as in Go's errors. */
const char *form_json_kind(const struct doc *d);
int form_broken(struct err *err, const char *what); /* "proto: illegal WHAT" */

#endif
