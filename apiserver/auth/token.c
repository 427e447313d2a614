#include "apiserver/auth/token.h"

#include "api/fielderr.h"
#include "api/json.h"
#include "api/status.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/random.h"
#include "net/crypto.h"

#define KEY_ID_MAX 64
#define KEYS_MAX 64
#define LEEWAY_S 0 /* upstream gives none */
#define CLAIMS "kubernetes.io"
#define SECONDS_MAX ((int64_t)1 << 32)

struct token_key {
    struct crypto_key *key;
    char id[KEY_ID_MAX];
};

struct sa_tokens {
    const struct clock *clock;
    struct token_key signing; /* key NULL = cannot issue */
    struct token_key verify[KEYS_MAX];
    size_t n_verify;
    struct str issuers[FLAG_LIST_MAX], audiences[FLAG_LIST_MAX];
    size_t n_issuers, n_audiences;
    int64_t max_expiration_s;
};

/* --- set-up --- */

static int name_key(struct token_key *k, struct err *err)
{
    _cleanup_(buf_releasep) struct buf id = BUF_INIT(KEY_ID_MAX);
    if (crypto_key_id(k->key, &id, err) < 0)
        return -1;
    (void)str_copy(k->id, sizeof(k->id), buf_str(&id));
    return 0;
}

static void add_verify_key(void *arg, struct crypto_key *key)
{
    struct sa_tokens *t = arg;
    if (t->n_verify < KEYS_MAX && crypto_jws_alg(key))
        t->verify[t->n_verify++].key = key;
    else
        crypto_key_free(key);
}

static void wipe_release(struct buf *b)
{
    if (b->data)
        crypto_wipe(b->data, b->cap);
    buf_release(b);
}

static int load_verify_keys(struct sa_tokens *t, const char *path, struct err *err)
{
    _cleanup_(wipe_release) struct buf pem = BUF_INIT(LIMIT_SMALL_FILE);
    size_t first = t->n_verify;
    if (file_read(path, &pem, err) < 0)
        return -1;
    if (crypto_keys_from_pem(buf_str(&pem), add_verify_key, t, err) < 0)
        return err_wrap(err, "%s", path);
    if (t->n_verify == first)
        return err_set(err, ERR_BAD_REQUEST, "%s: no RSA or P-256 key", path);
    return 0;
}

static int load_signing_key(struct sa_tokens *t, const char *path, struct err *err)
{
    _cleanup_(wipe_release) struct buf pem = BUF_INIT(LIMIT_SMALL_FILE);
    if (file_read(path, &pem, err) < 0)
        return -1;
    if (crypto_key_from_pem(buf_str(&pem), &t->signing.key, err) < 0)
        return err_wrap(err, "%s", path);
    if (!crypto_key_is_private(t->signing.key) || !crypto_jws_alg(t->signing.key))
        return err_set(err, ERR_BAD_REQUEST, "%s: not a private RSA or P-256 key", path);
    return name_key(&t->signing, err);
}

static int load_keys(struct sa_tokens *t, const struct sa_tokens_options *opt, struct err *err)
{
    if (opt->signing_key_file && load_signing_key(t, opt->signing_key_file, err) < 0)
        return -1;
    size_t n = opt->key_files ? opt->key_files->n : 0;
    for (size_t i = 0; i < n; i++) {
        _cleanup_(freep) char *path = str_dup(opt->key_files->items[i]);
        if (load_verify_keys(t, path, err) < 0)
            return -1;
    }
    if (!n && opt->signing_key_file && load_verify_keys(t, opt->signing_key_file, err) < 0)
        return -1;
    for (size_t i = 0; i < t->n_verify; i++)
        if (name_key(&t->verify[i], err) < 0)
            return -1;
    return 0;
}

static void copy_list(struct str *to, size_t *n, const struct flag_list *from)
{
    for (size_t i = 0; from && i < from->n; i++)
        to[(*n)++] = str_of(str_dup(from->items[i]));
}

int sa_tokens_new(const struct sa_tokens_options *opt, struct sa_tokens **ret, struct err *err)
{
    struct sa_tokens *t = xcalloc(1, sizeof(*t));
    t->clock = opt->clock;
    t->max_expiration_s = opt->max_expiration_s;
    copy_list(t->issuers, &t->n_issuers, opt->issuers);
    copy_list(t->audiences, &t->n_audiences, opt->audiences);
    if (!t->n_audiences && t->n_issuers)
        t->audiences[t->n_audiences++] = str_of(str_dup(t->issuers[0]));
    int r = load_keys(t, opt, err);
    if (r == 0 && t->signing.key && !t->n_issuers)
        r = err_set(err, ERR_BAD_REQUEST, "a signing key for service-account tokens needs --service-account-issuer");
    if (r < 0) {
        sa_tokens_free(t);
        return -1;
    }
    *ret = t;
    return 0;
}

