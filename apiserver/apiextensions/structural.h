/*
 * structural.h - the structural schema of a custom resource, compiled from openAPIV3Schema, and the walks over it.
 *
 * A schema becomes a tree of immutable nodes in an arena: what exists (properties, items, additional properties,
 * defaults) and what values are allowed. Any thread may walk it. On the way in an object is pruned, defaulted and
 * validated; on the way out of the store pruned and defaulted again, since the schema may have changed.
 *
 * Rules in CEL (x-kubernetes-validations) are not evaluated: they are no part of the compiled schema.
 */
#ifndef APISERVER_APIEXTENSIONS_STRUCTURAL_H
#define APISERVER_APIEXTENSIONS_STRUCTURAL_H

#include "api/fielderr.h"
#include "api/json.h"

enum structural_type { ST_ANY, ST_OBJECT, ST_ARRAY, ST_STRING, ST_INTEGER, ST_NUMBER, ST_BOOLEAN };
enum structural_list { ST_LIST_ATOMIC, ST_LIST_SET, ST_LIST_MAP };

struct regex;
struct structural;
struct format;

struct structural_property {
    struct str name;
    const struct structural *schema;
};

struct structural_list_of {
    const struct structural *const *v;
    size_t n;
};

struct structural {
    uint8_t type;      /* enum structural_type */
    uint8_t list_type; /* enum structural_list */
    bool nullable, int_or_string, preserve_unknown, embedded;
    bool has_additional; /* additionalProperties is not false and not absent; `additional` may be NULL: true */
    bool exclusive_maximum, exclusive_minimum;
    bool has_defaults;                            /* somewhere in here or below */
    const struct structural_property *properties; /* sorted by name */
    size_t n_properties;
    const struct structural *additional, *items; /* NULL = none */
    const struct doc *default_value;             /* NULL = none */
    const struct str *map_keys;
    size_t n_map_keys;
    /* values */
    const struct doc *enum_values;                                                        /* array, NULL */
    const struct doc *maximum, *minimum, *multiple_of;                                    /* numbers, NULL */
    int64_t max_length, min_length, max_items, min_items, max_properties, min_properties; /* -1 = none */
    const struct str *required;
    size_t n_required;
    struct str pattern; /* p NULL = none */
    const struct regex *regex;
    struct str format;            /* as written; empty = none */
    const struct format *checked; /* NULL: not a format that is checked */
    struct structural_list_of all_of, any_of, one_of;
    const struct structural *not_schema; /* NULL */
};

/* schema is openAPIV3Schema and must live as long as the result. Members that mean nothing here are passed over.
 * Errors: BAD_REQUEST (a pattern that does not compile), TOO_LARGE. */
int structural_compile(struct arena *a, const struct doc *schema, const struct structural **ret,
                       struct err *err) MUST_CHECK;

const struct structural *structural_property(const struct structural *s, struct str name);

/* Removes what the schema does not specify, in place. The root keeps apiVersion, kind and metadata. Each removed path
 * is reported as `unknown field "spec.foo"`, in order of the paths; unknown may be NULL. s NULL: nothing is known. */
void structural_prune(struct arena *a, struct doc *obj, const struct structural *s, struct doc_warnings *unknown);

/* Sets defaults where a member is absent, or null where null is not allowed; drops other such nulls. In place. */
void structural_default(struct arena *a, struct doc *obj, const struct structural *s);

/* Upstream's errors, in its words and order of kinds. prefix: member that is the root ("" or "status"). */
void structural_validate(const struct structural *s, const struct doc *value, const char *prefix,
                         struct field_errors *errs);

#endif
