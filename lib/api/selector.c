#include "selector.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/parse.h"

/* --- label keys and values --- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_part_ok(struct str s)
{
    if (!s.n || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
            return false;
    return true;
}

static bool subdomain_ok(struct str s)
{
    struct str rest = s, label;

    if (!s.n || s.n > 253)
        return false;
    while (str_split(&rest, '.', &label)) {
        if (!name_part_ok(label))
            return false;
        for (size_t i = 0; i < label.n; i++)
            if ((label.p[i] >= 'A' && label.p[i] <= 'Z') || label.p[i] == '_')
                return false;
    }
    return true;
}

#define NAME_PART_TEXT                                                                                                 \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " \
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "                                      \
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define SUBDOMAIN_TEXT                                                                                                 \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "   \
    "and "                                                                                                             \
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "                            \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define VALUE_TEXT                                                                                                     \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "    \
    "and "                                                                                                             \
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "   \
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

/* What is wrong with a label key, NULL when nothing is. */
static const char *key_problem(struct str key)
{
    const char *slash = key.n ? memchr(key.p, '/', key.n) : NULL;
    struct str name = key;

    if (slash) {
        struct str prefix = str_n(key.p, (size_t)(slash - key.p));
        name = str_from(key, prefix.n + 1);
        if (name.n && memchr(name.p, '/', name.n))
            return "a valid label key " NAME_PART_TEXT
                   " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
        if (!prefix.n)
            return "prefix part must be non-empty";
        if (!subdomain_ok(prefix))
            return prefix.n > 253 ? "prefix part must be no more than 253 bytes" : "prefix part " SUBDOMAIN_TEXT;
    }
    if (!name.n)
        return "name part must be non-empty";
    if (name.n > 63)
        return "name part must be no more than 63 bytes";
    return name_part_ok(name) ? NULL : "name part " NAME_PART_TEXT;
}

static const char *value_problem(struct str value)
{
    if (value.n > 63)
        return "must be no more than 63 bytes";
    return !value.n || name_part_ok(value) ? NULL : VALUE_TEXT;
}

/* --- requirements --- */

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int by_key(const void *x, const void *y)
{
    const struct label_requirement *a = x, *b = y;
    return str_cmp(a->key, b->key);
}

static int check_requirement(const struct label_requirement *r, struct err *err)
{
    const char *problem = key_problem(r->key);
    int64_t v;

    if (problem)
        return err_set(err, ERR_BAD_REQUEST, "key: Invalid value: \"" STR_FMT "\": %s", STR_ARG(r->key), problem);
    if ((r->op == LABEL_IN || r->op == LABEL_NOT_IN) && !r->n_values)
        return err_set(err, ERR_BAD_REQUEST,
                       "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty");
    if (r->op == LABEL_GREATER || r->op == LABEL_LESS) {
        if (r->n_values != 1)
            return err_set(err, ERR_BAD_REQUEST,
                           "values: Invalid value: []: for 'Gt', 'Lt' operators, exactly one value is required");
        if (!parse_int64(r->values[0], &v))
            return err_set(err, ERR_BAD_REQUEST,
                           "values[0]: Invalid value: \"" STR_FMT
                           "\": for 'Gt', 'Lt' operators, the value must be an integer",
                           STR_ARG(r->values[0]));
    }
    if ((r->op == LABEL_EXISTS || r->op == LABEL_NOT_EXISTS) && r->n_values)
        return err_set(err, ERR_BAD_REQUEST,
                       "values: Invalid value: []: values set must be empty for exists and does not exist");
    for (size_t i = 0; i < r->n_values; i++)
        if ((problem = value_problem(r->values[i])))
            return err_set(err, ERR_BAD_REQUEST, "values[%zu][" STR_FMT "]: Invalid value: \"" STR_FMT "\": %s", i,
                           STR_ARG(r->key), STR_ARG(r->values[i]), problem);
    return 0;
}

/* Copies the texts, sorts the values and drops equal ones. */
static void own_requirement(struct arena *a, struct label_requirement *r)
{
    struct str *values = r->n_values ? arena_calloc(a, r->n_values, sizeof(*values)) : NULL;
    size_t n = 0;

    r->key = arena_str(a, r->key);
    if (values) {
        for (size_t i = 0; i < r->n_values; i++)
            values[i] = arena_str(a, r->values[i]);
        qsort(values, r->n_values, sizeof(*values), by_text);
        for (size_t i = 0; i < r->n_values; i++)
            if (!n || !str_eq(values[n - 1], values[i]))
                values[n++] = values[i];
    }
    r->values = values;
    r->n_values = n;
}

