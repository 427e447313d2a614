#include "validate.h"

#include "pattern.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/parse.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define VIOLATIONS_MAX 10   /* told in one message */
#define VALUE_SHOWN_MAX 512 /* bytes of a refused value */
#define PATH_MAX_BYTES (4 * KIB)
#define MESSAGE_MAX_BYTES (12 * KIB)

struct walk {
    struct aws_call *call;
    const struct aws_service *service;
    const struct aws_operation_shape *op;
    struct buf path; /* of the node, in AWS's form: containerDefinitions.1.member.name */
    struct buf violations;
    size_t n;
    const char *blank; /* the message of ECS for a missing member of the request itself; wins over the list */
};

static const char *const type_names[] = {"String",     "Boolean", "Integer", "Long", "Double",  "Date",
                                         "ByteBuffer", "List",    "Map",     "Map",  "Document"};

/* --- types --- */

static const char *found_name(const struct doc *d)
{
    switch (d->type) {
    case DOC_BOOL:
        return d->b ? "TRUE_VALUE" : "FALSE_VALUE";
    case DOC_NUMBER:
        return d->flags & DOC_F_INT ? "NUMBER_VALUE" : "DECIMAL_VALUE";
    default:
        return "STRING_VALUE";
    }
}

static int wrong_type(struct walk *w, const struct aws_shape *shape, const struct doc *d)
{
    if (doc_is(d, DOC_OBJECT))
        return aws_error(w->call, "SerializationException", "Start of structure or map found where not expected.");
    if (doc_is(d, DOC_ARRAY))
        return aws_error(w->call, "SerializationException", "Start of list found where not expected.");
    return aws_error(w->call, "SerializationException", "%s can not be converted to %s%s", found_name(d),
                     shape->type == AWS_INTEGER ? "an " : "a ", type_names[shape->type]);
}

/* --- constraints --- */

