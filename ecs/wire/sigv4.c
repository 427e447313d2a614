#include "sigv4.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/parse.h"
#include "net/crypto.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define CANONICAL_MAX (4 * MIB)

void sigv4_claim_release(struct sigv4_claim *c)
{
    buf_release(&c->text);
}

/* --- reading what the request says --- */

static const struct sigv4_header *find_header(const struct sigv4_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_ieq(r->headers[i].name, str_of(name)))
            return &r->headers[i];
    return NULL;
}

/* "AKID/20150830/us-east-1/service/aws4_request" */
static bool read_scope(struct str scope, struct sigv4_claim *c)
{
    struct str end;

    return str_split(&scope, '/', &c->access_key) && str_split(&scope, '/', &c->date) &&
           str_split(&scope, '/', &c->region) && str_split(&scope, '/', &c->service) && str_split(&scope, '/', &end) &&
           !scope.p && str_is(end, "aws4_request") && c->access_key.n && c->date.n == 8 && c->region.n && c->service.n;
}

/* "20150830T123600Z"; its day must be the scope's. */
static bool read_date(struct sigv4_claim *c)
{
    const char *p = c->amz_date.p;
    char text[32];
    int32_t ns;

    if (c->amz_date.n != 16 || !str_starts(c->amz_date, c->date))
        return false;
    struct buf b = BUF_INIT(sizeof(text));
    buf_printf(&b, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", p, p + 4, p + 6, p + 9, p + 11, p + 13);
    bool ok = p[8] == 'T' && p[15] == 'Z' && parse_rfc3339(buf_str(&b), &c->signed_at_s, &ns);
    buf_release(&b);
    return ok;
}

static bool is_hex64(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isdigit((unsigned char)s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return s.n == 2 * SHA256_LEN;
}

static enum sigv4_result finish(struct sigv4_claim *c)
{
    return read_date(c) && c->signed_headers.n && is_hex64(c->signature) ? SIGV4_OK : SIGV4_INCOMPLETE;
}

/* Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=... */
static enum sigv4_result read_header_form(const struct sigv4_request *r, struct str value, struct sigv4_claim *c)
{
    const struct sigv4_header *date = find_header(r, "x-amz-date"), *token = find_header(r, "x-amz-security-token");
    struct str part, scope = {0};

    value = str_from(value, sizeof(ALGORITHM) - 1);
    while (str_split(&value, ',', &part)) {
        part = str_trim(part);
        if (str_starts(part, STR("Credential=")))
            scope = str_from(part, 11);
        else if (str_starts(part, STR("SignedHeaders=")))
            c->signed_headers = str_from(part, 14);
        else if (str_starts(part, STR("Signature=")))
            c->signature = str_from(part, 10);
    }
    c->amz_date = date ? str_trim(date->value) : STR("");
    c->session_token = token ? str_trim(token->value) : STR("");
    return scope.p && read_scope(scope, c) ? finish(c) : SIGV4_INCOMPLETE;
}

/* The decoded value of a query parameter, kept in c->text. False when it is not there. */
static bool query_value(struct str query, const char *name, struct sigv4_claim *c, struct str *ret)
{
    struct str pair, key;

    for (struct str rest = query; query.n && str_split(&rest, '&', &pair);) {
        if (!str_split(&pair, '=', &key) || !str_is(key, name))
            continue;
        size_t start = c->text.len;
        if (!buf_reserve(&c->text, 0) || !percent_decode(&c->text, pair.p ? pair : STR(""), false))
            return false;
        *ret = str_n(c->text.data + start, c->text.len - start);
        return true;
    }
    return false;
}

static enum sigv4_result read_query_form(const struct sigv4_request *r, struct sigv4_claim *c)
{
    struct str scope = {0}, expires = {0};

    c->presigned = true;
    /* The values are views into text, which therefore must not move: all of it is reserved at once. */
    if (!buf_reserve(&c->text, r->query.n + 1))
        return SIGV4_INCOMPLETE;
    if (!query_value(r->query, "X-Amz-Credential", c, &scope) ||
        !query_value(r->query, "X-Amz-Date", c, &c->amz_date) || !query_value(r->query, "X-Amz-Expires", c, &expires) ||
        !query_value(r->query, "X-Amz-SignedHeaders", c, &c->signed_headers) ||
        !query_value(r->query, "X-Amz-Signature", c, &c->signature) || !read_scope(scope, c) ||
        !parse_range(expires, 0, SIGV4_EXPIRES_MAX, &c->expires_s))
        return SIGV4_INCOMPLETE;
    (void)query_value(r->query, "X-Amz-Security-Token", c, &c->session_token);
    return finish(c);
}

enum sigv4_result sigv4_read(const struct sigv4_request *r, struct sigv4_claim *ret)
{
    const struct sigv4_header *auth = find_header(r, "authorization");
    struct str algorithm;

    *ret = (struct sigv4_claim){.text = BUF_INIT(2 * LIMIT_URL)};
    if (auth)
        return str_starts(str_trim(auth->value), STR(ALGORITHM " ")) ? read_header_form(r, str_trim(auth->value), ret)
                                                                     : SIGV4_INCOMPLETE;
    if (query_value(r->query, "X-Amz-Algorithm", ret, &algorithm)) {
        bool known = str_is(algorithm, ALGORITHM);
        buf_clear(&ret->text);
        return known ? read_query_form(r, ret) : SIGV4_INCOMPLETE;
    }
    return SIGV4_MISSING;
}

/* --- the canonical request --- */

/* Drops "." and "..", and empty segments; keeps a slash at the end. */
static void normalize_path(struct str path, struct buf *out)
{
    struct str segment = {0}, rest = path;
    bool dir = true;

    while (str_split(&rest, '/', &segment)) {
        dir = segment.n == 0 || str_is(segment, ".") || str_is(segment, "..");
        if (str_is(segment, "..")) {
            while (out->len && out->data[--out->len] != '/')
                ;
        } else if (!dir) {
            buf_putc(out, '/');
            buf_str_add(out, segment);
        }
    }
    if (dir || out->len == 0)
        buf_putc(out, '/');
}

static void put_path(struct str path, bool keep, struct buf *out)
{
    struct buf normal = BUF_INIT(2 * LIMIT_URL);
    struct str rest, segment;
    bool first = true;

    if (!keep) {
        normalize_path(path, &normal);
        path = buf_str(&normal);
    }
    for (rest = path.n ? path : STR("/"); str_split(&rest, '/', &segment); first = false) {
        if (!first)
            buf_putc(out, '/');
        percent_encode(out, segment);
    }
    if (!buf_ok(&normal))
        out->failed = true;
    buf_release(&normal);
}

struct param {
    size_t at, key_n, n; /* "key=value" in the encoded text */
};

struct params {
    struct buf text;
    struct param v[SIGV4_QUERY_MAX];
    size_t n;
};

/* By name, then by value, in byte order; '=' must not take part, so the two are compared apart. */
static int compare_params(const void *a, const void *b, void *text)
{
    const struct param *x = a, *y = b;
    const char *t = text;
    int c = str_cmp(str_n(t + x->at, x->key_n), str_n(t + y->at, y->key_n));

    return c ? c : str_cmp(str_n(t + x->at + x->key_n, x->n - x->key_n), str_n(t + y->at + y->key_n, y->n - y->key_n));
}

/* Decodes and encodes again, so that all spellings of a value are the same. */
static bool recode(struct buf *out, struct str s)
{
    struct buf plain = BUF_INIT(2 * LIMIT_URL);
    bool ok = percent_decode(&plain, s, false);

    if (ok)
        percent_encode(out, buf_str(&plain));
    buf_release(&plain);
    return ok && buf_ok(out);
}

static bool add_param(struct params *p, struct str pair)
{
    struct str key, value = pair;

    if (p->n == SIGV4_QUERY_MAX || !str_split(&value, '=', &key))
        return false;
    struct param *it = &p->v[p->n++];
    it->at = p->text.len;
    if (!recode(&p->text, key))
        return false;
    it->key_n = p->text.len - it->at;
    buf_putc(&p->text, '=');
    bool ok = recode(&p->text, value.p ? value : STR(""));
    it->n = p->text.len - it->at;
    return ok;
}

static void put_query(const struct sigv4_request *r, bool with_token, struct buf *out)
{
    struct params *p = xcalloc(1, sizeof(*p));
    struct str rest = r->query, pair;

    buf_init(&p->text, CANONICAL_MAX);
    while (r->query.n && str_split(&rest, '&', &pair)) {
        bool skip = pair.n == 0 || str_starts(pair, STR("X-Amz-Signature=")) ||
                    (!with_token && str_starts(pair, STR("X-Amz-Security-Token=")));
        if (!skip && !add_param(p, pair))
            out->failed = true;
    }
    if (p->n && !out->failed)
        qsort_r(p->v, p->n, sizeof(p->v[0]), compare_params, p->text.data);
    for (size_t i = 0; i < p->n && !out->failed; i++) {
        if (i)
            buf_putc(out, '&');
        buf_add(out, p->text.data + p->v[i].at, p->v[i].n);
    }
    buf_release(&p->text);
    free(p);
}

/* The value without space at both ends, and with one space for each run of it. */
static void put_header_value(struct str value, struct buf *out)
{
    bool space = false;

    value = str_trim(value);
    for (size_t i = 0; i < value.n; i++) {
        bool now = isspace((unsigned char)value.p[i]) != 0;
        if (!now)
            buf_putc(out, value.p[i]);
        else if (!space)
            buf_putc(out, ' ');
        space = now;
    }
}

/* "name:value,value\n" for each signed header, in the order in which they were named. A header that is not there makes
 * an empty line, which cannot match what the client signed. */
static void put_headers(const struct sigv4_request *r, struct str names, struct buf *out)
{
    struct str name;
    size_t count = 0;

    while (str_split(&names, ';', &name)) {
        bool first = true;
        if (++count > SIGV4_SIGNED_HEADERS_MAX)
            out->failed = true;
        if (out->failed)
            return;
        buf_str_add(out, name);
        buf_putc(out, ':');
        for (size_t i = 0; i < r->n_headers; i++) {
            if (!str_ieq(r->headers[i].name, name))
                continue;
            if (!first)
                buf_putc(out, ',');
            put_header_value(r->headers[i].value, out);
            first = false;
        }
        buf_putc(out, '\n');
    }
}

static void put_body_hash(const struct sigv4_request *r, struct buf *out)
{
    uint8_t hash[SHA256_LEN];

    crypto_sha256(r->body.p ? r->body.p : "", r->body.n, hash);
    hex_encode(out, hash, sizeof(hash));
}

void sigv4_canonical(const struct sigv4_request *r, const struct sigv4_claim *c, const struct sigv4_options *o,
                     bool with_token, struct buf *out)
{
    buf_str_add(out, r->method);
    buf_putc(out, '\n');
    put_path(r->path, o->keep_path, out);
    buf_putc(out, '\n');
    put_query(r, with_token, out);
    buf_putc(out, '\n');
    put_headers(r, c->signed_headers, out);
    buf_putc(out, '\n');
    buf_str_add(out, c->signed_headers);
    buf_putc(out, '\n');
    put_body_hash(r, out);
}

void sigv4_string_to_sign(const struct sigv4_claim *c, struct str canonical, struct buf *out)
{
    uint8_t hash[SHA256_LEN];

    crypto_sha256(canonical.p, canonical.n, hash);
    buf_printf(out, ALGORITHM "\n" STR_FMT "\n" STR_FMT "/" STR_FMT "/" STR_FMT "/aws4_request\n", STR_ARG(c->amz_date),
               STR_ARG(c->date), STR_ARG(c->region), STR_ARG(c->service));
    hex_encode(out, hash, sizeof(hash));
}

void sigv4_signature(const struct sigv4_claim *c, struct str secret, struct str string_to_sign, struct buf *out)
{
    struct buf first = BUF_INIT(4 * KIB);
    uint8_t key[SHA256_LEN], next[SHA256_LEN];
    const struct str parts[] = {c->date, c->region, c->service, STR("aws4_request"), string_to_sign};

    buf_puts(&first, "AWS4");
    buf_str_add(&first, secret);
    crypto_hmac_sha256(buf_str(&first), parts[0], key);
    for (size_t i = 1; i < ARRAY_LEN(parts); i++) {
        crypto_hmac_sha256(str_n((char *)key, sizeof(key)), parts[i], next);
        memcpy(key, next, sizeof(key));
    }
    hex_encode(out, key, sizeof(key));
    crypto_wipe(first.data, first.len);
    crypto_wipe(key, sizeof(key));
    crypto_wipe(next, sizeof(next));
    buf_release(&first);
}

/* --- the judgement --- */

static bool names_header(struct str names, const char *name)
{
    struct str it;

    while (str_split(&names, ';', &it))
        if (str_is(it, name))
            return true;
    return false;
}

/* A header that says what the body hashes to must tell the truth. */
static bool body_hash_fits(const struct sigv4_request *r)
{
    const struct sigv4_header *h = find_header(r, "x-amz-content-sha256");
    _cleanup_(buf_releasep) struct buf hash = BUF_INIT(128);

    if (!h || str_is(str_trim(h->value), "UNSIGNED-PAYLOAD"))
        return !h; /* no service of ours takes bodies that are not signed */
    put_body_hash(r, &hash);
    return str_eq(str_trim(h->value), buf_str(&hash));
}

static bool matches(const struct sigv4_request *r, const struct sigv4_claim *c, struct str secret,
                    const struct sigv4_options *o, bool with_token)
{
    _cleanup_(buf_releasep) struct buf canonical = BUF_INIT(CANONICAL_MAX), to_sign = BUF_INIT(4 * KIB);
    _cleanup_(buf_releasep) struct buf signature = BUF_INIT(128);

    sigv4_canonical(r, c, o, with_token, &canonical);
    sigv4_string_to_sign(c, buf_str(&canonical), &to_sign);
    if (!buf_ok(&canonical) || !buf_ok(&to_sign))
        return false;
    sigv4_signature(c, secret, buf_str(&to_sign), &signature);
    return crypto_equal(buf_str(&signature), c->signature);
}

enum sigv4_result sigv4_verify(const struct sigv4_request *r, const struct sigv4_claim *c, struct str secret,
                               int64_t now_s, const struct sigv4_options *o)
{
    int64_t age = now_s - c->signed_at_s;

    if (age < -SIGV4_SKEW_S || (!c->presigned && age > SIGV4_SKEW_S))
        return SIGV4_SKEWED;
    if (c->presigned && age > c->expires_s)
        return SIGV4_EXPIRED;
    if (!names_header(c->signed_headers, "host") || !body_hash_fits(r))
        return SIGV4_MISMATCH;
    if (matches(r, c, secret, o, true))
        return SIGV4_OK;
    /* Some signers add the session token to a presigned URL after signing it. */
    if (c->presigned && c->session_token.n && matches(r, c, secret, o, false))
        return SIGV4_OK;
    return SIGV4_MISMATCH;
}
