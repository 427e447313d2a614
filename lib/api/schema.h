/*
 * schema.h - what a type looks like: the tables made from proto/k8s.
 *
 * A schema_message describes a JSON object and its protobuf message at once. Tables are constants, so any thread may
 * read them. Custom resources have structural schemas instead (apiserver/apiextensions/structural.h).
 *
 * Members and slots. Some messages are "inline": nested in protobuf, flattened into their parent in JSON (a Volume
 * holds the members of its VolumeSource). Lookup by JSON name sees through that. All JSON members of a message, its own
 * and the inlined, are numbered in the order in which they are written: a member's slot. An inline field has no member
 * of its own, its `slot` is where its message's slots begin. A message of a kind has apiVersion and kind as members
 * with number 0: they are in JSON only.
 *
 *     const struct schema_field *f = schema_member(m, STR("containers"));    // f->message describes one container
 */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include "base/str.h"

enum schema_type {
    SCHEMA_STRING,
    SCHEMA_BOOL,
    SCHEMA_INT32,
    SCHEMA_INT64,
    SCHEMA_DOUBLE,
    SCHEMA_BYTES,
    SCHEMA_MESSAGE,
};

enum schema_label { SCHEMA_ONE, SCHEMA_LIST, SCHEMA_MAP }; /* map keys are strings; type is that of a value */

/* How a message stands in JSON. */
enum schema_form {
    SCHEMA_FORM_OBJECT,            /* an object of its members */
    SCHEMA_FORM_TIME,              /* "2006-01-02T15:04:05Z" */
    SCHEMA_FORM_MICROTIME,         /* "2006-01-02T15:04:05.000000Z" */
    SCHEMA_FORM_DURATION,          /* "1h30m0s" */
    SCHEMA_FORM_QUANTITY,          /* "100Mi" or a number */
    SCHEMA_FORM_INTSTR,            /* 80 or "http" */
    SCHEMA_FORM_RAW,               /* any object, kept as its JSON text */
    SCHEMA_FORM_FIELDS,            /* any object: managed fields */
    SCHEMA_FORM_JSON,              /* any value at all */
    SCHEMA_FORM_LIST,              /* the bare list of its only field */
    SCHEMA_FORM_SCHEMA_OR_ARRAY,   /* JSONSchemaProps or a list of them */
    SCHEMA_FORM_SCHEMA_OR_BOOL,    /* JSONSchemaProps or a boolean */
    SCHEMA_FORM_SCHEMA_OR_STRINGS, /* JSONSchemaProps or a list of strings */
};

enum schema_flags {
    SCHEMA_F_REQUIRED = 1 << 0, /* in OpenAPI's `required` */
    SCHEMA_F_OMITEMPTY = 1 << 1,
    SCHEMA_F_OMITZERO = 1 << 2, /* even a struct is left out when it is zero */
    SCHEMA_F_POINTER = 1 << 3,  /* absent and zero differ */
    SCHEMA_F_INLINE = 1 << 4,
    SCHEMA_F_CLOSED_ENUM = 1 << 5, /* more->enum_values are all there are */
    SCHEMA_F_ATOMIC = 1 << 6,      /* a struct that apply replaces as a whole */
    SCHEMA_F_DEPRECATED = 1 << 7,
    SCHEMA_F_PATCH_MERGE = 1 << 8, /* strategic merge patch: merge a list (by merge_key when there is one) */
    SCHEMA_F_PATCH_REPLACE = 1 << 9,
    SCHEMA_F_PATCH_RETAIN_KEYS = 1 << 10,
    SCHEMA_F_LIST_SET = 1 << 11, /* listType; without either it is atomic */
    SCHEMA_F_LIST_MAP = 1 << 12,
    SCHEMA_F_LIST_ATOMIC = 1 << 13, /* said explicitly */
    SCHEMA_F_MAP_ATOMIC = 1 << 14,
    SCHEMA_F_PRESERVE_UNKNOWN = 1 << 15, /* custom resources: x-kubernetes-preserve-unknown-fields */
};

struct schema_message;

/* What few fields have. Strings are NULL when unset. */
struct schema_more {
    const char *go;           /* name of the Go type where upstream's error texts show it: "v1.RestartPolicy" */
    const char *default_json; /* from +default= */
    const char *enum_values;  /* "A|B|C" */
    const char *merge_key;
    const char *list_keys; /* "containerPort,protocol" */
    const char *doc;       /* one paragraph of plain text */
};

struct schema_field {
    const char *json;                     /* member name; proto name for an inline field */
    const struct schema_message *message; /* type == SCHEMA_MESSAGE */
    const struct schema_more *more;       /* NULL = nothing set */
    uint32_t number;                      /* protobuf's; 0 = JSON only */
    uint16_t flags;
    uint16_t slot; /* within the message that declares it */
    uint8_t json_len;
    uint8_t type;  /* enum schema_type */
    uint8_t label; /* enum schema_label */
};

#define SCHEMA_NO_ID UINT16_MAX

enum schema_message_flags {
    SCHEMA_M_KIND = 1,   /* has apiVersion and kind */
    SCHEMA_M_ATOMIC = 2, /* apply replaces it as a whole */
    SCHEMA_M_PRESERVE_UNKNOWN = 4,
};

struct schema_message {
    const char *name;                        /* "PodSpec" */
    const char *go_package;                  /* "v1": with name, the Go type that error texts show */
    const char *definition;                  /* OpenAPI: "io.k8s.api.core.v1.PodSpec" */
    const char *doc;                         /* NULL = none */
    const struct schema_field *fields;       /* in JSON order, inline ones included */
    const uint16_t *by_number;               /* indexes of fields with a number, ascending by number */
    const struct schema_field *const *slots; /* every JSON member by slot */
    const uint16_t *hash;                    /* JSON name -> slot + 1; open addressing, 0 = free */
    uint16_t n_fields, n_numbers, n_slots, hash_mask;
    uint16_t id;   /* its place among the built-in messages; SCHEMA_NO_ID = none of them */
    uint8_t form;  /* enum schema_form */
    uint8_t flags; /* enum schema_message_flags */
};

struct schema_kind {
    const char *group; /* "" = core */
    const char *version;
    const char *kind;
    const struct schema_message *message;
    const char *item_kind; /* of a list kind: what its items are; else NULL */
    bool namespaced;
};

/* The member (own or inlined) of that JSON name, NULL when there is none. With the slot in the message as asked. */
const struct schema_field *schema_member(const struct schema_message *m, struct str name);
const struct schema_field *schema_member_slot(const struct schema_message *m, struct str name, uint16_t *ret_slot);
/* The field of a protobuf number (inline fields too), NULL when there is none. */
const struct schema_field *schema_number(const struct schema_message *m, uint32_t number);
/* The member at a dotted path through objects, lists and maps alike: "spec.containers.ports"; a map's value needs a
 * segment of its own (any text). */
const struct schema_field *schema_path(const struct schema_message *m, struct str path);

/* Built-in kinds. Those that every group/version knows (DeleteOptions, Status ...) are found under any of them. */
const struct schema_kind *schema_kind_find(struct str group, struct str version, struct str kind);
size_t schema_kinds(const struct schema_kind **ret); /* all, sorted by group, version, kind */
/* All built-in messages, for tests and for OpenAPI. */
size_t schema_messages(const struct schema_message *const **ret);

uint32_t schema_hash(struct str name); /* of the member table; for builders of tables */

#endif
