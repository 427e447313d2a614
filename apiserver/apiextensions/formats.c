#include "apiserver/apiextensions/formats.h"

#include <stdlib.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/parse.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool anything(struct str s)
{
    (void)s;
    return true;
}

/* Scheme and something behind it, no spaces or control characters. */
static bool uri(struct str s)
{
    size_t i = 0;
    while (i < s.n && (is_alpha(s.p[i]) || (i && (is_digit(s.p[i]) || strchr("+-.", s.p[i])))))
        i++;
    if (!i)
        return s.n > 0 && s.p[0] == '/'; /* a request URI may be an absolute path */
    for (size_t j = 0; j < s.n; j++)
        if ((unsigned char)s.p[j] <= ' ' || s.p[j] == 0x7f)
            return false;
    return i < s.n && s.p[i] == ':';
}

static bool hostname(struct str s)
{
    struct str rest = s, label;
    if (!s.n || s.n > 255)
        return false;
    while (str_split(&rest, '.', &label)) {
        if (!label.n || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        for (size_t i = 0; i < label.n; i++)
            if (!is_alpha(label.p[i]) && !is_digit(label.p[i]) && label.p[i] != '-' && (unsigned char)label.p[i] < 0x80)
                return false;
    }
    return true;
}

static bool email(struct str s)
{
    const char *at = s.n ? memrchr(s.p, '@', s.n) : NULL;
    if (!at || at == s.p)
        return false;
    for (const char *p = s.p; p < at; p++)
        if ((unsigned char)*p <= ' ' || strchr("()<>[]:;@\\,\"", *p))
            return false;
    return hostname(str_from(s, (size_t)(at - s.p) + 1));
}

static bool ipv4(struct str s)
{
    struct ip_address ip;
    return ip_parse(s, &ip) && !memchr(s.p, ':', s.n);
}

static bool ipv6(struct str s)
{
    struct ip_address ip;
    return ip_parse(s, &ip) && memchr(s.p, ':', s.n);
}

static bool cidr(struct str s)
{
    struct ip_address ip;
    int bits;
    return cidr_parse(s, &ip, &bits);
}

/* Six or eight octets, in pairs with : or -, or in fours with dots. */
static bool mac(struct str s)
{
    bool dots = s.n > 4 && s.p[4] == '.';
    size_t group = dots ? 4 : 2, digits = 0;
    if (s.n < 14)
        return false;
    char separator = s.p[group];
    if (separator != ':' && separator != '-' && separator != '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool border = i % (group + 1) == group;
        if (border ? s.p[i] != separator : !is_hex(s.p[i]))
            return false;
        digits += !border;
    }
    return (s.n + 1) % (group + 1) == 0 && (digits == 12 || digits == 16 || digits == 40);
}

/* With or without dashes, any version when 0. */
static bool uuid_version(struct str s, char version)
{
    char hex[33];
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = s.p[i] == '-' && (n == 8 || n == 12 || n == 16 || n == 20);
        if (dash)
            continue;
        if (!is_hex(s.p[i]) || n == 32)
            return false;
        hex[n++] = s.p[i];
    }
    hex[n] = '\0';
    return n == 32 && (!version || hex[12] == version) && (version < '4' || strchr("89abAB", hex[16]) != NULL);
}

static bool uuid(struct str s)
{
    return uuid_version(s, 0);
}
static bool uuid3(struct str s)
{
    return uuid_version(s, '3');
}
static bool uuid4(struct str s)
{
    return uuid_version(s, '4');
}
static bool uuid5(struct str s)
{
    return uuid_version(s, '5');
}

static bool hex_color(struct str s)
{
    if (s.n && s.p[0] == '#')
        s = str_from(s, 1);
    for (size_t i = 0; i < s.n; i++)
        if (!is_hex(s.p[i]))
            return false;
    return s.n == 3 || s.n == 6;
}

static bool byte(struct str s)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(16 * 1024 * 1024);
    return base64_decode(&b, s);
}

static bool digits_at(struct str s, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++)
        if (i >= s.n || !is_digit(s.p[i]))
            return false;
    return true;
}

static bool date(struct str s)
{
    char text[32];
    int64_t seconds;
    int32_t nanos;
    if (s.n != 10 || !digits_at(s, 0, 4) || s.p[4] != '-' || !digits_at(s, 5, 2) || s.p[7] != '-' ||
        !digits_at(s, 8, 2))
        return false;
    memcpy(text, s.p, 10);
    memcpy(text + 10, "T00:00:00Z", 11);
    return parse_rfc3339(str_n(text, 20), &seconds, &nanos);
}

static bool date_time(struct str s)
{
    int64_t seconds;
    int32_t nanos;
    return parse_rfc3339(s, &seconds, &nanos);
}

/* Go's form, or a number and a word: "3 days". */
static bool duration(struct str s)
{
    static const char *const words[] = {"ns",     "nano", "us", "micro", "ms", "milli", "s", "sec", "m",   "min",
                                        "minute", "h",    "hr", "hour",  "d",  "day",   "w", "wk",  "week"};
    int64_t ns;
    if (parse_duration(s, &ns))
        return true;
    s = str_trim(s);
    size_t i = 0;
    while (i < s.n && (is_digit(s.p[i]) || s.p[i] == '.'))
        i++;
    struct str unit = str_trim(str_from(s, i));
    if (unit.n > 1 && unit.p[unit.n - 1] == 's')
        unit.n--;
    for (size_t w = 0; i && w < ARRAY_LEN(words); w++)
        if (str_ieq(unit, str_of(words[w])))
            return true;
    return false;
}

static const struct format FORMATS[] = {
    {"byte", byte},          {"cidr", cidr},         {"date", date},   {"date-time", date_time},
    {"datetime", date_time}, {"duration", duration}, {"email", email}, {"hexcolor", hex_color},
    {"hostname", hostname},  {"ipv4", ipv4},         {"ipv6", ipv6},   {"mac", mac},
    {"password", anything},  {"uri", uri},           {"uuid", uuid},   {"uuid3", uuid3},
    {"uuid4", uuid4},        {"uuid5", uuid5},
};

const struct format *format_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++)
        if (str_is(name, FORMATS[i].name))
            return &FORMATS[i];
    return NULL;
}
