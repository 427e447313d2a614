#include "api/forms.h"

#include <math.h>
#include <stdio.h>

#include "api/json.h"
#include "api/proto_wire.h"
#include "api/quantity.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/parse.h"

#define RFC3339_LAYOUT "2006-01-02T15:04:05Z07:00"
#define MICRO_LAYOUT "2006-01-02T15:04:05.000000Z07:00"

int form_broken(struct err *err, const char *what)
{
    return err_set(err, ERR_BAD_REQUEST, "proto: illegal %s", what);
}

const char *form_json_kind(const struct doc *d)
{
    static const char *const names[] = {
        [DOC_NULL] = "null",     [DOC_BOOL] = "bool",   [DOC_NUMBER] = "number",
        [DOC_STRING] = "string", [DOC_ARRAY] = "array", [DOC_OBJECT] = "object",
    };
    return names[d->type];
}

static int wrong_kind(struct err *err, const struct doc *d, const char *go)
{
    return err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type %s", form_json_kind(d), go);
}

static bool is_zero(const struct doc *d)
{
    return !d || d->type == DOC_NULL;
}

/* --- times --- */

/* Where Go's time.Parse would stop: the layout's elements in order, as digits or literals. */
static const struct time_element {
    const char *layout;
    uint8_t digits; /* 0 = literal */
} time_elements[] = {
    {"2006", 4}, {"-", 0}, {"01", 2}, {"-", 0}, {"02", 2}, {"T", 0},
    {"15", 2},   {":", 0}, {"04", 2}, {":", 0}, {"05", 2},
};

