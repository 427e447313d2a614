/*
 * json.h - JSON text <-> document tree.
 *
 * The reader is strict RFC 8259: UTF-8 without surrogates or overlong forms, no trailing text, bounded depth. Strings
 * and keys without escapes are views into the text, so the text must live as long as the tree. An escaped lone
 * surrogate becomes U+FFFD, as in Go. Numbers keep their text. Of members with the same name the last one counts, at
 * the place of the first, and each repetition is reported with its path in upstream's form (`duplicate field
 * "spec.containers[0].name"`). Error texts are Go's encoding/json's.
 *
 * The writer's form is Go's json.Marshal: members in the order of the tree, <, >, & and U+2028/U+2029 escaped, no white
 * space.
 *
 * Pure functions; threads may run them at the same time on different trees.
 */
#ifndef API_JSON_H
#define API_JSON_H

#include "api/doc.h"
#include "base/buf.h"

#define JSON_WARNINGS_MAX 100 /* repetitions reported at most */

/* Warnings found by a reader: complete texts in the arena, in order of occurrence. */
struct doc_warnings {
    const char *text[JSON_WARNINGS_MAX];
    size_t n;
};

struct json_options {
    size_t max_depth;              /* containers within each other; 0 = LIMIT_DOC_DEPTH */
    struct doc_warnings *warnings; /* where repeated members are reported; NULL = nowhere */
    bool strict;                   /* a repeated member is an error: `duplicate field "x"` */
};

/* opt may be NULL (the defaults). Errors: BAD_REQUEST for text that is no JSON, TOO_LARGE when the arena overflowed. */
int json_parse(struct arena *a, struct str text, const struct json_options *opt, struct doc **ret,
               struct err *err) MUST_CHECK;

/* Adds a warning unless the list is full; text must live in the arena of the tree. */
void doc_warn(struct doc_warnings *w, const char *text);

void json_write(struct buf *out, const struct doc *d);
/* As Go's json.MarshalIndent(v, "", indent): one member a line, empty containers stay {} and []. */
void json_write_indent(struct buf *out, const struct doc *d, const char *indent);
/* One string with its quotes. */
void json_write_string(struct buf *out, struct str s);

#endif
