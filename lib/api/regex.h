/*
 * regex.h - regular expressions as Go's regexp understands them (RE2 syntax), for patterns that users write.
 *
 * Matching takes time proportional to text times expression, whatever the expression: all alternatives advance
 * together, nothing backtracks. Texts are UTF-8; (?i) folds ASCII letters only; \p{...} is known for the general
 * categories that patterns use (L, Lu, Ll, N, Nd) within ASCII and Latin-1 and refused otherwise.
 *
 * A compiled expression is immutable and lives in its arena; any thread may match with it.
 */
#ifndef API_REGEX_H
#define API_REGEX_H

#include "base/arena.h"
#include "base/err.h"

#define REGEX_PROGRAM_MAX 8000 /* steps of a compiled expression */

struct regex;

/* Errors: BAD_REQUEST with Go's words ("error parsing regexp: missing closing ): `(a`"), TOO_LARGE. */
int regex_compile(struct arena *a, struct str pattern, const struct regex **ret, struct err *err) MUST_CHECK;
/* Does it match anywhere in the text, as Go's MatchString? */
bool regex_match(const struct regex *r, struct str text);

#endif
