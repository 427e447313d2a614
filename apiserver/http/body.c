#include "apiserver/http/body.h"

#include "api/conform.h"
#include "api/defaults.h"
#include "api/fielderr.h"
#include "api/json.h"
#include "api/proto_codec.h"
#include "api/yaml.h"
#include "apiserver/apiextensions/custom.h"
#include "base/limits.h"
#include "base/parse.h"

#define SUMMARY 30 /* bytes of a body that an error shows */

int body_field_validation(const struct request *r, enum field_validation *ret, struct err *err)
{
    static const char *const supported[] = {"", "Ignore", "Strict", "Warn"};
    struct str v = query_get(&r->query, "fieldValidation");
    if (!v.n || str_is(v, "Warn")) {
        *ret = VALIDATE_WARN;
    } else if (str_is(v, "Strict")) {
        *ret = VALIDATE_STRICT;
    } else if (str_is(v, "Ignore")) {
        *ret = VALIDATE_IGNORE;
    } else {
        struct field_errors errs = field_errors_in(r->arena);
        field_not_supported_str(&errs, FIELD(NULL, "fieldValidation"), v, supported, ARRAY_LEN(supported));
        return field_errors_to_err(&errs, STR("meta.k8s.io"), STR("CreateOptions"), STR(""), err);
    }
    return 0;
}

struct body_kind body_kind_of(const struct request *r)
{
    struct body_kind k = {r->res->group, r->res->version, r->res->kind, r->res->message, r->res->custom};
    if (r->sub && r->sub->kind_version) {
        k.group = r->sub->kind_group;
        k.version = r->sub->kind_version;
        k.kind = r->sub->kind;
        k.custom = NULL;
        const struct schema_kind *s = schema_kind_find(str_of(k.group), str_of(k.version), str_of(k.kind));
        k.message = s ? s->message : NULL;
    }
    return k;
}

/* --- errors ------------------------------------------------------------------------------------------------------- */

static const char *summarize(struct arena *a, struct str body)
{
    if (!body.n)
        return "<empty>";
    if (body.p[0] == '{')
        return body.n > SUMMARY ? arena_printf(a, "%.*s ...", SUMMARY, body.p)
                                : arena_printf(a, STR_FMT, STR_ARG(body));
    _cleanup_(buf_releasep) struct buf hex = BUF_INIT(256);
    hex_encode(&hex, body.p, MIN_OF(body.n, (size_t)SUMMARY));
    return arena_printf(a, STR_FMT "%s", STR_ARG(buf_str(&hex)), body.n > SUMMARY ? " ..." : "");
}

/* Puts upstream's words around what decoding had to say. */
static int decode_error(struct request *r, const struct body_kind *want, const struct doc *d, struct err *err)
{
    if (err->code == ERR_TOO_LARGE)
        return -1;
    const char *what = arena_strdup(r->arena, err->msg);
    struct str kind = doc_str(doc_get(d, "kind")), version = doc_str(doc_get(d, "apiVersion"));
    const char *slash = memchr(version.p, '/', version.n);
    if (slash)
        version = str_from(version, (size_t)(slash - version.p) + 1);
    if (kind.n)
        return err_set(err, ERR_BAD_REQUEST, STR_FMT " in version \"" STR_FMT "\" cannot be handled as a %s: %s",
                       STR_ARG(kind), STR_ARG(version), want->kind, what ? what : "");
    return err_set(err, ERR_BAD_REQUEST, "the object provided is unrecognized (must be of type %s): %s (%s)",
                   want->kind, what ? what : "", summarize(r->arena, r->body));
}

/* --- which kind --------------------------------------------------------------------------------------------------- */

static const char *group_version(struct arena *a, const char *group, const char *version)
{
    return *group ? arena_printf(a, "%s/%s", group, version) : version;
}

