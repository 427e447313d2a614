#include "apiserver/auth/authn.h"

#include "apiserver/auth/token.h"
#include "apiserver/auth/token_file.h"
#include "base/map.h"
#include "base/parse.h"
#include "net/crypto.h"

#include "api/status.h"

#include <pthread.h>

#define AUTHENTICATED "system:authenticated"
#define CREDENTIAL_ID "authentication.kubernetes.io/credential-id"
#define POD_NAME "authentication.kubernetes.io/pod-name"
#define POD_UID "authentication.kubernetes.io/pod-uid"
#define NODE_NAME "authentication.kubernetes.io/node-name"
#define NODE_UID "authentication.kubernetes.io/node-uid"
#define VERIFY_ARENA_MAX ((size_t)4 << 20)
#define CERT_ORGS_MAX 64
#define CERT_KEY_MAX 1024
#define CERT_CACHE_S 3600
#define DELETED_GRACE_S 60 /* an object being deleted vouches for its tokens this much longer, as upstream */

struct cached {
    struct user *user;
    int64_t until; /* monotonic */
};

struct authn {
    const struct clock *clock;
    const struct auth_store *store;
    struct sa_tokens *tokens;
    struct token_file *file;
    pthread_mutex_t lock;   /* held for single map operations only */
    struct map tokens_seen; /* SHA-256 of a token -> struct cached */
    struct map certs;       /* subject -> struct cached */
};

static void cached_free(void *p)
{
    struct cached *c = p;
    user_unref(c->user);
    free(c);
}

int authn_new(const struct authn_options *opt, struct authn **ret, struct err *err)
{
    struct token_file *file = NULL;
    if (opt->token_file && token_file_load(opt->token_file, &file, err) < 0)
        return -1;
    struct authn *a = xcalloc(1, sizeof(*a));
    a->clock = opt->clock;
    a->store = opt->store;
    a->tokens = opt->sa_tokens;
    a->file = file;
    pthread_mutex_init(&a->lock, NULL);
    map_init(&a->tokens_seen, cached_free);
    map_init(&a->certs, cached_free);
    *ret = a;
    return 0;
}

struct authn *authn_free(struct authn *a)
{
    if (a) {
        map_release(&a->tokens_seen);
        map_release(&a->certs);
        token_file_free(a->file);
        pthread_mutex_destroy(&a->lock);
        free(a);
    }
    return NULL;
}

/* --- the cache --- */

static struct user *cache_get(struct authn *a, struct map *cache, struct str key)
{
    struct user *user = NULL;
    pthread_mutex_lock(&a->lock);
    struct cached *c = map_get(cache, key);
    if (c && c->until > clock_mono(a->clock))
        user = user_ref(c->user);
    else if (c)
        map_del(cache, key);
    pthread_mutex_unlock(&a->lock);
    return user;
}

static void cache_put(struct authn *a, struct map *cache, struct str key, struct user *user, int64_t seconds)
{
    struct cached *c = xmalloc(sizeof(*c));
    *c = (struct cached){user_ref(user), clock_mono(a->clock) + seconds * NS_PER_S};
    pthread_mutex_lock(&a->lock);
    if (cache->n >= AUTHN_CACHE_MAX)
        map_clear(cache); /* rare, and every entry is made anew within seconds anyway */
    map_set(cache, key, c);
    pthread_mutex_unlock(&a->lock);
}

/* --- client certificates --- */

/* The subject as one run of bytes, each part led by its length: a cache key that two subjects never share. 0 = too
 * long. */
static size_t cert_key(const struct authn_request *req, char out[CERT_KEY_MAX])
{
    const struct str first[] = {req->cert_cn, req->cert_fingerprint};
    size_t n = 0, parts = ARRAY_LEN(first) + req->n_cert_orgs;
    for (size_t i = 0; i < parts; i++) {
        struct str part = i < ARRAY_LEN(first) ? first[i] : req->cert_orgs[i - ARRAY_LEN(first)];
        if (n + sizeof(part.n) + part.n > CERT_KEY_MAX)
            return 0;
        memcpy(out + n, &part.n, sizeof(part.n));
        n += sizeof(part.n);
        if (part.n)
            memcpy(out + n, part.p, part.n);
        n += part.n;
    }
    return n;
}