static void show_value(struct buf *out, const struct aws_shape *shape, const struct doc *d)
{
    if (shape->flags & AWS_F_SENSITIVE) {
        buf_puts(out, "Value");
        return;
    }
    buf_puts(out, "Value ");
    if (doc_is(d, DOC_ARRAY) || doc_is(d, DOC_OBJECT)) {
        buf_puts(out, doc_is(d, DOC_ARRAY) ? "'[...]'" : "'{...}'");
        return;
    }
    struct str text = doc_text(d);
    size_t n = MIN_OF(text.n, (size_t)VALUE_SHOWN_MAX);
    while (n < text.n && n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--; /* not within a character */
    buf_putc(out, '\'');
    buf_add(out, text.p, n);
    buf_putc(out, '\'');
}

/* Starts a violation; NULL when enough were told. */
static struct buf *violation(struct walk *w, const struct aws_shape *shape, const struct doc *d)
{
    if (++w->n > VIOLATIONS_MAX)
        return NULL;
    if (w->n > 1)
        buf_puts(&w->violations, "; ");
    if (d)
        show_value(&w->violations, shape, d);
    else
        buf_puts(&w->violations, "Value null");
    buf_printf(&w->violations, " at '" STR_FMT "' failed to satisfy constraint: ", STR_ARG(buf_str(&w->path)));
    return &w->violations;
}

static void check_bounds(struct walk *w, const struct aws_shape *shape, const struct doc *d, int64_t v,
                         const char *what)
{
    struct buf *out = NULL;

    if ((shape->flags & AWS_F_MIN) && v < shape->min && (out = violation(w, shape, d)))
        buf_printf(out, "Member must have %s greater than or equal to %" PRId64, what, shape->min);
    if ((shape->flags & AWS_F_MAX) && v > shape->max && (out = violation(w, shape, d)))
        buf_printf(out, "Member must have %s less than or equal to %" PRId64, what, shape->max);
}

static bool enum_has(const struct walk *w, const struct aws_shape *shape, struct str value)
{
    for (size_t i = 0; i < shape->n; i++)
        if (str_is(value, w->service->model.enums[shape->first + i]))
            return true;
    return false;
}

static void check_enum(struct walk *w, const struct aws_shape *shape, const struct doc *d)
{
    struct buf *out;

    if (shape->n == 0 || enum_has(w, shape, doc_str(d)) || !(out = violation(w, shape, d)))
        return;
    buf_puts(out, "Member must satisfy enum value set: [");
    for (size_t i = 0; i < shape->n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", w->service->model.enums[shape->first + i]);
    buf_putc(out, ']');
}

static int64_t characters(struct str s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* --- one node of each type; they bring it to its one form --- */

static int walk_node(struct walk *w, const struct aws_shape *shape, struct doc *d);

static int walk_string(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    struct buf *out;

    if (!doc_is(d, DOC_STRING))
        return wrong_type(w, shape, d);
    if (shape->flags & (AWS_F_MIN | AWS_F_MAX))
        check_bounds(w, shape, d, characters(doc_str(d)), "length");
    if (shape->pattern && !pattern_matches(shape->pattern, doc_str(d)) && (out = violation(w, shape, d)))
        buf_printf(out, "Member must satisfy regular expression pattern: %s", shape->pattern);
    check_enum(w, shape, d);
    return 0;
}

/* Puts another value in the place of d, which stays linked to its neighbours. */
static void become(struct doc *d, const struct doc *value)
{
    if (!value)
        return; /* the arena is full, which the end of the walk finds */
    d->type = value->type;
    d->flags = value->flags;
    d->n = value->n;
    d->s = value->s;
}

static int walk_integer(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    int64_t v;

    if (!doc_is(d, DOC_NUMBER) || !doc_to_int(d, &v) ||
        (shape->type == AWS_INTEGER && (v < INT32_MIN || v > INT32_MAX)))
        return wrong_type(w, shape, d);
    become(d, doc_int(w->call->arena, v)); /* 1e2 and 100.0 are 100 */
    check_bounds(w, shape, d, v, "value");
    return 0;
}

static int walk_double(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    struct buf *out = NULL;
    double v;

    if (!doc_is(d, DOC_NUMBER) || !doc_to_double(d, &v) || !isfinite(v))
        return wrong_type(w, shape, d);
    if ((shape->flags & AWS_F_MIN) && v < (double)shape->min && (out = violation(w, shape, d)))
        buf_printf(out, "Member must have value greater than or equal to %" PRId64, shape->min);
    if ((shape->flags & AWS_F_MAX) && v > (double)shape->max && (out = violation(w, shape, d)))
        buf_printf(out, "Member must have value less than or equal to %" PRId64, shape->max);
    return 0;
}

/* A number, or ISO 8601 as Query has it. */
static int walk_timestamp(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    int64_t s;
    int32_t ns;
    double v;

    if (doc_is(d, DOC_NUMBER) && doc_to_double(d, &v) && fabs(v) < 1e12)
        return 0;
    if (!doc_is(d, DOC_STRING) || !parse_rfc3339(doc_str(d), &s, &ns))
        return wrong_type(w, shape, d);
    const char *text = ns ? arena_printf(w->call->arena, "%" PRId64 ".%03d", s, ns / 1000000) : NULL;
    become(d, text ? doc_number(w->call->arena, str_of(text)) : doc_int(w->call->arena, s));
    return 0;
}

static int walk_blob(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    _cleanup_(buf_releasep) struct buf bytes = BUF_INIT(LIMIT_BODY);

    if (!doc_is(d, DOC_STRING) || !base64_decode(&bytes, doc_str(d)))
        return wrong_type(w, shape, d);
    check_bounds(w, shape, d, (int64_t)bytes.len, "length");
    return 0;
}

static int walk_list(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    const struct aws_shape *element = aws_shape_at(w->service, shape->element);
    size_t at = 0, mark = w->path.len;

    if (doc_is(d, DOC_OBJECT))
        return wrong_type(w, shape, d);
    if (!doc_is(d, DOC_ARRAY))
        return aws_error(w->call, "SerializationException", "Expected list or null");
    check_bounds(w, shape, d, (int64_t)doc_count(d), "length");
    doc_foreach (d, it) {
        if (doc_is(it, DOC_NULL)) {
            doc_unlink(d, it);
            continue;
        }
        buf_printf(&w->path, ".%zu.member", ++at);
        if (walk_node(w, element, it) < 0)
            return -1;
        w->path.len = mark;
        w->path.data[mark] = '\0';
    }
    return 0;
}

static int walk_map(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    const struct aws_shape *key = aws_shape_at(w->service, shape->key),
                           *value = aws_shape_at(w->service, shape->element);
    size_t mark = w->path.len;

    if (!doc_is(d, DOC_OBJECT))
        return doc_is(d, DOC_ARRAY) ? wrong_type(w, shape, d)
                                    : aws_error(w->call, "SerializationException", "Expected map or null");
    check_bounds(w, shape, d, (int64_t)doc_count(d), "length");
    doc_foreach (d, it) {
        if (doc_is(it, DOC_NULL)) {
            doc_unlink(d, it);
            continue;
        }
        struct doc name = {.type = DOC_STRING, .n = it->key_len, .s = it->key};
        buf_puts(&w->path, ".key");
        if (walk_node(w, key, &name) < 0)
            return -1;
        w->path.len = mark;
        buf_printf(&w->path, "." STR_FMT ".member", STR_ARG(doc_key(it)));
        if (walk_node(w, value, it) < 0)
            return -1;
        w->path.len = mark;
        w->path.data[mark] = '\0';
    }
    return 0;
}

/* ECS words a missing member of the request itself in its own way: "Family can not be blank." */
static void missing(struct walk *w, const struct aws_shape *shape, const struct aws_member *m)
{
    bool of_request = w->path.len == strlen(m->name);

    if (of_request && strcmp(w->service->id, "ecs") == 0 && !w->blank) {
        bool many = shape->type == AWS_LIST || shape->type == AWS_MAP;
        w->blank = arena_printf(w->call->arena, "%c%s %s", toupper((unsigned char)m->name[0]), m->name + 1,
                                many ? "cannot be empty." : "can not be blank.");
    }
    struct buf *out = violation(w, shape, NULL);
    if (out)
        buf_puts(out, "Member must not be null");
}

static int walk_member(struct walk *w, const struct aws_member *m, struct doc *parent, struct doc *it)
{
    const struct aws_shape *shape = aws_shape_at(w->service, m->shape);
    size_t mark = w->path.len;
    int rc = 0;

    if (doc_is(it, DOC_NULL)) {
        doc_unlink(parent, it);
        it = NULL;
    }
    if (!it && !(m->flags & AWS_M_REQUIRED))
        return 0;
    if (mark)
        buf_putc(&w->path, '.');
    buf_puts(&w->path, m->name);
    if (it)
        rc = walk_node(w, shape, it);
    else
        missing(w, shape, m);
    w->path.len = mark;
    if (w->path.data)
        w->path.data[mark] = '\0';
    return rc;
}

static int walk_structure(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    const struct aws_member *members = w->service->model.members + shape->first;

    if (!doc_is(d, DOC_OBJECT))
        return doc_is(d, DOC_ARRAY) ? wrong_type(w, shape, d)
                                    : aws_error(w->call, "SerializationException", "Expected structure or null");
    doc_foreach (d, it) {
        const struct aws_member *m = aws_member_find(w->service, shape, doc_key(it));
        if (!m || doc_is(it, DOC_NULL)) {
            doc_unlink(d, it);
            continue;
        }
        if (m->wire != m->name) {
            it->key = m->name;
            it->key_len = (uint32_t)strlen(m->name);
        }
    }
    for (size_t i = 0; i < shape->n; i++)
        if (walk_member(w, &members[i], d, doc_get(d, members[i].name)) < 0)
            return -1;
    return 0;
}

static int walk_boolean(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    return doc_is(d, DOC_BOOL) ? 0 : wrong_type(w, shape, d);
}

static int walk_document(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    (void)w;
    (void)shape;
    (void)d;
    return 0; /* any JSON */
}

static int (*const walkers[])(struct walk *, const struct aws_shape *, struct doc *) = {
    [AWS_STRING] = walk_string,       [AWS_BOOLEAN] = walk_boolean,   [AWS_INTEGER] = walk_integer,
    [AWS_LONG] = walk_integer,        [AWS_DOUBLE] = walk_double,     [AWS_TIMESTAMP] = walk_timestamp,
    [AWS_BLOB] = walk_blob,           [AWS_LIST] = walk_list,         [AWS_MAP] = walk_map,
    [AWS_STRUCTURE] = walk_structure, [AWS_DOCUMENT] = walk_document,
};

static int walk_node(struct walk *w, const struct aws_shape *shape, struct doc *d)
{
    return walkers[shape->type](w, shape, d);
}

/* --- the verdict --- */

/* ECS answers everything about task definitions as they are registered with ClientException. */
static const char *invalid_code(const struct walk *w)
{
    bool registers = strcmp(w->service->id, "ecs") == 0 && strcmp(w->op->name, "RegisterTaskDefinition") == 0;

    return registers ? "ClientException" : w->service->invalid_code;
}

static int verdict(struct walk *w)
{
    if (w->n == 0)
        return 0;
    if (w->blank)
        return aws_error(w->call, invalid_code(w), "%s", w->blank);
    size_t told = MIN_OF(w->n, (size_t)VIOLATIONS_MAX);
    return aws_error(w->call, invalid_code(w), "%zu validation error%s detected: " STR_FMT, told, told > 1 ? "s" : "",
                     STR_ARG(buf_str(&w->violations)));
}

int aws_validate(struct aws_call *call, const struct aws_service *s, const struct aws_operation_shape *op,
                 struct doc *tree)
{
    const struct aws_shape *shape = aws_shape_at(s, op->input);
    struct walk w = {.call = call,
                     .service = s,
                     .op = op,
                     .path = BUF_INIT(PATH_MAX_BYTES),
                     .violations = BUF_INIT(MESSAGE_MAX_BYTES)};
    int rc = 0;

    if (shape)
        rc = walk_structure(&w, shape, tree);
    else
        doc_foreach (tree, it)
            doc_unlink(tree, it);
    if (rc == 0)
        rc = verdict(&w);
    if (rc == 0 && arena_overflow(call->arena))
        rc = aws_error_status(call, 413, s->invalid_code, "The request is too large.");
    buf_release(&w.path);
    buf_release(&w.violations);
    return rc;
}
