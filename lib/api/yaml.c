/* One YAML document through libyaml's events. Upstream splits a stream at lines that begin with `---` before it parses;
 * so do we. */
#include "api/yaml.h"

#include <math.h>
#include <stdio.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/parse.h"

struct reader {
    yaml_parser_t parser;
    struct arena *a;
    struct map anchors; /* name -> struct doc * */
    size_t aliased;     /* nodes added by aliases so far */
    int depth;
    size_t first_line; /* of this document in the whole text */
    struct err *err;
};

static void reader_release(struct reader *r)
{
    yaml_parser_delete(&r->parser);
    map_release(&r->anchors);
}

static void event_release(yaml_event_t *e)
{
    yaml_event_delete(e);
}

/* --- plain scalars, resolved as go-yaml v2 does --- */

static struct doc *overflow(struct reader *r)
{
    err_set(r->err, ERR_TOO_LARGE, "the document needs too much memory");
    return NULL;
}

static bool word_value(struct str s, int *ret) /* 1 true, 0 false, -1 null */
{
    static const struct {
        const char *words;
        int value;
    } table[] = {{" y Y yes Yes YES true True TRUE on On ON ", 1},
                 {" n N no No NO false False FALSE off Off OFF ", 0},
                 {" ~ null Null NULL ", -1}};
    char padded[8];

    if (s.n == 0 || s.n > 5 || memchr(s.p, ' ', s.n)) {
        *ret = -1;
        return s.n == 0;
    }
    snprintf(padded, sizeof(padded), " " STR_FMT " ", STR_ARG(s));
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strstr(table[i].words, padded)) {
            *ret = table[i].value;
            return true;
        }
    }
    return false;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Go's ParseInt with base 0, then ParseUint: 12, 0x1f, 0b11, 0o17, 017; underscores are gone already. */
static bool read_int(struct str s, bool *negative, uint64_t *ret)
{
    int base = 10;
    uint64_t v = 0;
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+');

    *negative = s.n && s.p[0] == '-';
    bool plus = s.n && s.p[0] == '+';
    if (s.n - i > 1 && s.p[i] == '0') {
        char c = s.p[i + 1] | 0x20;
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        i += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
    }
    if (i >= s.n)
        return false;
    for (; i < s.n; i++) {
        int d = digit_value(s.p[i]);
        if (d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v))
            return false;
    }
    *ret = v;
    if (*negative)
        return v <= (uint64_t)INT64_MAX + 1;
    return !plus || v <= INT64_MAX; /* ParseUint takes no sign */
}

/* ^[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$ */
static bool looks_float(struct str s)
{
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), digits = 0;

    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        digits++;
    if (i < s.n && s.p[i] == '.') {
        digits = 0;
        for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            digits++;
        if (!digits && i == s.n && s.n > 1 && s.p[s.n - 2] >= '0' && s.p[s.n - 2] <= '9')
            return true; /* "1." */
    }
    if (!digits)
        return false;
    if (i < s.n && (s.p[i] | 0x20) == 'e') {
        i++;
        i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
        for (digits = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            digits++;
    }
    return digits && i == s.n;
}

/* As Go's encoding/json writes a float64: the shortest digits that read back the same, zeros behind them; an exponent
 * below -6 and from 21 on. */
static char *float_text(struct arena *a, double v)
{
    char sci[40], digits[40];
    int prec = 0, n = 0;
    int64_t exp = 0;

    do
        snprintf(sci, sizeof(sci), "%.*e", prec, fabs(v));
    while (strtod(sci, NULL) != fabs(v) && ++prec < 17);
    const char *e = strchr(sci, 'e'), *sign = signbit(v) ? "-" : "";
    (void)parse_int64(str_of(e[1] == '+' ? e + 2 : e + 1), &exp);
    if (v != 0 && (exp < -6 || exp >= 21))
        return arena_printf(a, "%s%.*se%c%lld", sign, (int)(e - sci), sci, exp < 0 ? '-' : '+',
                            (long long)(exp < 0 ? -exp : exp));
    for (const char *c = sci; c < e; c++)
        if (*c != '.')
            digits[n++] = *c;
    digits[n] = '\0';
    if (exp < 0)
        return arena_printf(a, "%s0.%.*s%s", sign, (int)-exp - 1, "00000", digits);
    if (exp + 1 >= n)
        return arena_printf(a, "%s%s%.*s", sign, digits, (int)exp + 1 - n, "000000000000000000000");
    return arena_printf(a, "%s%.*s.%s", sign, (int)exp + 1, digits, digits + exp + 1);
}

