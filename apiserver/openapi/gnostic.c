#include "apiserver/openapi/gnostic.h"

#include "api/json.h"
#include "api/proto_wire.h"

struct message;

enum shape {
    TEXT,    /* a string */
    FLAG,    /* a bool */
    TEXTS,   /* a list of strings */
    ONE,     /* a message */
    MANY,    /* a list of messages */
    PAIRS,   /* an object: a wrapper message whose field 1 repeats {name, value} */
    ANY,     /* any JSON, as YAML text */
    ANYS,    /* a list of such */
    WRAPPED, /* a message, or several, within field 1 of a wrapper */
    TYPE,    /* a string within field 1 of a wrapper */
};

struct member {
    const char *json;
    uint8_t number;
    enum shape shape;
    const struct message *of;
};

struct message {
    const struct member *members;
    uint8_t extensions;          /* number of the list of vendor extensions: members that begin with x-; 0 = none */
    uint8_t pairs;               /* when the object itself is a list of pairs: the number of that list */
    const struct message *value; /* of a pair */
    void (*choose)(struct buf *out, const struct doc *d); /* instead, for messages that are one of several */
};

static void encode(struct buf *out, const struct doc *d, const struct message *m);
static void encode_parameter(struct buf *out, const struct doc *d);
static void encode_response(struct buf *out, const struct doc *d);

static const struct message schema, operation, item, parameter = {.choose = encode_parameter},
                                                     response = {.choose = encode_response};

static const struct member schema_members[] = {
    {"$ref", 1, TEXT},
    {"format", 2, TEXT},
    {"description", 4, TEXT},
    {"default", 5, ANY},
    {"required", 19, TEXTS},
    {"enum", 20, ANYS},
    {"additionalProperties", 21, WRAPPED, &schema},
    {"type", 22, TYPE},
    {"items", 23, WRAPPED, &schema},
    {"properties", 25, PAIRS, &schema},
    {NULL},
};
static const struct message schema = {.members = schema_members, .extensions = 31};

static const struct member query_members[] = {{"in", 2, TEXT},   {"description", 3, TEXT},  {"name", 4, TEXT},
                                              {"type", 6, TEXT}, {"uniqueItems", 20, FLAG}, {NULL}};
static const struct message query = {.members = query_members};
static const struct member path_members[] = {
    {"required", 1, FLAG},     {"in", 2, TEXT}, {"description", 3, TEXT}, {"name", 4, TEXT}, {"type", 5, TEXT},
    {"uniqueItems", 19, FLAG}, {NULL}};
static const struct message path = {.members = path_members};
static const struct member body_members[] = {
    {"name", 2, TEXT}, {"in", 3, TEXT}, {"required", 4, FLAG}, {"schema", 5, ONE, &schema}, {NULL}};
static const struct message body = {.members = body_members};

static const struct member response_members[] = {{"description", 1, TEXT}, {"schema", 2, WRAPPED, &schema}, {NULL}};
static const struct message plain_response = {.members = response_members};
static const struct message responses = {.pairs = 1, .value = &response};

static const struct member operation_members[] = {
    {"tags", 1, TEXTS},
    {"description", 3, TEXT},
    {"operationId", 5, TEXT},
    {"produces", 6, TEXTS},
    {"consumes", 7, TEXTS},
    {"parameters", 8, MANY, &parameter},
    {"responses", 9, ONE, &responses},
    {NULL},
};
static const struct message operation = {.members = operation_members, .extensions = 13};

static const struct member item_members[] = {
    {"get", 2, ONE, &operation},    {"put", 3, ONE, &operation},         {"post", 4, ONE, &operation},
    {"delete", 5, ONE, &operation}, {"options", 6, ONE, &operation},     {"head", 7, ONE, &operation},
    {"patch", 8, ONE, &operation},  {"parameters", 9, MANY, &parameter}, {NULL},
};
static const struct message item = {.members = item_members};
static const struct message paths = {.pairs = 2, .value = &item};

static const struct member info_members[] = {{"title", 1, TEXT}, {"version", 2, TEXT}, {NULL}};
static const struct message info = {.members = info_members};
static const struct member document_members[] = {
    {"swagger", 1, TEXT},
    {"info", 2, ONE, &info},
    {"paths", 8, ONE, &paths},
    {"definitions", 9, PAIRS, &schema},
    {NULL},
};
static const struct message document = {.members = document_members};

