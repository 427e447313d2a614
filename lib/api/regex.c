#include "api/regex.h"

#include <stdlib.h>

#define DEPTH_MAX 200
#define REPEAT_MAX 1000
#define RUNE_MAX 0x10FFFF

/* --- syntax tree ------------------------------------------------------------------------------------------------- */

struct range {
    uint32_t low, high;
};

enum node_type { N_EMPTY, N_SET, N_ASSERT, N_CAT, N_ALT, N_REPEAT };
enum assertion { A_TEXT_BEGIN, A_TEXT_END, A_LINE_BEGIN, A_LINE_END, A_WORD, A_NOT_WORD };

struct node {
    enum node_type type;
    enum assertion assertion;
    struct range *ranges; /* SET: sorted, merged */
    size_t n_ranges;
    struct node *left, *right; /* CAT, ALT; REPEAT: left */
    int min, max;              /* REPEAT; max -1 = no bound */
};

struct flags {
    bool fold, multi_line, dot_all, swap; /* swap: (?U), which changes nothing about whether a text matches */
};

struct parser {
    struct arena *a;
    struct err *err;
    struct str whole;
    const char *p, *end;
    struct flags flags;
    int depth;
};

static int bad(struct parser *p, const char *what, struct str part)
{
    return err_set(p->err, ERR_BAD_REQUEST, "error parsing regexp: %s: `" STR_FMT "`", what, STR_ARG(part));
}

static int full(struct err *err)
{
    return err_set(err, ERR_TOO_LARGE, "error parsing regexp: expression too large");
}

static struct node *node_new(struct parser *p, enum node_type type)
{
    struct node *n = arena_new_of(p->a, struct node);
    if (n)
        n->type = type;
    else
        (void)full(p->err);
    return n;
}

/* One code point; bytes that are no UTF-8 count as U+FFFD each. */
static uint32_t next_rune(const char **at, const char *end)
{
    const uint8_t *s = (const uint8_t *)*at;
    size_t left = (size_t)(end - *at), need = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    uint32_t v = need == 1 ? s[0] : s[0] & (0xFFu >> (need + 1));
    if (need > left || (s[0] >= 0x80 && s[0] < 0xC2) || s[0] > 0xF4) {
        ++*at;
        return 0xFFFD;
    }
    for (size_t i = 1; i < need; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            ++*at;
            return 0xFFFD;
        }
        v = v << 6 | (s[i] & 0x3Fu);
    }
    *at += need;
    return v;
}

/* --- sets -------------------------------------------------------------------------------------------------------- */

#define SET_MAX 1024

struct set {
    struct range v[SET_MAX];
    size_t n;
    bool overflow;
};

static void set_add(struct set *s, uint32_t low, uint32_t high)
{
    if (s->n == SET_MAX)
        s->overflow = true;
    else
        s->v[s->n++] = (struct range){low, high};
}

static int compare_ranges(const void *x, const void *y)
{
    const struct range *a = x, *b = y;
    return a->low < b->low ? -1 : a->low > b->low;
}

static void set_normalize(struct set *s)
{
    size_t out = 0;
    if (!s->n)
        return;
    qsort(s->v, s->n, sizeof(*s->v), compare_ranges);
    for (size_t i = 1; i < s->n; i++) {
        if (s->v[i].low <= s->v[out].high + 1)
            s->v[out].high = MAX_OF(s->v[out].high, s->v[i].high);
        else
            s->v[++out] = s->v[i];
    }
    s->n = out + 1;
}

static void set_negate(struct set *s)
{
    struct set out = {.n = 0};
    uint32_t at = 0;
    set_normalize(s);
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].low > at)
            set_add(&out, at, s->v[i].low - 1);
        at = s->v[i].high + 1;
    }
    if (at <= RUNE_MAX)
        set_add(&out, at, RUNE_MAX);
    out.overflow |= s->overflow;
    *s = out;
}

static void set_fold(struct set *s)
{
    size_t n = s->n;
    for (size_t i = 0; i < n; i++) {
        uint32_t low = MAX_OF(s->v[i].low, (uint32_t)'A'), high = MIN_OF(s->v[i].high, (uint32_t)'Z');
        if (low <= high)
            set_add(s, low + 32, high + 32);
        low = MAX_OF(s->v[i].low, (uint32_t)'a');
        high = MIN_OF(s->v[i].high, (uint32_t)'z');
        if (low <= high)
            set_add(s, low - 32, high - 32);
    }
}

