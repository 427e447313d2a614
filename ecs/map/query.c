#include "ecs/map/query.h"
#include "base/clock.h"
#include "base/parse.h"
#include "ecs/map/fault.h"
#include "api/regex.h"

#define VALUES_MAX 64 /* of an in (...) list */

enum node_type { NODE_AND, NODE_OR, NODE_NOT, NODE_TEST };
enum test_op {
    OP_EQ,
    OP_NE,
    OP_GT,
    OP_GE,
    OP_LT,
    OP_LE,
    OP_EXISTS,
    OP_NOT_EXISTS,
    OP_IN,
    OP_NOT_IN,
    OP_MATCH,
    OP_NOT_MATCH
};

struct query {
    enum node_type type;
    const struct query *left, *right; /* right NULL for NOT */
    enum test_op op;
    struct str subject;
    struct str *list;
    size_t n;
    const struct regex *pattern; /* of MATCH and NOT_MATCH */
};

static const struct {
    const char *text;
    enum test_op op;
} operators[] = {
    {"==", OP_EQ},
    {"equals", OP_EQ},
    {"!=", OP_NE},
    {"not_equals", OP_NE},
    {">=", OP_GE},
    {"greater_than_equal", OP_GE},
    {">", OP_GT},
    {"greater_than", OP_GT},
    {"<=", OP_LE},
    {"less_than_equal", OP_LE},
    {"<", OP_LT},
    {"less_than", OP_LT},
    {"exists", OP_EXISTS},
    {"!exists", OP_NOT_EXISTS},
    {"not_exists", OP_NOT_EXISTS},
    {"in", OP_IN},
    {"!in", OP_NOT_IN},
    {"not_in", OP_NOT_IN},
    {"=~", OP_MATCH},
    {"matches", OP_MATCH},
    {"!~", OP_NOT_MATCH},
    {"not_matches", OP_NOT_MATCH},
};

/* --- reading --- */

struct reader {
    struct arena *a;
    struct str text;
    size_t at;
    struct str token; /* the current one; empty at the end */
    bool quoted;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t symbol_length(struct str s)
{
    static const char *const symbols[] = {"==", "!=", ">=", "<=", "=~", "!~", "&&", "||",
                                          "(",  ")",  "[",  "]",  ",",  ">",  "<"};

    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        if (str_starts(s, str_of(symbols[i])))
            return strlen(symbols[i]);
    }
    return s.n > 0 && s.p[0] == '!' ? 1 : 0;
}

static void next(struct reader *r)
{
    while (r->at < r->text.n && is_space(r->text.p[r->at]))
        r->at++;
    struct str rest = str_from(r->text, r->at);
    size_t n = symbol_length(rest);

    r->quoted = false;
    if (n == 0 && rest.n > 0 && (rest.p[0] == '"' || rest.p[0] == '\'')) {
        const char *end = memchr(rest.p + 1, rest.p[0], rest.n - 1);
        size_t len = end ? (size_t)(end - rest.p - 1) : rest.n - 1;

        r->token = str_n(rest.p + 1, len);
        r->at += len + (end ? 2 : 1);
        r->quoted = true;
        return;
    }
    if (n == 0) {
        while (n < rest.n && !is_space(rest.p[n]) && !memchr("()[],!=<>&|~\"'", rest.p[n], 14))
            n++;
        n = n == 0 && rest.n > 0 ? 1 : n; /* a character of no use: an error for the caller */
    } else if (n == 1 && rest.p[0] == '!' && rest.n > 1 &&
               (str_starts(str_from(rest, 1), STR("exists")) || str_starts(str_from(rest, 1), STR("in ")))) {
        n = rest.p[1] == 'e' ? 7 : 3;
    }
    r->token = str_n(rest.p, n);
    r->at += n;
}

/* A pattern reaches to the next space, or bracket that it has not opened: it may hold the symbols of the language. */
static void next_pattern(struct reader *r)
{
    size_t at = r->at, round = 0;
    bool class = false;

    while (at < r->text.n && is_space(r->text.p[at]))
        at++;
    if (at < r->text.n && (r->text.p[at] == '"' || r->text.p[at] == '\'')) {
        next(r);
        return;
    }
    r->at = at;
    for (; at < r->text.n && !is_space(r->text.p[at]); at++) {
        char c = r->text.p[at];

        if (c == '\\')
            at += at + 1 < r->text.n;
        else if (c == '[' || c == ']')
            class = c == '[';
        else if (c == '(' && !class)
            round++;
        else if (c == ')' && !class && round-- == 0)
            break;
    }
    r->token = str_n(r->text.p + r->at, at - r->at);
    r->at = at;
    r->quoted = false;
}