static void put_message(struct buf *out, uint32_t number, const struct doc *d, const struct message *m)
{
    size_t start = wire_begin(out, number);

    encode(out, d, m);
    wire_end(out, start);
}

/* Any{yaml}: JSON is YAML. */
static void put_any(struct buf *out, uint32_t number, const struct doc *d)
{
    size_t start = wire_begin(out, number), text;

    text = wire_begin(out, 2);
    json_write(out, d);
    wire_end(out, text);
    wire_end(out, start);
}

static void put_pairs(struct buf *out, uint32_t number, const struct doc *d, const struct message *m)
{
    doc_foreach (d, it) {
        size_t pair = wire_begin(out, number);
        wire_put_bytes(out, 1, doc_key(it));
        put_message(out, 2, it, m);
        wire_end(out, pair);
    }
}

static void put_wrapped(struct buf *out, uint32_t number, const struct doc *d, const struct message *m)
{
    size_t start = wire_begin(out, number);

    if (!m)
        wire_put_bytes(out, 1, doc_str(d));
    else
        put_message(out, 1, d, m);
    wire_end(out, start);
}

static void put_list(struct buf *out, const struct member *f, const struct doc *list)
{
    doc_foreach (list, it) {
        if (f->shape == TEXTS)
            wire_put_bytes(out, f->number, doc_str(it));
        else if (f->shape == ANYS)
            put_any(out, f->number, it);
        else
            put_message(out, f->number, it, f->of);
    }
}

static void put_member(struct buf *out, const struct member *f, const struct doc *d)
{
    switch (f->shape) {
    case TEXT:
        wire_put_bytes(out, f->number, doc_str(d));
        break;
    case FLAG:
        wire_put_int(out, f->number, doc_true(d));
        break;
    case ONE:
        put_message(out, f->number, d, f->of);
        break;
    case PAIRS: {
        size_t start = wire_begin(out, f->number);
        put_pairs(out, 1, d, f->of);
        wire_end(out, start);
        break;
    }
    case ANY:
        put_any(out, f->number, d);
        break;
    case WRAPPED:
    case TYPE:
        put_wrapped(out, f->number, d, f->of);
        break;
    case TEXTS:
    case MANY:
    case ANYS:
        put_list(out, f, d);
        break;
    }
}

static void put_extensions(struct buf *out, uint32_t number, const struct doc *d)
{
    doc_foreach (d, it) {
        if (!str_starts(doc_key(it), STR("x-")))
            continue;
        size_t start = wire_begin(out, number);
        wire_put_bytes(out, 1, doc_key(it));
        put_any(out, 2, it);
        wire_end(out, start);
    }
}

static void encode(struct buf *out, const struct doc *d, const struct message *m)
{
    if (m->choose) {
        m->choose(out, d);
        return;
    }
    if (m->pairs)
        put_pairs(out, m->pairs, d, m->value);
    for (const struct member *f = m->members; f && f->json; f++) {
        const struct doc *v = doc_get(d, f->json);
        if (v)
            put_member(out, f, v);
    }
    if (m->extensions)
        put_extensions(out, m->extensions, d);
}

/* ParametersItem.parameter = Parameter; .body_parameter, or .non_body_parameter.query or .path */
static void encode_parameter(struct buf *out, const struct doc *d)
{
    struct str in = doc_str(doc_get(d, "in"));
    size_t outer = wire_begin(out, 1);

    if (str_is(in, "body")) {
        put_message(out, 1, d, &body);
    } else {
        size_t inner = wire_begin(out, 2);
        bool is_query = str_is(in, "query");
        put_message(out, is_query ? 3 : 4, d, is_query ? &query : &path);
        wire_end(out, inner);
    }
    wire_end(out, outer);
}

/* ResponseValue.response */
static void encode_response(struct buf *out, const struct doc *d)
{
    put_message(out, 1, d, &plain_response);
}

void gnostic_encode(struct buf *out, const struct doc *v2)
{
    encode(out, v2, &document);
}
