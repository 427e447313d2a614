/*
 * names.h - formats of names and values, with upstream's exact words for what is wrong.
 *
 * A check collects what it has against the text: static strings, in upstream's order, so nothing is allocated. No
 * problem means the text is fine. Pure.
 */
#ifndef API_NAMES_H
#define API_NAMES_H

#include "base/str.h"

#define NAME_PROBLEMS_MAX 6

struct name_problems {
    const char *text[NAME_PROBLEMS_MAX];
    size_t n;
};

typedef void (*name_check)(struct str s, struct name_problems *p);

void name_dns1123_label(struct str s, struct name_problems *p);
void name_dns1123_subdomain(struct str s, struct name_problems *p);
void name_dns1123_subdomain_underscore(struct str s, struct name_problems *p);
void name_dns1035_label(struct str s, struct name_problems *p);
void name_wildcard_subdomain(struct str s, struct name_problems *p);
void name_qualified(struct str s, struct name_problems *p); /* label keys, finalizers, resource names */
void name_label_value(struct str s, struct name_problems *p);
void name_port_name(struct str s, struct name_problems *p);
void name_percent(struct str s, struct name_problems *p);
void name_http_header(struct str s, struct name_problems *p);
void name_env_var(struct str s, struct name_problems *p);         /* the strict form */
void name_env_var_relaxed(struct str s, struct name_problems *p); /* printable ASCII but = */
void name_config_key(struct str s, struct name_problems *p);      /* ConfigMap and Secret keys */
void name_path_segment(struct str s, struct name_problems *p);    /* RBAC objects */
void name_c_identifier(struct str s, struct name_problems *p);
void name_fully_qualified(struct str s, struct name_problems *p); /* at least three segments */
void name_fully_qualified_domain(struct str s, struct name_problems *p);
void name_domain_prefixed_path(struct str s, struct name_problems *p);
void name_decimal_integer(struct str s, struct name_problems *p);
void name_ip(struct str s, struct name_problems *p);   /* strict: no leading zeros, no IPv4-mapped IPv6 */
void name_cidr(struct str s, struct name_problems *p); /* strict */

static inline bool name_fine(name_check check, struct str s)
{
    struct name_problems p = {.n = 0};
    check(s, &p);
    return p.n == 0;
}

#define NAME_PORT_RANGE "must be between 1 and 65535, inclusive"
#define NAME_ID_RANGE "must be between 0 and 2147483647, inclusive"
#define NAME_NOT_NEGATIVE "must be greater than or equal to 0"

/* --- addresses --- */
struct ip_address {
    bool v6;
    uint8_t bytes[16]; /* v4 in the first four */
};
/* As Go's net.ParseIP takes it ("sloppy": leading zeros in IPv4 parts are decimal). An IPv4-mapped IPv6 address is v4.
 */
bool ip_parse(struct str s, struct ip_address *ret);
bool cidr_parse(struct str s, struct ip_address *ret, int *ret_bits);
bool ip_unspecified(const struct ip_address *ip);
bool ip_loopback(const struct ip_address *ip);
bool ip_link_local(const struct ip_address *ip);
bool ip_link_local_multicast(const struct ip_address *ip);

#endif
