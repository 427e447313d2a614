#include "quantity.h"

#include <stdio.h>
#include <string.h>

#define NANO ((__int128)1000000000)
/* Sums saturate here: far above every parsed quantity (2^63-1 in nanos is 9.2e27), far below the end of __int128. */
#define SUM_MAX ((__int128)INT64_MAX * NANO * 1000000000)

static const char wrong_format[] =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

struct suffix {
    const char *text;
    enum quantity_format format;
    int base2, base10; /* exponent of 2 or 10 */
};

static const struct suffix suffixes[] = {
    {"", QUANTITY_DECIMAL_SI, 0, 0},   {"m", QUANTITY_DECIMAL_SI, 0, -3}, {"k", QUANTITY_DECIMAL_SI, 0, 3},
    {"M", QUANTITY_DECIMAL_SI, 0, 6},  {"G", QUANTITY_DECIMAL_SI, 0, 9},  {"T", QUANTITY_DECIMAL_SI, 0, 12},
    {"P", QUANTITY_DECIMAL_SI, 0, 15}, {"E", QUANTITY_DECIMAL_SI, 0, 18}, {"u", QUANTITY_DECIMAL_SI, 0, -6},
    {"n", QUANTITY_DECIMAL_SI, 0, -9}, {"Ki", QUANTITY_BINARY_SI, 10, 0}, {"Mi", QUANTITY_BINARY_SI, 20, 0},
    {"Gi", QUANTITY_BINARY_SI, 30, 0}, {"Ti", QUANTITY_BINARY_SI, 40, 0}, {"Pi", QUANTITY_BINARY_SI, 50, 0},
    {"Ei", QUANTITY_BINARY_SI, 60, 0},
};

/* --- reading --- */

enum outcome { READ_OK, READ_WRONG_FORMAT, READ_WRONG_NUMBER, READ_WRONG_SUFFIX };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "e3", "E-3": an exponent; "E" alone is a suffix. */
static bool read_exponent(struct str s, int *ret)
{
    bool neg = false;
    int64_t v = 0;

    if (s.n < 2 || (s.p[0] != 'e' && s.p[0] != 'E'))
        return false;
    size_t i = 1;
    if (s.p[i] == '-' || s.p[i] == '+')
        neg = s.p[i++] == '-';
    if (i == s.n)
        return false;
    for (; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return false;
        v = v < 100000 ? v * 10 + (s.p[i] - '0') : v; /* anything past that caps or rounds the same */
    }
    *ret = (int)(neg ? -v : v);
    return true;
}

static bool read_suffix(struct str s, struct suffix *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (str_is(s, suffixes[i].text)) {
            *ret = suffixes[i];
            return true;
        }
    }
    *ret = (struct suffix){.format = QUANTITY_DECIMAL_EXPONENT};
    return read_exponent(s, &ret->base10);
}

/* The shape of the text: sign, digits with a point, letters, signed digits. */
static enum outcome split(struct str s, bool *negative, struct str *number, struct str *suffix)
{
    size_t i = 0, points = 0, n_digits = 0;

    *negative = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        i++;
    size_t start = i;
    for (; i < s.n && (is_digit(s.p[i]) || s.p[i] == '.'); i++) {
        points += s.p[i] == '.';
        n_digits += s.p[i] != '.';
    }
    *number = str_n(s.p + start, i - start);
    size_t at = i;
    while (i < s.n && strchr("eEinumkKMGTP", s.p[i]))
        i++;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        i++;
    while (i < s.n && is_digit(s.p[i]))
        i++;
    if (!number->n || i != s.n || points > 1)
        return READ_WRONG_FORMAT;
    if (!n_digits)
        return READ_WRONG_NUMBER;
    *suffix = str_from(s, at);
    return READ_OK;
}

/* digits * 10^exp10, with a mark that non-zero digits were cut off behind. */
struct mantissa {
    __int128 v;
    int exp10;
    bool more;
};

static struct mantissa read_number(struct str s)
{
    struct mantissa m = {0};
    bool point = false;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.') {
            point = true;
        } else if (m.v < NANO * NANO * NANO) { /* 27 digits at least: 2^63 with nano has 28, see scale */
            m.v = m.v * 10 + (s.p[i] - '0');
            m.exp10 -= point;
        } else {
            m.more |= s.p[i] != '0';
            m.exp10 += !point;
        }
    }
    return m;
}

/* |number| in nanos, rounded up, capped at 2^63-1. */
static __int128 scale(struct mantissa m, const struct suffix *suffix)
{
    const __int128 cap = (__int128)INT64_MAX * NANO;
    int exp = m.exp10 + suffix->base10 + 9;
    bool more = m.more;

    if (m.v == 0)
        return more ? 1 : 0;
    for (int i = 0; i < suffix->base2; i++) {
        if (m.v > SUM_MAX) { /* trade a decimal digit for room: exact unless it is not zero */
            more |= m.v % 10 != 0;
            m.v /= 10;
            exp++;
        }
        m.v *= 2;
    }
    for (; exp > 0; exp--) {
        if (m.v > cap)
            return cap;
        m.v *= 10;
    }
    for (; exp < 0 && m.v; exp++) {
        more |= m.v % 10 != 0;
        m.v /= 10;
    }
    if (m.v >= cap)
        return cap;
    return m.v + more;
}

