#include "apiserver/apiextensions/jsonpath.h"

#include "base/parse.h"

enum step_type { STEP_MEMBER, STEP_ELEMENT, STEP_ALL, STEP_FILTER };
enum filter_op { OP_EXISTS, OP_EQ, OP_NE, OP_LE, OP_GE, OP_LT, OP_GT };

struct step {
    enum step_type type;
    struct str name;                /* MEMBER */
    int64_t index;                  /* ELEMENT */
    enum filter_op op;              /* FILTER */
    const struct jsonpath *operand; /* FILTER: path from @ */
    struct str literal;             /* FILTER: text of a string or a number */
    bool literal_number;
};

struct jsonpath {
    struct step steps[JSONPATH_STEPS_MAX];
    size_t n;
};

struct reader {
    struct arena *a;
    struct err *err;
    struct str whole;
    const char *p, *end;
};

static int bad(struct reader *r, const char *what)
{
    return err_set(r->err, ERR_BAD_REQUEST, "invalid JSONPath \"" STR_FMT "\": %s", STR_ARG(r->whole), what);
}

static bool is_name(char c)
{
    return (unsigned char)c > ' ' && !strchr(".[]{}()|\"'=<>!&?@,*", c);
}

/* A name with its backslashes taken out. */
static int read_name(struct reader *r, struct str *ret)
{
    char *out = arena_alloc(r->a, (size_t)(r->end - r->p) + 1);
    size_t n = 0;
    if (!out)
        return err_set(r->err, ERR_TOO_LARGE, "request too large");
    while (r->p < r->end && (is_name(*r->p) || (*r->p == '\\' && r->end - r->p > 1))) {
        r->p += *r->p == '\\';
        out[n++] = *r->p++;
    }
    *ret = str_n(out, n);
    return n ? 0 : bad(r, "a member name is missing");
}

static int read_quoted(struct reader *r, struct str *ret)
{
    char quote = *r->p++;
    const char *close = memchr(r->p, quote, (size_t)(r->end - r->p));
    if (!close)
        return bad(r, "a string is not closed");
    *ret = str_n(r->p, (size_t)(close - r->p));
    r->p = close + 1;
    return 0;
}

static void skip_space(struct reader *r)
{
    while (r->p < r->end && *r->p == ' ')
        r->p++;
}

static bool take(struct reader *r, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0)
        return false;
    r->p += n;
    return true;
}

static int read_literal(struct reader *r, struct step *s)
{
    if (r->p == r->end)
        return bad(r, "a value is missing");
    if (*r->p == '"' || *r->p == '\'')
        return read_quoted(r, &s->literal);
    const char *begin = r->p;
    while (r->p < r->end && *r->p != ')' && *r->p != ' ')
        r->p++;
    s->literal = str_n(begin, (size_t)(r->p - begin));
    s->literal_number = true;
    return 0;
}

/* Behind "[?(": @.path op literal )] */
static int read_filter(struct reader *r, struct step *s)
{
    static const char *const ops[] = {"", "==", "!=", "<=", ">=", "<", ">"};
    skip_space(r);
    if (!take(r, "@"))
        return bad(r, "a filter begins with @");
    const char *begin = r->p;
    while (r->p < r->end && !strchr("=!<>) ", *r->p))
        r->p++;
    if (jsonpath_compile(r->a, str_n(begin, (size_t)(r->p - begin)), &s->operand, r->err) < 0)
        return -1;
    s->type = STEP_FILTER;
    skip_space(r);
    for (size_t i = 1; i < ARRAY_LEN(ops) && s->op == OP_EXISTS; i++)
        if (take(r, ops[i]))
            s->op = (enum filter_op)i;
    skip_space(r);
    if (s->op != OP_EXISTS && read_literal(r, s) < 0)
        return -1;
    skip_space(r);
    return take(r, ")]") ? 0 : bad(r, "a filter is not closed");
}

/* Behind '['. */
static int read_bracket(struct reader *r, struct step *s)
{
    if (take(r, "?("))
        return read_filter(r, s);
    if (r->p < r->end && (*r->p == '"' || *r->p == '\'')) {
        s->type = STEP_MEMBER;
        if (read_quoted(r, &s->name) < 0)
            return -1;
    } else if (take(r, "*")) {
        s->type = STEP_ALL;
    } else {
        const char *begin = r->p;
        while (r->p < r->end && *r->p != ']')
            r->p++;
        s->type = STEP_ELEMENT;
        if (!parse_int64(str_n(begin, (size_t)(r->p - begin)), &s->index))
            return bad(r, "an element is no number");
    }
    return take(r, "]") ? 0 : bad(r, "a bracket is not closed");
}

