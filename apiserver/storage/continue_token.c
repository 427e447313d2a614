#include "continue_token.h"

#include "api/json.h"
#include "base/limits.h"
#include "base/parse.h"

void continue_token_encode(struct buf *out, int64_t revision, struct str start)
{
    _cleanup_(buf_releasep) struct buf json = BUF_INIT(CONTINUE_TOKEN_MAX);
    buf_printf(&json, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%lld,\"start\":", (long long)revision);
    json_write_string(&json, start);
    buf_putc(&json, '}');
    base64url_encode(out, json.data, json.len);
}

/* The start key goes behind the list's prefix: it must not climb out of it. */
static bool start_is_sane(struct str start)
{
    struct str rest = start, part;
    if (start.n == 0 || start.p[0] == '/')
        return false;
    while (str_split(&rest, '/', &part))
        if (str_is(part, "..") || str_is(part, "."))
            return false;
    return true;
}

int continue_token_decode(struct str token, int64_t *ret_revision, struct buf *start, struct err *err)
{
    _cleanup_(buf_releasep) struct buf json = BUF_INIT(CONTINUE_TOKEN_MAX);
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * KIB);
    struct doc *d = NULL;
    struct err ignored = ERR_INIT;
    struct json_options strict = {.max_depth = 4};
    while (token.n && token.p[token.n - 1] == '=') /* upstream once padded */
        token.n--;
    if (token.n > CONTINUE_TOKEN_MAX || !base64url_decode(&json, token) ||
        json_parse(a, buf_str(&json), &strict, &d, &ignored) < 0)
        return err_set(err, ERR_BAD_REQUEST, "continue key is not valid");
    struct str version = doc_str(doc_get(d, "v")), first = doc_str(doc_get(d, "start"));
    int64_t revision = doc_int_or(doc_get(d, "rv"), 0);
    if (!str_is(version, "meta.k8s.io/v1"))
        return err_set(err, ERR_BAD_REQUEST,
                       "continue key is not valid: server does not recognize this encoded version \"" STR_FMT "\"",
                       STR_ARG(version));
    if (revision == 0 || revision < -1)
        return err_set(err, ERR_BAD_REQUEST,
                       "continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
    if (!start_is_sane(first))
        return err_set(err, ERR_BAD_REQUEST,
                       "continue key is not valid: encoded start key empty (version meta.k8s.io/v1)");
    buf_str_add(start, first);
    *ret_revision = revision;
    return buf_ok(start) ? 0 : err_set(err, ERR_BAD_REQUEST, "continue key is not valid");
}
