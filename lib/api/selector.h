/*
 * selector.h - label and field selectors: text or LabelSelector object -> compiled form -> match.
 *
 * A compiled selector lives in the arena it was parsed into (a watch gives its selectors an arena of their own) and is
 * immutable: any number of threads may match with it. It copies what it needs from the text. NULL is a selector that
 * matches everything.
 */
#ifndef API_SELECTOR_H
#define API_SELECTOR_H

#include "api/doc.h"
#include "base/buf.h"

/* --- labels --- */
struct label {
    struct str key, value;
};

enum label_op { LABEL_IN, LABEL_NOT_IN, LABEL_EXISTS, LABEL_NOT_EXISTS, LABEL_GREATER, LABEL_LESS };

struct label_requirement {
    struct str key;
    enum label_op op;
    const struct str *values; /* sorted; one for GREATER and LESS */
    size_t n_values;
    bool equals; /* was written with = or !=: matters for the text only */
};

struct label_selector {
    const struct label_requirement *req; /* sorted by key; all must hold */
    size_t n;
    bool nothing; /* matches no object at all */
};

/* "a=b,c!=d,e in (f,g),!h,i>3". Empty text matches everything. Error: BAD_REQUEST with upstream's text. */
int label_selector_parse(struct arena *a, struct str text, const struct label_selector **ret,
                         struct err *err) MUST_CHECK;
/* A LabelSelector object {matchLabels, matchExpressions}; NULL or null matches nothing, an empty one everything (as
 * upstream). */
int label_selector_from_doc(struct arena *a, const struct doc *ls, const struct label_selector **ret,
                            struct err *err) MUST_CHECK;
/* From parts, for code that holds typed structs: copies keys and values; checks them. */
int label_selector_from_parts(struct arena *a, const struct label_requirement *req, size_t n,
                              const struct label_selector **ret, struct err *err) MUST_CHECK;

bool label_selector_matches(const struct label_selector *s, const struct label *labels,
                            size_t n);                                                     /* labels sorted by key */
bool label_selector_matches_doc(const struct label_selector *s, const struct doc *labels); /* metadata.labels or NULL */
/* get returns false when there is no such label. */
bool label_selector_matches_fn(const struct label_selector *s, bool (*get)(void *user, struct str key, struct str *ret),
                               void *user);
static inline bool label_selector_everything(const struct label_selector *s)
{
    return !s || (!s->n && !s->nothing);
}
void label_selector_write(struct buf *out, const struct label_selector *s); /* upstream's String() */

/* --- fields --- */
struct field_term {
    struct str field, value;
    bool not_equal;
};

struct field_selector {
    const struct field_term *terms; /* in the order of the text; all must hold */
    size_t n;
};

/* "metadata.name=x,status.phase!=Running" with \\ \, \= as escapes. */
int field_selector_parse(struct arena *a, struct str text, const struct field_selector **ret,
                         struct err *err) MUST_CHECK;
/* get gives a field's value; a field that is not set is "". */
bool field_selector_matches(const struct field_selector *s, struct str (*get)(void *user, struct str field),
                            void *user);
/* Is there a term field=value (not !=)? Then *ret_value is it: lets a list of metadata.name=x be one lookup. */
bool field_selector_requires(const struct field_selector *s, struct str field, struct str *ret_value);
static inline bool field_selector_everything(const struct field_selector *s)
{
    return !s || !s->n;
}
void field_selector_write(struct buf *out, const struct field_selector *s);

#endif
