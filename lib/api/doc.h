/*
 * doc.h - the document tree: what an object is while a request works on it.
 *
 * A tree of nodes in one arena (base/arena.h). Strings, keys and number texts are views: into the arena, or into the
 * text that was parsed, which must then live as long as the tree (parse from arena memory). Nothing is freed singly;
 * removing a node only unlinks it. A node stands in at most one parent: to put a subtree in a second place, clone it.
 * Object members keep their order; member lookup is linear (objects are small), so code that walks big maps iterates
 * instead. One thread at a time.
 *
 * Numbers are kept exactly, as their text ("1.50" stays "1.50", 2^63 loses nothing); DOC_F_INT tells that the text is a
 * plain integer.
 *
 * Functions that allocate return NULL only when the arena overflowed; that is sticky (arena_overflow), so builders may
 * ignore it and the request's driver checks once. All accessors accept NULL and give the "absent" answer, so lookups
 * chain:
 *
 *     struct str name = doc_str(doc_get(doc_get(pod, "metadata"), "name"));
 */
#ifndef API_DOC_H
#define API_DOC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum doc_type { DOC_NULL, DOC_BOOL, DOC_NUMBER, DOC_STRING, DOC_ARRAY, DOC_OBJECT };

enum doc_flags {
    DOC_F_INT = 1, /* DOC_NUMBER whose text is an integer without fraction and exponent */
};

struct doc {
    struct doc *next; /* next sibling in the parent */
    const char *key;  /* member name when the parent is an object, else NULL; not NUL-terminated */
    uint32_t key_len;
    uint8_t type; /* enum doc_type */
    uint8_t flags;
    uint32_t n; /* bytes of a string or number text; number of children of a container */
    union {
        const char *s;
        bool b;
        struct {
            struct doc *first, *last;
        };
    };
};

/* --- making --- */
struct doc *doc_null(struct arena *a);
struct doc *doc_bool(struct arena *a, bool v);
struct doc *doc_int(struct arena *a, int64_t v);
struct doc *doc_number(struct arena *a, struct str text); /* text must be a JSON number; not copied */
struct doc *doc_string(struct arena *a, struct str s);    /* the bytes are not copied */
struct doc *doc_string_copy(struct arena *a, struct str s);
struct doc *doc_printf(struct arena *a, const char *fmt, ...) PRINTF_FMT(2, 3);
struct doc *doc_array(struct arena *a);
struct doc *doc_object(struct arena *a);
/* A deep copy into a; string bytes are shared when share_strings, else copied. */
struct doc *doc_clone(struct arena *a, const struct doc *d, bool share_strings);

/* --- reading (NULL in, "absent" out) --- */
static inline bool doc_is(const struct doc *d, enum doc_type t)
{
    return d && d->type == t;
}
static inline struct str doc_key(const struct doc *d)
{
    return str_n(d->key, d->key_len);
}
struct str doc_str(const struct doc *d);            /* the string; empty when it is none */
struct str doc_text(const struct doc *d);           /* text of a string or number */
bool doc_to_int(const struct doc *d, int64_t *ret); /* a number that is an integer in range (1.0 and 1e3 too) */
int64_t doc_int_or(const struct doc *d, int64_t otherwise);
bool doc_true(const struct doc *d); /* is it the boolean true */
bool doc_to_double(const struct doc *d, double *ret);
struct doc *doc_get(const struct doc *obj, const char *key); /* member of an object, else NULL */
struct doc *doc_get_str(const struct doc *obj, struct str key);
struct doc *doc_at(const struct doc *arr, size_t i);         /* element of an array, else NULL; walks */
struct doc *doc_path(const struct doc *d, const char *path); /* "spec.template.metadata.name": objects only */
static inline size_t doc_count(const struct doc *d)
{
    return d && (d->type == DOC_ARRAY || d->type == DOC_OBJECT) ? d->n : 0;
}
/* The children of a container in order; nothing for anything else. The current child may be removed in the body. */
#define doc_foreach(d, it)                                                                                             \
    for (struct doc *it = doc_count(d) ? (d)->first : NULL, *it##_next = it ? it->next : NULL; it;                     \
         it = it##_next, it##_next = it ? it->next : NULL)

/* --- changing --- */
/* Sets a member, replacing an old one in its place. key must outlive the tree (a literal, or bytes of the arena).
 * Returns value. */
struct doc *doc_set(struct doc *obj, const char *key, struct doc *value);
struct doc *doc_set_str(struct doc *obj, struct str key, struct doc *value);
struct doc *doc_remove(struct doc *obj, const char *key); /* the unlinked member, NULL when absent */
struct doc *doc_remove_str(struct doc *obj, struct str key);
struct doc *doc_append(struct doc *arr, struct doc *value);
bool doc_unlink(struct doc *parent, struct doc *child);                     /* false when it is not a child */
void doc_insert_before(struct doc *arr, struct doc *at, struct doc *value); /* at NULL = at the end */
void doc_replace(struct doc *parent, struct doc *old, struct doc *value);   /* value takes old's place and key */
/* The member object (or array), made when absent or null; NULL when something else stands there. */
struct doc *doc_need_object(struct arena *a, struct doc *obj, const char *key);
struct doc *doc_need_array(struct arena *a, struct doc *obj, const char *key);
/* Sets the value at a path of objects, which are made on the way; false when something else is in the way. */
bool doc_set_path(struct arena *a, struct doc *d, const char *path, struct doc *value);
void doc_sort_members(struct doc *obj, bool deep); /* by key in byte order, as Go writes maps */

/* --- comparing --- */
/* Structural: members in any order; numbers by value (1 and 1.0 are equal), exact for integers of any size. */
bool doc_equal(const struct doc *a, const struct doc *b);

#endif