static bool is_word(const struct reader *r, const char *word, const char *symbol)
{
    return !r->quoted && (str_ieq(r->token, str_of(word)) || str_is(r->token, symbol));
}

static int bad(const struct reader *r, struct err *err)
{
    return ecs_fault(err, ECS_INVALID, "Invalid expression '" STR_FMT "'%s" STR_FMT "%s.", STR_ARG(r->text),
                     r->token.n > 0 ? ": unexpected '" : "", STR_ARG(r->token), r->token.n > 0 ? "'" : "");
}

static int read_list(struct reader *r, struct query *q, struct err *err)
{
    const char *close = str_is(r->token, "[") ? "]" : str_is(r->token, "(") ? ")" : NULL;

    q->list = arena_calloc(r->a, VALUES_MAX, sizeof(*q->list));
    if (!close || !q->list)
        return bad(r, err);
    for (next(r);; next(r)) {
        if (q->n == VALUES_MAX || (!r->quoted && (r->token.n == 0 || symbol_length(r->token) > 0)))
            return bad(r, err);
        q->list[q->n++] = r->token;
        next(r);
        if (!r->quoted && str_is(r->token, close))
            break;
        if (r->quoted || !str_is(r->token, ","))
            return bad(r, err);
    }
    next(r);
    return 0;
}

static int read_value(struct reader *r, struct query *q, struct err *err)
{
    if (!r->quoted && (r->token.n == 0 || symbol_length(r->token) > 0) && q->op != OP_MATCH && q->op != OP_NOT_MATCH)
        return bad(r, err);
    if (r->token.n == 0 && !r->quoted)
        return bad(r, err);
    q->list = arena_calloc(r->a, 1, sizeof(*q->list));
    if (!q->list)
        return err_set(err, ERR_TOO_LARGE, "the expression is too large");
    q->list[q->n++] = r->token;
    if ((q->op == OP_MATCH || q->op == OP_NOT_MATCH) && regex_compile(r->a, r->token, &q->pattern, err) < 0)
        return bad(r, err);
    next(r);
    return 0;
}

static int read_test(struct reader *r, struct query *q, struct err *err)
{
    bool found = false;

    if (r->quoted || r->token.n == 0 || symbol_length(r->token) > 0)
        return bad(r, err);
    q->type = NODE_TEST;
    q->subject = r->token;
    next(r);
    for (size_t i = 0; i < ARRAY_LEN(operators) && !found; i++) {
        if (!r->quoted && str_is(r->token, operators[i].text)) {
            q->op = operators[i].op;
            found = true;
        }
    }
    if (!found)
        return bad(r, err);
    if (q->op == OP_MATCH || q->op == OP_NOT_MATCH)
        next_pattern(r);
    else
        next(r);
    if (q->op == OP_EXISTS || q->op == OP_NOT_EXISTS)
        return 0;
    return q->op == OP_IN || q->op == OP_NOT_IN ? read_list(r, q, err) : read_value(r, q, err);
}

static int read_or(struct reader *r, size_t depth, const struct query **ret, struct err *err);

static int read_unary(struct reader *r, size_t depth, const struct query **ret, struct err *err)
{
    struct query *q = arena_new_of(r->a, struct query);

    if (!q || depth > QUERY_DEPTH_MAX)
        return ecs_fault(err, ECS_INVALID, "Invalid expression: it is nested too deep.");
    *ret = q;
    if (is_word(r, "not", "!")) {
        q->type = NODE_NOT;
        next(r);
        return read_unary(r, depth + 1, &q->left, err);
    }
    if (!r->quoted && str_is(r->token, "(")) {
        next(r);
        if (read_or(r, depth + 1, ret, err) < 0)
            return -1;
        if (r->quoted || !str_is(r->token, ")"))
            return bad(r, err);
        next(r);
        return 0;
    }
    return read_test(r, q, err);
}