static struct doc *resolve_number(struct reader *r, struct str s)
{
    char plain[128];
    size_t n = 0;
    bool negative;
    uint64_t v;

    if (s.n >= sizeof(plain))
        return NULL;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '_')
            plain[n++] = s.p[i];
    plain[n] = '\0';
    if (read_int(str_n(plain, n), &negative, &v)) {
        char *text = arena_printf(r->a, "%s%llu", negative && v ? "-" : "", (unsigned long long)v);
        return text ? doc_number(r->a, str_of(text)) : overflow(r);
    }
    if (!looks_float(str_n(plain, n)))
        return NULL;
    double f = strtod(plain, NULL);
    if (!isfinite(f))
        return NULL;
    char *text = float_text(r->a, f);
    return text ? doc_number(r->a, str_of(text)) : overflow(r);
}

static bool is_not_finite(struct str s)
{
    static const char *const words[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF",
                                        "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_is(s, words[i]))
            return true;
    return false;
}

static struct doc *resolve_plain(struct reader *r, struct str s)
{
    int word;

    if (word_value(s, &word))
        return word < 0 ? doc_null(r->a) : doc_bool(r->a, word);
    if (is_not_finite(s)) {
        err_set(r->err, ERR_BAD_REQUEST, "json: unsupported value: " STR_FMT, STR_ARG(s));
        return NULL;
    }
    char c = s.p[0];
    if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
        struct doc *d = resolve_number(r, s);
        if (d || r->err->code != ERR_OK)
            return d;
    }
    return doc_string_copy(r->a, s);
}

static struct doc *binary(struct reader *r, struct str s)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(LIMIT_BODY);

    if (!base64_decode(&out, s) || !utf8_valid(buf_str(&out))) {
        err_set(r->err, ERR_BAD_REQUEST, "yaml: !!binary value contains invalid base64 data");
        return NULL;
    }
    return doc_string_copy(r->a, buf_str(&out));
}

static struct doc *scalar(struct reader *r, const yaml_event_t *e)
{
    struct str s = str_n((const char *)e->data.scalar.value, e->data.scalar.length);
    const char *tag = (const char *)e->data.scalar.tag;

    if (tag && strcmp(tag, "tag:yaml.org,2002:binary") == 0)
        return binary(r, s);
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!tag || strcmp(tag, "!") != 0);
    if (tag && strcmp(tag, YAML_STR_TAG) == 0)
        plain = false;
    else if (tag && strcmp(tag, "!") != 0)
        plain = true; /* !!int "5" */
    return plain ? resolve_plain(r, s) : doc_string_copy(r->a, s);
}

/* --- events --- */

static int next_event(struct reader *r, yaml_event_t *e)
{
    const yaml_parser_t *p = &r->parser;

    if (yaml_parser_parse(&r->parser, e))
        return 0;
    size_t line = p->problem_mark.line ? p->problem_mark.line + (p->error == YAML_SCANNER_ERROR) : p->context_mark.line;
    const char *problem = p->problem ? p->problem : "unknown problem parsing YAML content";
    if (p->error == YAML_MEMORY_ERROR)
        return err_set(r->err, ERR_TOO_LARGE, "the document needs too much memory");
    if (line)
        return err_set(r->err, ERR_BAD_REQUEST, "yaml: line %zu: %s", line + r->first_line, problem);
    return err_set(r->err, ERR_BAD_REQUEST, "yaml: %s", problem);
}

static size_t count_nodes(const struct doc *d)
{
    size_t n = 1;
    doc_foreach (d, c)
        n += count_nodes(c);
    return n;
}

static struct doc *alias(struct reader *r, const char *name)
{
    const struct doc *d = map_gets(&r->anchors, name);

