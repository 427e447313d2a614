#include "status.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"

#define TEXT_MAX (64 * KIB)

static const char modified_text[] =
    "the object has been modified; please apply your changes to the latest version and try again";

/* --- raising --- */

static struct status_details *new_details(struct arena *a, const struct status_details *from)
{
    struct status_details *d = a ? arena_new_of(a, struct status_details) : NULL;

    if (!d)
        return NULL;
    *d = *from;
    d->group = arena_str(a, from->group);
    d->kind = arena_str(a, from->kind);
    d->name = arena_str(a, from->name);
    d->uid = arena_str(a, from->uid);
    return d;
}

/* Fills err with the text; the whole of it goes to the details when err has no room. */
static int vraise(struct err *err, struct arena *a, enum err_code code, const struct status_details *from,
                  const char *fmt, va_list ap)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(TEXT_MAX);

    buf_vprintf(&text, fmt, ap);
    struct str s = buf_str(&text);
    struct status_details *d = new_details(a, from);
    if (d && s.n >= ERR_TEXT_MAX)
        d->message = arena_str(a, s);
    err_clear(err);
    err_set(err, code, STR_FMT, STR_ARG(s));
    err->detail = d;
    err->retry_after_s = from->retry_after_s;
    return -1;
}

static PRINTF_FMT(5, 6) int raise_err(struct err *err, struct arena *a, enum err_code code,
                                      const struct status_details *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vraise(err, a, code, d, fmt, ap);
    va_end(ap);
    return -1;
}

/* resource[.group] as printf arguments */
#define QUALIFIED "%.*s%s%.*s"
#define QUALIFIED_ARG(resource, group) STR_ARG(resource), (group).n ? "." : "", STR_ARG(group)

int status_not_found(struct err *err, struct arena *a, struct str group, struct str resource, struct str name)
{
    const struct status_details d = {.group = group, .kind = resource, .name = name};
    return raise_err(err, a, ERR_NOT_FOUND, &d, QUALIFIED " \"" STR_FMT "\" not found", QUALIFIED_ARG(resource, group),
                     STR_ARG(name));
}

int status_already_exists(struct err *err, struct arena *a, struct str group, struct str resource, struct str name)
{
    const struct status_details d = {.group = group, .kind = resource, .name = name};
    return raise_err(err, a, ERR_ALREADY_EXISTS, &d, QUALIFIED " \"" STR_FMT "\" already exists",
                     QUALIFIED_ARG(resource, group), STR_ARG(name));
}

int status_generate_name_conflict(struct err *err, struct arena *a, struct str group, struct str resource,
                                  struct str name, int retry_s)
{
    const struct status_details d = {.group = group, .kind = resource, .name = name, .retry_after_s = retry_s};
    return raise_err(err, a, ERR_ALREADY_EXISTS, &d,
                     QUALIFIED " \"" STR_FMT
                               "\" already exists, the server was not able to generate a unique name for the object",
                     QUALIFIED_ARG(resource, group), STR_ARG(name));
}

int status_conflict(struct err *err, struct arena *a, struct str group, struct str resource, struct str name,
                    const char *fmt, ...)
{
    const struct status_details d = {.group = group, .kind = resource, .name = name};
    _cleanup_(buf_releasep) struct buf why = BUF_INIT(TEXT_MAX);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&why, fmt, ap);
    va_end(ap);
    return raise_err(err, a, ERR_CONFLICT, &d, "Operation cannot be fulfilled on " QUALIFIED " \"" STR_FMT "\": %s",
                     QUALIFIED_ARG(resource, group), STR_ARG(name), buf_str(&why).p);
}

int status_modified(struct err *err, struct arena *a, struct str group, struct str resource, struct str name)
{
    return status_conflict(err, a, group, resource, name, "%s", modified_text);
}