/* Fills in a missing apiVersion or kind, and refuses another kind. */
static int check_kind(struct request *r, const struct body_kind *want, struct doc *d, struct err *err)
{
    const char *gv = group_version(r->arena, want->group, want->version);
    struct str kind = doc_str(doc_get(d, "kind")), version = doc_str(doc_get(d, "apiVersion"));
    if (!gv)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    if (!kind.n)
        kind = str_of(want->kind);
    if (!version.n)
        version = str_of(gv);
    doc_set(d, "kind", doc_string(r->arena, kind));
    doc_set(d, "apiVersion", doc_string(r->arena, version));
    if (str_is(kind, want->kind) && str_is(version, gv))
        return 0;
    const char *slash = memchr(version.p, '/', version.n);
    struct str g = slash ? str_n(version.p, (size_t)(slash - version.p)) : STR("");
    struct str v = slash ? str_from(version, g.n + 1) : version;
    if (!schema_kind_find(g, v, kind)) {
        (void)err_set(err, ERR_BAD_REQUEST,
                      "no kind \"" STR_FMT "\" is registered for version \"" STR_FMT
                      "\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
                      STR_ARG(kind), STR_ARG(version));
        return decode_error(r, want, d, err);
    }
    if (!str_is(version, gv))
        return err_set(err, ERR_BAD_REQUEST,
                       "the API version in the data (" STR_FMT ") does not match the expected API version (%s)",
                       STR_ARG(version), gv);
    (void)err_set(err, ERR_BAD_REQUEST, "converting (" STR_FMT "." STR_FMT ") to (%s.%s): unknown conversion",
                  STR_ARG(v), STR_ARG(kind), *want->group ? want->group : "core", want->kind);
    return decode_error(r, want, d, err);
}

/* --- unknown and repeated fields ---------------------------------------------------------------------------------- */