static bool element_matches(const struct time_element *e, struct str s)
{
    if (e->digits == 0)
        return str_starts(s, str_of(e->layout));
    for (size_t i = 0; i < e->digits; i++)
        if (i >= s.n || s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

static int time_error(struct err *err, struct str s, const char *layout, const char *tail)
{
    struct str rest = s;

    for (size_t i = 0; i < ARRAY_LEN(time_elements); i++) {
        const struct time_element *e = &time_elements[i];
        if (!element_matches(e, rest))
            return err_set(err, ERR_BAD_REQUEST,
                           "parsing time \"" STR_FMT "\" as \"%s\": cannot parse \"" STR_FMT "\" as \"%s\"", STR_ARG(s),
                           layout, STR_ARG(rest), e->layout);
        rest = str_from(rest, strlen(e->layout));
    }
    if (rest.n == 1 && *rest.p == 'Z')
        return err_set(err, ERR_BAD_REQUEST, "parsing time \"" STR_FMT "\": out of range", STR_ARG(s));
    return err_set(err, ERR_BAD_REQUEST,
                   "parsing time \"" STR_FMT "\" as \"%s\": cannot parse \"" STR_FMT "\" as \"%s\"", STR_ARG(s), layout,
                   STR_ARG(rest), tail);
}

static struct doc *time_doc(struct arena *a, int64_t seconds, int32_t nanos, bool micro)
{
    char text[RFC3339_MAX];
    int64_t days = seconds / 86400, rest = seconds % 86400;

    if (rest < 0) {
        rest += 86400;
        days--;
    }
    /* Howard Hinnant's days-to-civil, for years that nanoseconds in 64 bits do not reach. */
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153, day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    int64_t year = yoe + era * 400 + (month <= 2);
    if (year < 0 || year > 9999)
        return NULL;
    const int parts[] = {(int)year / 100,    (int)year % 100,       (int)month,      (int)day,
                         (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60)};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        text[n++] = (char)('0' + parts[i] / 10);
        text[n++] = (char)('0' + parts[i] % 10);
        if (i > 0 && i + 1 < ARRAY_LEN(parts)) /* 20 06-01-02T15:04:05 */
            text[n++] = "--T::"[i - 1];
    }
    if (micro)
        n += (size_t)snprintf(text + n, sizeof(text) - n, ".%06d", nanos / 1000);
    text[n++] = 'Z';
    return doc_string_copy(a, str_n(text, n));
}

/* Go reads MicroTime with exactly six digits of fraction. */
static bool has_micros(struct str s)
{
    if (s.n < 27 || s.p[19] != '.')
        return false;
    for (size_t i = 20; i < 26; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.p[26] < '0' || s.p[26] > '9';
}

static int conform_any_time(struct arena *a, struct doc *d, bool micro, struct doc **ret, struct err *err)
{
    int64_t seconds;
    int32_t nanos;

    if (is_zero(d))
        return *ret = NULL, 0;
    if (d->type != DOC_STRING)
        return wrong_kind(err, d, "string");
    struct str s = doc_str(d);
    bool ok = parse_rfc3339(s, &seconds, &nanos) && (!micro || has_micros(s));
    if (!ok)
        return time_error(err, s, micro ? MICRO_LAYOUT : RFC3339_LAYOUT, micro ? ".000000" : "Z07:00");
    if (s.n == (micro ? 27u : 20u) && s.p[s.n - 1] == 'Z')
        return *ret = d, 0;
    *ret = time_doc(a, seconds, nanos, micro);
    return *ret ? 0 : err_set(err, ERR_BAD_REQUEST, "time: year outside of range [0,9999]");
}

static int conform_time(struct arena *a, struct doc *d, struct doc **ret, struct err *err)
{
    return conform_any_time(a, d, false, ret, err);
}

static int conform_microtime(struct arena *a, struct doc *d, struct doc **ret, struct err *err)
{
    return conform_any_time(a, d, true, ret, err);
}

static int encode_any_time(struct buf *out, const struct doc *d, bool micro, struct err *err)
{
    int64_t seconds;
    int32_t nanos;

    if (is_zero(d))
        return 0;
    if (!parse_rfc3339(doc_str(d), &seconds, &nanos))
        return time_error(err, doc_str(d), RFC3339_LAYOUT, "Z07:00");
    wire_put_int(out, 1, seconds);
    wire_put_int(out, 2, micro ? nanos / 1000 * 1000 : 0);
    return 0;
}

static int encode_time(struct buf *out, const struct doc *d, struct err *err)
{
    return encode_any_time(out, d, false, err);
}

static int encode_microtime(struct buf *out, const struct doc *d, struct err *err)
{
    return encode_any_time(out, d, true, err);
}

/* The fields 1 and 2 of a message of numbers; those that are absent are left as they were. */
static int read_numbers(struct str bytes, int64_t *one, int64_t *two, struct err *err)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field f;

    while (wire_more(&r)) {
        if (!wire_next(&r, &f) || (f.number <= 2 && f.type != WIRE_VARINT))
            return form_broken(err, "number");
        if (f.number == 1)
            *one = (int64_t)f.value;
        else if (f.number == 2)
            *two = (int64_t)f.value;
    }
    return 0;
}

static int decode_any_time(struct arena *a, struct str bytes, bool micro, struct doc **ret, struct err *err)
{
    int64_t seconds = 0, nanos = 0;

    if (bytes.n == 0)
        return *ret = NULL, 0;
    if (read_numbers(bytes, &seconds, &nanos, err) < 0)
        return -1;
    if (nanos < 0 || nanos > 999999999 || seconds < -62167219200 || seconds > 253402300799)
        return form_broken(err, "time");
    *ret = time_doc(a, seconds, (int32_t)nanos, micro);
    return 0;
}

static int decode_time(struct arena *a, struct str bytes, struct doc **ret, struct err *err)
{
    return decode_any_time(a, bytes, false, ret, err);
}

static int decode_microtime(struct arena *a, struct str bytes, struct doc **ret, struct err *err)
{
    return decode_any_time(a, bytes, true, ret, err);
}

/* --- durations --- */

static struct doc *duration_doc(struct arena *a, int64_t ns)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(64);

    format_duration(&text, ns);
    return doc_string_copy(a, buf_str(&text));
}

static int conform_duration(struct arena *a, struct doc *d, struct doc **ret, struct err *err)
{
    int64_t ns;

    if (is_zero(d))
        return *ret = NULL, 0;
    if (d->type != DOC_STRING)
        return wrong_kind(err, d, "string");
    if (!parse_duration(doc_str(d), &ns))
        return err_set(err, ERR_BAD_REQUEST, "time: invalid duration \"" STR_FMT "\"", STR_ARG(doc_str(d)));
    *ret = duration_doc(a, ns);
    return 0;
}