struct sa_tokens *sa_tokens_free(struct sa_tokens *t)
{
    if (!t)
        return NULL;
    crypto_key_free(t->signing.key);
    for (size_t i = 0; i < t->n_verify; i++)
        crypto_key_free(t->verify[i].key);
    for (size_t i = 0; i < t->n_issuers; i++)
        free((char *)t->issuers[i].p);
    for (size_t i = 0; i < t->n_audiences; i++)
        free((char *)t->audiences[i].p);
    free(t);
    return NULL;
}

/* --- issuing --- */

static int64_t now_s(const struct sa_tokens *t)
{
    return clock_wall(t->clock) / NS_PER_S;
}

static struct str meta(const struct doc *obj, const char *field)
{
    return doc_str(doc_get(doc_get(obj, "metadata"), field));
}

static struct doc *reference(struct arena *a, const struct doc *obj)
{
    struct doc *ref = doc_object(a);
    doc_set(ref, "name", doc_string(a, meta(obj, "name")));
    doc_set(ref, "uid", doc_string(a, meta(obj, "uid")));
    return ref;
}

static struct doc *own_audiences(const struct sa_tokens *t, struct arena *a)
{
    struct doc *array = doc_array(a);
    for (size_t i = 0; i < t->n_audiences; i++)
        doc_append(array, doc_string(a, t->audiences[i]));
    return array;
}

struct token_subject {
    const struct doc *account, *bound, *node;
    struct str bound_kind;
};

static struct doc *make_claims(struct sa_tokens *t, struct arena *a, const struct doc *audiences,
                               const struct token_subject *s, int64_t from, int64_t until)
{
    char jti[UUID_LEN + 1];
    random_uuid(jti);
    struct doc *claims = doc_object(a), *k8s = doc_object(a);
    doc_set(claims, "aud", doc_clone(a, audiences, true));
    doc_set(claims, "exp", doc_int(a, until));
    doc_set(claims, "iat", doc_int(a, from));
    doc_set(claims, "iss", doc_string(a, t->issuers[0]));
    doc_set(claims, "jti", doc_string_copy(a, str_of(jti)));
    doc_set(k8s, "namespace", doc_string(a, meta(s->account, "namespace")));
    if (s->node)
        doc_set(k8s, "node", reference(a, s->node));
    if (s->bound && str_is(s->bound_kind, "Pod"))
        doc_set(k8s, "pod", reference(a, s->bound));
    if (s->bound && str_is(s->bound_kind, "Secret"))
        doc_set(k8s, "secret", reference(a, s->bound));
    if (s->bound && str_is(s->bound_kind, "Node"))
        doc_set(k8s, "node", reference(a, s->bound));
    doc_set(k8s, "serviceaccount", reference(a, s->account));
    doc_set(claims, CLAIMS, k8s);
    doc_set(claims, "nbf", doc_int(a, from));
    doc_set(claims, "sub",
            doc_printf(a, "system:serviceaccount:" STR_FMT ":" STR_FMT, STR_ARG(meta(s->account, "namespace")),
                       STR_ARG(meta(s->account, "name"))));
    return claims;
}

static void add_part(struct buf *out, const struct doc *d)
{
    _cleanup_(buf_releasep) struct buf json = BUF_INIT(SA_TOKEN_MAX);
    json_write(&json, d);
    if (!buf_ok(&json))
        out->failed = true;
    base64url_encode(out, json.data, json.len);
}

static int sign_claims(struct sa_tokens *t, struct arena *a, const struct doc *claims, struct str *ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf token = BUF_INIT(SA_TOKEN_MAX), signature = BUF_INIT(KIB);
    struct doc *header = doc_object(a);
    doc_set(header, "alg", doc_string(a, str_of(crypto_jws_alg(t->signing.key))));
    doc_set(header, "kid", doc_string(a, str_of(t->signing.id)));
    add_part(&token, header);
    buf_putc(&token, '.');
    add_part(&token, claims);
    if (!buf_ok(&token))
        return err_set(err, ERR_TOO_LARGE, "the token would be too long");
    if (crypto_jws_sign(t->signing.key, buf_str(&token), &signature, err) < 0)
        return -1;
    buf_putc(&token, '.');
    base64url_encode(&token, signature.data, signature.len);
    *ret = arena_str(a, buf_str(&token));
    return buf_ok(&token) ? 0 : err_set(err, ERR_TOO_LARGE, "the token would be too long");
}

