#include "api/names.h"

#include "base/parse.h"

#include <arpa/inet.h>

#define LABEL_MAX 63
#define SUBDOMAIN_MAX 253
#define PORT_NAME_MAX 15
#define AT_MOST_63 "must be no more than 63 bytes"
#define AT_MOST_253 "must be no more than 253 bytes"

#define SUBDOMAIN_RULE                                                                                                 \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "   \
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "                        \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define QUALIFIED_PART                                                                                                 \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " \
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "                                      \
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

static void say(struct name_problems *p, const char *text)
{
    if (p->n < NAME_PROBLEMS_MAX)
        p->text[p->n++] = text;
}

static bool lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool lower_alnum(char c)
{
    return lower(c) || digit(c);
}

static bool alnum(char c)
{
    return lower_alnum(c) || upper(c);
}

/* Every byte is one of: alphanumeric as `inner` says, or in `also`. */
static bool all_of(struct str s, bool (*inner)(char), const char *also)
{
    for (size_t i = 0; i < s.n; i++)
        if (!inner(s.p[i]) && !(s.p[i] && strchr(also, s.p[i])))
            return false;
    return true;
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? */
static bool is_label(struct str s)
{
    return s.n && lower_alnum(s.p[0]) && lower_alnum(s.p[s.n - 1]) && all_of(s, lower_alnum, "-");
}

static bool is_dotted(struct str s, bool (*part_ok)(struct str))
{
    struct str rest = s, part;
    if (!s.n)
        return false;
    while (str_split(&rest, '.', &part))
        if (!part_ok(part))
            return false;
    return s.p[s.n - 1] != '.'; /* a last empty part is not told by str_split */
}

static bool is_subdomain(struct str s)
{
    return is_dotted(s, is_label);
}

/* [a-z0-9]([-_a-z0-9]*[a-z0-9])? with _ allowed at both ends as upstream's search domains have it */
static bool is_underscore_label(struct str s)
{
    return s.n && (lower_alnum(s.p[0]) || s.p[0] == '_') && lower_alnum(s.p[s.n - 1]) && all_of(s, lower_alnum, "-_");
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static bool is_qualified_part(struct str s)
{
    return s.n && alnum(s.p[0]) && alnum(s.p[s.n - 1]) && all_of(s, alnum, "-_.");
}

void name_dns1123_label(struct str s, struct name_problems *p)
{
    if (s.n > LABEL_MAX)
        say(p, AT_MOST_63);
    if (is_label(s))
        return;
    if (is_subdomain(s))
        say(p, "must not contain dots");
    else
        say(p, "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
               "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
               "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
}

void name_dns1123_subdomain(struct str s, struct name_problems *p)
{
    if (s.n > SUBDOMAIN_MAX)
        say(p, AT_MOST_253);
    if (!is_subdomain(s))
        say(p, SUBDOMAIN_RULE);
}

void name_dns1123_subdomain_underscore(struct str s, struct name_problems *p)
{
    if (s.n > SUBDOMAIN_MAX)
        say(p, AT_MOST_253);
    if (!is_dotted(s, is_underscore_label))
        say(p,
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '.', and "
            "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            "'[a-z0-9_]([-_a-z0-9]*[a-z0-9])?(\\.[a-z0-9_]([-_a-z0-9]*[a-z0-9])?)*')");
}

void name_dns1035_label(struct str s, struct name_problems *p)
{
    if (s.n > LABEL_MAX)
        say(p, AT_MOST_63);
    if (!is_label(s) || !lower(s.p[0]))
        say(p, "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
               "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
               "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')");
}

void name_wildcard_subdomain(struct str s, struct name_problems *p)
{
    if (s.n > SUBDOMAIN_MAX)
        say(p, AT_MOST_253);
    if (!str_starts(s, STR("*.")) || !is_subdomain(str_from(s, 2)))
        say(p, "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
               "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. "
               "'*.example.com', regex used for validation is "
               "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
}

void name_qualified(struct str s, struct name_problems *p)
{
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    struct str name = s;
    if (slash) {
        struct str prefix = {s.p, (size_t)(slash - s.p)};
        name = str_from(s, prefix.n + 1);
        if (name.n && memchr(name.p, '/', name.n)) {
            say(p, "a valid label key " QUALIFIED_PART
                   " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
            return;
        }
        if (!prefix.n)
            say(p, "prefix part must be non-empty");
        else if (prefix.n > SUBDOMAIN_MAX)
            say(p, "prefix part " AT_MOST_253);
        if (prefix.n && !is_subdomain(prefix))
            say(p, "prefix part " SUBDOMAIN_RULE);
    }
    if (!name.n)
        say(p, "name part must be non-empty");
    else if (name.n > LABEL_MAX)
        say(p, "name part " AT_MOST_63);
    if (!is_qualified_part(name))
        say(p, "name part " QUALIFIED_PART);
}

void name_label_value(struct str s, struct name_problems *p)
{
    if (s.n > LABEL_MAX)
        say(p, AT_MOST_63);
    if (s.n && !is_qualified_part(s))
        say(p, "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
               "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
               "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
}

static bool has_letter(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (lower(s.p[i]))
            return true;
    return false;
}

static bool contains(struct str s, const char *what)
{
    return s.n && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

void name_port_name(struct str s, struct name_problems *p)
{
    if (s.n > PORT_NAME_MAX)
        say(p, "must be no more than 15 bytes");
    if (!s.n || !all_of(s, lower_alnum, "-"))
        say(p, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    if (!has_letter(s))
        say(p, "must contain at least one letter (a-z)");
    if (contains(s, "--"))
        say(p, "must not contain consecutive hyphens");
    if (s.n && (s.p[0] == '-' || s.p[s.n - 1] == '-'))
        say(p, "must not begin or end with a hyphen");
}

void name_percent(struct str s, struct name_problems *p)
{
    if (s.n < 2 || s.p[s.n - 1] != '%' || !all_of(str_n(s.p, s.n - 1), digit, ""))
        say(p, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex "
               "used for validation is '[0-9]+%')");
}

void name_http_header(struct str s, struct name_problems *p)
{
    if (!s.n || !all_of(s, alnum, "-"))
        say(p, "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used "
               "for validation is '[-A-Za-z0-9]+')");
}

/* A file of that name is made in a volume, so it may not leave it. */
static void check_dots(struct str s, struct name_problems *p)
{
    if (str_is(s, "."))
        say(p, "must not be '.'");
    else if (str_is(s, ".."))
        say(p, "must not be '..'");
    else if (str_starts(s, STR("..")))
        say(p, "must not start with '..'");
}

void name_env_var(struct str s, struct name_problems *p)
{
    if (!s.n || digit(s.p[0]) || !all_of(s, alnum, "-._"))
        say(p, "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and "
               "must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for "
               "validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')");
    check_dots(s, p);
}

void name_env_var_relaxed(struct str s, struct name_problems *p)
{
    if (!s.n)
        say(p, "environment variable name must be non-empty");
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~' || s.p[i] == '=') {
            say(p, "a valid environment variable name must consist only of printable ASCII characters other than '='");
            return;
        }
}

void name_config_key(struct str s, struct name_problems *p)
{
    if (s.n > SUBDOMAIN_MAX)
        say(p, AT_MOST_253);
    if (!s.n || !all_of(s, alnum, "-._"))
        say(p, "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
               "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')");
    check_dots(s, p);
}

void name_path_segment(struct str s, struct name_problems *p)
{
    if (str_is(s, "."))
        say(p, "may not be '.'");
    else if (str_is(s, ".."))
        say(p, "may not be '..'");
    if (contains(s, "/"))
        say(p, "may not contain '/'");
    if (contains(s, "%"))
        say(p, "may not contain '%'");
}

void name_c_identifier(struct str s, struct name_problems *p)
{
    if (!s.n || digit(s.p[0]) || !all_of(s, alnum, "_"))
        say(p, "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric "
               "characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is "
               "'[A-Za-z_][A-Za-z0-9_]*')");
}

static size_t segments(struct str s)
{
    size_t n = 1;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '.';
    return n;
}

void name_fully_qualified(struct str s, struct name_problems *p)
{
    name_dns1123_subdomain(s, p);
    if (!p->n && segments(s) < 3)
        say(p, "should be a domain with at least three segments separated by dots");
}

void name_fully_qualified_domain(struct str s, struct name_problems *p)
{
    if (str_ends(s, STR(".")))
        s.n--;
    name_dns1123_subdomain(s, p);
    if (!p->n && segments(s) < 2)
        say(p, "should be a domain with at least two segments separated by dots");
}

void name_domain_prefixed_path(struct str s, struct name_problems *p)
{
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    if (!slash || slash == s.p || (size_t)(slash - s.p) == s.n - 1) {
        say(p, "must be a domain-prefixed path (such as \"acme.io/foo\")");
        return;
    }
    name_dns1123_subdomain(str_n(s.p, (size_t)(slash - s.p)), p);
}

void name_decimal_integer(struct str s, struct name_problems *p)
{
    struct str d = str_starts(s, STR("-")) ? str_from(s, 1) : s;
    bool zero_first = d.n > 1 && d.p[0] == '0';
    if (!d.n || !all_of(d, digit, "") || zero_first || str_is(s, "-0"))
        say(p, "must be a valid decimal integer in canonical form");
}

/* --- addresses --- */

/* d.d.d.d, each 0..255, leading zeros taken as decimal. *ret_strict tells whether there were none. */
static bool parse_v4(struct str s, uint8_t out[4], bool *ret_strict)
{
    struct str rest = s, part;
    size_t n = 0;
    *ret_strict = true;
    if (s.n && s.p[s.n - 1] == '.')
        return false;
    while (str_split(&rest, '.', &part)) {
        int64_t v;
        if (n == 4 || !part.n || part.n > 16 || !all_of(part, digit, "") || !parse_range(part, 0, 255, &v))
            return false;
        *ret_strict = *ret_strict && !(part.n > 1 && part.p[0] == '0');
        out[n++] = (uint8_t)v;
    }
    return n == 4;
}

static bool parse_ip(struct str s, struct ip_address *ret, bool *ret_strict)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN + 1];
    struct ip_address ip = {0};
    if (parse_v4(s, ip.bytes, ret_strict)) {
        *ret = ip;
        return true;
    }
    if (!contains(s, ":") || !str_copy(text, sizeof(text), s) || strlen(text) != s.n ||
        inet_pton(AF_INET6, text, ip.bytes) != 1)
        return false;
    ip.v6 = true;
    *ret_strict = true;
    if (memcmp(ip.bytes, mapped, sizeof(mapped)) == 0) {
        memmove(ip.bytes, ip.bytes + sizeof(mapped), 4);
        ip.v6 = false;
        *ret_strict = false;
    }
    *ret = ip;
    return true;
}

bool ip_parse(struct str s, struct ip_address *ret)
{
    bool strict;
    return parse_ip(s, ret, &strict);
}

static bool parse_cidr(struct str s, struct ip_address *ret, int *ret_bits, bool *ret_strict)
{
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    int64_t bits;
    if (!slash || !parse_ip(str_n(s.p, (size_t)(slash - s.p)), ret, ret_strict))
        return false;
    struct str len = str_from(s, (size_t)(slash - s.p) + 1);
    if (!all_of(len, digit, "") || !parse_range(len, 0, ret->v6 ? 128 : 32, &bits))
        return false;
    *ret_strict = *ret_strict && !(len.n > 1 && len.p[0] == '0');
    *ret_bits = (int)bits;
    return true;
}

bool cidr_parse(struct str s, struct ip_address *ret, int *ret_bits)
{
    bool strict;
    return parse_cidr(s, ret, ret_bits, &strict);
}

void name_ip(struct str s, struct name_problems *p)
{
    struct ip_address ip;
    bool strict = true;
    if (!parse_ip(s, &ip, &strict))
        say(p, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    else if (!strict)
        say(p, contains(s, ":") ? "must not be an IPv4-mapped IPv6 address" : "must not have leading 0s");
}

void name_cidr(struct str s, struct name_problems *p)
{
    struct ip_address ip;
    int bits;
    bool strict = true;
    if (!parse_cidr(s, &ip, &bits, &strict))
        say(p, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    else if (!strict)
        say(p, contains(s, ":") ? "must not have an IPv4-mapped IPv6 address"
                                : "must not have leading 0s in IP or prefix length");
}

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

bool ip_unspecified(const struct ip_address *ip)
{
    return all_zero(ip->bytes, ip->v6 ? 16 : 4);
}

bool ip_loopback(const struct ip_address *ip)
{
    return ip->v6 ? all_zero(ip->bytes, 15) && ip->bytes[15] == 1 : ip->bytes[0] == 127;
}

bool ip_link_local(const struct ip_address *ip)
{
    return ip->v6 ? ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80 : ip->bytes[0] == 169 && ip->bytes[1] == 254;
}

bool ip_link_local_multicast(const struct ip_address *ip)
{
    return ip->v6 ? ip->bytes[0] == 0xff && (ip->bytes[1] & 0x0f) == 0x02
                  : ip->bytes[0] == 224 && ip->bytes[1] == 0 && ip->bytes[2] == 0;
}
