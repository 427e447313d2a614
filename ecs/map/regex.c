#include "ecs/map/regex.h"

/* --- reading: a tree --- */

enum part { PART_EMPTY, PART_ONE, PART_BEGIN, PART_END, PART_CAT, PART_ALT, PART_STAR, PART_PLUS, PART_OPT };

struct part_of {
    enum part type;
    const struct part_of *left, *right;
    struct str one; /* x, \x, . or [...] */
};

struct reading {
    struct arena *a;
    struct str rest;
    size_t parts, depth;
};

static struct part_of *new_part(struct reading *r, enum part type, const struct part_of *left,
                                const struct part_of *right)
{
    struct part_of *p = arena_new_of(r->a, struct part_of);

    if (p)
        *p = (struct part_of){.type = type, .left = left, .right = right};
    r->parts++;
    return p;
}

/* Bytes of the class at the start of s, with its brackets; 0 when it does not end. */
static size_t class_length(struct str s)
{
    size_t i = 1;

    i += i < s.n && s.p[i] == '^';
    i += i < s.n && s.p[i] == ']'; /* the first one is itself */
    while (i < s.n && s.p[i] != ']')
        i += s.p[i] == '\\' ? 2 : 1;
    return i < s.n ? i + 1 : 0;
}

static size_t one_length(struct str s)
{
    if (s.p[0] == '[')
        return class_length(s);
    if (s.p[0] == '\\') /* \1 and \b ... mean something that is not there */
        return s.n > 1 && !(s.p[1] >= '0' && s.p[1] <= '9') && !strchr("bBAzZGkpPQE", s.p[1]) ? 2 : 0;
    return memchr("*+?{}()|", s.p[0], 8) ? 0 : 1;
}

static const struct part_of *read_alternatives(struct reading *r);

static const struct part_of *read_group(struct reading *r)
{
    r->rest = str_from(r->rest, 1);
    if (str_starts(r->rest, STR("?:")))
        r->rest = str_from(r->rest, 2);
    if (++r->depth > REGEX_DEPTH_MAX)
        return NULL;
    const struct part_of *inner = read_alternatives(r);
    r->depth--;
    if (!inner || !r->rest.n || r->rest.p[0] != ')')
        return NULL;
    r->rest = str_from(r->rest, 1);
    return inner;
}

static const struct part_of *read_atom(struct reading *r)
{
    char c = r->rest.p[0];
    size_t n;

    if (c == '(')
        return read_group(r);
    if (c == '^' || c == '$') {
        r->rest = str_from(r->rest, 1);
        return new_part(r, c == '^' ? PART_BEGIN : PART_END, NULL, NULL);
    }
    n = one_length(r->rest);
    struct part_of *p = n ? new_part(r, PART_ONE, NULL, NULL) : NULL;
    if (!p)
        return NULL;
    p->one = str_n(r->rest.p, n);
    r->rest = str_from(r->rest, n);
    return p;
}

static const struct part_of *read_repeated(struct reading *r)
{
    const struct part_of *p = read_atom(r);

    if (p && r->rest.n && memchr("*+?", r->rest.p[0], 3)) {
        char c = r->rest.p[0];

        r->rest = str_from(r->rest, 1);
        if (r->rest.n && r->rest.p[0] == '?') /* reluctant: the same to one who only asks whether it matches */
            r->rest = str_from(r->rest, 1);
        p = new_part(r, c == '*' ? PART_STAR : c == '+' ? PART_PLUS : PART_OPT, p, NULL);
    }
    return p;
}

static const struct part_of *read_sequence(struct reading *r)
{
    const struct part_of *all = NULL;

    while (r->rest.n && r->rest.p[0] != '|' && r->rest.p[0] != ')') {
        const struct part_of *p = read_repeated(r);

        if (!p || !(all = all ? new_part(r, PART_CAT, all, p) : p))
            return NULL;
    }
    return all ? all : new_part(r, PART_EMPTY, NULL, NULL);
}

static const struct part_of *read_alternatives(struct reading *r)
{
    const struct part_of *all = read_sequence(r);

    while (all && r->rest.n && r->rest.p[0] == '|') {
        r->rest = str_from(r->rest, 1);
        const struct part_of *p = read_sequence(r);

        all = p ? new_part(r, PART_ALT, all, p) : NULL;
    }
    return all;
}

/* --- the program --- */

enum op { OP_ONE, OP_BEGIN, OP_END, OP_SPLIT, OP_JUMP, OP_MATCH };

struct inst {
    enum op op;
    struct str one;
    uint32_t x, y; /* where SPLIT and JUMP go on */
};

struct threads {
    uint32_t *v, n;
};

struct regex {
    struct inst *code;
    uint32_t n;
    struct threads now, next, todo; /* the room for matching */
    uint32_t *seen;                 /* of each instruction: the step that has it */
};

static uint32_t put(struct regex *r, struct inst in)
{
    r->code[r->n] = in;
    return r->n++;
}

/* A sequence is a chain to the left as long as the pattern: it is walked, not recursed into. */
static void emit(struct regex *r, const struct part_of *p);

static void emit_sequence(struct regex *r, const struct part_of *p)
{
    size_t n = 0;
    const struct part_of *first = p;

    for (; first->type == PART_CAT; first = first->left)
        n++;
    emit(r, first);
    for (; n > 0; n--) {
        const struct part_of *at = p;

        for (size_t i = 1; i < n; i++)
            at = at->left;
        emit(r, at->right);
    }
}

