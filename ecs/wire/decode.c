#include "decode.h"

#include "api/json.h"
#include "base/limits.h"
#include "base/parse.h"

#include <stdio.h>

#define BODY_DEPTH_MAX 64 /* containers within each other in a JSON body; no input of ours has more than 12 */
#define FORM_DEPTH_MAX 16 /* structures within each other in a form */
#define NAME_MAX_BYTES (4 * KIB)

static int decode_json(struct aws_call *call, struct str body, struct doc **ret)
{
    const struct json_options options = {.max_depth = BODY_DEPTH_MAX};
    struct err err = ERR_INIT;

    body = str_trim(body);
    if (body.n == 0) {
        *ret = doc_object(call->arena);
        return 0;
    }
    if (json_parse(call->arena, body, &options, ret, &err) < 0)
        return aws_error(call, "SerializationException", "The body is not valid JSON: %s", err.msg);
    if (!doc_is(*ret, DOC_OBJECT))
        return aws_error(call, "SerializationException", "Expected structure or null");
    return 0;
}

/* --- a text as the value of a scalar shape --- */

static bool is_json_number(struct str s)
{
    size_t i = s.n && s.p[0] == '-';
    size_t digits = 0, dots = 0;

    if (s.n - i > 1 && s.p[i] == '0' && s.p[i + 1] != '.')
        return false;
    for (; i < s.n; i++) {
        if (s.p[i] >= '0' && s.p[i] <= '9')
            digits++;
        else if (s.p[i] == '.' && digits && i + 1 < s.n && !dots)
            dots++;
        else
            return false;
    }
    return digits > 0;
}

/* What is no number or boolean stays a string, which the validation then refuses with the name of the type. */
static struct doc *scalar(struct arena *a, const struct aws_shape *shape, struct str text)
{
    int64_t i;

    if (shape->type == AWS_BOOLEAN && (str_is(text, "true") || str_is(text, "false")))
        return doc_bool(a, str_is(text, "true"));
    if ((shape->type == AWS_INTEGER || shape->type == AWS_LONG) && parse_int64(text, &i))
        return doc_int(a, i);
    if ((shape->type == AWS_DOUBLE || shape->type == AWS_TIMESTAMP) && is_json_number(text)) {
        if (parse_int64(text, &i))
            return doc_int(a, i);
        return doc_number(a, text);
    }
    return doc_string(a, text);
}

/* --- Query: names such as Conditions.member.1.Values.member.2 --- */

struct form {
    struct aws_call *call;
    const struct aws_service *service;
    const struct params *params;
    struct buf name; /* of the node, without the dot behind it */
    size_t depth;
};

static struct doc *form_node(struct form *f, const struct aws_shape *shape);

/* Is there a parameter "NAME." or below? */
static bool has_below(struct form *f)
{
    size_t mark = f->name.len;

    buf_putc(&f->name, '.');
    size_t i = params_lower(f->params, buf_str(&f->name));
    bool yes = buf_ok(&f->name) && i < f->params->n && str_starts(f->params->v[i].name, buf_str(&f->name));
    f->name.len = mark;
    return yes;
}

static struct doc *form_at(struct form *f, const struct aws_shape *shape, const char *step)
{
    size_t mark = f->name.len;
    struct doc *d = NULL;

    if (mark)
        buf_putc(&f->name, '.');
    buf_puts(&f->name, step);
    if (buf_ok(&f->name) && f->depth < FORM_DEPTH_MAX) {
        f->depth++;
        d = form_node(f, shape);
        f->depth--;
    }
    f->name.len = mark;
    return d;
}

static struct doc *form_structure(struct form *f, const struct aws_shape *shape)
{
    const struct aws_member *m = f->service->model.members + shape->first;
    struct doc *d = doc_object(f->call->arena);

    if (f->name.len && !has_below(f))
        return NULL;
    for (size_t i = 0; d && i < shape->n; i++) {
        struct doc *value = form_at(f, aws_shape_at(f->service, m[i].shape), m[i].wire);
        if (value)
            doc_set(d, m[i].wire, value);
    }
    return d;
}

/* The elements stand at 1, 2, 3 ...; the first gap ends the list. */
static struct doc *form_list(struct form *f, const struct aws_shape *shape)
{
    const struct aws_shape *element = aws_shape_at(f->service, shape->element);
    struct doc *d = doc_array(f->call->arena), *it;
    char step[32];

    for (size_t i = 1; d && i <= f->params->n; i++) {
        snprintf(step, sizeof(step), shape->flags & AWS_F_FLATTENED ? "%zu" : "member.%zu", i);
        if (!(it = form_at(f, element, step)))
            break;
        doc_append(d, it);
    }
    return doc_count(d) || params_get(f->params, buf_str(&f->name)).p ? d : NULL; /* "Names=" is the empty list */
}

