#include "encode.h"

#include "api/json.h"
#include "base/clock.h"

#include <math.h>

static const char *const content_types[] = {
    [AWS_JSON_1_0] = "application/x-amz-json-1.0",
    [AWS_JSON_1_1] = "application/x-amz-json-1.1",
    [AWS_QUERY] = "text/xml",
    [AWS_REST_JSON] = "application/json",
};

/* --- XML --- */

static void xml_text(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        const char *entity = c == '<'    ? "&lt;"
                             : c == '>'  ? "&gt;"
                             : c == '&'  ? "&amp;"
                             : c == '"'  ? "&quot;"
                             : c == '\r' ? "&#xD;"
                                         : NULL;
        if (entity)
            buf_puts(out, entity);
        else if (c >= 0x20 || c == '\n' || c == '\t')
            buf_putc(out, (char)c);
        else
            buf_puts(out, "\xef\xbf\xbd"); /* XML 1.0 has no other control characters */
    }
}

static void xml_timestamp(struct buf *out, const struct doc *d)
{
    char text[RFC3339_MAX];
    double s;

    if (!doc_to_double(d, &s) || fabs(s) > 9e9)
        return;
    format_rfc3339(text, (int64_t)llround(s * 1e3) * NS_PER_MS, 3);
    buf_puts(out, text);
}

struct xml {
    const struct aws_service *service;
    struct buf *out;
};

static void xml_node(struct xml *x, const struct aws_shape *shape, const char *name, const struct doc *d);

static void xml_structure(struct xml *x, const struct aws_shape *shape, const struct doc *d)
{
    for (size_t i = 0; i < shape->n; i++) {
        const struct aws_member *m = &x->service->model.members[shape->first + i];
        const struct doc *value = doc_get(d, m->name);
        if (value && !doc_is(value, DOC_NULL))
            xml_node(x, aws_shape_at(x->service, m->shape), m->wire, value);
    }
}

static void xml_list(struct xml *x, const struct aws_shape *shape, const char *name, const struct doc *d)
{
    doc_foreach (d, it)
        xml_node(x, aws_shape_at(x->service, shape->element), shape->flags & AWS_F_FLATTENED ? name : "member", it);
}

static void xml_map(struct xml *x, const struct aws_shape *shape, const char *name, const struct doc *d)
{
    const char *entry = shape->flags & AWS_F_FLATTENED ? name : "entry";

    doc_foreach (d, it) {
        buf_printf(x->out, "<%s><key>", entry);
        xml_text(x->out, doc_key(it));
        buf_puts(x->out, "</key>");
        xml_node(x, aws_shape_at(x->service, shape->element), "value", it);
        buf_printf(x->out, "</%s>", entry);
    }
}

static void xml_content(struct xml *x, const struct aws_shape *shape, const char *name, const struct doc *d)
{
    switch (shape->type) {
    case AWS_STRUCTURE:
        xml_structure(x, shape, d);
        break;
    case AWS_LIST:
        xml_list(x, shape, name, d);
        break;
    case AWS_MAP:
        xml_map(x, shape, name, d);
        break;
    case AWS_TIMESTAMP:
        xml_timestamp(x->out, d);
        break;
    default:
        if (doc_is(d, DOC_BOOL))
            buf_puts(x->out, doc_true(d) ? "true" : "false");
        else
            xml_text(x->out, doc_text(d));
    }
}

static void xml_node(struct xml *x, const struct aws_shape *shape, const char *name, const struct doc *d)
{
    bool bare = (shape->type == AWS_LIST || shape->type == AWS_MAP) && (shape->flags & AWS_F_FLATTENED);

    if (!bare)
        buf_printf(x->out, "<%s>", name);
    xml_content(x, shape, name, d);
    if (!bare)
        buf_printf(x->out, "</%s>", name);
}

static void put_query_output(const struct aws_call *call, const struct aws_route *route, struct buf *out)
{
    const char *op = route->op->name;
    struct xml x = {.service = route->service, .out = out};
    const struct aws_shape *shape = aws_shape_at(route->service, route->op->output);

    buf_printf(out, "<%sResponse xmlns=\"%s\"><%sResult>", op, route->service->xmlns, op);
    if (shape)
        xml_structure(&x, shape, call->output);
    buf_printf(out, "</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>\n", op,
               call->request_id, op);
}

void aws_encode_output(const struct aws_call *call, const struct aws_route *route, struct aws_answer *ret)
{
    *ret = (struct aws_answer){
        .status = route->op->status, .content_type = content_types[route->protocol], .body = BUF_INIT(AWS_ANSWER_MAX)};
    if (route->protocol == AWS_QUERY)
        put_query_output(call, route, &ret->body);
    else
        json_write(&ret->body, call->output);
}

/* --- errors --- */

static void put_query_fault(const struct aws_call *call, const struct aws_route *route, const struct aws_answer *a,
                            struct buf *out)
{
    buf_puts(out, "<ErrorResponse");
    if (route->service && route->service->xmlns)
        buf_printf(out, " xmlns=\"%s\"", route->service->xmlns);
    buf_printf(out, "><Error><Type>%s</Type><Code>%s</Code><Message>", a->status >= 500 ? "Receiver" : "Sender",
               a->error_code);
    xml_text(out, str_of(call->fault->message));
    buf_printf(out, "</Message></Error><RequestId>%s</RequestId></ErrorResponse>\n", call->request_id);
}

static void put_json_fault(const struct aws_call *call, const struct aws_route *route, const struct aws_answer *a,
                           struct buf *out)
{
    buf_puts(out, "{");
    if (route->protocol != AWS_REST_JSON) {
        buf_puts(out, "\"__type\":");
        json_write_string(out, str_of(a->error_code));
        buf_putc(out, ',');
    }
    buf_puts(out, "\"message\":");
    json_write_string(out, str_of(call->fault->message));
    doc_foreach (call->fault->members, m) {
        buf_putc(out, ',');
        json_write_string(out, doc_key(m));
        buf_putc(out, ':');
        json_write(out, m);
    }
    buf_putc(out, '}');
}

void aws_encode_fault(const struct aws_call *call, const struct aws_route *route, struct aws_answer *ret)
{
    const struct aws_fault *f = call->fault;
    const struct aws_error_shape *row = route->service ? aws_error_find(route->service, f->code) : NULL;

    *ret = (struct aws_answer){.status = f->status ? f->status
                                         : row     ? row->status
                                                   : 400,
                               .content_type = content_types[route->protocol],
                               .error_code = row ? row->code : f->code,
                               .error_header = route->protocol != AWS_QUERY,
                               .body = BUF_INIT(AWS_ANSWER_MAX)};
    if (route->protocol == AWS_QUERY)
        put_query_fault(call, route, ret, &ret->body);
    else
        put_json_fault(call, route, ret, &ret->body);
}