int label_selector_from_parts(struct arena *a, const struct label_requirement *req, size_t n,
                              const struct label_selector **ret, struct err *err)
{
    struct label_selector *s = arena_new_of(a, struct label_selector);
    struct label_requirement *own = n ? arena_calloc(a, n, sizeof(*own)) : NULL;

    for (size_t i = 0; i < n; i++) {
        if (check_requirement(&req[i], err) < 0)
            return -1;
        if (!own)
            break;
        own[i] = req[i];
        own_requirement(a, &own[i]);
    }
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the selector needs too much memory");
    if (n)
        qsort(own, n, sizeof(*own), by_key);
    *s = (struct label_selector){.req = own, .n = n};
    *ret = s;
    return 0;
}

/* --- the text form: upstream's lexer and parser --- */

enum token {
    TOK_END,
    TOK_ID,
    TOK_COMMA,
    TOK_OPEN,
    TOK_CLOSE,
    TOK_NOT,
    TOK_EQ,
    TOK_EQEQ,
    TOK_NEQ,
    TOK_GT,
    TOK_LT,
    TOK_IN,
    TOK_NOTIN,
    TOK_BAD
};

struct scanner {
    struct str rest;
    struct arena *a;
    struct err *err;
};

static bool is_special(char c)
{
    return memchr("=!(),><", c, 7) != NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum token special(struct str s, size_t *n)
{
    static const struct {
        const char *text;
        enum token token;
    } table[] = {{"==", TOK_EQEQ}, {"!=", TOK_NEQ},  {"=", TOK_EQ}, {"!", TOK_NOT}, {"(", TOK_OPEN},
                 {")", TOK_CLOSE}, {",", TOK_COMMA}, {">", TOK_GT}, {"<", TOK_LT}};

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (str_starts(s, str_of(table[i].text))) {
            *n = strlen(table[i].text);
            return table[i].token;
        }
    }
    *n = 1;
    return TOK_BAD;
}

/* The next token and its text. In the place of an operator the words in and notin are tokens, elsewhere they are names.
 */
static enum token next(struct scanner *s, bool operator, struct str * text)
{
    size_t n = 0;

    while (s->rest.n && is_blank(s->rest.p[0]))
        s->rest = str_from(s->rest, 1);
    if (!s->rest.n) {
        *text = STR("");
        return TOK_END;
    }
    enum token t = TOK_ID;
    if (is_special(s->rest.p[0])) {
        t = special(s->rest, &n);
    } else {
        while (n < s->rest.n && !is_special(s->rest.p[n]) && !is_blank(s->rest.p[n]))
            n++;
    }
    *text = str_n(s->rest.p, n);
    s->rest = str_from(s->rest, n);
    if (operator&& t == TOK_ID)
        return str_is(*text, "in") ? TOK_IN : str_is(*text, "notin") ? TOK_NOTIN : TOK_ID;
    return t;
}

static enum token peek(const struct scanner *s, struct str *text)
{
    struct scanner copy = *s;
    return next(&copy, false, text);
}

static int found(struct scanner *s, struct str text, const char *expected)
{
    return err_set(s->err, ERR_BAD_REQUEST, "found '" STR_FMT "', expected: %s", STR_ARG(text), expected);
}

/* A list of values while it is read. */
struct values {
    struct str *v;
    size_t n, cap;
};

static void push_value(struct arena *a, struct values *l, struct str v)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        struct str *more = arena_grow(a, l->v, l->cap * sizeof(*l->v), cap * sizeof(*l->v));
        if (!more)
            return; /* the overflow is seen at the end */
        l->v = more;
        l->cap = cap;
    }
    l->v[l->n++] = v;
}

/* "(a,b)": an empty place between commas is the empty value. */
static int parse_list(struct scanner *s, struct values *l)
{
    struct str text, text2;
    enum token t = next(s, false, &text);

    if (t != TOK_OPEN)
        return found(s, text, "'('");
    for (bool after_value = false;;) {
        t = next(s, false, &text);
        if (t == TOK_ID && !after_value) {
            push_value(s->a, l, text);
            after_value = true;
            t = peek(s, &text2);
            if (t != TOK_COMMA && t != TOK_CLOSE)
                return found(s, text2, "',' or ')'");
        } else if (t == TOK_COMMA) {
            if (!after_value)
                push_value(s->a, l, STR(""));
            after_value = false;
            if (peek(s, &text2) == TOK_CLOSE)
                push_value(s->a, l, STR(""));
        } else if (t == TOK_CLOSE) {
            return 0;
        } else {
            return found(s, text, "',', ')' or identifier");
        }
    }
}