static struct doc *form_map(struct form *f, const struct aws_shape *shape)
{
    const struct aws_shape *key = aws_shape_at(f->service, shape->key),
                           *value = aws_shape_at(f->service, shape->element);
    const char *prefix = shape->flags & AWS_F_FLATTENED ? "" : "entry.";
    struct doc *d = doc_object(f->call->arena);
    char step[48];

    for (size_t i = 1; d && i <= f->params->n; i++) {
        snprintf(step, sizeof(step), "%s%zu.key", prefix, i);
        struct doc *k = form_at(f, key, step);
        snprintf(step, sizeof(step), "%s%zu.value", prefix, i);
        struct doc *v = k ? form_at(f, value, step) : NULL;
        if (!v)
            break;
        doc_set_str(d, doc_str(k), v);
    }
    return doc_count(d) ? d : NULL;
}

static struct doc *form_node(struct form *f, const struct aws_shape *shape)
{
    if (shape->type == AWS_STRUCTURE)
        return form_structure(f, shape);
    if (shape->type == AWS_LIST)
        return form_list(f, shape);
    if (shape->type == AWS_MAP)
        return form_map(f, shape);
    struct str value = params_get(f->params, buf_str(&f->name));
    return value.p ? scalar(f->call->arena, shape, value) : NULL;
}

static int decode_form(struct aws_call *call, const struct aws_route *route, struct doc **ret)
{
    struct form f = {
        .call = call, .service = route->service, .params = &route->params, .name = BUF_INIT(NAME_MAX_BYTES)};
    const struct aws_shape *shape = aws_shape_at(route->service, route->op->input);

    *ret = shape ? form_structure(&f, shape) : doc_object(call->arena);
    buf_release(&f.name);
    return *ret ? 0 : aws_error_status(call, 413, "MalformedQueryString", "The request is too large.");
}

/* --- REST: body, and members in the path, the query and headers --- */

static struct str label_value(struct aws_call *call, const struct aws_route *route, const char *name)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(LIMIT_URL);

    for (size_t i = 0; i < route->n_labels; i++)
        if (str_is(route->labels[i].name, name) && percent_decode(&out, route->labels[i].value, false) &&
            utf8_valid(buf_str(&out)))
            return arena_str(call->arena, buf_str(&out));
    return (struct str){0};
}

/* A list in the query is the parameter repeated. */
static struct doc *query_value(struct aws_call *call, const struct aws_route *route, const struct aws_member *m)
{
    const struct aws_shape *shape = aws_shape_at(route->service, m->shape);
    const struct params *p = &route->params;
    struct str name = str_of(m->wire);

    if (shape->type != AWS_LIST) {
        struct str value = params_get(p, name);
        return value.p ? scalar(call->arena, shape, value) : NULL;
    }
    struct doc *d = doc_array(call->arena);
    for (size_t i = params_lower(p, name); i < p->n && str_eq(p->v[i].name, name); i++)
        doc_append(d, scalar(call->arena, aws_shape_at(route->service, shape->element), p->v[i].value));
    return doc_count(d) ? d : NULL;
}

static struct doc *located(struct aws_call *call, const struct sigv4_request *r, const struct aws_route *route,
                           const struct aws_member *m)
{
    struct str text;

    if (m->location == AWS_IN_QUERY)
        return query_value(call, route, m);
    text = m->location == AWS_IN_URI ? label_value(call, route, m->wire) : aws_header(r, m->wire);
    if (!text.p || (m->location == AWS_IN_HEADER && !utf8_valid(text)))
        return NULL;
    return scalar(call->arena, aws_shape_at(route->service, m->shape), text);
}

static int decode_rest(struct aws_call *call, const struct sigv4_request *r, const struct aws_route *route,
                       struct doc **ret)
{
    const struct aws_shape *shape = aws_shape_at(route->service, route->op->input);

    if (decode_json(call, r->body, ret) < 0)
        return -1;
    for (size_t i = 0; shape && i < shape->n; i++) {
        const struct aws_member *m = &route->service->model.members[shape->first + i];
        struct doc *value;
        if (m->location == AWS_IN_BODY)
            continue;
        doc_remove(*ret, m->wire); /* it counts in its place only */
        if ((value = located(call, r, route, m)))
            doc_set(*ret, m->wire, value);
    }
    return 0;
}

int aws_decode(struct aws_call *call, const struct sigv4_request *r, const struct aws_route *route, struct doc **ret)
{
    switch (route->protocol) {
    case AWS_QUERY:
        return decode_form(call, route, ret);
    case AWS_REST_JSON:
        return decode_rest(call, r, route, ret);
    case AWS_JSON_1_0:
    case AWS_JSON_1_1:
        break;
    }
    return decode_json(call, r->body, ret);
}