static int encode_duration(struct buf *out, const struct doc *d, struct err *err)
{
    int64_t ns = 0;

    if (!is_zero(d) && !parse_duration(doc_str(d), &ns))
        return err_set(err, ERR_BAD_REQUEST, "time: invalid duration \"" STR_FMT "\"", STR_ARG(doc_str(d)));
    wire_put_int(out, 1, ns);
    return 0;
}

static int decode_duration(struct arena *a, struct str bytes, struct doc **ret, struct err *err)
{
    int64_t ns = 0, none = 0;

    if (read_numbers(bytes, &ns, &none, err) < 0)
        return -1;
    *ret = duration_doc(a, ns);
    return 0;
}

/* --- quantities --- */

static int canonical(struct str s, char text[QUANTITY_TEXT_MAX], struct err *err)
{
    struct quantity q;

    if (quantity_parse(s, &q, err) < 0)
        return -1;
    quantity_format(&q, text);
    return 0;
}

static int conform_quantity(struct arena *a, struct doc *d, struct doc **ret, struct err *err)
{
    char text[QUANTITY_TEXT_MAX];

    if (is_zero(d))
        return *ret = NULL, 0;
    if (d->type != DOC_STRING && d->type != DOC_NUMBER)
        return err_set(err, ERR_BAD_REQUEST,
                       "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    if (canonical(str_trim(doc_text(d)), text, err) < 0)
        return -1;
    *ret = d->type == DOC_STRING && str_is(doc_str(d), text) ? d : doc_string_copy(a, str_of(text));
    return 0;
}

static int encode_quantity(struct buf *out, const struct doc *d, struct err *err)
{
    char text[QUANTITY_TEXT_MAX] = "0";

    if (!is_zero(d) && canonical(doc_text(d), text, err) < 0)
        return -1;
    wire_put_bytes(out, 1, str_of(text));
    return 0;
}

/* The last bytes field `number` of a message of which nothing else matters. */
static int read_bytes_field(struct str bytes, uint32_t number, struct str *ret, struct err *err)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field f;

    while (wire_more(&r)) {
        if (!wire_next(&r, &f) || (f.number == number && f.type != WIRE_BYTES))
            return form_broken(err, "message");
        if (f.number == number)
            *ret = f.bytes;
    }
    return 0;
}

static int decode_quantity(struct arena *a, struct str bytes, struct doc **ret, struct err *err)
{
    char text[QUANTITY_TEXT_MAX];
    struct str s = STR("0");

    if (read_bytes_field(bytes, 1, &s, err) < 0)
        return -1;
    if (s.n == 0)
        s = STR("0");
    if (canonical(s, text, err) < 0)
        return -1;
    *ret = str_is(s, text) ? doc_string(a, s) : doc_string_copy(a, str_of(text));
    return 0;
}

/* --- int or string --- */

static int conform_intstr(struct arena *a, struct doc *d, struct doc **ret, struct err *err)
{
    int64_t v;

    if (is_zero(d))
        return *ret = NULL, 0;
    if (d->type != DOC_STRING && d->type != DOC_NUMBER)
        return wrong_kind(err, d, "int32");
    if (d->type == DOC_NUMBER && (!(d->flags & DOC_F_INT) || !parse_range(doc_text(d), INT32_MIN, INT32_MAX, &v)))
        return err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal number " STR_FMT " into Go value of type int32",
                       STR_ARG(doc_text(d)));
    *ret = d;
    return 0;
}

static int encode_intstr(struct buf *out, const struct doc *d, struct err *err)
{
    bool text = d && d->type == DOC_STRING;

    wire_put_int(out, 1, text);
    wire_put_int(out, 2, text ? 0 : (int32_t)doc_int_or(d, 0));
    wire_put_bytes(out, 3, doc_str(d));
    return 0;
}