static int report(struct request *r, const struct body_kind *want, const struct doc *d,
                  const struct doc_warnings *found, struct err *err)
{
    enum field_validation mode;
    if (body_field_validation(r, &mode, err) < 0)
        return -1;
    if (!found->n || mode == VALIDATE_IGNORE)
        return 0;
    if (mode == VALIDATE_WARN) {
        for (size_t i = 0; i < found->n; i++)
            doc_warn(&r->warnings, found->text[i]);
        return 0;
    }
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(ERR_TEXT_MAX);
    buf_puts(&b, "strict decoding error: ");
    for (size_t i = 0; i < found->n; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", found->text[i]);
    (void)err_set(err, ERR_BAD_REQUEST, STR_FMT, STR_ARG(buf_str(&b)));
    return decode_error(r, want, d, err);
}

/* --- the way through ---------------------------------------------------------------------------------------------- */

static int apply_defaults(struct request *r, const struct body_kind *want, struct doc *d, struct doc **ret,
                          struct err *err)
{
    const struct schema_kind *k = schema_kind_find(str_of(want->group), str_of(want->version), str_of(want->kind));
    if (!k)
        return err_set(err, ERR_INTERNAL, "no schema for %s", want->kind);
    defaults_apply(r->arena, d, k);
    if (arena_overflow(r->arena))
        return err_set(err, ERR_TOO_LARGE, "request too large");
    *ret = d;
    return 0;
}

int body_finish(struct request *r, const struct body_kind *want, struct doc *d, struct doc_warnings *found,
                struct doc **ret, struct err *err)
{
    struct doc *out = NULL;
    if (check_kind(r, want, d, err) < 0)
        return -1;
    struct doc *kind = doc_object(r->arena); /* what errors say of it when conforming has eaten d */
    doc_set(kind, "kind", doc_string(r->arena, doc_str(doc_get(d, "kind"))));
    doc_set(kind, "apiVersion", doc_string(r->arena, doc_str(doc_get(d, "apiVersion"))));
    if (want->custom) {
        if (custom_accept(want->custom, r->arena, d, found, err) < 0)
            return decode_error(r, want, kind, err);
        *ret = d;
        return report(r, want, d, found, err);
    }
    if (conform(r->arena, d, want->message, found, &out, err) < 0)
        return decode_error(r, want, kind, err);
    if (report(r, want, out, found, err) < 0)
        return -1;
    return apply_defaults(r, want, out, ret, err);
}

static int parse_text(struct request *r, enum encoding enc, struct doc_warnings *found, struct doc **ret,
                      struct err *err)
{
    if (enc == ENC_YAML && !yaml_is_json(r->body)) {
        size_t at = 0;
        int n = yaml_parse(r->arena, r->body, &at, ret, err);
        if (n == 0)
            *ret = doc_null(r->arena);
        return n < 0 ? -1 : 0;
    }
    const struct json_options options = {.warnings = found};
    return json_parse(r->arena, r->body, &options, ret, err);
}

int body_tree(struct request *r, struct doc_warnings *found, struct doc **ret, struct err *err)
{
    return parse_text(r, yaml_is_json(r->body) || (r->body.n && r->body.p[0] == '[') ? ENC_JSON : ENC_YAML, found, ret,
                      err);
}

static int decode_proto(struct request *r, const struct body_kind *want, struct doc **ret, struct err *err)
{
    if (!proto_has_envelope(r->body)) {
        (void)err_set(err, ERR_BAD_REQUEST,
                      "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
        return decode_error(r, want, NULL, err);
    }
    struct proto_envelope env;
    struct doc *type = doc_object(r->arena);
    if (proto_open(r->body, &env, err) < 0)
        return decode_error(r, want, NULL, err);
    doc_set(type, "kind", doc_string(r->arena, env.kind));
    doc_set(type, "apiVersion", doc_string(r->arena, env.api_version));
    if (check_kind(r, want, type, err) < 0)
        return -1;
    if (proto_decode_object(r->arena, r->body, want->message, ret, err) < 0)
        return decode_error(r, want, type, err);
    return 0;
}

int body_object(struct request *r, const struct body_kind *want, struct doc **ret, struct err *err)
{
    enum encoding enc;
    struct doc *d = NULL;
    struct doc_warnings found = {.n = 0};
    if (!want->message && !want->custom)
        return err_set(err, ERR_INTERNAL, "no schema for %s", want->kind);
    if (negotiate_content_type(http_header(r->http, "content-type"), &enc, err) < 0)
        return -1;
    if (want->custom && enc == ENC_PROTOBUF)
        return err_set(err, ERR_UNSUPPORTED_MEDIA,
                       "the body of the request was in an unknown format - accepted media types include: "
                       "application/json, application/yaml");
    if (enc == ENC_PROTOBUF)
        return decode_proto(r, want, &d, err) < 0 ? -1 : apply_defaults(r, want, d, ret, err);
    if (parse_text(r, enc, &found, &d, err) < 0) {
        if (err->code == ERR_TOO_LARGE)
            return -1;
        err_wrap(err, enc == ENC_YAML ? "couldn't get version/kind; yaml parse error"
                                      : "couldn't get version/kind; json parse error");
        return decode_error(r, want, NULL, err);
    }
    if (!doc_is(d, DOC_OBJECT)) {
        (void)err_set(err, ERR_BAD_REQUEST,
                      "couldn't get version/kind; json parse error: json: cannot unmarshal %s into Go value of type "
                      "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
                      "\"json:\\\"kind,omitempty\\\"\" }",
                      doc_is(d, DOC_ARRAY)    ? "array"
                      : doc_is(d, DOC_STRING) ? "string"
                      : doc_is(d, DOC_NUMBER) ? "number"
                                              : "bool");
        return decode_error(r, want, NULL, err);
    }
    return body_finish(r, want, d, &found, ret, err);
}

int body_any_version(struct request *r, const struct schema_message *m, const char *kind, struct doc **ret,
                     struct err *err)
{
    const struct body_kind want = {"", "v1", kind, m};
    enum encoding enc;
    struct doc *d = NULL;
    if (negotiate_content_type(http_header(r->http, "content-type"), &enc, err) < 0)
        return -1;
    if (enc == ENC_PROTOBUF)
        return proto_decode_object(r->arena, r->body, m, ret, err) < 0 ? decode_error(r, &want, NULL, err) : 0;
    if (parse_text(r, enc, NULL, &d, err) < 0 || conform(r->arena, d, m, NULL, ret, err) < 0)
        return decode_error(r, &want, NULL, err);
    return 0;
}
