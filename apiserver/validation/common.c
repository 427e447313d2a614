#include "apiserver/validation/common.h"

#include "api/selector.h"
#include "base/limits.h"

static bool nothing(const struct doc *d)
{
    return !v_set(d) || ((d->type == DOC_ARRAY || d->type == DOC_OBJECT) && !d->n);
}

static bool equal_members(const struct doc *a, const struct doc *b)
{
    doc_foreach (a, it) {
        if (!v_equal(it, doc_get_str(b, doc_key(it))))
            return false;
    }
    return true;
}

bool v_equal(const struct doc *a, const struct doc *b)
{
    if (nothing(a) || nothing(b))
        return nothing(a) && nothing(b);
    if (a->type != b->type)
        return false;
    if (a->type == DOC_OBJECT)
        return equal_members(a, b) && equal_members(b, a);
    if (a->type != DOC_ARRAY)
        return doc_equal(a, b);
    const struct doc *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if (!v_equal(x, y))
            return false;
    return !x && !y;
}

/* --- formats --- */

void v_name(errors *e, path_t p, struct str s, name_check check)
{
    struct name_problems problems = {.n = 0};
    check(s, &problems);
    for (size_t i = 0; i < problems.n; i++)
        field_invalid_str(e, p, s, "%s", problems.text[i]);
}

bool v_among(struct str s, const char *const *values)
{
    for (; *values; values++)
        if (str_is(s, *values))
            return true;
    return false;
}

static size_t count(const char *const *values)
{
    size_t n = 0;
    while (values[n])
        n++;
    return n;
}

void v_enum(errors *e, path_t p, struct str s, const char *const *values)
{
    if (!v_among(s, values))
        field_not_supported_str(e, p, s, values, count(values));
}

void v_enum_required(errors *e, path_t p, struct str s, const char *const *values)
{
    if (s.n)
        v_enum(e, p, s, values);
    else
        field_required(e, p, "%s", "");
}

/* --- numbers --- */

void v_not_negative(errors *e, path_t p, const struct doc *v)
{
    if (doc_int_or(v, 0) < 0)
        field_invalid(e, p, v, NAME_NOT_NEGATIVE);
}

void v_port(errors *e, path_t p, const struct doc *v)
{
    int64_t port = doc_int_or(v, 0);
    if (port < 1 || port > 65535)
        field_invalid_int(e, p, port, NAME_PORT_RANGE);
}

void v_port_or_name(errors *e, path_t p, const struct doc *v)
{
    if (doc_is(v, DOC_STRING))
        v_name(e, p, doc_str(v), name_port_name);
    else
        v_port(e, p, v);
}

void v_id(errors *e, path_t p, const struct doc *v)
{
    int64_t id = doc_int_or(v, 0);
    if (v_set(v) && (id < 0 || id > INT32_MAX))
        field_invalid_int(e, p, id, NAME_ID_RANGE);
}

void v_mode(errors *e, path_t p, const struct doc *v)
{
    int64_t mode = doc_int_or(v, 0);
    if (v_set(v) && (mode < 0 || mode > 0777))
        field_invalid_int(e, p, mode, "must be a number between 0 and 0777 (octal), both inclusive");
}

/* --- things --- */

void v_labels(errors *e, path_t p, const struct doc *labels)
{
    doc_foreach (labels, it) {
        v_name(e, p, doc_key(it), name_qualified);
        v_name(e, p, doc_str(it), name_label_value);
    }
}

void v_annotations(errors *e, path_t p, const struct doc *annotations)
{
    size_t total = 0;
    doc_foreach (annotations, it) {
        struct str key = doc_key(it);
        char *lower = arena_strndup(e->arena, key.p, key.n);
        for (size_t i = 0; lower && i < key.n; i++)
            if (lower[i] >= 'A' && lower[i] <= 'Z')
                lower[i] = (char)(lower[i] - 'A' + 'a');
        struct name_problems problems = {.n = 0};
        name_qualified(lower ? str_n(lower, key.n) : key, &problems);
        for (size_t i = 0; i < problems.n; i++)
            field_invalid_str(e, p, key, "%s", problems.text[i]);
        total += key.n + doc_str(it).n;
    }
    if (total > LIMIT_ANNOTATIONS)
        field_too_long(e, p, LIMIT_ANNOTATIONS);
}