static int parse_exact(struct scanner *s, struct values *l)
{
    struct str text;
    enum token t = peek(s, &text);

    if (t == TOK_END || t == TOK_COMMA) {
        push_value(s->a, l, STR(""));
        return 0;
    }
    t = next(s, false, &text);
    if (t != TOK_ID)
        return found(s, text, "identifier");
    push_value(s->a, l, text);
    return 0;
}

static int parse_requirement(struct scanner *s, struct label_requirement *r)
{
    static const struct {
        enum token token;
        enum label_op op;
        bool equals;
    } ops[] = {{TOK_IN, LABEL_IN, false},  {TOK_NOTIN, LABEL_NOT_IN, false}, {TOK_EQ, LABEL_IN, true},
               {TOK_EQEQ, LABEL_IN, true}, {TOK_NEQ, LABEL_NOT_IN, true},    {TOK_GT, LABEL_GREATER, false},
               {TOK_LT, LABEL_LESS, false}};
    struct values values = {0};
    struct str text;
    enum token t = next(s, false, &text);
    bool negated = t == TOK_NOT;

    if (negated)
        t = next(s, false, &text);
    if (t != TOK_ID)
        return found(s, text, "identifier");
    *r = (struct label_requirement){.key = text, .op = negated ? LABEL_NOT_EXISTS : LABEL_EXISTS};
    const char *problem = key_problem(text);
    if (problem)
        return err_set(s->err, ERR_BAD_REQUEST, "<nil>: Invalid value: \"" STR_FMT "\": %s", STR_ARG(text), problem);
    t = peek(s, &text);
    if (negated || t == TOK_END || t == TOK_COMMA)
        return 0;
    t = next(s, true, &text);
    size_t i = 0;
    while (i < ARRAY_LEN(ops) && ops[i].token != t)
        i++;
    if (i == ARRAY_LEN(ops))
        return found(s, text, "in, notin, =, ==, !=, gt, lt");
    r->op = ops[i].op;
    r->equals = ops[i].equals;
    if ((t == TOK_IN || t == TOK_NOTIN ? parse_list(s, &values) : parse_exact(s, &values)) < 0)
        return -1;
    r->values = values.v;
    r->n_values = values.n;
    return check_requirement(r, s->err);
}

int label_selector_parse(struct arena *a, struct str text, const struct label_selector **ret, struct err *err)
{
    struct scanner s = {text, a, err};
    struct label_requirement *req = NULL;
    size_t n = 0, cap = 0;
    struct str lit;

    if (text.n > LIMIT_SELECTOR)
        return err_set(err, ERR_BAD_REQUEST, "the selector is too long");
    for (enum token t = peek(&s, &lit); t != TOK_END;) {
        if (t != TOK_ID && t != TOK_NOT) {
            found(&s, lit, n ? "identifier after ','" : "!, identifier, or 'end of string'");
            return -1;
        }
        if (n == cap) {
            cap = cap ? cap * 2 : 8;
            req = arena_grow(a, req, n * sizeof(*req), cap * sizeof(*req));
            if (!req)
                return err_set(err, ERR_TOO_LARGE, "the selector needs too much memory");
        }
        if (parse_requirement(&s, &req[n]) < 0)
            return err_wrap(err, "unable to parse requirement");
        n++;
        t = next(&s, false, &lit);
        if (t == TOK_END)
            break;
        if (t != TOK_COMMA)
            return found(&s, lit, "',' or 'end of string'");
        t = peek(&s, &lit);
        if (t == TOK_END)
            return found(&s, lit, "identifier after ','");
    }
    return label_selector_from_parts(a, req, n, ret, err);
}

/* --- the object form --- */

