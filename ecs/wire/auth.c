#include "auth.h"

#include "base/clock.h"
#include "net/crypto.h"

/* Each failure as JSON services and as Query services call it. */
enum failure { FAIL_MISSING, FAIL_INCOMPLETE, FAIL_UNKNOWN_KEY, FAIL_MISMATCH, FAIL_EXPIRED };

static const struct {
    const char *json, *query;
    int json_status, query_status;
} codes[] = {
    [FAIL_MISSING] = {"MissingAuthenticationTokenException", "MissingAuthenticationToken", 400, 403},
    [FAIL_INCOMPLETE] = {"IncompleteSignatureException", "IncompleteSignature", 400, 400},
    [FAIL_UNKNOWN_KEY] = {"UnrecognizedClientException", "InvalidClientTokenId", 400, 403},
    [FAIL_MISMATCH] = {"InvalidSignatureException", "SignatureDoesNotMatch", 400, 403},
    [FAIL_EXPIRED] = {"RequestExpired", "RequestExpired", 400, 400},
};

#define TOKEN_TEXT "The security token included in the request is invalid."

#define fail(call, protocol, failure, ...)                                                                             \
    aws_error_status((call),                                                                                           \
                     (protocol) == AWS_QUERY || (protocol) == AWS_REST_JSON ? codes[failure].query_status              \
                                                                            : codes[failure].json_status,              \
                     (protocol) == AWS_QUERY ? codes[failure].query : codes[failure].json, __VA_ARGS__)

/* 20150830T123600Z */
static void put_time(char out[32], int64_t s)
{
    char text[RFC3339_MAX];
    size_t n = 0;

    format_rfc3339(text, s * NS_PER_S, 0);
    for (const char *p = text; *p && n < 31; p++)
        if (*p != '-' && *p != ':')
            out[n++] = *p;
    out[n] = '\0';
}

static int fail_skewed(struct aws_call *call, enum aws_protocol protocol, const struct sigv4_claim *c)
{
    bool late = c->signed_at_s < call->now_s;
    char now[32], border[32];

    put_time(now, call->now_s);
    put_time(border, call->now_s + (late ? -SIGV4_SKEW_S : SIGV4_SKEW_S));
    return late ? fail(call, protocol, FAIL_MISMATCH,
                       "Signature expired: " STR_FMT " is now earlier than %s (%s - 15 min.)", STR_ARG(c->amz_date),
                       border, now)
                : fail(call, protocol, FAIL_MISMATCH,
                       "Signature not yet current: " STR_FMT " is still later than %s (%s + 15 min.)",
                       STR_ARG(c->amz_date), border, now);
}

static bool token_fits(const struct sigv4_claim *c, const struct aws_key *key)
{
    if (!key->session_token)
        return c->session_token.n == 0;
    return crypto_equal(c->session_token, str_of(key->session_token));
}

static int judge(struct aws_call *call, const struct sigv4_request *r, const struct aws_key *key,
                 enum aws_protocol protocol, const struct sigv4_claim *c)
{
    const struct sigv4_options o = {0};

    switch (sigv4_verify(r, c, str_of(key->secret), call->now_s, &o)) {
    case SIGV4_OK:
        break;
    case SIGV4_SKEWED:
        return fail_skewed(call, protocol, c);
    case SIGV4_EXPIRED:
        return fail(call, protocol, FAIL_EXPIRED, "Request has expired.");
    default:
        return fail(call, protocol, FAIL_MISMATCH,
                    "The request signature we calculated does not match the signature you provided. Check your AWS "
                    "Secret Access Key and signing method. Consult the service documentation for details.");
    }
    if (!token_fits(c, key))
        return fail(call, protocol, FAIL_UNKNOWN_KEY, TOKEN_TEXT);
    aws_principal_fill(call->arena, arena_str(call->arena, str_of(key->arn)), &call->principal);
    return 0;
}

int aws_authenticate(struct aws_call *call, const struct sigv4_request *r, struct aws_keys *keys,
                     enum aws_protocol protocol, struct sigv4_claim *claim)
{
    struct aws_key key = {0};
    enum sigv4_result read = sigv4_read(r, claim);

    if (read == SIGV4_MISSING)
        return fail(call, protocol, FAIL_MISSING, "%s",
                    protocol == AWS_QUERY ? "Request is missing Authentication Token" : "Missing Authentication Token");
    call->principal.access_key = arena_str(call->arena, claim->access_key);
    if (read != SIGV4_OK)
        return fail(call, protocol, FAIL_INCOMPLETE,
                    "The request's signature lacks a part or has a malformed one: it must have Credential, "
                    "SignedHeaders, Signature and a date, in the form of AWS4-HMAC-SHA256.");
    if (!aws_keys_find(keys, claim->access_key, &key))
        return fail(call, protocol, FAIL_UNKNOWN_KEY, TOKEN_TEXT);
    int rc = judge(call, r, &key, protocol, claim);
    aws_key_release(&key);
    return rc;
}

/* A user's or role's id as IAM makes them: four letters of its kind, and 17 of a base-32 alphabet; ours come from the
 * ARN, so that they are the same everywhere and for ever. */
static struct str principal_id(struct arena *a, struct str arn, bool role)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t hash[SHA256_LEN];
    char text[22];

    crypto_sha256(arn.p, arn.n, hash);
    memcpy(text, role ? "AROA" : "AIDA", 4);
    for (size_t i = 0; i < 17; i++)
        text[4 + i] = alphabet[hash[i] & 31];
    text[21] = '\0';
    return arena_str(a, str_n(text, 21));
}

/* arn:aws:iam::ACCOUNT:user/path/NAME, arn:aws:iam::ACCOUNT:root, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION */
void aws_principal_fill(struct arena *a, struct str arn, struct aws_principal *ret)
{
    struct str rest = arn, part = {0};
    size_t at;

    ret->arn = arn;
    for (int i = 0; i < 5 && str_split(&rest, ':', &part); i++)
        ;
    ret->account = part;
    if (!rest.p)
        rest = STR("");
    for (at = rest.n; at && rest.p[at - 1] != '/'; at--)
        ;
    ret->user_name = str_from(rest, at);
    bool role = str_starts(rest, STR("assumed-role/")) || str_starts(rest, STR("role/"));
    ret->user_id = str_is(rest, "root") ? ret->account : principal_id(a, arn, role);
}