static int decode_intstr(struct arena *a, struct str bytes, struct doc **ret, struct err *err)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field f;
    int64_t numbers[3] = {0};
    struct str text = STR("");

    while (wire_more(&r)) {
        if (!wire_next(&r, &f) || (f.number <= 2 && f.type != WIRE_VARINT) || (f.number == 3 && f.type != WIRE_BYTES))
            return form_broken(err, "int-or-string");
        if (f.number <= 2)
            numbers[f.number] = (int64_t)f.value;
        else if (f.number == 3)
            text = f.bytes;
    }
    if (!utf8_valid(text))
        return form_broken(err, "UTF-8");
    *ret = numbers[1] == 1 ? doc_string(a, text) : doc_int(a, (int32_t)numbers[2]);
    return 0;
}

/* --- raw JSON --- */

static int encode_raw(struct buf *out, const struct doc *d, struct err *err)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_BODY);

    if (is_zero(d))
        return 0;
    json_write(&text, d);
    if (!buf_ok(&text))
        return err_set(err, ERR_TOO_LARGE, "raw JSON is too large");
    wire_put_bytes(out, 1, buf_str(&text));
    return 0;
}

static int decode_raw(struct arena *a, struct str bytes, struct doc **ret, struct err *err)
{
    struct str text = STR("");

    if (read_bytes_field(bytes, 1, &text, err) < 0)
        return -1;
    if (text.n == 0)
        return *ret = NULL, 0;
    return json_parse(a, text, NULL, ret, err);
}

/* --- the table --- */

static const struct form forms[] = {
    [SCHEMA_FORM_TIME] = {conform_time, encode_time, decode_time, NULL},
    [SCHEMA_FORM_MICROTIME] = {conform_microtime, encode_microtime, decode_microtime, NULL},
    [SCHEMA_FORM_DURATION] = {conform_duration, encode_duration, decode_duration, "0s"},
    [SCHEMA_FORM_QUANTITY] = {conform_quantity, encode_quantity, decode_quantity, "0"},
    [SCHEMA_FORM_INTSTR] = {conform_intstr, encode_intstr, decode_intstr, NULL},
    [SCHEMA_FORM_RAW] = {NULL, encode_raw, decode_raw, NULL},
    [SCHEMA_FORM_FIELDS] = {NULL, encode_raw, decode_raw, NULL},
    [SCHEMA_FORM_JSON] = {NULL, encode_raw, decode_raw, NULL},
};

const struct form *form_of(const struct schema_message *m)
{
    return m->form < ARRAY_LEN(forms) && forms[m->form].encode ? &forms[m->form] : NULL;
}

struct doc *form_zero(struct arena *a, const struct form *f)
{
    if (f == &forms[SCHEMA_FORM_INTSTR])
        return doc_int(a, 0);
    return f->zero ? doc_string(a, str_of(f->zero)) : doc_null(a);
}

/* The digits of "-d.ddde+NN" as a plain integer: zeros behind the last. */
static void plain_integer(char *text, size_t size, int exponent)
{
    char digits[64];
    size_t n = 0, whole = (size_t)exponent + 1 + (text[0] == '-');

    for (const char *p = text; *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    while (n < whole && n + 1 < sizeof(digits))
        digits[n++] = '0';
    snprintf(text, size, "%.*s", (int)n, digits);
}

/* Shortest text that reads back the same; Go changes to an exponent below 1e-6 and from 1e21 on. */
struct doc *doc_double(struct arena *a, double v)
{
    char text[64];
    int digits = 1;
    int64_t exponent = 0;

    do
        snprintf(text, sizeof(text), "%.*e", digits - 1, v);
    while (strtod(text, NULL) != v && digits++ < 17);
    char *e = strchr(text, 'e');
    if (!e) /* no number: callers do not let that happen */
        return NULL;
    (void)parse_int64(e[1] == '+' ? str_of(e + 2) : str_of(e + 1), &exponent);
    if (v != 0 && (fabs(v) < 1e-6 || fabs(v) >= 1e21)) {
        if (e[2] == '0') /* e-09 -> e-9 */
            memmove(e + 2, e + 3, strlen(e + 3) + 1);
    } else if (exponent >= digits - 1) {
        plain_integer(text, sizeof(text), (int)exponent);
    } else {
        snprintf(text, sizeof(text), "%.*f", digits - 1 - (int)exponent, v);
    }
    return doc_number(a, arena_str(a, str_of(text)));
}
