/* What a handler may ask a request. */
#include "conn.h"

struct str http_header(const struct http_request *r, const char *name)
{
    size_t at = 0;
    struct str value;
    if (http_header_next(r, name, &at, &value))
        return value;
    if (strcmp(name, "host") == 0 && r->version == HTTP_2 && r->authority.n)
        return r->authority;
    return (struct str){NULL, 0};
}

bool http_header_next(const struct http_request *r, const char *name, size_t *at, struct str *ret)
{
    for (; *at < r->n_headers; (*at)++)
        if (str_is(r->headers[*at].name, name)) {
            *ret = r->headers[(*at)++].value;
            return true;
        }
    return false;
}

bool http_header_has_token(const struct http_request *r, const char *name, const char *token)
{
    struct str list, item;
    for (size_t at = 0; http_header_next(r, name, &at, &list);)
        while (str_split(&list, ',', &item))
            if (str_ieq(str_trim(item), str_of(token)))
                return true;
    return false;
}

struct str http_upgrade_wanted(const struct http_request *r)
{
    struct str protocol = http_header(r, "upgrade");
    bool wanted = r->version == HTTP_1_1 && protocol.p && http_header_has_token(r, "connection", "upgrade") &&
                  !str_ieq(protocol, STR("h2c"));
    return wanted ? protocol : (struct str){"", 0};
}

struct http_request *http_request_ref(struct http_request *r)
{
    struct exchange *ex = (struct exchange *)r;
    atomic_fetch_add_explicit(&ex->refs, 1, memory_order_relaxed);
    return r;
}

void http_request_unref(struct http_request *r)
{
    exchange_unref((struct exchange *)r);
}

struct loop *http_request_loop(const struct http_request *r)
{
    return ((const struct exchange *)r)->t->loop;
}

bool http_request_gone(const struct http_request *r)
{
    return atomic_load(&((struct exchange *)r)->gone);
}

void http_request_on_gone(struct http_request *r, void (*fn)(void *arg), void *arg)
{
    struct exchange *ex = (struct exchange *)r;
    ex->on_gone = fn;
    ex->on_gone_arg = arg;
}

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } table[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {414, "Request URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Requested Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Entity"},
        {425, "Too Early"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].status == status)
            return table[i].text;
    return "Unknown";
}