    if (!d) {
        err_set(r->err, ERR_BAD_REQUEST, "yaml: unknown anchor '%s' referenced", name);
        return NULL;
    }
    r->aliased += count_nodes(d);
    if (r->aliased > LIMIT_YAML_ALIASES) {
        err_set(r->err, ERR_TOO_LARGE, "yaml: document contains excessive aliasing");
        return NULL;
    }
    struct doc *copy = doc_clone(r->a, d, true);
    return copy ? copy : overflow(r);
}

static struct doc *node(struct reader *r, yaml_event_t *e);

static struct doc *next_node(struct reader *r, yaml_event_type_t end, bool *at_end, size_t *line)
{
    _cleanup_(event_release) yaml_event_t e = {0};

    *at_end = false;
    if (next_event(r, &e) < 0)
        return NULL;
    *line = e.start_mark.line + 1 + r->first_line;
    if (e.type == end) {
        *at_end = true;
        return NULL;
    }
    return node(r, &e);
}

static struct doc *sequence(struct reader *r)
{
    struct doc *arr = doc_array(r->a);
    size_t line;
    bool end;

    for (;;) {
        struct doc *d = next_node(r, YAML_SEQUENCE_END_EVENT, &end, &line);
        if (end)
            return arr;
        if (!d)
            return NULL;
        if (!doc_append(arr, d))
            return overflow(r);
    }
}

/* A key as JSON wants it: numbers and booleans become their text. */
static bool key_text(struct reader *r, const struct doc *key, struct str *ret)
{
    if (doc_is(key, DOC_STRING) || doc_is(key, DOC_NUMBER)) {
        *ret = doc_text(key);
        return true;
    }
    if (doc_is(key, DOC_BOOL)) {
        *ret = key->b ? STR("true") : STR("false");
        return true;
    }
    err_set(r->err, ERR_BAD_REQUEST, "yaml: unsupported map key of type: %s",
            doc_is(key, DOC_NULL)    ? "<nil>"
            : doc_is(key, DOC_ARRAY) ? "slice"
                                     : "map");
    return false;
}

/* "<<": the members of a map, or of each map of a list, that are not there yet. */
static bool merge_members(struct reader *r, struct doc *obj, struct doc *from)
{
    if (doc_is(from, DOC_OBJECT)) {
        doc_foreach (from, m)
            if (!doc_get_str(obj, doc_key(m)))
                doc_set_str(obj, doc_key(m), m);
        return true;
    }
    if (doc_is(from, DOC_ARRAY)) {
        doc_foreach (from, m)
            if (!doc_is(m, DOC_OBJECT) || !merge_members(r, obj, m))
                goto wrong;
        return true;
    }
wrong:
    err_set(r->err, ERR_BAD_REQUEST, "yaml: map merge requires map or sequence of maps as the value");
    return false;
}

static bool is_merge_key(const yaml_event_t *e)
{
    return e->type == YAML_SCALAR_EVENT && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           e->data.scalar.length == 2 && memcmp(e->data.scalar.value, "<<", 2) == 0;
}

static int repeated(struct reader *r, struct str key, size_t line)
{
    return err_set(r->err, ERR_BAD_REQUEST,
                   "yaml: unmarshal errors:\n  line %zu: key \"" STR_FMT "\" already set in map", line, STR_ARG(key));
}

/* One key with its value; 1 = the map has ended. */
static int member(struct reader *r, struct doc *obj, struct map *seen, struct doc *merges)
{
    _cleanup_(event_release) yaml_event_t e = {0};
    struct str key;
    size_t line;
    bool end;

    if (next_event(r, &e) < 0)
        return -1;
    if (e.type == YAML_MAPPING_END_EVENT)
        return 1;
    bool merge = is_merge_key(&e);
    struct doc *k = node(r, &e);
    if (!k || !key_text(r, k, &key))
        return -1;
    struct doc *v = next_node(r, YAML_NO_EVENT, &end, &line);
    if (!v)
        return -1;
    if (merge) {
        doc_append(merges, v);
        return 0;
    }
    if (map_has(seen, key))
        return repeated(r, key, line);
    map_set(seen, key, obj);
    v->key = key.p;
    v->key_len = (uint32_t)key.n;
    v->next = NULL; /* appended without the lookup of doc_set: seen has told that it is new */
    if (obj->last)
        obj->last->next = v;
    else
        obj->first = v;
    obj->last = v;
    obj->n++;
    return 0;
}