static void emit_alternatives(struct regex *r, const struct part_of *p)
{
    uint32_t split = put(r, (struct inst){.op = OP_SPLIT});

    r->code[split].x = r->n;
    emit(r, p->left);
    uint32_t jump = put(r, (struct inst){.op = OP_JUMP});
    r->code[split].y = r->n;
    emit(r, p->right);
    r->code[jump].x = r->n;
}

static void emit_repeated(struct regex *r, const struct part_of *p)
{
    uint32_t begin = r->n, split;

    if (p->type == PART_PLUS) {
        emit(r, p->left);
        split = put(r, (struct inst){.op = OP_SPLIT, .x = begin});
    } else {
        split = put(r, (struct inst){.op = OP_SPLIT, .x = begin + 1});
        emit(r, p->left);
        if (p->type == PART_STAR)
            put(r, (struct inst){.op = OP_JUMP, .x = split});
    }
    r->code[split].y = r->n;
}

static void emit(struct regex *r, const struct part_of *p)
{
    switch (p->type) {
    case PART_EMPTY:
        break;
    case PART_ONE:
        put(r, (struct inst){.op = OP_ONE, .one = p->one});
        break;
    case PART_BEGIN:
    case PART_END:
        put(r, (struct inst){.op = p->type == PART_BEGIN ? OP_BEGIN : OP_END});
        break;
    case PART_CAT:
        emit_sequence(r, p);
        break;
    case PART_ALT:
        emit_alternatives(r, p);
        break;
    default:
        emit_repeated(r, p);
    }
}

struct regex *regex_compile(struct arena *a, struct str pattern)
{
    struct reading reading = {.a = a, .rest = pattern};
    const struct part_of *tree = read_alternatives(&reading);
    struct regex *r = arena_new_of(a, struct regex);
    size_t max = reading.parts * 2 + 2;

    if (!tree || reading.rest.n || !r)
        return NULL;
    r->code = arena_calloc(a, max, sizeof(*r->code));
    r->now.v = arena_calloc(a, max, sizeof(uint32_t));
    r->next.v = arena_calloc(a, max, sizeof(uint32_t));
    r->todo.v = arena_calloc(a, max * 2, sizeof(uint32_t));
    r->seen = arena_calloc(a, max, sizeof(uint32_t));
    if (!r->code || !r->now.v || !r->next.v || !r->todo.v || !r->seen)
        return NULL;
    emit(r, tree);
    put(r, (struct inst){.op = OP_MATCH});
    return r;
}

/* --- matching --- */

static bool in_escape(char e, char c)
{
    bool digit = c >= '0' && c <= '9', letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

    switch (e) {
    case 'd':
    case 'D':
        return digit == (e == 'd');
    case 'w':
    case 'W':
        return (digit || letter || c == '_') == (e == 'w');
    case 's':
    case 'S':
        return (c && memchr(" \t\n\r\f\v", c, 6)) == (e == 's');
    default:
        return c == e;
    }
}

/* set is the inside of a class. */
static bool in_class(struct str set, char c)
{
    bool negated = set.n > 0 && set.p[0] == '^', found = false;
    const unsigned char u = (unsigned char)c;

    for (size_t i = negated; i < set.n; i++) {
        if (set.p[i] == '\\' && i + 1 < set.n) {
            found = found || in_escape(set.p[++i], c);
        } else if (i + 2 < set.n && set.p[i + 1] == '-') {
            found = found || (u >= (unsigned char)set.p[i] && u <= (unsigned char)set.p[i + 2]);
            i += 2;
        } else {
            found = found || c == set.p[i];
        }
    }
    return found != negated;
}

static bool one_matches(struct str one, char c)
{
    if (one.p[0] == '\\')
        return in_escape(one.p[1], c);
    if (one.p[0] == '[')
        return in_class(str_n(one.p + 1, one.n - 2), c);
    return one.p[0] == '.' || one.p[0] == c;
}

/* Adds the instruction and all that follow it without taking a byte, each once a step. True: MATCH is among them. */
static bool follow(struct regex *r, struct threads *to, uint32_t pc, uint32_t step, struct str text)
{
    bool matched = false;

    r->todo.n = 0;
    r->todo.v[r->todo.n++] = pc;
    while (r->todo.n > 0) {
        pc = r->todo.v[--r->todo.n];
        const struct inst *in = &r->code[pc];

        if (r->seen[pc] == step)
            continue;
        r->seen[pc] = step;
        if (in->op == OP_ONE)
            to->v[to->n++] = pc;
        else if (in->op == OP_MATCH)
            matched = true;
        else if (in->op == OP_SPLIT || in->op == OP_JUMP)
            r->todo.v[r->todo.n++] = in->x;
        else if (in->op == OP_BEGIN ? step == 1 : step == text.n + 1)
            r->todo.v[r->todo.n++] = pc + 1;
        if (in->op == OP_SPLIT)
            r->todo.v[r->todo.n++] = in->y;
    }
    return matched;
}

bool regex_matches(struct regex *r, struct str text)
{
    memset(r->seen, 0, r->n * sizeof(*r->seen));
    r->now.n = 0;
    for (size_t i = 0;; i++) {                            /* step i + 1 is before the i-th byte */
        if (follow(r, &r->now, 0, (uint32_t)i + 1, text)) /* a match may begin anywhere */
            return true;
        if (i == text.n)
            return false;
        r->next.n = 0;
        for (uint32_t k = 0; k < r->now.n; k++) {
            uint32_t pc = r->now.v[k];

            if (one_matches(r->code[pc].one, text.p[i]) && follow(r, &r->next, pc + 1, (uint32_t)i + 2, text))
                return true;
        }
        struct threads t = r->now;
        r->now = r->next;
        r->next = t;
    }
}
