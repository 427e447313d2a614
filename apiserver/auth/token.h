/*
 * token.h - service-account tokens: JWTs that TokenRequest issues, and their check.
 *
 * Keys come from PEM files as upstream's flags take them. Tokens are ES256 or RS256 after the key's kind, with a key id
 * of the public key. Thread-safe after token_new.
 */
#ifndef APISERVER_AUTH_TOKEN_H
#define APISERVER_AUTH_TOKEN_H

#include "api/doc.h"
#include "base/clock.h"
#include "base/flags.h"

#define SA_TOKEN_MAX (8 * 1024)
#define SA_TOKEN_DEFAULT_S 3600
#define SA_TOKEN_MIN_S 600

struct sa_tokens;

struct sa_tokens_options {
    const struct clock *clock;
    const char *signing_key_file;      /* --service-account-signing-key-file; NULL = tokens cannot be issued */
    const struct flag_list *key_files; /* --service-account-key-file: private or public keys or certificates; when none
                                          is given the signing key verifies */
    const struct flag_list *issuers;   /* --service-account-issuer: the first one issues, all are accepted */
    const struct flag_list *audiences; /* --api-audiences; none = the first issuer */
    int64_t max_expiration_s;          /* --service-account-max-token-expiration; 0 = no bound */
};

int sa_tokens_new(const struct sa_tokens_options *opt, struct sa_tokens **ret, struct err *err) MUST_CHECK;
struct sa_tokens *sa_tokens_free(struct sa_tokens *t);

/* POST serviceaccounts/NAME/token: a TokenRequest document in (validated here: ERR_INVALID), the same with status out.
 * account is the live ServiceAccount; bound the live object of spec.boundObjectRef (Pod, Secret or Node) or NULL when
 * there is no reference; node the pod's Node or NULL. The caller loads both and answers 404 or 409 when they are gone.
 */
int sa_token_request(struct sa_tokens *t, struct arena *arena, const struct doc *request, const struct doc *account,
                     const struct doc *bound, const struct doc *node, struct doc **ret, struct err *err) MUST_CHECK;

/* What a valid token says; views into the arena. */
struct sa_token_claims {
    struct str ns, account, account_uid;
    struct str pod, pod_uid, secret, secret_uid, node, node_uid;
    struct str jti;
    int64_t expires_s;
    const struct doc *audiences; /* array of strings */
};
/* Signature, issuer, times and audience (none given = the API server's). ERR_UNAUTHORIZED when anything is wrong. */
int sa_token_verify(struct sa_tokens *t, struct arena *arena, struct str token, const struct str *audiences,
                    size_t n_audiences, struct sa_token_claims *ret, struct err *err) MUST_CHECK;
/* Those of the wanted audiences (none = the API server's) that the token is for, as an array document. */
struct doc *sa_token_audiences(struct sa_tokens *t, struct arena *arena, const struct sa_token_claims *claims,
                               const struct str *wanted, size_t n_wanted);

bool sa_tokens_own_audience(const struct sa_tokens *t, struct str audience);

/* GET /.well-known/openid-configuration and /openid/v1/jwks. */
struct doc *sa_tokens_openid_configuration(struct sa_tokens *t, struct arena *arena, struct str external_host);
struct doc *sa_tokens_jwks(struct sa_tokens *t, struct arena *arena);

#endif