int status_forbidden(struct err *err, struct arena *a, struct str group, struct str resource, struct str name,
                     const char *fmt, ...)
{
    const struct status_details d = {.group = group, .kind = resource, .name = name};
    _cleanup_(buf_releasep) struct buf why = BUF_INIT(TEXT_MAX);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&why, fmt, ap);
    va_end(ap);
    const char *text = buf_str(&why).p;
    if (!resource.n)
        return raise_err(err, a, ERR_FORBIDDEN, &d, "forbidden: %s", text);
    if (!name.n)
        return raise_err(err, a, ERR_FORBIDDEN, &d, QUALIFIED " is forbidden: %s", QUALIFIED_ARG(resource, group),
                         text);
    return raise_err(err, a, ERR_FORBIDDEN, &d, QUALIFIED " \"" STR_FMT "\" is forbidden: %s",
                     QUALIFIED_ARG(resource, group), STR_ARG(name), text);
}

int status_method_not_supported(struct err *err, struct arena *a, struct str group, struct str resource,
                                const char *action)
{
    const struct status_details d = {.group = group, .kind = resource};
    return raise_err(err, a, ERR_METHOD_NOT_ALLOWED, &d, "%s is not supported on resources of kind \"" QUALIFIED "\"",
                     action, QUALIFIED_ARG(resource, group));
}

int status_server_timeout(struct err *err, struct arena *a, struct str group, struct str resource,
                          const char *operation, int retry_s)
{
    const struct status_details d = {.group = group,
                                     .kind = resource,
                                     .name = str_of(operation),
                                     .retry_after_s = retry_s,
                                     .reason = "ServerTimeout",
                                     .http = 500};
    return raise_err(err, a, ERR_INTERNAL, &d,
                     "The %s operation against " QUALIFIED " could not be completed at this time, please try again.",
                     operation, QUALIFIED_ARG(resource, group));
}

int status_bad_request(struct err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vraise(err, NULL, ERR_BAD_REQUEST, &(const struct status_details){0}, fmt, ap);
    va_end(ap);
    return -1;
}

int status_unauthorized(struct err *err)
{
    return err_set(err, ERR_UNAUTHORIZED, "Unauthorized");
}

int status_internal(struct err *err, struct arena *a, const char *fmt, ...)
{
    _cleanup_(buf_releasep) struct buf why = BUF_INIT(TEXT_MAX);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&why, fmt, ap);
    va_end(ap);
    const char *text = buf_str(&why).p;
    raise_err(err, a, ERR_INTERNAL, &(const struct status_details){0}, "Internal error occurred: %s", text);
    if (a)
        status_add_cause(err, a, NULL, arena_strdup(a, text), NULL);
    return -1;
}

int status_expired(struct err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vraise(err, NULL, ERR_EXPIRED, &(const struct status_details){0}, fmt, ap);
    va_end(ap);
    return -1;
}

int status_timeout(struct err *err, struct arena *a, int retry_s, const char *fmt, ...)
{
    _cleanup_(buf_releasep) struct buf why = BUF_INIT(TEXT_MAX);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&why, fmt, ap);
    va_end(ap);
    return raise_err(err, a, ERR_TIMEOUT, &(const struct status_details){.retry_after_s = retry_s}, "Timeout: %s",
                     buf_str(&why).p);
}

int status_too_large_version(struct err *err, struct arena *a, uint64_t asked, uint64_t current)
{
    status_timeout(err, a, 1, "Too large resource version: %llu, current: %llu", (unsigned long long)asked,
                   (unsigned long long)current);
    if (a)
        status_add_cause(err, a, "ResourceVersionTooLarge", "Too large resource version", NULL);
    return -1;
}

int status_too_many_requests(struct err *err, struct arena *a, int retry_s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vraise(err, a, ERR_TOO_MANY_REQUESTS, &(const struct status_details){.retry_after_s = retry_s}, fmt, ap);
    va_end(ap);
    return -1;
}

