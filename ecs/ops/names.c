#include "ecs/ops/names.h"

#include <stdio.h>

static bool label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static bool is_label(const char *prefix, struct str s)
{
    if (!s.n || strlen(prefix) + s.n > ECS_NAME_MAX || (!*prefix && s.p[0] == '-') || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!label_char(s.p[i]))
            return false;
    return true;
}

/* FNV-1a: the name of an object must not depend on the process or the machine. */
uint64_t ecs_name_hash(struct str s)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return h;
}

const char *ecs_object_label(struct arena *a, const char *prefix, struct str name)
{
    char kept[ECS_NAME_MAX + 1];
    size_t n = 0, room = ECS_NAME_MAX - strlen(prefix) - 18;

    if (is_label(prefix, name))
        return arena_printf(a, "%s" STR_FMT, prefix, STR_ARG(name));
    for (size_t i = 0; i < name.n && n < room; i++) {
        char c = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
        kept[n] = label_char(c) && (c != '-' || n) ? c : 'x';
        n++;
    }
    return arena_printf(a, "%s%.*s-h%016llx", prefix, (int)n, kept, (unsigned long long)ecs_name_hash(name));
}

struct str ecs_name_of(struct str s, const char *type)
{
    if (!str_starts(s, STR("arn:")))
        return s;
    for (int i = 0; i < 5; i++) { /* arn:aws:ecs:region:account: */
        const char *colon = memchr(s.p, ':', s.n);
        if (!colon)
            return STR("");
        s = str_from(s, (size_t)(colon - s.p) + 1);
    }
    size_t n = strlen(type);
    if (s.n <= n || memcmp(s.p, type, n) != 0 || s.p[n] != '/')
        return STR("");
    return str_from(s, n + 1);
}

bool ecs_split_revision(struct str s, struct str *ret_family, int64_t *ret_revision)
{
    const char *colon = memchr(s.p, ':', s.n);
    int64_t v = 0;

    *ret_family = s;
    *ret_revision = 0;
    if (!colon)
        return s.n > 0;
    struct str rest = str_from(s, (size_t)(colon - s.p) + 1);
    ret_family->n = (size_t)(colon - s.p);
    if (!rest.n || rest.n > 18)
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] < '0' || rest.p[i] > '9')
            return false;
        v = v * 10 + (rest.p[i] - '0');
    }
    *ret_revision = v;
    return v > 0 && ret_family->n > 0;
}

bool ecs_valid_name(struct str s, size_t max)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(label_char(c) || (c >= 'A' && c <= 'Z') || c == '_'))
            return false;
    }
    return s.n > 0 && s.n <= max;
}
