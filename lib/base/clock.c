#include "clock.h"

#include <stdio.h>
#include <time.h>

static int64_t now_of(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int64_t system_mono(const struct clock *c)
{
    return now_of(CLOCK_MONOTONIC);
}

static int64_t system_wall(const struct clock *c)
{
    return now_of(CLOCK_REALTIME);
}

const struct clock clock_system = {system_mono, system_wall};

void sleep_ns(int64_t ns)
{
    struct timespec ts = {ns / NS_PER_S, ns % NS_PER_S};
    nanosleep(&ts, NULL);
}

/* Days since 1970-01-01 of a proleptic Gregorian date, and back (era arithmetic over 400-year cycles). */
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int *m, int *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

void format_rfc3339(char out[RFC3339_MAX], int64_t wall_ns, int fraction_digits)
{
    int64_t s = wall_ns / NS_PER_S, ns = wall_ns % NS_PER_S, y;
    int m, d;

    if (ns < 0)
        s--, ns += NS_PER_S;
    int64_t days = s / 86400, rest = s % 86400;
    if (rest < 0)
        days--, rest += 86400;
    civil_from_days(days, &y, &m, &d);
    int n = snprintf(out, RFC3339_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", (int)y, m, d, (int)(rest / 3600),
                     (int)(rest / 60 % 60), (int)(rest % 60));
    if (fraction_digits > 0 && fraction_digits <= 9) {
        int64_t unit = NS_PER_S;
        for (int i = 0; i < fraction_digits; i++)
            unit /= 10;
        n += snprintf(out + n, (size_t)(RFC3339_MAX - n), ".%0*lld", fraction_digits, (long long)(ns / unit));
    }
    snprintf(out + n, (size_t)(RFC3339_MAX - n), "Z");
}

/* Exactly `digits` decimal digits off the front. */
static bool take_digits(struct str *s, size_t digits, int *ret)
{
    int v = 0;

    if (s->n < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    *s = str_from(*s, digits);
    *ret = v;
    return true;
}

static bool take_char(struct str *s, char c)
{
    if (!s->n || s->p[0] != c)
        return false;
    *s = str_from(*s, 1);
    return true;
}

static bool take_fraction(struct str *s, int32_t *ret)
{
    int32_t ns = 0, unit = 100000000;
    size_t n = 0;

    for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; n++, unit /= 10, *s = str_from(*s, 1))
        ns += (s->p[0] - '0') * unit;
    *ret = ns;
    return n > 0;
}

static bool take_offset(struct str *s, int *ret_minutes)
{
    int h, m;

    *ret_minutes = 0;
    if (take_char(s, 'Z') || take_char(s, 'z'))
        return true;
    int sign = take_char(s, '+') ? 1 : take_char(s, '-') ? -1 : 0;
    if (!sign || !take_digits(s, 2, &h) || !take_char(s, ':') || !take_digits(s, 2, &m) || h > 23 || m > 59)
        return false;
    *ret_minutes = sign * (h * 60 + m);
    return true;
}

static int days_in_month(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return m == 2 && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0) ? 29 : days[m - 1];
}

bool parse_rfc3339(struct str s, int64_t *ret_seconds, int32_t *ret_nanos)
{
    int y, mo, d, h, mi, sec, offset;
    int32_t ns = 0;

    if (!take_digits(&s, 4, &y) || !take_char(&s, '-') || !take_digits(&s, 2, &mo) || !take_char(&s, '-') ||
        !take_digits(&s, 2, &d) || !(take_char(&s, 'T') || take_char(&s, 't')) || !take_digits(&s, 2, &h) ||
        !take_char(&s, ':') || !take_digits(&s, 2, &mi) || !take_char(&s, ':') || !take_digits(&s, 2, &sec))
        return false;
    if (take_char(&s, '.') && !take_fraction(&s, &ns))
        return false;
    if (!take_offset(&s, &offset) || s.n || mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo) || h > 23 ||
        mi > 59 || sec > 59)
        return false;
    *ret_seconds = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec - offset * 60;
    *ret_nanos = ns;
    return true;
}