static enum outcome read_quantity(struct str s, struct quantity *ret)
{
    struct str number, text;
    struct suffix suffix;
    bool negative;

    enum outcome o = split(s, &negative, &number, &text);
    if (o != READ_OK)
        return o;
    if (!read_suffix(text, &suffix))
        return READ_WRONG_SUFFIX;
    struct quantity q = {.nano = scale(read_number(number), &suffix), .format = suffix.format};
    if (q.format == QUANTITY_BINARY_SI && q.nano > 0 && q.nano < NANO)
        q.format = QUANTITY_DECIMAL_SI; /* as upstream: less than one has no binary form */
    if (negative)
        q.nano = -q.nano;
    *ret = q;
    return READ_OK;
}

int quantity_parse(struct str s, struct quantity *ret, struct err *err)
{
    switch (read_quantity(s, ret)) {
    case READ_OK:
        return 0;
    case READ_WRONG_NUMBER:
        return err_set(err, ERR_BAD_REQUEST, "unable to parse numeric part of quantity");
    case READ_WRONG_SUFFIX:
        return err_set(err, ERR_BAD_REQUEST, "unable to parse quantity's suffix");
    default:
        return err_set(err, ERR_BAD_REQUEST, "%s", wrong_format);
    }
}

bool quantity_read(struct str s, struct quantity *ret)
{
    return read_quantity(s, ret) == READ_OK;
}

struct quantity quantity_of(int64_t value, enum quantity_format format)
{
    return (struct quantity){(__int128)value * NANO, format};
}

struct quantity quantity_of_milli(int64_t milli, enum quantity_format format)
{
    return (struct quantity){(__int128)milli * 1000000, format};
}

/* --- writing --- */

/* v (not negative) as decimal digits; returns how many. */
static size_t write_digits(char *out, __int128 v)
{
    char digits[48];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + (int)(v % 10));
    while ((v /= 10));
    for (size_t i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    return n;
}

static const char *suffix_text(enum quantity_format format, int base2, int base10, char buf[16])
{
    if (format == QUANTITY_DECIMAL_EXPONENT) {
        snprintf(buf, 16, "e%d", base10);
        return base10 ? buf : "";
    }
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (suffixes[i].format == format && suffixes[i].base2 == base2 && suffixes[i].base10 == base10)
            return suffixes[i].text;
    return "";
}

static __int128 ceil_div(__int128 v, __int128 by) /* v not negative */
{
    return v / by + (v % by != 0);
}

void quantity_format(const struct quantity *q, char out[QUANTITY_TEXT_MAX])
{
    enum quantity_format format = q->format;
    __int128 v = q->nano < 0 ? -q->nano : q->nano;
    int base2 = 0, base10 = 0;
    size_t n = 0;
    char buf[16];

    if (v == 0) {
        memcpy(out, "0", 2);
        return;
    }
    if (format == QUANTITY_BINARY_SI && v < 1024 * NANO)
        format = QUANTITY_DECIMAL_SI; /* as upstream: so nothing is rounded */
    if (format == QUANTITY_BINARY_SI) {
        v = ceil_div(v, NANO);
        for (; base2 < 60 && v % 1024 == 0; base2 += 10)
            v /= 1024;
        if (base2 == 0) /* the binary form of no suffix is "" */
            format = QUANTITY_DECIMAL_SI;
    } else {
        for (base10 = -9; base10 < 18 && v % 1000 == 0; base10 += 3)
            v /= 1000;
    }
    if (q->nano < 0)
        out[n++] = '-';
    n += write_digits(out + n, v);
    snprintf(out + n, QUANTITY_TEXT_MAX - n, "%s", suffix_text(format, base2, base10, buf));
}

/* --- arithmetic --- */

static int64_t rounded(__int128 nano, __int128 unit)
{
    __int128 v = nano < 0 ? -ceil_div(-nano, unit) : ceil_div(nano, unit);
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

int64_t quantity_value(const struct quantity *q)
{
    return rounded(q->nano, NANO);
}

int64_t quantity_milli(const struct quantity *q)
{
    return rounded(q->nano, 1000000);
}

int quantity_cmp(const struct quantity *a, const struct quantity *b)
{
    return a->nano < b->nano ? -1 : a->nano > b->nano;
}

static __int128 clamp(__int128 v)
{
    return v > SUM_MAX ? SUM_MAX : v < -SUM_MAX ? -SUM_MAX : v;
}

void quantity_add(struct quantity *q, const struct quantity *y)
{
    if (q->nano == 0)
        q->format = y->format;
    q->nano = clamp(q->nano + y->nano);
}

void quantity_sub(struct quantity *q, const struct quantity *y)
{
    if (q->nano == 0)
        q->format = y->format;
    q->nano = clamp(q->nano - y->nano);
}