static int read_step(struct reader *r, struct step *s)
{
    if (take(r, "["))
        return read_bracket(r, s);
    if (!take(r, "."))
        return bad(r, "a step begins with . or [");
    if (take(r, "*")) {
        s->type = STEP_ALL;
        return 0;
    }
    s->type = STEP_MEMBER;
    return read_name(r, &s->name);
}

int jsonpath_compile(struct arena *a, struct str text, const struct jsonpath **ret, struct err *err)
{
    struct str body = text;
    if (body.n >= 2 && body.p[0] == '{' && body.p[body.n - 1] == '}')
        body = str_n(body.p + 1, body.n - 2);
    struct reader r = {a, err, text, body.p, body.p + body.n};
    struct jsonpath *p = arena_new_of(a, struct jsonpath);
    if (!p)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    if (body.n == 1 && *body.p == '.') /* the whole object */
        r.p = r.end;
    while (r.p < r.end) {
        if (p->n == JSONPATH_STEPS_MAX)
            return bad(&r, "too long");
        if (read_step(&r, &p->steps[p->n++]) < 0)
            return -1;
    }
    *ret = p;
    return 0;
}

/* --- walking ----------------------------------------------------------------------------------------------------- */

static int compare(const struct step *s, const struct doc *d)
{
    double x, y;
    struct doc literal = {.type = DOC_NUMBER, .s = s->literal.p, .n = (uint32_t)s->literal.n};
    if (s->literal_number && doc_to_double(d, &x) && doc_to_double(&literal, &y))
        return x < y ? -1 : x > y;
    if (s->literal_number && d->type == DOC_BOOL)
        return str_cmp(d->b ? STR("true") : STR("false"), s->literal);
    return str_cmp(doc_text(d), s->literal);
}

static bool passes(const struct step *s, const struct doc *element)
{
    const struct doc *d = jsonpath_first(s->operand, element);
    if (!d)
        return false;
    int c = s->op == OP_EXISTS ? 0 : compare(s, d);
    switch (s->op) {
    case OP_EXISTS:
        return true;
    case OP_EQ:
        return c == 0;
    case OP_NE:
        return c != 0;
    case OP_LE:
        return c <= 0;
    case OP_GE:
        return c >= 0;
    case OP_LT:
        return c < 0;
    case OP_GT:
        return c > 0;
    }
    return false;
}

static const struct doc *first_from(const struct jsonpath *p, size_t at, const struct doc *d);

static const struct doc *first_of_all(const struct jsonpath *p, size_t at, const struct doc *d)
{
    const struct step *s = &p->steps[at];
    doc_foreach (d, e) {
        const struct doc *found = s->type == STEP_FILTER && !passes(s, e) ? NULL : first_from(p, at + 1, e);
        if (found)
            return found;
    }
    return NULL;
}

static const struct doc *first_from(const struct jsonpath *p, size_t at, const struct doc *d)
{
    if (!d || at == p->n)
        return d;
    const struct step *s = &p->steps[at];
    int64_t i = s->index;
    switch (s->type) {
    case STEP_MEMBER:
        return first_from(p, at + 1, doc_get_str(d, s->name));
    case STEP_ELEMENT:
        i = i < 0 ? i + (int64_t)doc_count(d) : i;
        return i < 0 ? NULL : first_from(p, at + 1, doc_at(d, (size_t)i));
    case STEP_ALL:
        return first_of_all(p, at, d);
    case STEP_FILTER:
        return doc_is(d, DOC_ARRAY) ? first_of_all(p, at, d) : NULL;
    }
    return NULL;
}

const struct doc *jsonpath_first(const struct jsonpath *p, const struct doc *d)
{
    return first_from(p, 0, d);
}

bool jsonpath_is_simple(const struct jsonpath *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->steps[i].type != STEP_MEMBER)
            return false;
    return p->n > 0;
}

bool jsonpath_set(const struct jsonpath *p, struct arena *a, struct doc *d, struct doc *value)
{
    for (size_t i = 0; i < p->n && value; i++) {
        if (!doc_is(d, DOC_OBJECT) || p->steps[i].type != STEP_MEMBER)
            return false;
        struct str name = p->steps[i].name;
        if (i + 1 == p->n) {
            doc_set_str(d, name, value);
            return true;
        }
        struct doc *next = doc_get_str(d, name);
        if (!next || next->type == DOC_NULL) {
            next = doc_object(a);
            if (!next)
                return false;
            doc_set_str(d, name, next);
        }
        d = next;
    }
    return false;
}
