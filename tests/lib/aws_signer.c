#include "aws_signer.h"

#include "base/clock.h"

#include <stdio.h>

static void add(struct aws_signed *s, const char *name, const char *value)
{
    if (value)
        s->headers[s->r.n_headers++] = (struct sigv4_header){str_of(name), str_of(value)};
}

/* 20150830T123600Z */
static void put_date(char out[32], int64_t now_s)
{
    char text[RFC3339_MAX];
    size_t n = 0;

    format_rfc3339(text, now_s * NS_PER_S, 0);
    for (const char *p = text; *p; p++)
        if (*p != '-' && *p != ':')
            out[n++] = *p;
    out[n] = '\0';
}

void aws_sign(const struct aws_signer *s, const char *method, const char *path, const char *query,
              const char *content_type, const char *target, struct str body, struct aws_signed *ret)
{
    _cleanup_(buf_releasep) struct buf names = BUF_INIT(1024), canonical = BUF_INIT(1 << 20), to_sign = BUF_INIT(4096);
    _cleanup_(buf_releasep) struct buf signature = BUF_INIT(256);
    const struct sigv4_options o = {0};

    *ret = (struct aws_signed){.r = {.method = str_of(method),
                                     .path = str_of(path),
                                     .query = str_of(query),
                                     .headers = ret->headers,
                                     .body = body}};
    put_date(ret->date, s->now_s);
    add(ret, "content-type", content_type);
    add(ret, "host", "127.0.0.1:4566");
    add(ret, "x-amz-date", ret->date);
    add(ret, "x-amz-security-token", s->token);
    add(ret, "x-amz-target", target);
    for (size_t i = 0; i < ret->r.n_headers; i++)
        buf_printf(&names, "%s" STR_FMT, i ? ";" : "", STR_ARG(ret->headers[i].name));
    const struct sigv4_claim claim = {.access_key = str_of(s->access_key),
                                      .date = str_n(ret->date, 8),
                                      .region = STR("us-east-1"),
                                      .service = str_of(s->service),
                                      .signed_headers = buf_str(&names),
                                      .amz_date = str_of(ret->date)};
    sigv4_canonical(&ret->r, &claim, &o, true, &canonical);
    sigv4_string_to_sign(&claim, buf_str(&canonical), &to_sign);
    sigv4_signature(&claim, str_of(s->secret), buf_str(&to_sign), &signature);
    (void)snprintf(ret->authorization, sizeof(ret->authorization),
                   "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, SignedHeaders=" STR_FMT
                   ", Signature=" STR_FMT,
                   s->access_key, ret->date, s->service, STR_ARG(buf_str(&names)), STR_ARG(buf_str(&signature)));
    add(ret, "authorization", ret->authorization);
}