/* Named classes, as pairs of bounds. Perl's, POSIX's, and the categories we know. */
static const struct {
    const char *name, *ranges; /* two characters a range; Latin-1 as code points */
} CLASSES[] = {
    {"d", "09"},
    {"w", "09AZ__az"},
    {"s", "\t\n\f\r  "},
    {"alnum", "09AZaz"},
    {"alpha", "AZaz"},
    {"digit", "09"},
    {"lower", "az"},
    {"upper", "AZ"},
    {"word", "09AZ__az"},
    {"xdigit", "09AFaf"},
    {"blank", "\t\t  "},
    {"space", "\t\r  "},
    {"punct", "!/:@[`{~"},
    {"graph", "!~"},
    {"print", " ~"},
    {"cntrl", "\001\037\177\177"},
    {"ascii", "\001\177"},
    {"L", "AZaz\xaa\xaa\xb5\xb5\xba\xba\xc0\xd6\xd8\xf6\xf8\xff"},
    {"Lu", "AZ\xc0\xd6\xd8\xde"},
    {"Ll", "az\xb5\xb5\xdf\xf6\xf8\xff"},
    {"N", "09\xb2\xb3\xb9\xb9\xbc\xbe"},
    {"Nd", "09"},
};

static bool set_class(struct set *s, struct str name, bool negate)
{
    for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++) {
        if (!str_is(name, CLASSES[i].name))
            continue;
        struct set one = {.n = 0};
        for (const uint8_t *r = (const uint8_t *)CLASSES[i].ranges; *r; r += 2)
            set_add(&one, r[0], r[1]);
        if (negate)
            set_negate(&one);
        for (size_t j = 0; j < one.n; j++)
            set_add(s, one.v[j].low, one.v[j].high);
        return true;
    }
    return false;
}

static struct node *set_node(struct parser *p, struct set *s, bool fold)
{
    struct node *n = node_new(p, N_SET);
    if (!n)
        return NULL;
    if (fold)
        set_fold(s);
    set_normalize(s);
    n->ranges = arena_calloc(p->a, MAX_OF(s->n, (size_t)1), sizeof(*n->ranges));
    if (!n->ranges || s->overflow) {
        (void)full(p->err);
        return NULL;
    }
    memcpy(n->ranges, s->v, s->n * sizeof(*s->v));
    n->n_ranges = s->n;
    return n;
}

static struct node *one_rune(struct parser *p, uint32_t rune)
{
    struct set s = {.n = 0};
    set_add(&s, rune, rune);
    return set_node(p, &s, p->flags.fold);
}

/* --- escapes ----------------------------------------------------------------------------------------------------- */

