/*
 * authn.h - who is it? Client certificate, token file, service-account token, in that order; anonymous is refused.
 *
 * authn_cached answers from memory without blocking, for loop threads; on a miss the request goes to a worker, which
 * calls authn_authenticate (signature check, look-up of the service account and pod). Outcomes of service-account
 * tokens are kept AUTHN_CACHE_S seconds under the SHA-256 of the token, so a deleted account stops working after that
 * time at most. Failed tokens are not kept. Tokens are compared in constant time and never logged.
 *
 * Thread-safe. Everything hangs on one struct authn.
 */
#ifndef APISERVER_AUTH_AUTHN_H
#define APISERVER_AUTH_AUTHN_H

#include "apiserver/auth/store.h"
#include "apiserver/auth/user.h"
#include "base/clock.h"

#define AUTHN_CACHE_S 10
#define AUTHN_CACHE_MAX 4096

struct sa_tokens;
struct authn;

struct authn_options {
    const struct clock *clock;
    const char *token_file;         /* --token-auth-file: CSV token,user,uid[,"group1,group2"]; NULL = none */
    struct sa_tokens *sa_tokens;    /* service-account tokens, not owned; NULL = none */
    const struct auth_store *store; /* must outlive the authenticator */
};

/* What a request shows of itself. All views belong to the caller. */
struct authn_request {
    /* Subject of the client certificate the TLS layer verified against --client-ca-file: common name and organizations.
     * has_cert false = none was shown. A certificate that did not verify must not get here: answer 401. */
    bool has_cert;
    struct str cert_cn;
    const struct str *cert_orgs;
    size_t n_cert_orgs;
    struct str cert_fingerprint; /* SHA-256 of the DER, raw bytes; optional, becomes extra credential-id */
    struct str authorization;    /* the Authorization header, or empty */
};

int authn_new(const struct authn_options *opt, struct authn **ret, struct err *err) MUST_CHECK;
struct authn *authn_free(struct authn *a);

/* A new reference to the user, or NULL when this cannot be answered from memory (also when it would be refused). */
struct user *authn_cached(struct authn *a, const struct authn_request *req);
/* May do public-key work; never blocks on the network. ERR_UNAUTHORIZED "Unauthorized" when the request has no valid
 * identity. */
int authn_authenticate(struct authn *a, const struct authn_request *req, struct user **ret, struct err *err) MUST_CHECK;
/* A bare bearer token for one of the audiences (none = the API server's own), as TokenReview asks. *ret_audiences (in
 * the arena) is which of them it is good for. Not cached. */
int authn_token(struct authn *a, struct str token, const struct str *audiences, size_t n_audiences, struct arena *arena,
                struct user **ret, struct doc **ret_audiences, struct err *err) MUST_CHECK;

/* Impersonation: the request's Impersonate-* headers, collected by the caller. */
struct authn_impersonation {
    struct str user, uid;
    const struct str *groups;
    size_t n_groups;
    const struct user_extra *extra; /* keys decoded and lower case */
    size_t n_extra;
};
struct authorizer;
/* The user to act as, after the authorizer allowed each part ("impersonate" on users, groups, userextras, uids).
 * ERR_FORBIDDEN with upstream's Status details otherwise, ERR_BAD_REQUEST... when groups come without a user. */
int authn_impersonate(struct authorizer *z, struct user *real, const struct authn_impersonation *imp,
                      struct arena *arena, struct user **ret, struct err *err) MUST_CHECK;

#endif
