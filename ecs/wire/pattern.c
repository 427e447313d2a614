#include "pattern.h"

#include <ctype.h>

/* One code point off the front; the text is valid UTF-8 (the JSON reader and the query reader see to that). */
static uint32_t next_point(struct str *s)
{
    unsigned char c = (unsigned char)s->p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    uint32_t point = n == 1 ? c : c & (0xffu >> (n + 1));

    n = MIN_OF(n, s->n);
    for (size_t i = 1; i < n; i++)
        point = point << 6 | ((unsigned char)s->p[i] & 0x3f);
    *s = str_from(*s, n);
    return point;
}

static bool in_property(char property, uint32_t c)
{
    if (c >= 0x80)
        return property == 'L' ? c >= 0xa1 : property == 'Z' && c == 0xa0;
    return property == 'L' ? isalpha((int)c) : property == 'N' ? isdigit((int)c) : property == 'Z' && c == ' ';
}

static bool in_escape(char e, uint32_t c)
{
    switch (e) {
    case 'd':
        return c < 0x80 && isdigit((int)c);
    case 'w':
        return c < 0x80 && (isalnum((int)c) || c == '_');
    case 's':
        return c < 0x80 && isspace((int)c);
    default:
        return c == (unsigned char)e;
    }
}

/* p stands behind the '[' of a class. */
static bool in_class(const char *p, uint32_t c)
{
    while (*p && *p != ']') {
        if (p[0] == '\\' && p[1] == 'p' && p[2] == '{' && p[3] && p[4] == '}') {
            if (in_property(p[3], c))
                return true;
            p += 5;
        } else if (p[0] == '\\' && p[1]) {
            if (in_escape(p[1], c))
                return true;
            p += 2;
        } else if (p[1] == '-' && p[2] && p[2] != ']') {
            if (c >= (unsigned char)p[0] && c <= (unsigned char)p[2])
                return true;
            p += 3;
        } else if (c == (unsigned char)*p++) {
            return true;
        }
    }
    return false;
}

bool pattern_matches(const char *pattern, struct str text)
{
    const char *class = strchr(pattern, '['), *plus = strrchr(pattern, ']');

    if (!class || !plus || (text.n == 0 && plus[1] == '+'))
        return false;
    while (text.n)
        if (!in_class(class + 1, next_point(&text)))
            return false;
    return true;
}