static void check_requirement(errors *e, path_t p, const struct doc *r, bool check_values)
{
    static const char *const with[] = {"In", "NotIn", NULL}, *const without[] = {"Exists", "DoesNotExist", NULL};
    struct str op = v_str(r, "operator");
    const struct doc *values = v_get(r, "values");
    if (v_among(op, with)) {
        if (!doc_count(values))
            field_required(e, FIELD(p, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (v_among(op, without)) {
        if (doc_count(values))
            field_forbidden(e, FIELD(p, "values"),
                            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else {
        field_invalid_str(e, FIELD(p, "operator"), op, "not a valid selector operator");
    }
    v_name(e, FIELD(p, "key"), v_str(r, "key"), name_qualified);
    if (!check_values)
        return;
    V_EACH (values, v) {
        v_name(e, FIELD_AT(FIELD(p, "values"), v.i), doc_str(v.at), name_label_value);
    }
}

void v_label_selector(errors *e, path_t p, const struct doc *selector, bool check_values)
{
    v_labels(e, FIELD(p, "matchLabels"), v_get(selector, "matchLabels"));
    V_EACH (v_get(selector, "matchExpressions"), r) {
        check_requirement(e, FIELD_AT(FIELD(p, "matchExpressions"), r.i), r.at, check_values);
    }
}

size_t v_selector_size(const struct doc *selector)
{
    return doc_count(v_get(selector, "matchLabels")) + doc_count(v_get(selector, "matchExpressions"));
}

bool v_selects(struct arena *a, const struct doc *selector, const struct doc *labels, bool *ret_parses)
{
    const struct label_selector *compiled = NULL;
    struct err ignored = ERR_INIT;
    *ret_parses = label_selector_from_doc(a, selector, &compiled, &ignored) == 0;
    return *ret_parses && label_selector_matches_doc(compiled, labels);
}

void v_immutable(errors *e, path_t p, const struct doc *now, const struct doc *old)
{
    if (!v_equal(now, old))
        field_immutable(e, p, now);
}

void v_ip(errors *e, path_t p, struct str s)
{
    v_name(e, p, s, name_ip);
}

void v_endpoint_ip(errors *e, path_t p, struct str s)
{
    struct ip_address ip;
    if (!ip_parse(s, &ip)) {
        field_invalid_str(e, p, s, "must be a valid IP address");
        return;
    }
    if (ip_unspecified(&ip))
        field_invalid_str(e, p, s, "may not be unspecified (" STR_FMT ")", STR_ARG(s));
    if (ip_loopback(&ip))
        field_invalid_str(e, p, s, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    if (ip_link_local(&ip))
        field_invalid_str(e, p, s, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    if (ip_link_local_multicast(&ip))
        field_invalid_str(e, p, s, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
}

void v_quantity_not_negative(errors *e, path_t p, const struct doc *v)
{
    struct quantity q;
    if (v_set(v) && quantity_read(doc_text(v), &q) && quantity_sign(&q) < 0)
        field_invalid_str(e, p, doc_text(v), NAME_NOT_NEGATIVE);
}

bool v_seen_has(const struct seen *s, struct str text)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->v[i], text))
            return true;
    return false;
}

bool v_seen(struct seen *s, struct str text)
{
    if (v_seen_has(s, text))
        return true;
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 16;
        struct str *v = arena_grow(s->arena, s->v, s->cap * sizeof(*v), cap * sizeof(*v));
        if (!v)
            return false;
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = text;
    return false;
}