static int check_seconds(struct arena *a, const struct doc *request, struct str name, int64_t *ret, struct err *err)
{
    const struct doc *given = doc_path(request, "spec.expirationSeconds");
    const struct field_path *p = FIELD(FIELD(NULL, "spec"), "expirationSeconds");
    struct field_errors errs = field_errors_in(a);
    int64_t seconds = doc_int_or(given, SA_TOKEN_DEFAULT_S);
    if (seconds < SA_TOKEN_MIN_S)
        field_invalid(&errs, p, given, "may not specify a duration less than 10 minutes");
    if (seconds > SECONDS_MAX)
        field_invalid(&errs, p, given, "may not specify a duration larger than 2^32 seconds");
    *ret = seconds;
    return field_errors_to_err(&errs, STR("authentication.k8s.io"), STR("TokenRequest"), name, err);
}

/* The object of spec.boundObjectRef must be the one that was meant, and a pod must run as this account. */
static int check_bound(struct arena *a, const struct doc *request, const struct token_subject *s, struct err *err)
{
    const struct doc *ref = doc_path(request, "spec.boundObjectRef");
    if (!doc_count(ref))
        return 0;
    struct str version = doc_str(doc_get(ref, "apiVersion")), uid = doc_str(doc_get(ref, "uid"));
    struct str kind = s->bound_kind, account = meta(s->account, "name");
    if (!str_is(version, "v1") || !(str_is(kind, "Pod") || str_is(kind, "Secret") || str_is(kind, "Node")))
        return status_bad_request(err, "cannot bind token to object of type " STR_FMT ", Kind=" STR_FMT,
                                  STR_ARG(version), STR_ARG(kind));
    if (!s->bound)
        return status_not_found(err, a, STR(""), kind, doc_str(doc_get(ref, "name")));
    if (uid.n && !str_eq(uid, meta(s->bound, "uid")))
        return status_conflict(
            err, a, STR(""), kind, meta(s->bound, "name"),
            "the UID in the bound object reference (" STR_FMT
            ") does not match the UID in record. The object might have been deleted and then recreated",
            STR_ARG(uid));
    if (str_is(kind, "Pod") && !str_eq(doc_str(doc_path(s->bound, "spec.serviceAccountName")), account))
        return status_bad_request(err,
                                  "cannot bind token for serviceaccount \"" STR_FMT
                                  "\" to pod running with different serviceaccount name",
                                  STR_ARG(account));
    return 0;
}

static struct doc *answer(struct arena *a, const struct doc *request, const struct doc *account, struct doc *audiences,
                          int64_t seconds, struct str token, int64_t from)
{
    char now[RFC3339_MAX], until[RFC3339_MAX];
    format_rfc3339(now, from * NS_PER_S, 0);
    format_rfc3339(until, (from + seconds) * NS_PER_S, 0);
    struct doc *out = doc_clone(a, request, true), *status = doc_object(a);
    struct doc *m = doc_need_object(a, out, "metadata"), *spec = doc_need_object(a, out, "spec");
    doc_set(m, "name", doc_string(a, meta(account, "name")));
    doc_set(m, "namespace", doc_string(a, meta(account, "namespace")));
    doc_set(m, "creationTimestamp", doc_string_copy(a, str_of(now)));
    doc_set(spec, "audiences", audiences);
    doc_set(spec, "expirationSeconds", doc_int(a, seconds));
    doc_set(status, "token", doc_string(a, token));
    doc_set(status, "expirationTimestamp", doc_string_copy(a, str_of(until)));
    doc_set(out, "status", status);
    return out;
}

int sa_token_request(struct sa_tokens *t, struct arena *arena, const struct doc *request, const struct doc *account,
                     const struct doc *bound, const struct doc *node, struct doc **ret, struct err *err)
{
    if (!t->signing.key)
        return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    struct token_subject s = {account, bound, node, doc_str(doc_path(request, "spec.boundObjectRef.kind"))};
    int64_t seconds;
    if (check_seconds(arena, request, meta(account, "name"), &seconds, err) < 0 ||
        check_bound(arena, request, &s, err) < 0)
        return -1;
    if (t->max_expiration_s && seconds > t->max_expiration_s)
        seconds = t->max_expiration_s;
    const struct doc *wanted = doc_path(request, "spec.audiences");
    struct doc *audiences = doc_count(wanted) ? doc_clone(arena, wanted, true) : own_audiences(t, arena);
    int64_t from = now_s(t);
    struct str token;
    if (sign_claims(t, arena, make_claims(t, arena, audiences, &s, from, from + seconds), &token, err) < 0)
        return -1;
    struct doc *out = answer(arena, request, account, audiences, seconds, token, from);
    if (arena_overflow(arena))
        return err_set(err, ERR_TOO_LARGE, "the token request is too large");
    *ret = out;
    return 0;
}