int status_too_large(struct err *err, const char *fmt, ...)
{
    _cleanup_(buf_releasep) struct buf why = BUF_INIT(TEXT_MAX);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&why, fmt, ap);
    va_end(ap);
    return err_set(err, ERR_TOO_LARGE, "Request entity too large: %s", buf_str(&why).p);
}

/* Upstream's aggregate: one text as it is, several different ones as [a, b]. */
static void write_causes(struct buf *out, const struct status_cause *causes, size_t n)
{
    size_t shown = 0, start = out->len;

    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (j < i && !(strcmp(causes[j].message, causes[i].message) == 0 &&
                          strcmp(causes[j].field ? causes[j].field : "", causes[i].field ? causes[i].field : "") == 0))
            j++;
        if (j < i)
            continue;
        buf_printf(out, "%s%s: %s", shown++ ? ", " : "", causes[i].field ? causes[i].field : "", causes[i].message);
    }
    if (shown < 2 || !buf_reserve(out, 2))
        return;
    memmove(out->data + start + 1, out->data + start, out->len - start);
    out->data[start] = '[';
    out->len++;
    buf_putc(out, ']');
}

int status_invalid(struct err *err, struct arena *a, struct str group, struct str kind, struct str name,
                   const struct status_cause *causes, size_t n)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(MIB);

    write_causes(&text, causes, n);
    struct status_details d = {.group = group, .kind = kind, .name = name, .n_causes = n};
    if (a && n) {
        struct status_cause *own = arena_calloc(a, n, sizeof(*own));
        if (own)
            memcpy(own, causes, n * sizeof(*own));
        d.causes = own;
        d.n_causes = own ? n : 0;
    }
    return raise_err(err, a, ERR_INVALID, &d, QUALIFIED " \"" STR_FMT "\" is invalid%s%s", QUALIFIED_ARG(kind, group),
                     STR_ARG(name), text.len ? ": " : "", buf_str(&text).p);
}

void status_add_cause(struct err *err, struct arena *a, const char *reason, const char *message, const char *field)
{
    static const struct status_details none;
    const struct status_details *old = err->detail ? err->detail : &none;
    struct status_details *d = arena_new_of(a, struct status_details);
    struct status_cause *causes = arena_calloc(a, old->n_causes + 1, sizeof(*causes));

    if (!d || !causes)
        return;
    *d = *old;
    if (old->n_causes)
        memcpy(causes, old->causes, old->n_causes * sizeof(*causes));
    causes[old->n_causes] = (struct status_cause){reason, message, field};
    d->causes = causes;
    d->n_causes++;
    err->detail = d;
}

/* --- answering --- */

int status_http(const struct err *err)
{
    const struct status_details *d = err->detail;
    return d && d->http ? d->http : err_http(err->code);
}

const char *status_reason(const struct err *err)
{
    const struct status_details *d = err->detail;
    return d && d->reason ? d->reason : err_reason(err->code);
}

static void set_text(struct arena *a, struct doc *obj, const char *key, struct str s)
{
    if (s.n)
        doc_set(obj, key, doc_string_copy(a, s));
}

static struct doc *details_doc(struct arena *a, const struct status_details *d, int retry_after_s)
{
    struct doc *o = doc_object(a);

    set_text(a, o, "name", d->name);
    set_text(a, o, "group", d->group);
    set_text(a, o, "kind", d->kind);
    set_text(a, o, "uid", d->uid);
    if (d->n_causes) {
        struct doc *causes = doc_set(o, "causes", doc_array(a));
        for (size_t i = 0; i < d->n_causes; i++) {
            struct doc *c = doc_append(causes, doc_object(a));
            set_text(a, c, "reason", str_of(d->causes[i].reason));
            set_text(a, c, "message", str_of(d->causes[i].message));
            set_text(a, c, "field", str_of(d->causes[i].field));
        }
    }
    int retry = d->retry_after_s ? d->retry_after_s : retry_after_s;
    if (retry)
        doc_set(o, "retryAfterSeconds", doc_int(a, retry));
    return o;
}