static struct doc *mapping(struct reader *r)
{
    _cleanup_(map_release) struct map seen;
    struct doc *obj = doc_object(r->a), *merges = doc_array(r->a);
    int rc;

    map_init(&seen, NULL);
    if (!obj || !merges)
        return overflow(r);
    while ((rc = member(r, obj, &seen, merges)) == 0)
        ;
    if (rc < 0)
        return NULL;
    doc_foreach (merges, m)
        if (!merge_members(r, obj, m))
            return NULL;
    return obj;
}

static struct doc *container(struct reader *r, const yaml_event_t *e)
{
    if (r->depth >= LIMIT_DOC_DEPTH) {
        err_set(r->err, ERR_BAD_REQUEST, "yaml: exceeded max depth of %d", LIMIT_DOC_DEPTH);
        return NULL;
    }
    r->depth++;
    struct doc *d = e->type == YAML_SEQUENCE_START_EVENT ? sequence(r) : mapping(r);
    r->depth--;
    return d;
}

static struct doc *node(struct reader *r, yaml_event_t *e)
{
    const yaml_char_t *anchor = NULL;
    struct doc *d;

    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return alias(r, (const char *)e->data.alias.anchor);
    case YAML_SCALAR_EVENT:
        anchor = e->data.scalar.anchor;
        d = scalar(r, e);
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = e->data.sequence_start.anchor;
        d = container(r, e);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = e->data.mapping_start.anchor;
        d = container(r, e);
        break;
    default:
        err_set(r->err, ERR_BAD_REQUEST, "yaml: unexpected event");
        return NULL;
    }
    if (!d)
        return r->err->code == ERR_OK ? overflow(r) : NULL;
    if (anchor)
        map_set(&r->anchors, str_of((const char *)anchor), doc_clone(r->a, d, true));
    return d;
}

/* --- documents --- */

static struct str line_at(struct str text, size_t at)
{
    struct str rest = str_from(text, at);
    const char *nl = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
    return nl ? str_n(rest.p, (size_t)(nl - rest.p) + 1) : rest;
}

static bool is_marker(struct str line, const char *marker)
{
    return str_starts(line, str_of(marker)) && (line.n == 3 || memchr(" \t\r\n", line.p[3], 4));
}

/* Where the document that starts at `at` ends: before the next `---` line, or behind a `...` line. */
static size_t document_end(struct str text, size_t at)
{
    for (size_t i = at; i < text.n;) {
        struct str line = line_at(text, i);
        if (i != at && is_marker(line, "---"))
            return i;
        i += line.n;
        if (is_marker(line, "..."))
            return i;
    }
    return text.n;
}

static size_t count_lines(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

static struct doc *read_document(struct reader *r, struct str text)
{
    struct doc *d = NULL;

    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text.p, text.n);
    for (;;) {
        _cleanup_(event_release) yaml_event_t e = {0};
        if (next_event(r, &e) < 0)
            return NULL;
        if (e.type == YAML_STREAM_START_EVENT || e.type == YAML_DOCUMENT_START_EVENT)
            continue;
        if (e.type == YAML_STREAM_END_EVENT)
            return d ? d : doc_null(r->a);
        if (e.type == YAML_DOCUMENT_END_EVENT)
            return d;
        d = node(r, &e);
        if (!d)
            return NULL;
    }
}

int yaml_parse(struct arena *a, struct str text, size_t *offset, struct doc **ret, struct err *err)
{
    struct err own = ERR_INIT;
    _cleanup_(reader_release) struct reader r = {.a = a, .err = &own};

    if (*offset >= text.n)
        return 0;
    size_t end = document_end(text, *offset);
    map_init(&r.anchors, NULL);
    if (!yaml_parser_initialize(&r.parser))
        return err_set(err, ERR_TOO_LARGE, "the document needs too much memory");
    r.first_line = count_lines(str_n(text.p, *offset));
    struct doc *d = read_document(&r, str_n(text.p + *offset, end - *offset));
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the document needs too much memory");
    if (!d) {
        *err = own;
        return -1;
    }
    *ret = d;
    *offset = end;
    return 1;
}

bool yaml_is_json(struct str text)
{
    struct str s = str_trim(text);
    return s.n && s.p[0] == '{';
}