/* --- checking --- */

static int refuse(struct err *err, const char *why)
{
    return err_set(err, ERR_UNAUTHORIZED, "%s", why);
}

struct jwt {
    struct str signed_part, signature;
    struct doc *header, *claims;
};

static bool decode_part(struct arena *a, struct str part, struct str *ret)
{
    _cleanup_(buf_releasep) struct buf bytes = BUF_INIT(SA_TOKEN_MAX);
    if (!base64url_decode(&bytes, part) || !buf_ok(&bytes))
        return false;
    *ret = arena_str(a, buf_str(&bytes));
    return true;
}

static bool decode_json(struct arena *a, struct str part, struct doc **ret)
{
    static const struct json_options strict = {.max_depth = 16, .strict = true};
    struct err ignored = ERR_INIT;
    struct str text;
    return decode_part(a, part, &text) && json_parse(a, text, &strict, ret, &ignored) == 0 && doc_is(*ret, DOC_OBJECT);
}

static bool split_jwt(struct arena *a, struct str token, struct jwt *ret)
{
    struct str rest = token, header, claims, signature, more;
    if (token.n > SA_TOKEN_MAX || !str_split(&rest, '.', &header) || !str_split(&rest, '.', &claims) ||
        !str_split(&rest, '.', &signature) || str_split(&rest, '.', &more))
        return false;
    ret->signed_part = str_n(token.p, header.n + 1 + claims.n);
    return decode_json(a, header, &ret->header) && decode_json(a, claims, &ret->claims) &&
           decode_part(a, signature, &ret->signature);
}

/* By the named key when there is one of that name, else by any: keys made elsewhere may be named otherwise. */
static bool signature_valid(const struct sa_tokens *t, const struct jwt *j)
{
    struct str kid = doc_str(doc_get(j->header, "kid")), alg = doc_str(doc_get(j->header, "alg"));
    bool named = false;
    for (size_t i = 0; i < t->n_verify && kid.n; i++)
        if (str_is(kid, t->verify[i].id)) {
            named = true;
            if (crypto_jws_verify(t->verify[i].key, alg, j->signed_part, j->signature))
                return true;
        }
    for (size_t i = 0; i < t->n_verify && !named; i++)
        if (crypto_jws_verify(t->verify[i].key, alg, j->signed_part, j->signature))
            return true;
    return false;
}

static bool issuer_known(const struct sa_tokens *t, struct str issuer)
{
    for (size_t i = 0; i < t->n_issuers; i++)
        if (str_eq(issuer, t->issuers[i]))
            return true;
    return false;
}

static const struct doc *as_array(struct arena *a, const struct doc *aud)
{
    if (!doc_is(aud, DOC_STRING))
        return aud;
    struct doc *array = doc_array(a);
    doc_append(array, doc_string(a, doc_str(aud)));
    return array;
}

static bool array_has(const struct doc *array, struct str s)
{
    doc_foreach (array, it)
        if (str_eq(doc_str(it), s))
            return true;
    return false;
}

struct doc *sa_token_audiences(struct sa_tokens *t, struct arena *arena, const struct sa_token_claims *claims,
                               const struct str *wanted, size_t n_wanted)
{
    struct doc *both = doc_array(arena);
    const struct str *list = n_wanted ? wanted : t->audiences;
    size_t n = n_wanted ? n_wanted : t->n_audiences;
    for (size_t i = 0; i < n; i++)
        if (array_has(claims->audiences, list[i]))
            doc_append(both, doc_string(arena, list[i]));
    return both;
}

bool sa_tokens_own_audience(const struct sa_tokens *t, struct str audience)
{
    for (size_t i = 0; i < t->n_audiences; i++)
        if (str_eq(t->audiences[i], audience))
            return true;
    return false;
}

static void read_reference(const struct doc *k8s, const char *key, struct str *name, struct str *uid)
{
    *name = doc_str(doc_get(doc_get(k8s, key), "name"));
    *uid = doc_str(doc_get(doc_get(k8s, key), "uid"));
}