static int expression(struct arena *a, const struct doc *e, struct label_requirement *r, struct err *err)
{
    static const struct {
        const char *name;
        enum label_op op;
    } ops[] = {{"In", LABEL_IN}, {"NotIn", LABEL_NOT_IN}, {"Exists", LABEL_EXISTS}, {"DoesNotExist", LABEL_NOT_EXISTS}};
    struct str op = doc_str(doc_get(e, "operator"));
    struct values values = {0};
    size_t i = 0;

    while (i < ARRAY_LEN(ops) && !str_is(op, ops[i].name))
        i++;
    if (i == ARRAY_LEN(ops))
        return err_set(err, ERR_BAD_REQUEST, "\"" STR_FMT "\" is not a valid label selector operator", STR_ARG(op));
    doc_foreach (doc_get(e, "values"), v)
        push_value(a, &values, doc_str(v));
    *r = (struct label_requirement){
        .key = doc_str(doc_get(e, "key")), .op = ops[i].op, .values = values.v, .n_values = values.n};
    return 0;
}

int label_selector_from_doc(struct arena *a, const struct doc *ls, const struct label_selector **ret, struct err *err)
{
    static const struct label_selector nothing = {.nothing = true};
    const struct doc *labels = doc_get(ls, "matchLabels"), *expressions = doc_get(ls, "matchExpressions");
    size_t n = 0, total = doc_count(labels) + doc_count(expressions);

    if (!doc_is(ls, DOC_OBJECT)) {
        *ret = &nothing;
        return 0;
    }
    struct label_requirement *req = total ? arena_calloc(a, total, sizeof(*req)) : NULL;
    if (total && !req)
        return err_set(err, ERR_TOO_LARGE, "the selector needs too much memory");
    doc_foreach (labels, l) {
        struct values one = {0};
        push_value(a, &one, doc_str(l));
        req[n++] = (struct label_requirement){
            .key = doc_key(l), .op = LABEL_IN, .values = one.v, .n_values = one.n, .equals = true};
    }
    doc_foreach (expressions, e)
        if (expression(a, e, &req[n++], err) < 0)
            return -1;
    return label_selector_from_parts(a, req, n, ret, err);
}

/* --- matching --- */

static bool has_value(const struct label_requirement *r, struct str value)
{
    for (size_t i = 0; i < r->n_values; i++)
        if (str_eq(r->values[i], value))
            return true;
    return false;
}

static bool holds(const struct label_requirement *r, bool present, struct str value)
{
    int64_t have, want;

    switch (r->op) {
    case LABEL_IN:
        return present && has_value(r, value);
    case LABEL_NOT_IN:
        return !present || !has_value(r, value);
    case LABEL_EXISTS:
        return present;
    case LABEL_NOT_EXISTS:
        return !present;
    default:
        if (!present || !parse_int64(value, &have) || !parse_int64(r->values[0], &want))
            return false;
        return r->op == LABEL_GREATER ? have > want : have < want;
    }
}

bool label_selector_matches_fn(const struct label_selector *s, bool (*get)(void *, struct str, struct str *),
                               void *user)
{
    for (size_t i = 0; s && i < s->n; i++) {
        struct str value = STR("");
        bool present = get(user, s->req[i].key, &value);
        if (!holds(&s->req[i], present, value))
            return false;
    }
    return !s || !s->nothing;
}

bool label_selector_matches(const struct label_selector *s, const struct label *labels, size_t n)
{
    size_t at = 0; /* both are sorted by key */

    for (size_t i = 0; s && i < s->n; i++) {
        while (at < n && str_cmp(labels[at].key, s->req[i].key) < 0)
            at++;
        bool present = at < n && str_eq(labels[at].key, s->req[i].key);
        if (!holds(&s->req[i], present, present ? labels[at].value : STR("")))
            return false;
    }
    return !s || !s->nothing;
}

static bool get_from_doc(void *user, struct str key, struct str *ret)
{
    const struct doc *v = doc_get_str(user, key);
    *ret = doc_str(v);
    return v != NULL;
}

bool label_selector_matches_doc(const struct label_selector *s, const struct doc *labels)
{
    return label_selector_matches_fn(s, get_from_doc, (void *)labels);
}

static void write_requirement(struct buf *out, const struct label_requirement *r)
{
    static const char *const op[] = {
        [LABEL_IN] = " in ", [LABEL_NOT_IN] = " notin ", [LABEL_GREATER] = ">", [LABEL_LESS] = "<"};

    if (r->op == LABEL_NOT_EXISTS)
        buf_putc(out, '!');
    buf_add(out, r->key.p, r->key.n);
    if (r->op == LABEL_EXISTS || r->op == LABEL_NOT_EXISTS)
        return;
    bool list = !r->equals && r->op <= LABEL_NOT_IN;
    buf_puts(out, !r->equals ? op[r->op] : r->op == LABEL_IN ? "=" : "!=");
    for (size_t i = 0; i < r->n_values; i++) {
        buf_puts(out, i ? "," : list ? "(" : "");
        buf_add(out, r->values[i].p, r->values[i].n);
    }
    buf_puts(out, list ? ")" : "");
}