static struct user *user_of_cert(const struct authn_request *req)
{
    struct str groups[CERT_ORGS_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < req->n_cert_orgs && n < CERT_ORGS_MAX; i++)
        groups[n++] = req->cert_orgs[i];
    groups[n++] = STR(AUTHENTICATED);
    _cleanup_(buf_releasep) struct buf id = BUF_INIT(256);
    buf_puts(&id, "X509SHA256=");
    hex_encode(&id, req->cert_fingerprint.p, req->cert_fingerprint.n);
    struct user_extra extra = {STR(CREDENTIAL_ID), buf_str(&id)};
    return user_new(req->cert_cn, STR(""), groups, n, &extra, req->cert_fingerprint.n ? 1 : 0);
}

/* A certificate without a common name names nobody. */
static struct user *by_cert(struct authn *a, const struct authn_request *req)
{
    char key[CERT_KEY_MAX];
    if (!req->has_cert || !req->cert_cn.n)
        return NULL;
    struct str k = str_n(key, cert_key(req, key));
    struct user *user = k.n ? cache_get(a, &a->certs, k) : NULL;
    if (user)
        return user;
    user = user_of_cert(req);
    if (k.n)
        cache_put(a, &a->certs, k, user, CERT_CACHE_S); /* says the same whenever it is asked */
    return user;
}

/* --- bearer tokens --- */

static struct str bearer_token(struct str authorization)
{
    struct str header = str_trim(authorization), token = {0};
    if (header.n > 7 && str_ieq(str_n(header.p, 7), STR("bearer ")))
        token = str_trim(str_from(header, 7));
    return token.n && !memchr(token.p, ' ', token.n) ? token : (struct str){0};
}

static void token_key(struct str token, uint8_t out[SHA256_LEN])
{
    crypto_sha256(token.p, token.n, out);
}

static bool gone(struct authn *a, const struct doc *obj)
{
    struct str deleted = doc_str(doc_path(obj, "metadata.deletionTimestamp"));
    int64_t seconds;
    int32_t nanos;
    return deleted.n &&
           (!parse_rfc3339(deleted, &seconds, &nanos) || seconds < clock_wall(a->clock) / NS_PER_S - DELETED_GRACE_S);
}

/* The object a token is bound to must still be there, and be the same one. */
static bool still_there(struct authn *a, struct arena *arena, const char *resource, struct str ns, struct str name,
                        struct str uid)
{
    struct doc *obj = NULL;
    struct err ignored = ERR_INIT;
    return a->store->get(a->store->ud, arena, "", resource, ns, name, &obj, &ignored) == 0 &&
           str_eq(doc_str(doc_path(obj, "metadata.uid")), uid) && !gone(a, obj);
}

static int check_bindings(struct authn *a, struct arena *arena, const struct sa_token_claims *c, struct err *err)
{
    if (!still_there(a, arena, "serviceaccounts", c->ns, c->account, c->account_uid))
        return err_set(err, ERR_UNAUTHORIZED, "service account token has been invalidated: its account is gone");
    if (c->pod.n && !still_there(a, arena, "pods", c->ns, c->pod, c->pod_uid))
        return err_set(err, ERR_UNAUTHORIZED, "service account token has been invalidated: its pod is gone");
    if (c->secret.n && !still_there(a, arena, "secrets", c->ns, c->secret, c->secret_uid))
        return err_set(err, ERR_UNAUTHORIZED, "service account token has been invalidated: its secret is gone");
    /* A pod's token names the node for information only; the token lives and dies with the pod. */
    if (c->node.n && !c->pod.n && !still_there(a, arena, "nodes", STR(""), c->node, c->node_uid))
        return err_set(err, ERR_UNAUTHORIZED, "service account token has been invalidated: its node is gone");
    return 0;
}