static struct doc *new_status(struct arena *a, const char *status, const char *continue_to)
{
    struct doc *o = doc_object(a);

    doc_set(o, "kind", doc_string(a, STR("Status")));
    doc_set(o, "apiVersion", doc_string(a, STR("v1")));
    struct doc *meta = doc_set(o, "metadata", doc_object(a));
    if (continue_to)
        doc_set(meta, "continue", doc_string_copy(a, str_of(continue_to)));
    doc_set(o, "status", doc_string(a, str_of(status)));
    return o;
}

struct doc *status_from_err(struct arena *a, const struct err *err)
{
    static const struct status_details none;
    const struct status_details *d = err->detail;
    struct doc *o = new_status(a, "Failure", d ? d->continue_to : NULL);
    int http = status_http(err);

    set_text(a, o, "message", d && d->message.n ? d->message : str_of(err->msg));
    set_text(a, o, "reason", str_of(status_reason(err)));
    if (d || err->retry_after_s)
        doc_set(o, "details", details_doc(a, d ? d : &none, err->retry_after_s));
    doc_set(o, "code", doc_int(a, http < 400 ? 500 : http));
    return o;
}

struct doc *status_success(struct arena *a, const struct status_details *details)
{
    struct doc *o = new_status(a, "Success", NULL);

    if (details)
        doc_set(o, "details", details_doc(a, details, 0));
    return o;
}

/* --- understanding an answer --- */

static enum err_code code_of(int http, struct str reason)
{
    enum err_code by_http = err_from_http(http);

#define X(name, status, text, grpc, retry)                                                                             \
    if (ERR_##name != ERR_SYSTEM && reason.n && str_is(reason, text) && (http == (status) || by_http == ERR_INTERNAL)) \
        return ERR_##name;
    ERR_CODES(X)
#undef X
    return by_http;
}

static void read_details(struct arena *a, const struct doc *from, struct status_details *d)
{
    const struct doc *causes = doc_get(from, "causes");
    struct status_cause *own = doc_count(causes) ? arena_calloc(a, causes->n, sizeof(*own)) : NULL;

    d->name = doc_str(doc_get(from, "name"));
    d->group = doc_str(doc_get(from, "group"));
    d->kind = doc_str(doc_get(from, "kind"));
    d->uid = doc_str(doc_get(from, "uid"));
    d->retry_after_s = (int)doc_int_or(doc_get(from, "retryAfterSeconds"), 0);
    if (!own)
        return;
    d->causes = own;
    doc_foreach (causes, c) {
        struct status_cause *out = &own[d->n_causes++];
        out->reason = arena_str(a, doc_str(doc_get(c, "reason"))).p;
        out->message = arena_str(a, doc_str(doc_get(c, "message"))).p;
        out->field = arena_str(a, doc_str(doc_get(c, "field"))).p;
    }
}

int status_to_err(struct arena *a, int http, const struct doc *body, struct err *err)
{
    bool is_status = doc_is(body, DOC_OBJECT) && str_is(doc_str(doc_get(body, "kind")), "Status");
    int code = is_status ? (int)doc_int_or(doc_get(body, "code"), http) : http;
    struct str reason = is_status ? doc_str(doc_get(body, "reason")) : STR("");
    struct str text = is_status ? doc_str(doc_get(body, "message")) : doc_str(body);

    err_clear(err);
    if (text.n)
        err_set(err, code_of(code, reason), STR_FMT, STR_ARG(text));
    else
        err_set(err, code_of(code, reason), "the server answered with status %d", code);
    struct status_details *d = is_status ? arena_new_of(a, struct status_details) : NULL;
    if (!d)
        return -1;
    read_details(a, doc_get(body, "details"), d);
    d->reason = reason.n ? arena_str(a, reason).p : NULL;
    d->http = code;
    d->message = text.n >= ERR_TEXT_MAX ? text : STR("");
    err->detail = d;
    err->retry_after_s = d->retry_after_s;
    return -1;
}