static int read_chain(struct reader *r, size_t depth, enum node_type type, const struct query **ret, struct err *err)
{
    const struct query *left, *right;
    bool is_and = type == NODE_AND;

    if ((is_and ? read_unary(r, depth, &left, err) : read_chain(r, depth, NODE_AND, &left, err)) < 0)
        return -1;
    while (is_word(r, is_and ? "and" : "or", is_and ? "&&" : "||")) {
        struct query *q = arena_new_of(r->a, struct query);

        next(r);
        if ((is_and ? read_unary(r, depth, &right, err) : read_chain(r, depth, NODE_AND, &right, err)) < 0)
            return -1;
        if (!q)
            return err_set(err, ERR_TOO_LARGE, "the expression is too large");
        *q = (struct query){.type = type, .left = left, .right = right};
        left = q;
    }
    *ret = left;
    return 0;
}

static int read_or(struct reader *r, size_t depth, const struct query **ret, struct err *err)
{
    return read_chain(r, depth, NODE_OR, ret, err);
}

int query_parse(struct arena *a, struct str text, const struct query **ret, struct err *err)
{
    struct reader r = {.a = a, .text = text};
    const struct query *q;

    if (text.n > QUERY_MAX)
        return ecs_fault(err, ECS_INVALID, "Invalid expression: it is longer than %d characters.", QUERY_MAX);
    next(&r);
    if (read_or(&r, 0, &q, err) < 0)
        return -1;
    if (r.token.n > 0 || r.quoted)
        return bad(&r, err);
    *ret = q;
    return 0;
}

/* --- evaluating --- */

/* Takes a number and the dot behind it off the front of a version; -1 when there is none, 0 at the end. */
static int version_part(struct str *rest, int64_t *ret)
{
    struct str part;

    *ret = 0;
    if (!rest->p || !str_split(rest, '.', &part))
        return 0;
    return parse_int64(part, ret) ? 1 : -1;
}

/* 1.9.2 is before 1.10; false when one of them is no version. */
static bool compare_versions(struct str a, struct str b, int *ret)
{
    int64_t x, y;

    *ret = 0;
    for (;;) {
        int got_x = version_part(&a, &x), got_y = version_part(&b, &y);

        if (got_x < 0 || got_y < 0)
            return false;
        if (got_x + got_y == 0)
            return true;
        if (*ret == 0)
            *ret = x < y ? -1 : x > y;
    }
}

/* As numbers, versions or times when both are, else as text. */
static int compare(struct str a, struct str b)
{
    int64_t x, y;
    int32_t ns;
    int order;

    if (parse_rfc3339(a, &x, &ns) && parse_rfc3339(b, &y, &ns))
        return x < y ? -1 : x > y;
    return compare_versions(a, b, &order) ? order : str_cmp(a, b);
}

static bool value_passes(const struct query *q, struct str v)
{
    int c = compare(v, q->list ? q->list[0] : STR(""));

    switch (q->op) {
    case OP_GT:
        return c > 0;
    case OP_GE:
        return c >= 0;
    case OP_LT:
        return c < 0;
    case OP_LE:
        return c <= 0;
    case OP_MATCH:
    case OP_NOT_MATCH:
        return regex_match(q->pattern, v);
    default:
        for (size_t i = 0; i < q->n; i++) {
            if (str_eq(q->list[i], v))
                return true;
        }
        return q->op == OP_EXISTS || q->op == OP_NOT_EXISTS;
    }
}

static bool test_matches(const struct query *q, query_value values, const void *ctx)
{
    bool negated = q->op == OP_NE || q->op == OP_NOT_EXISTS || q->op == OP_NOT_IN || q->op == OP_NOT_MATCH;
    struct str v;

    for (size_t i = 0; values(ctx, q->subject, i, &v); i++) {
        if (value_passes(q, v))
            return !negated;
    }
    return negated;
}

bool query_matches(const struct query *q, query_value values, const void *ctx)
{
    switch (q->type) {
    case NODE_AND:
        return query_matches(q->left, values, ctx) && query_matches(q->right, values, ctx);
    case NODE_OR:
        return query_matches(q->left, values, ctx) || query_matches(q->right, values, ctx);
    case NODE_NOT:
        return !query_matches(q->left, values, ctx);
    case NODE_TEST:
        break;
    }
    return test_matches(q, values, ctx);
}