static struct sa_token_claims read_claims(struct arena *a, const struct doc *claims)
{
    const struct doc *k8s = doc_get(claims, CLAIMS);
    struct sa_token_claims c = {.ns = doc_str(doc_get(k8s, "namespace")),
                                .jti = doc_str(doc_get(claims, "jti")),
                                .expires_s = doc_int_or(doc_get(claims, "exp"), 0),
                                .audiences = as_array(a, doc_get(claims, "aud"))};
    read_reference(k8s, "serviceaccount", &c.account, &c.account_uid);
    read_reference(k8s, "pod", &c.pod, &c.pod_uid);
    read_reference(k8s, "secret", &c.secret, &c.secret_uid);
    read_reference(k8s, "node", &c.node, &c.node_uid);
    return c;
}

int sa_token_verify(struct sa_tokens *t, struct arena *arena, struct str token, const struct str *audiences,
                    size_t n_audiences, struct sa_token_claims *ret, struct err *err)
{
    struct jwt j = {0};
    if (!split_jwt(arena, token, &j) || !issuer_known(t, doc_str(doc_get(j.claims, "iss"))))
        return refuse(err, "not a service account token");
    if (!signature_valid(t, &j))
        return refuse(err, "the service account token's signature is not valid");
    struct sa_token_claims c = read_claims(arena, j.claims);
    int64_t now = now_s(t);
    if (c.expires_s <= now - LEEWAY_S)
        return refuse(err, "service account token has expired");
    if (doc_int_or(doc_get(j.claims, "nbf"), 0) > now + LEEWAY_S)
        return refuse(err, "service account token is not valid yet");
    if (!doc_count(sa_token_audiences(t, arena, &c, audiences, n_audiences)))
        return refuse(err, "token audiences do not fit");
    if (!c.ns.n || !c.account.n || !c.account_uid.n)
        return refuse(err, "service account token lacks its claims");
    *ret = c;
    return 0;
}

/* --- what others need to check our tokens --- */

struct doc *sa_tokens_openid_configuration(struct sa_tokens *t, struct arena *arena, struct str external_host)
{
    struct doc *d = doc_object(arena), *types = doc_array(arena), *subjects = doc_array(arena),
               *algs = doc_array(arena);
    doc_set(d, "issuer", doc_string(arena, t->n_issuers ? t->issuers[0] : STR("")));
    doc_set(d, "jwks_uri", doc_printf(arena, "https://" STR_FMT "/openid/v1/jwks", STR_ARG(external_host)));
    doc_append(types, doc_string(arena, STR("id_token")));
    doc_append(subjects, doc_string(arena, STR("public")));
    for (size_t i = 0; i < t->n_verify; i++) {
        struct str alg = str_of(crypto_jws_alg(t->verify[i].key));
        if (!array_has(algs, alg))
            doc_append(algs, doc_string(arena, alg));
    }
    doc_set(d, "response_types_supported", types);
    doc_set(d, "subject_types_supported", subjects);
    doc_set(d, "id_token_signing_alg_values_supported", algs);
    return d;
}

static struct doc *jwk(const struct token_key *k, struct arena *a)
{
    _cleanup_(buf_releasep) struct buf x = BUF_INIT(2 * KIB), y = BUF_INIT(2 * KIB);
    struct err ignored = ERR_INIT;
    const char *kty;
    if (crypto_key_jwk(k->key, &kty, &x, &y, &ignored) < 0)
        return NULL;
    bool ec = strcmp(kty, "EC") == 0;
    struct doc *d = doc_object(a);
    doc_set(d, "use", doc_string(a, STR("sig")));
    doc_set(d, "kty", doc_string(a, str_of(kty)));
    doc_set(d, "kid", doc_string(a, str_of(k->id)));
    if (ec)
        doc_set(d, "crv", doc_string(a, STR("P-256")));
    doc_set(d, "alg", doc_string(a, str_of(crypto_jws_alg(k->key))));
    doc_set(d, ec ? "x" : "n", doc_string_copy(a, buf_str(&x)));
    doc_set(d, ec ? "y" : "e", doc_string_copy(a, buf_str(&y)));
    return d;
}

struct doc *sa_tokens_jwks(struct sa_tokens *t, struct arena *arena)
{
    struct doc *d = doc_object(arena), *keys = doc_array(arena);
    for (size_t i = 0; i < t->n_verify; i++) {
        struct doc *key = jwk(&t->verify[i], arena);
        if (key)
            doc_append(keys, key);
    }
    doc_set(d, "keys", keys);
    return d;
}
