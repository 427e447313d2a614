#include "grpc_wire.h"

#include "base/parse.h"

#include <stdio.h>

void grpc_prefix_write(unsigned char out[GRPC_PREFIX], size_t n)
{
    out[0] = 0;
    out[1] = (unsigned char)(n >> 24);
    out[2] = (unsigned char)(n >> 16);
    out[3] = (unsigned char)(n >> 8);
    out[4] = (unsigned char)n;
}

void grpc_parser_init(struct grpc_parser *p, size_t max_message)
{
    p->have = p->need = 0;
    buf_init(&p->message, max_message);
}

void grpc_parser_release(struct grpc_parser *p)
{
    buf_release(&p->message);
}

bool grpc_parser_idle(const struct grpc_parser *p)
{
    return p->have == 0;
}

static int begin_message(struct grpc_parser *p, struct err *err)
{
    const unsigned char *h = p->prefix;
    if (h[0] != 0)
        return err_set(err, ERR_INTERNAL, "the server sent a compressed message");
    p->need = (size_t)h[1] << 24 | (size_t)h[2] << 16 | (size_t)h[3] << 8 | h[4];
    if (p->need > p->message.max)
        return err_set(err, ERR_TOO_LARGE, "message of %zu bytes is larger than the limit of %zu", p->need,
                       p->message.max);
    buf_clear(&p->message);
    /* A length is only a claim: room for a first part, the rest grows as bytes come. */
    (void)buf_reserve(&p->message, MIN_OF(p->need, (size_t)1 << 16));
    return 0;
}

int grpc_parser_feed(struct grpc_parser *p, struct str *in, struct err *err)
{
    while (in->n || (p->have == GRPC_PREFIX && p->need == 0)) {
        if (p->have < GRPC_PREFIX) {
            size_t n = MIN_OF(in->n, GRPC_PREFIX - p->have);
            memcpy(p->prefix + p->have, in->p, n);
            p->have += n;
            *in = str_from(*in, n);
            if (p->have == GRPC_PREFIX && begin_message(p, err) < 0)
                return -1;
            continue;
        }
        size_t n = MIN_OF(in->n, p->need);
        buf_add(&p->message, in->p, n);
        if (!buf_ok(&p->message))
            return err_set(err, ERR_TOO_LARGE, "no room for a message of the server");
        p->need -= n;
        *in = str_from(*in, n);
        if (p->need == 0) {
            p->have = 0;
            return 1;
        }
    }
    return 0;
}

void grpc_timeout_format(char out[GRPC_TIMEOUT_MAX], int64_t ms)
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{1, 'm'}, {1000, 'S'}, {60000, 'M'}, {3600000, 'H'}};
    if (ms < 1)
        ms = 1;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        int64_t v = (ms + units[i].ms - 1) / units[i].ms;
        if (v > 99999999 && i + 1 < ARRAY_LEN(units))
            continue;
        snprintf(out, GRPC_TIMEOUT_MAX, "%lld%c", (long long)MIN_OF(v, 99999999), units[i].unit);
        return;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void grpc_message_decode(char *out, size_t size, struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 1 < size; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(s.p[i + 2]) : -1;
        if (lo >= 0) {
            char c = (char)(hi << 4 | lo);
            out[n++] = c ? c : ' ';
            i += 2;
        } else {
            out[n++] = s.p[i];
        }
    }
    out[n] = '\0';
}

int grpc_status_of_http(int http)
{
    static const struct {
        int http, grpc;
    } map[] = {{400, 13}, {401, 16}, {403, 7}, {404, 12}, {429, 14}, {502, 14}, {503, 14}, {504, 14}};
    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        if (map[i].http == http)
            return map[i].grpc;
    return 2;
}

int grpc_target_parse(struct str s, struct grpc_target *ret, struct err *err)
{
    s = str_trim(s);
    if (str_starts(s, STR("unix:"))) {
        struct str path = str_from(s, 5);
        if (str_starts(path, STR("//")))
            path = str_from(path, 2);
        if (path.n == 0 || memchr(path.p, '\0', path.n))
            return err_set(err, ERR_BAD_REQUEST, "target has no path: " STR_FMT, STR_ARG(s));
        *ret = (struct grpc_target){{.host = xstrdup("localhost"), .authority = xstrdup("localhost")}, str_dup(path)};
        return 0;
    }
    if (s.n && s.p[s.n - 1] == '/')
        s.n--;
    *ret = (struct grpc_target){0};
    return net_address_parse(s, &ret->address, err);
}

void grpc_target_release(struct grpc_target *t)
{
    net_address_release(&t->address);
    free(t->unix_socket);
    *t = (struct grpc_target){0};
}
