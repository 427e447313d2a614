/*
 * common.h - the small rules that most kinds share, as functions on (errors, path, value).
 *
 * A check adds to the list and goes on; nothing here stops at the first error. Values are nodes of the object: NULL, or
 * JSON null, stands for a field that is not set.
 */
#ifndef APISERVER_VALIDATION_COMMON_H
#define APISERVER_VALIDATION_COMMON_H

#include "api/fielderr.h"
#include "api/names.h"
#include "api/quantity.h"
#include "apiserver/validation/validation.h"

typedef struct field_errors errors;
typedef const struct field_path *path_t;

/* --- reading --- */
static inline bool v_set(const struct doc *d)
{
    return d && d->type != DOC_NULL;
}
static inline const struct doc *v_get(const struct doc *obj, const char *key)
{
    const struct doc *d = doc_get(obj, key);
    return v_set(d) ? d : NULL;
}
static inline struct str v_str(const struct doc *obj, const char *key)
{
    return doc_str(doc_get(obj, key));
}
static inline int64_t v_int(const struct doc *obj, const char *key)
{
    return doc_int_or(doc_get(obj, key), 0);
}
static inline bool v_true(const struct doc *obj, const char *key)
{
    return doc_true(doc_get(obj, key));
}
/* Equal as upstream's semantic equality sees it: not set and an empty list or map are the same. */
bool v_equal(const struct doc *a, const struct doc *b);

/* --- formats --- */
void v_name(errors *e, path_t p, struct str s, name_check check); /* one Invalid for each problem */
#define V_ENUM(e, p, s, ...) v_enum((e), (p), (s), (const char *const[]){__VA_ARGS__, NULL})
/* NotSupported unless s is one of the values; NULL-terminated. */
void v_enum(errors *e, path_t p, struct str s, const char *const *values);
bool v_among(struct str s, const char *const *values);
/* Required when empty, else NotSupported unless among the values. */
#define V_ENUM_REQUIRED(e, p, s, ...) v_enum_required((e), (p), (s), (const char *const[]){__VA_ARGS__, NULL})
void v_enum_required(errors *e, path_t p, struct str s, const char *const *values);

/* --- numbers --- */
void v_not_negative(errors *e, path_t p, const struct doc *v); /* not set is fine */
void v_port(errors *e, path_t p, const struct doc *v);         /* 1 to 65535; not set counts as 0 */
void v_port_or_name(errors *e, path_t p, const struct doc *v);
void v_id(errors *e, path_t p, const struct doc *v);   /* user and group ids; not set is fine */
void v_mode(errors *e, path_t p, const struct doc *v); /* file mode; not set is fine */

/* --- things --- */
void v_labels(errors *e, path_t p, const struct doc *labels);
void v_annotations(errors *e, path_t p, const struct doc *annotations);
void v_label_selector(errors *e, path_t p, const struct doc *selector, bool check_values);
size_t v_selector_size(const struct doc *selector); /* matchLabels and matchExpressions together */
/* Does the LabelSelector select the labels? false also when it does not parse. */
bool v_selects(struct arena *a, const struct doc *selector, const struct doc *labels, bool *ret_parses);
void v_immutable(errors *e, path_t p, const struct doc *now, const struct doc *old);
void v_ip(errors *e, path_t p, struct str s); /* strict */
/* An address that traffic can go to: not unspecified, loopback, link-local. */
void v_endpoint_ip(errors *e, path_t p, struct str s);
void v_quantity_not_negative(errors *e, path_t p, const struct doc *v);

/* Has a text been seen before? Remembers it if not. Lists are short, so it compares one by one. */
struct seen {
    struct str *v;
    size_t n, cap;
    struct arena *arena;
};
#define SEEN_IN(arena_)                                                                                                \
    {                                                                                                                  \
        NULL, 0, 0, (arena_)                                                                                           \
    }
bool v_seen(struct seen *s, struct str text);
bool v_seen_has(const struct seen *s, struct str text);

/* Walks an array: V_EACH(list, c) { ... c.at is the element, c.i its index ... } */
#define V_EACH(list, c) for (struct v_cursor c = v_first(list); c.at; v_next(&c))

struct v_cursor {
    const struct doc *at;
    size_t i;
};
static inline struct v_cursor v_first(const struct doc *list)
{
    return (struct v_cursor){doc_is(list, DOC_ARRAY) ? list->first : NULL, 0};
}
static inline void v_next(struct v_cursor *c)
{
    c->at = c->at->next;
    c->i++;
}

/* --- metadata (objectmeta.c) --- */
void v_object_meta(errors *e, path_t p, const struct doc *meta, bool namespaced, name_check name);
void v_object_meta_update(errors *e, path_t p, const struct doc *meta, const struct doc *old);
void v_finalizer(errors *e, path_t p, struct str s);

#endif