static struct user *user_of_claims(const struct sa_token_claims *c)
{
    _cleanup_(buf_releasep) struct buf name = BUF_INIT(2048), group = BUF_INIT(1024), jti = BUF_INIT(1024);
    buf_printf(&name, "system:serviceaccount:" STR_FMT ":" STR_FMT, STR_ARG(c->ns), STR_ARG(c->account));
    buf_printf(&group, "system:serviceaccounts:" STR_FMT, STR_ARG(c->ns));
    buf_printf(&jti, "JTI=" STR_FMT, STR_ARG(c->jti));
    struct str groups[] = {STR("system:serviceaccounts"), buf_str(&group), STR(AUTHENTICATED)};
    const struct user_extra all[] = {
        {STR(CREDENTIAL_ID), c->jti.n ? buf_str(&jti) : (struct str){0}},
        {STR(NODE_NAME), c->node},
        {STR(NODE_UID), c->node_uid},
        {STR(POD_NAME), c->pod},
        {STR(POD_UID), c->pod_uid},
    };
    struct user_extra extra[ARRAY_LEN(all)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i].value.n)
            extra[n++] = all[i];
    return user_new(buf_str(&name), c->account_uid, groups, ARRAY_LEN(groups), extra, n);
}

static int by_account_token(struct authn *a, struct arena *arena, struct str token, const struct str *audiences,
                            size_t n_audiences, struct user **ret, struct sa_token_claims *ret_claims, struct err *err)
{
    if (!a->tokens)
        return status_unauthorized(err);
    if (sa_token_verify(a->tokens, arena, token, audiences, n_audiences, ret_claims, err) < 0 ||
        check_bindings(a, arena, ret_claims, err) < 0)
        return -1;
    *ret = user_of_claims(ret_claims);
    return 0;
}

static struct user *by_file(struct authn *a, const uint8_t key[SHA256_LEN])
{
    return a->file ? token_file_find(a->file, key) : NULL;
}

struct user *authn_cached(struct authn *a, const struct authn_request *req)
{
    struct user *user = by_cert(a, req);
    struct str token = bearer_token(req->authorization);
    if (user || !token.n)
        return user;
    uint8_t key[SHA256_LEN];
    token_key(token, key);
    user = by_file(a, key);
    return user ? user : cache_get(a, &a->tokens_seen, str_n((const char *)key, sizeof(key)));
}

int authn_authenticate(struct authn *a, const struct authn_request *req, struct user **ret, struct err *err)
{
    struct user *user = authn_cached(a, req);
    if (user) {
        *ret = user;
        return 0;
    }
    struct str token = bearer_token(req->authorization);
    if (!token.n)
        return status_unauthorized(err);
    _cleanup_(arena_freep) struct arena *arena = arena_new(VERIFY_ARENA_MAX);
    struct sa_token_claims claims;
    struct err why = ERR_INIT; /* who is refused is not told why */
    if (by_account_token(a, arena, token, NULL, 0, &user, &claims, &why) < 0)
        return status_unauthorized(err);
    uint8_t key[SHA256_LEN];
    token_key(token, key);
    int64_t left = claims.expires_s - clock_wall(a->clock) / NS_PER_S;
    if (left > 0)
        cache_put(a, &a->tokens_seen, str_n((const char *)key, sizeof(key)), user, MIN_OF(left, AUTHN_CACHE_S));
    *ret = user;
    return 0;
}

/* Which of the wanted audiences a credential without audience is good for: the server's own. */
static struct doc *own_among(struct authn *a, struct arena *arena, const struct str *wanted, size_t n)
{
    struct doc *both = doc_array(arena);
    for (size_t i = 0; i < n; i++)
        if (a->tokens && sa_tokens_own_audience(a->tokens, wanted[i]))
            doc_append(both, doc_string_copy(arena, wanted[i]));
    return both;
}

int authn_token(struct authn *a, struct str token, const struct str *audiences, size_t n_audiences, struct arena *arena,
                struct user **ret, struct doc **ret_audiences, struct err *err)
{
    uint8_t key[SHA256_LEN];
    token_key(token, key);
    _cleanup_(user_unrefp) struct user *user = by_file(a, key);
    if (user) {
        struct doc *both = own_among(a, arena, audiences, n_audiences);
        if (n_audiences && !doc_count(both))
            return err_set(err, ERR_UNAUTHORIZED, "token audiences do not fit");
        *ret_audiences = both;
        *ret = TAKE(user);
        return 0;
    }
    struct sa_token_claims claims;
    if (by_account_token(a, arena, token, audiences, n_audiences, &user, &claims, err) < 0)
        return -1;
    *ret_audiences = sa_token_audiences(a->tokens, arena, &claims, audiences, n_audiences);
    *ret = TAKE(user);
    return 0;
}
