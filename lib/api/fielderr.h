/*
 * fielderr.h - upstream's field.ErrorList: what is wrong with which field, in upstream's exact words.
 *
 * A path is built on the stack while validation descends and is written out only when there is an error:
 *
 *     const struct field_path *p = FIELD(FIELD(NULL, "spec"), "containers");
 *     field_required(errs, FIELD(FIELD_AT(p, i), "name"), "");
 *
 * FIELD... are compound literals: they live until the end of the enclosing block. Lists are in an arena and bounded
 * (FIELD_ERRORS_MAX; more are counted but not kept).
 */
#ifndef API_FIELDERR_H
#define API_FIELDERR_H

#include "api/doc.h"

#define FIELD_ERRORS_MAX 1000

enum field_path_kind { FIELD_NAME, FIELD_INDEX, FIELD_MAP_KEY };

struct field_path {
    const struct field_path *parent;
    enum field_path_kind kind;
    struct str name; /* NAME, MAP_KEY */
    size_t index;    /* INDEX */
};

#define FIELD(parent_, name_) (&(const struct field_path){(parent_), FIELD_NAME, str_of(name_), 0})
#define FIELD_STR(parent_, str_) (&(const struct field_path){(parent_), FIELD_NAME, (str_), 0})
#define FIELD_AT(parent_, i_) (&(const struct field_path){(parent_), FIELD_INDEX, {NULL, 0}, (i_)})
#define FIELD_KEY(parent_, str_) (&(const struct field_path){(parent_), FIELD_MAP_KEY, (str_), 0})
/* "spec.containers[0].env[name]"; NULL path = "<nil>", as upstream. */
const char *field_path_text(struct arena *a, const struct field_path *p);

enum field_error_type {
    FIELD_ERR_REQUIRED,
    FIELD_ERR_INVALID,
    FIELD_ERR_NOT_SUPPORTED,
    FIELD_ERR_DUPLICATE,
    FIELD_ERR_FORBIDDEN,
    FIELD_ERR_TOO_LONG,
    FIELD_ERR_TOO_MANY,
    FIELD_ERR_TOO_FEW,
    FIELD_ERR_TOO_SHORT,
    FIELD_ERR_NOT_FOUND,
    FIELD_ERR_INTERNAL,
    FIELD_ERR_TYPE_INVALID,
};

struct field_error {
    struct field_error *next;
    enum field_error_type type;
    const char *field;
    const char *body; /* `Invalid value: "x": must be ...` */
};

struct field_errors {
    struct arena *arena;
    struct field_error *first, *last;
    size_t n;
};

static inline struct field_errors field_errors_in(struct arena *a)
{
    return (struct field_errors){a, NULL, NULL, 0};
}

/* The general form: value_text is already written as upstream shows it (field_value_text), NULL where the type shows
 * none. */
void field_error_add(struct field_errors *l, enum field_error_type type, const struct field_path *p,
                     const char *value_text, const char *fmt, ...) PRINTF_FMT(5, 6);
/* Strings quoted as Go's %q, numbers and booleans plain, others as JSON; NULL = "null". */
const char *field_value_text(struct arena *a, const struct doc *value);
const char *field_quote(struct arena *a, struct str s); /* Go's strconv.Quote */

/* Each detail is a printf format; "" for none. */
#define field_required(l, p, ...) field_error_add((l), FIELD_ERR_REQUIRED, (p), NULL, __VA_ARGS__)
#define field_forbidden(l, p, ...) field_error_add((l), FIELD_ERR_FORBIDDEN, (p), NULL, __VA_ARGS__)
#define field_internal(l, p, ...) field_error_add((l), FIELD_ERR_INTERNAL, (p), NULL, __VA_ARGS__)
#define field_invalid(l, p, doc_, ...)                                                                                 \
    field_error_add((l), FIELD_ERR_INVALID, (p), field_value_text((l)->arena, (doc_)), __VA_ARGS__)
#define field_invalid_str(l, p, str_, ...)                                                                             \
    field_error_add((l), FIELD_ERR_INVALID, (p), field_quote((l)->arena, (str_)), __VA_ARGS__)
#define field_invalid_int(l, p, v_, ...)                                                                               \
    field_error_add((l), FIELD_ERR_INVALID, (p), arena_printf((l)->arena, "%lld", (long long)(v_)), __VA_ARGS__)
#define field_type_invalid(l, p, doc_, ...)                                                                            \
    field_error_add((l), FIELD_ERR_TYPE_INVALID, (p), field_value_text((l)->arena, (doc_)), __VA_ARGS__)
#define field_duplicate(l, p, doc_)                                                                                    \
    field_error_add((l), FIELD_ERR_DUPLICATE, (p), field_value_text((l)->arena, (doc_)), "%s", "")
#define field_duplicate_str(l, p, str_)                                                                                \
    field_error_add((l), FIELD_ERR_DUPLICATE, (p), field_quote((l)->arena, (str_)), "%s", "")
#define field_not_found(l, p, doc_)                                                                                    \
    field_error_add((l), FIELD_ERR_NOT_FOUND, (p), field_value_text((l)->arena, (doc_)), "%s", "")
#define field_not_found_str(l, p, str_)                                                                                \
    field_error_add((l), FIELD_ERR_NOT_FOUND, (p), field_quote((l)->arena, (str_)), "%s", "")
/* supported values: "a", "b" - in the order given, as upstream's callers give them sorted. */
void field_not_supported(struct field_errors *l, const struct field_path *p, const struct doc *value,
                         const char *const *supported, size_t n);
void field_not_supported_str(struct field_errors *l, const struct field_path *p, struct str value,
                             const char *const *supported, size_t n);
void field_too_long(struct field_errors *l, const struct field_path *p, size_t max_bytes);
void field_too_many(struct field_errors *l, const struct field_path *p, size_t actual, size_t max);
void field_too_few(struct field_errors *l, const struct field_path *p, size_t actual, size_t min);
/* "field is immutable" as Invalid, with the new value. */
#define field_immutable(l, p, doc_) field_invalid((l), (p), (doc_), "field is immutable")

/* 0 when the list is empty, else -1 with an INVALID err: `Pod "x" is invalid: [a, b]`, causes in details. kind is the
 * Kind. */
int field_errors_to_err(const struct field_errors *l, struct str group, struct str kind, struct str name,
                        struct err *err);

#endif