void label_selector_write(struct buf *out, const struct label_selector *s)
{
    for (size_t i = 0; s && i < s->n; i++) {
        if (i)
            buf_putc(out, ',');
        write_requirement(out, &s->req[i]);
    }
}

/* --- fields --- */

/* The end of a term: the first comma that no backslash stands before. */
static size_t term_end(struct str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != ',')
        i += s.p[i] == '\\' && i + 1 < s.n ? 2 : 1;
    return i;
}

static int unescape(struct arena *a, struct str s, struct str *ret, struct err *err)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;

    if (!out)
        return err_set(err, ERR_TOO_LARGE, "the selector needs too much memory");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\') {
            if (i + 1 == s.n || !memchr("\\,=", s.p[i + 1], 3))
                return err_set(err, ERR_BAD_REQUEST, "invalid field selector: invalid escape sequence: \\%.*s",
                               (int)MIN_OF(s.n - i - 1, (size_t)1), s.p + i + 1);
            i++;
        } else if (s.p[i] == ',' || s.p[i] == '=') {
            return err_set(err, ERR_BAD_REQUEST, "invalid field selector: unescaped character in value: %c", s.p[i]);
        }
        out[n++] = s.p[i];
    }
    *ret = str_n(out, n);
    return 0;
}

static int parse_term(struct arena *a, struct str term, struct field_term *ret, struct err *err)
{
    for (size_t i = 0; i < term.n; i++) {
        struct str rest = str_from(term, i);
        size_t op = str_starts(rest, STR("!=")) || str_starts(rest, STR("==")) ? 2 : rest.p[0] == '=' ? 1 : 0;
        if (!op)
            continue;
        ret->not_equal = rest.p[0] == '!';
        ret->field = arena_str(a, str_n(term.p, i));
        return unescape(a, str_from(term, i + op), &ret->value, err);
    }
    return err_set(err, ERR_BAD_REQUEST, "invalid selector: '" STR_FMT "'; can't understand '" STR_FMT "'",
                   STR_ARG(term), STR_ARG(term));
}

int field_selector_parse(struct arena *a, struct str text, const struct field_selector **ret, struct err *err)
{
    struct field_selector *s = arena_new_of(a, struct field_selector);
    struct field_term *terms = NULL;
    size_t n = 0, cap = 0;

    if (text.n > LIMIT_SELECTOR)
        return err_set(err, ERR_BAD_REQUEST, "the selector is too long");
    for (struct str rest = text; rest.n;) {
        size_t end = term_end(rest);
        struct str term = str_n(rest.p, end);
        rest = str_from(rest, end + 1);
        if (!term.n)
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 4;
            terms = arena_grow(a, terms, n * sizeof(*terms), cap * sizeof(*terms));
        }
        if (!terms)
            break;
        if (parse_term(a, term, &terms[n], err) < 0)
            return -1;
        n++;
    }
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the selector needs too much memory");
    *s = (struct field_selector){terms, n};
    *ret = s;
    return 0;
}

bool field_selector_matches(const struct field_selector *s, struct str (*get)(void *, struct str), void *user)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (str_eq(get(user, s->terms[i].field), s->terms[i].value) == s->terms[i].not_equal)
            return false;
    return true;
}

bool field_selector_requires(const struct field_selector *s, struct str field, struct str *ret_value)
{
    for (size_t i = 0; s && i < s->n; i++) {
        if (!s->terms[i].not_equal && str_eq(s->terms[i].field, field)) {
            *ret_value = s->terms[i].value;
            return true;
        }
    }
    return false;
}

void field_selector_write(struct buf *out, const struct field_selector *s)
{
    for (size_t i = 0; s && i < s->n; i++) {
        const struct field_term *t = &s->terms[i];
        buf_printf(out, "%s" STR_FMT "%s", i ? "," : "", STR_ARG(t->field), t->not_equal ? "!=" : "=");
        for (size_t j = 0; j < t->value.n; j++) {
            if (memchr("\\,=", t->value.p[j], 3))
                buf_putc(out, '\\');
            buf_putc(out, t->value.p[j]);
        }
    }
}