static bool is_punct(char c)
{
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Behind "\x": two digits, or any number in braces. */
static bool hex_escape(struct parser *p, uint32_t *ret)
{
    bool braces = p->p < p->end && *p->p == '{';
    uint32_t v = 0;
    int n = 0;
    if (braces)
        p->p++;
    for (; p->p < p->end && hex_value(*p->p) >= 0 && (braces || n < 2) && v <= RUNE_MAX; n++)
        v = v * 16 + (uint32_t)hex_value(*p->p++);
    if (braces && (p->p == p->end || *p->p++ != '}'))
        return false;
    *ret = v;
    return n > 0 && (braces || n == 2) && v <= RUNE_MAX;
}

/* Behind the backslash: a single code point. False when it is none. */
static bool rune_escape(struct parser *p, uint32_t *ret)
{
    static const char letters[] = "aftnrv", values[] = "\a\f\t\n\r\v";
    char c = *p->p;
    const char *at = c ? strchr(letters, c) : NULL;
    if (at || is_punct(c)) {
        p->p++;
        *ret = at ? (uint32_t)values[at - letters] : (uint32_t)c;
        return true;
    }
    if (c == 'x') {
        p->p++;
        return hex_escape(p, ret);
    }
    if (c >= '0' && c <= '7') { /* \123, \0 */
        uint32_t v = 0;
        int n = 0;
        for (; n < 3 && p->p < p->end && *p->p >= '0' && *p->p <= '7'; n++)
            v = v * 8 + (uint32_t)(*p->p++ - '0');
        *ret = v;
        return n > 1 || c == '0';
    }
    return false;
}

/* Behind the backslash: \d \D \w \W \s \S \pL \p{Lu} \P...; false when it is none of them. */
static int class_escape(struct parser *p, struct set *s, bool *ret)
{
    char c = *p->p, lower[2] = {(char)(c | 0x20), '\0'};
    *ret = true;
    if (lower[0] == 'd' || lower[0] == 'w' || lower[0] == 's') {
        p->p++;
        set_class(s, str_of(lower), c != lower[0]);
        return 0;
    }
    if (lower[0] != 'p') {
        *ret = false;
        return 0;
    }
    const char *begin = p->p++ - 1;
    struct str name = p->p < p->end ? str_n(p->p, 1) : STR("");
    if (name.n && *name.p == '{') {
        const char *close = memchr(p->p, '}', (size_t)(p->end - p->p));
        name = close ? str_n(p->p + 1, (size_t)(close - p->p - 1)) : STR("");
        p->p = close ? close + 1 : p->end;
    } else if (name.n) {
        p->p++;
    }
    if (!name.n || !set_class(s, name, c == 'P'))
        return bad(p, "invalid character class range", str_n(begin, (size_t)(p->p - begin)));
    return 0;
}

/* --- parsing ----------------------------------------------------------------------------------------------------- */

static struct node *parse_alternatives(struct parser *p);

/* Behind the '['. */
static bool posix_class(struct parser *p, struct set *s)
{
    static const char open[] = "[:";
    if (p->end - p->p < 4 || memcmp(p->p, open, 2) != 0)
        return false;
    struct str rest = str_n(p->p + 2, (size_t)(p->end - p->p - 2));
    bool negate = rest.p[0] == '^';
    if (negate)
        rest = str_from(rest, 1);
    for (size_t i = 0; i + 1 < rest.n; i++)
        if (rest.p[i] == ':' && rest.p[i + 1] == ']') {
            if (!set_class(s, str_n(rest.p, i), negate))
                return false;
            p->p = rest.p + i + 2;
            return true;
        }
    return false;
}

static int class_rune(struct parser *p, uint32_t *ret)
{
    if (p->p == p->end)
        return bad(p, "missing closing ]", p->whole);
    if (*p->p != '\\') {
        *ret = next_rune(&p->p, p->end);
        return 0;
    }
    const char *begin = p->p++;
    if (p->p == p->end)
        return bad(p, "trailing backslash at end of expression", STR(""));
    if (!rune_escape(p, ret))
        return bad(p, "invalid escape sequence", str_n(begin, MIN_OF((size_t)2, (size_t)(p->end - begin))));
    return 0;
}

static int class_item(struct parser *p, struct set *s)
{
    const char *begin = p->p;
    uint32_t low, high;
    if (*p->p == '[' && posix_class(p, s))
        return 0;
    if (*p->p == '\\' && p->end - p->p > 1) {
        bool done;
        p->p++;
        if (class_escape(p, s, &done) < 0)
            return -1;
        if (done)
            return 0;
        p->p--;
    }
    if (class_rune(p, &low) < 0)
        return -1;
    high = low;
    if (p->end - p->p >= 2 && p->p[0] == '-' && p->p[1] != ']') {
        p->p++;
        if (class_rune(p, &high) < 0)
            return -1;
    }
    if (high < low)
        return bad(p, "invalid character class range", str_n(begin, (size_t)(p->p - begin)));
    set_add(s, low, high);
    return 0;
}

static struct node *parse_class(struct parser *p)
{
    const char *begin = p->p - 1;
    struct set s = {.n = 0};
    bool negate = p->p < p->end && *p->p == '^', first = true;
    if (negate)
        p->p++;
    for (; p->p < p->end && (first || *p->p != ']'); first = false)
        if (class_item(p, &s) < 0)
            return NULL;
    if (p->p == p->end) {
        (void)bad(p, "missing closing ]", str_n(begin, (size_t)(p->end - begin)));
        return NULL;
    }
    p->p++;
    if (p->flags.fold)
        set_fold(&s);
    if (negate)
        set_negate(&s);
    return set_node(p, &s, false);
}

static struct node *assertion(struct parser *p, enum assertion a)
{
    struct node *n = node_new(p, N_ASSERT);
    if (n)
        n->assertion = a;
    return n;
}

static struct node *parse_quoted(struct parser *p)
{
    struct node *all = node_new(p, N_EMPTY);
    while (all && p->p < p->end) {
        if (p->end - p->p >= 2 && p->p[0] == '\\' && p->p[1] == 'E') {
            p->p += 2;
            break;
        }
        struct node *cat = node_new(p, N_CAT), *one = one_rune(p, next_rune(&p->p, p->end));
        if (!cat || !one)
            return NULL;
        cat->left = all;
        cat->right = one;
        all = cat;
    }
    return all;
}

static struct node *parse_escape(struct parser *p)
{
    static const char zero_width[] = "AzbB";
    static const enum assertion kinds[] = {A_TEXT_BEGIN, A_TEXT_END, A_WORD, A_NOT_WORD};
    const char *begin = p->p - 1;
    struct set s = {.n = 0};
    uint32_t rune;
    bool is_class;
    if (p->p == p->end) {
        (void)bad(p, "trailing backslash at end of expression", STR(""));
        return NULL;
    }
    const char *at = *p->p ? strchr(zero_width, *p->p) : NULL;
    if (at) {
        p->p++;
        return assertion(p, kinds[at - zero_width]);
    }
    if (*p->p == 'Q') {
        p->p++;
        return parse_quoted(p);
    }
    if (class_escape(p, &s, &is_class) < 0)
        return NULL;
    if (is_class)
        return set_node(p, &s, p->flags.fold);
    if (rune_escape(p, &rune))
        return one_rune(p, rune);
    (void)bad(p, "invalid escape sequence", str_n(begin, MIN_OF((size_t)2, (size_t)(p->end - begin))));
    return NULL;
}

/* "i-s" up to ':' or ')'. */
static int parse_flags(struct parser *p, const char *begin)
{
    bool on = true, any = false;
    for (; p->p < p->end && *p->p != ':' && *p->p != ')'; p->p++, any = true) {
        char c = *p->p;
        bool *to = c == 'i' ? &p->flags.fold : c == 'm' ? &p->flags.multi_line : c == 's' ? &p->flags.dot_all : NULL;
        if (c == 'U')
            to = &p->flags.swap;
        if (c == '-' && on)
            on = false;
        else if (to)
            *to = on;
        else
            return bad(p, "invalid or unsupported Perl syntax", str_n(begin, (size_t)(p->p + 1 - begin)));
    }
    if (p->p == p->end)
        return bad(p, "missing closing )", p->whole);
    return any || *p->p == ':' ? 0 : bad(p, "missing argument to repetition operator", STR("?"));
}

/* Behind "(?": sets *ret_group when a group follows. */
static int parse_special(struct parser *p, bool *ret_group)
{
    const char *begin = p->p - 2;
    struct str rest = str_n(p->p, (size_t)(p->end - p->p));
    *ret_group = true;
    if (str_starts(rest, STR("P<")) ||
        (str_starts(rest, STR("<")) && rest.n > 1 && rest.p[1] != '=' && rest.p[1] != '!')) {
        const char *close = memchr(rest.p, '>', rest.n);
        if (!close)
            return bad(p, "invalid named capture", str_n(begin, (size_t)(p->end - begin)));
        p->p = close + 1;
        return 0;
    }
    if (parse_flags(p, begin) < 0)
        return -1;
    *ret_group = *p->p++ == ':';
    return 0;
}

static struct node *parse_group(struct parser *p)
{
    struct flags before = p->flags;
    if (p->p < p->end && *p->p == '?') {
        bool group;
        p->p++;
        if (parse_special(p, &group) < 0)
            return NULL;
        if (!group) /* flags for the rest of the group around us */
            return node_new(p, N_EMPTY);
    }
    struct node *n = parse_alternatives(p);
    if (!n)
        return NULL;
    if (p->p == p->end) {
        (void)bad(p, "missing closing )", p->whole);
        return NULL;
    }
    p->p++;
    p->flags = before;
    return n;
}

static struct node *parse_dot(struct parser *p)
{
    struct set s = {.n = 0};
    if (!p->flags.dot_all)
        set_add(&s, '\n', '\n');
    set_negate(&s);
    return set_node(p, &s, false);
}

static struct node *parse_atom(struct parser *p)
{
    switch (*p->p++) {
    case '(':
        return parse_group(p);
    case '[':
        return parse_class(p);
    case '.':
        return parse_dot(p);
    case '^':
        return assertion(p, p->flags.multi_line ? A_LINE_BEGIN : A_TEXT_BEGIN);
    case '$':
        return assertion(p, p->flags.multi_line ? A_LINE_END : A_TEXT_END);
    case '\\':
        return parse_escape(p);
    default:
        p->p--;
        return one_rune(p, next_rune(&p->p, p->end));
    }
}

/* "{n}", "{n,}", "{n,m}" at p->p; false (and nothing consumed) when it is text. */
static bool parse_counts(struct parser *p, int *min, int *max)
{
    const char *at = p->p + 1;
    int v[2] = {-1, -1};
    for (int i = 0; i < 2; i++) {
        for (; at < p->end && *at >= '0' && *at <= '9'; at++)
            v[i] = v[i] > REPEAT_MAX ? v[i] : MAX_OF(v[i], 0) * 10 + (*at - '0');
        if (at == p->end || v[0] < 0)
            return false;
        if (*at == '}') {
            *min = v[0];
            *max = i == 0 ? v[0] : v[1];
            p->p = at + 1;
            return true;
        }
        if (i == 1 || *at++ != ',')
            return false;
    }
    return false;
}

static struct node *parse_repeats(struct parser *p, struct node *n)
{
    bool repeated = false;
    while (n && p->p < p->end) {
        const char *begin = p->p;
        int min = *p->p == '+', max = *p->p == '?' ? 1 : -1;
        if (*p->p == '*' || *p->p == '+' || *p->p == '?')
            p->p++;
        else if (*p->p != '{' || !parse_counts(p, &min, &max))
            return n;
        if (p->p < p->end && *p->p == '?') /* lazy: matches the same texts */
            p->p++;
        struct str op = str_n(begin, (size_t)(p->p - begin));
        if (min > REPEAT_MAX || max > REPEAT_MAX || (max >= 0 && max < min)) {
            (void)bad(p, "invalid repeat count", op);
            return NULL;
        }
        if (repeated) {
            (void)bad(p, "invalid nested repetition operator", op);
            return NULL;
        }
        repeated = true;
        struct node *r = node_new(p, N_REPEAT);
        if (!r)
            return NULL;
        r->left = n;
        r->min = min;
        r->max = max;
        n = r;
    }
    return n;
}

static struct node *parse_sequence(struct parser *p)
{
    struct node *all = node_new(p, N_EMPTY);
    while (all && p->p < p->end && *p->p != '|' && *p->p != ')') {
        if (*p->p == '*' || *p->p == '+' || *p->p == '?') {
            (void)bad(p, "missing argument to repetition operator", str_n(p->p, 1));
            return NULL;
        }
        struct node *one = parse_repeats(p, parse_atom(p)), *cat = one ? node_new(p, N_CAT) : NULL;
        if (!cat)
            return NULL;
        cat->left = all;
        cat->right = one;
        all = cat;
    }
    return all;
}

static struct node *parse_alternatives(struct parser *p)
{
    if (++p->depth > DEPTH_MAX) {
        (void)bad(p, "expression nests too deeply", p->whole);
        return NULL;
    }
    struct node *all = parse_sequence(p);
    while (all && p->p < p->end && *p->p == '|') {
        p->p++;
        struct node *alt = node_new(p, N_ALT), *one = parse_sequence(p);
        if (!alt || !one)
            return NULL;
        alt->left = all;
        alt->right = one;
        all = alt;
    }
    p->depth--;
    return all;
}

/* --- program ----------------------------------------------------------------------------------------------------- */

enum step_type { S_SET, S_ASSERT, S_SPLIT, S_JUMP, S_MATCH };

struct step {
    uint8_t type, assertion;
    uint32_t x, y; /* SPLIT: both ways; JUMP: x */
    const struct range *ranges;
    size_t n_ranges;
};

struct regex {
    const struct step *steps;
    uint32_t n;
};

struct program {
    struct step *v;
    uint32_t n;
    bool overflow;
};

static uint32_t emit(struct program *p, struct step s)
{
    if (p->n == REGEX_PROGRAM_MAX) {
        p->overflow = true;
        return 0;
    }
    p->v[p->n] = s;
    return p->n++;
}

static void emit_node(struct program *p, const struct node *n);

/* x* : split(body, out) body jump */
static void emit_star(struct program *p, const struct node *body)
{
    uint32_t split = emit(p, (struct step){.type = S_SPLIT});
    emit_node(p, body);
    emit(p, (struct step){.type = S_JUMP, .x = split});
    p->v[split].x = split + 1;
    p->v[split].y = p->n;
}

static void emit_repeat(struct program *p, const struct node *n)
{
    for (int i = 0; i < n->min && !p->overflow; i++)
        emit_node(p, n->left);
    if (n->max < 0) {
        emit_star(p, n->left);
        return;
    }
    /* (x(x(x)?)?)?: each of the rest may be where it ends. All ways out are patched at the end. */
    uint32_t first = p->n, count = 0;
    for (int i = n->min; i < n->max && !p->overflow; i++, count++) {
        emit(p, (struct step){.type = S_SPLIT, .y = UINT32_MAX});
        emit_node(p, n->left);
    }
    for (uint32_t i = first; count && i < p->n; i++)
        if (p->v[i].type == S_SPLIT && p->v[i].y == UINT32_MAX) {
            p->v[i].x = i + 1;
            p->v[i].y = p->n;
        }
}

static void emit_alternative(struct program *p, const struct node *n)
{
    uint32_t split = emit(p, (struct step){.type = S_SPLIT});
    emit_node(p, n->left);
    uint32_t jump = emit(p, (struct step){.type = S_JUMP});
    p->v[split].x = split + 1;
    p->v[split].y = p->n;
    emit_node(p, n->right);
    p->v[jump].x = p->n;
}

/* A sequence leans to the left and may be long: its spine is walked, not recursed into. */
static void emit_sequence(struct program *p, const struct node *n)
{
    size_t length = 0;
    for (const struct node *at = n; at->type == N_CAT; at = at->left)
        length++;
    const struct node **spine = xcalloc(length, sizeof(*spine));
    for (size_t i = length; i-- > 0; n = n->left)
        spine[i] = n->right;
    for (size_t i = 0; i < length && !p->overflow; i++)
        emit_node(p, spine[i]);
    free(spine);
}

static void emit_node(struct program *p, const struct node *n)
{
    if (p->overflow)
        return;
    switch (n->type) {
    case N_EMPTY:
        break;
    case N_SET:
        emit(p, (struct step){.type = S_SET, .ranges = n->ranges, .n_ranges = n->n_ranges});
        break;
    case N_ASSERT:
        emit(p, (struct step){.type = S_ASSERT, .assertion = (uint8_t)n->assertion});
        break;
    case N_CAT:
        emit_sequence(p, n);
        break;
    case N_ALT:
        emit_alternative(p, n);
        break;
    case N_REPEAT:
        emit_repeat(p, n);
        break;
    }
}

int regex_compile(struct arena *a, struct str pattern, const struct regex **ret, struct err *err)
{
    _cleanup_(arena_freep) struct arena *scratch = arena_new(16 * 1024 * 1024);
    struct parser p = {.a = scratch, .err = err, .whole = pattern, .p = pattern.p, .end = pattern.p + pattern.n};
    struct node *tree = parse_alternatives(&p);
    if (!tree)
        return -1;
    if (p.p < p.end)
        return bad(&p, "unexpected )", pattern);
    struct program prog = {.v = xcalloc(REGEX_PROGRAM_MAX, sizeof(*prog.v))};
    emit_node(&prog, tree);
    emit(&prog, (struct step){.type = S_MATCH});
    struct regex *r = arena_new_of(a, struct regex);
    struct step *steps = arena_calloc(a, MAX_OF(prog.n, 1u), sizeof(*steps));
    bool ok = r && steps && !prog.overflow;
    for (uint32_t i = 0; ok && i < prog.n; i++) {
        steps[i] = prog.v[i];
        struct range *copy = steps[i].n_ranges ? arena_calloc(a, steps[i].n_ranges, sizeof(*copy)) : NULL;
        if (copy)
            memcpy(copy, prog.v[i].ranges, steps[i].n_ranges * sizeof(*copy));
        ok = copy || !steps[i].n_ranges;
        steps[i].ranges = copy;
    }
    uint32_t n = prog.n;
    free(prog.v);
    if (!ok)
        return full(err);
    *r = (struct regex){steps, n};
    *ret = r;
    return 0;
}

/* --- matching: all threads of the program step together ----------------------------------------------------------- */

struct threads {
    uint32_t *sparse, *dense; /* a set with constant-time clearing */
    uint32_t n;
};

struct matcher {
    const struct regex *r;
    uint32_t *stack;
    struct str text;
    bool matched;
};

static bool is_word(const struct matcher *m, const char *at)
{
    if (at < m->text.p || at >= m->text.p + m->text.n)
        return false;
    char c = *at;
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool holds(const struct matcher *m, uint8_t assertion, const char *at)
{
    const char *begin = m->text.p, *end = begin + m->text.n;
    switch ((enum assertion)assertion) {
    case A_TEXT_BEGIN:
        return at == begin;
    case A_TEXT_END:
        return at == end;
    case A_LINE_BEGIN:
        return at == begin || at[-1] == '\n';
    case A_LINE_END:
        return at == end || *at == '\n';
    case A_WORD:
        return is_word(m, at - 1) != is_word(m, at);
    case A_NOT_WORD:
        return is_word(m, at - 1) == is_word(m, at);
    }
    return false;
}

static bool has(const struct threads *t, uint32_t pc)
{
    return t->sparse[pc] < t->n && t->dense[t->sparse[pc]] == pc;
}

/* Adds pc and all that is reached from it without a character. */
static void add(struct matcher *m, struct threads *t, uint32_t pc, const char *at)
{
    size_t depth = 0;
    m->stack[depth++] = pc;
    while (depth) {
        pc = m->stack[--depth];
        if (has(t, pc))
            continue;
        t->sparse[pc] = t->n;
        t->dense[t->n++] = pc;
        const struct step *s = &m->r->steps[pc];
        if (s->type == S_MATCH)
            m->matched = true;
        if (s->type == S_JUMP || s->type == S_SPLIT)
            m->stack[depth++] = s->x;
        if (s->type == S_SPLIT)
            m->stack[depth++] = s->y;
        if (s->type == S_ASSERT && holds(m, s->assertion, at))
            m->stack[depth++] = pc + 1;
    }
}

static bool in_set(const struct step *s, uint32_t rune)
{
    size_t low = 0, high = s->n_ranges;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (rune < s->ranges[mid].low)
            high = mid;
        else if (rune > s->ranges[mid].high)
            low = mid + 1;
        else
            return true;
    }
    return false;
}

bool regex_match(const struct regex *r, struct str text)
{
    uint32_t *memory = xcalloc((size_t)r->n * 7 + 8, sizeof(*memory));
    struct threads now = {memory, memory + r->n, 0}, next = {memory + 2 * r->n, memory + 3 * r->n, 0};
    struct matcher m = {.r = r, .stack = memory + 4 * r->n, .text = text};
    const char *at = text.p, *end = text.p + text.n;
    add(&m, &now, 0, at);
    while (!m.matched && at < end) {
        uint32_t rune = next_rune(&at, end);
        next.n = 0;
        for (uint32_t i = 0; i < now.n && !m.matched; i++) {
            const struct step *s = &r->steps[now.dense[i]];
            if (s->type == S_SET && in_set(s, rune))
                add(&m, &next, now.dense[i] + 1, at);
        }
        add(&m, &next, 0, at); /* it may begin anywhere */
        struct threads swap = now;
        now = next;
        next = swap;
    }
    free(memory);
    return m.matched;
}
