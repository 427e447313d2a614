#include "parse.h"

bool parse_uint64(struct str s, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)(unsigned char)s.p[i] - '0';
        if (d > 9 || v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *ret = v;
    return true;
}

bool parse_int64(struct str s, int64_t *ret)
{
    bool neg = s.n && s.p[0] == '-';
    uint64_t v;

    if (!parse_uint64(neg ? str_from(s, 1) : s, &v) || v > (uint64_t)INT64_MAX + (neg ? 1 : 0))
        return false;
    *ret = neg ? (int64_t)((uint64_t)0 - v) : (int64_t)v;
    return true;
}

bool parse_range(struct str s, int64_t min, int64_t max, int64_t *ret)
{
    int64_t v;

    if (!parse_int64(s, &v) || v < min || v > max)
        return false;
    *ret = v;
    return true;
}

bool parse_bool(struct str s, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_is(s, yes[i]) || str_is(s, no[i])) {
            *ret = str_is(s, yes[i]);
            return true;
        }
    }
    return false;
}

struct unit {
    const char *name;
    int64_t ns;
};

static const struct unit units[] = {
    {"ns", 1},       {"us", 1000},      {"\xC2\xB5s", 1000}, {"\xCE\xBCs", 1000},
    {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000},
};

/* One "12.5ms" off the front of *s, in nanoseconds. */
static bool take_term(struct str *s, double *ret)
{
    double value = 0, scale = 1;
    size_t i = 0, digits = 0;

    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++, digits++)
        value = value * 10 + (s->p[i] - '0');
    if (i < s->n && s->p[i] == '.')
        for (i++; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++, digits++)
            value += (s->p[i] - '0') * (scale /= 10);
    size_t start = i;
    while (i < s->n && s->p[i] != '.' && !(s->p[i] >= '0' && s->p[i] <= '9'))
        i++;
    for (size_t u = 0; digits && u < ARRAY_LEN(units); u++) {
        if (!str_is(str_n(s->p + start, i - start), units[u].name))
            continue;
        *ret = value * (double)units[u].ns;
        *s = str_from(*s, i);
        return true;
    }
    return false;
}

bool parse_duration(struct str s, int64_t *ret_ns)
{
    bool neg = s.n && s.p[0] == '-';
    double sum = 0, term;

    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = str_from(s, 1);
    if (str_is(s, "0")) {
        *ret_ns = 0;
        return true;
    }
    if (s.n == 0 || s.n > 64)
        return false;
    while (s.n) {
        if (!take_term(&s, &term))
            return false;
        sum += term;
    }
    if (sum > 9.2e18)
        return false;
    *ret_ns = (int64_t)(sum + 0.5) * (neg ? -1 : 1);
    return true;
}

/* Writes v / 10^digits without trailing zeros. */
static void put_fraction(struct buf *out, uint64_t v, int digits)
{
    uint64_t pow = 1;

    for (int i = 0; i < digits; i++)
        pow *= 10;
    buf_int(out, (int64_t)(v / pow));
    uint64_t rest = v % pow;
    if (!rest)
        return;
    buf_putc(out, '.');
    for (pow /= 10; rest; rest %= pow, pow /= 10) {
        buf_putc(out, (char)('0' + rest / pow));
        if (pow == 1)
            break;
    }
}

void format_duration(struct buf *out, int64_t ns)
{
    uint64_t u = ns < 0 ? (uint64_t)0 - (uint64_t)ns : (uint64_t)ns;

    if (ns < 0)
        buf_putc(out, '-');
    if (u == 0) {
        buf_puts(out, "0s");
    } else if (u < 1000) {
        buf_printf(out, "%lluns", (unsigned long long)u);
    } else if (u < 1000000) {
        put_fraction(out, u, 3);
        buf_puts(out, "\xC2\xB5s");
    } else if (u < 1000000000) {
        put_fraction(out, u, 6);
        buf_puts(out, "ms");
    } else {
        uint64_t h = u / 3600000000000u, m = u / 60000000000u % 60;
        if (h)
            buf_printf(out, "%lluh", (unsigned long long)h);
        if (h || m)
            buf_printf(out, "%llum", (unsigned long long)m);
        put_fraction(out, u % 60000000000u, 9);
        buf_putc(out, 's');
    }
}
