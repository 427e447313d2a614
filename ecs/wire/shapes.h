/*
 * shapes.h - what the AWS APIs look like: tables of services, operations and shapes, and nothing else.
 *
 * The tables are constant data made by hack/gen-aws-shapes (shapes_table.c); codecs, validation and routing walk them,
 * so that another service is a few more rows. A shape refers to others by their number in its model.
 */
#ifndef ECS_WIRE_SHAPES_H
#define ECS_WIRE_SHAPES_H

#include "base/str.h"

enum aws_protocol { AWS_JSON_1_0, AWS_JSON_1_1, AWS_QUERY, AWS_REST_JSON };

enum aws_type {
    AWS_STRING,
    AWS_BOOLEAN,
    AWS_INTEGER, /* 32 bits */
    AWS_LONG,
    AWS_DOUBLE,
    AWS_TIMESTAMP, /* in a tree: a number of seconds since 1970 */
    AWS_BLOB,      /* in a tree: base64 */
    AWS_LIST,
    AWS_MAP,
    AWS_STRUCTURE,
    AWS_DOCUMENT, /* any JSON */
};

enum aws_shape_flags {
    AWS_F_MIN = 1, /* min counts: of a value, or of characters or elements */
    AWS_F_MAX = 2,
    AWS_F_SENSITIVE = 4, /* its value is never told again */
    AWS_F_FLATTENED = 8, /* a list or map without an element around it (Query) */
};

struct aws_shape {
    const char *name;
    uint8_t type, flags;
    uint16_t element, key; /* shapes of a list's or map's elements, of a map's keys */
    uint16_t first, n;     /* a structure's members; a string's enum values (n 0 = any) */
    int64_t min, max;
    const char *pattern; /* of a string; one character class repeated, see pattern.h; NULL = any */
};

enum aws_location { AWS_IN_BODY, AWS_IN_URI, AWS_IN_QUERY, AWS_IN_HEADER };

enum aws_member_flags { AWS_M_REQUIRED = 1, AWS_M_IDEMPOTENCY_TOKEN = 2 };

struct aws_member {
    const char *name; /* in the tree */
    const char *wire; /* on the wire: nearly always the same */
    uint16_t shape;
    uint8_t flags, location;
};

#define AWS_NO_SHAPE 0xffff

struct aws_operation_shape {
    const char *name;
    const char *method, *uri; /* REST: "/clusters/{name}", a label of the form {name+} takes slashes too */
    uint16_t input, output;   /* or AWS_NO_SHAPE */
    uint16_t status;          /* of success */
    bool read_only;
};

/* An error whose code on the wire or status is not the rule (its name, 400). */
struct aws_error_shape {
    const char *name, *code;
    uint16_t status;
};

struct aws_model {
    const struct aws_shape *shapes;
    const struct aws_member *members;
    const char *const *enums;
};

struct aws_service {
    const char *id;            /* "ecs" */
    const char *title;         /* "Amazon ECS" */
    const char *signing_name;  /* in the credential scope */
    const char *target_prefix; /* JSON: what stands before the last dot of X-Amz-Target; else NULL */
    const char *version;
    const char *xmlns;        /* Query */
    const char *event_source; /* "ecs.amazonaws.com" */
    const char *invalid_code; /* of an input that breaks a constraint */
    const char *server_code;  /* of our own failures */
    enum aws_protocol protocol;
    struct aws_model model;
    const struct aws_operation_shape *operations; /* by name, in byte order */
    size_t n_operations;
    const struct aws_error_shape *errors; /* by name */
    size_t n_errors;
};

/* All services of the tables. */
extern const struct aws_service aws_services[];
extern const size_t aws_services_n;

static inline const struct aws_shape *aws_shape_at(const struct aws_service *s, uint16_t shape)
{
    return shape == AWS_NO_SHAPE ? NULL : &s->model.shapes[shape];
}
const struct aws_operation_shape *aws_operation_find(const struct aws_service *s, struct str name);
const struct aws_member *aws_member_find(const struct aws_service *s, const struct aws_shape *structure,
                                         struct str wire_name);
/* The row of an error, or NULL when it follows the rule. */
const struct aws_error_shape *aws_error_find(const struct aws_service *s, const char *name);

#endif
