/*
 * sigv4.h - AWS Signature Version 4: who signed this request, and is the signature right.
 *
 * Works on the bytes of the request as they came: raw path, raw query, headers in order, body. Header form
 * (Authorization) and query form (presigned) alike. Pure: time and the secret come in by argument; nothing is kept.
 * Comparison takes constant time. Source: the SigV4 signing process of the AWS general reference; checked against the
 * published vectors.
 *
 *     sigv4_read(&req, &claim, &why)        who says they signed it, and for what
 *     ... look the secret of claim.access_key up ...
 *     sigv4_verify(&req, &claim, secret, now, &options)
 */
#ifndef ECS_WIRE_SIGV4_H
#define ECS_WIRE_SIGV4_H

#include "base/buf.h"
#include "base/str.h"

#define SIGV4_SKEW_S (15 * 60)
#define SIGV4_EXPIRES_MAX (7 * 24 * 3600)
#define SIGV4_SIGNED_HEADERS_MAX 64
#define SIGV4_QUERY_MAX 200 /* parameters */

struct sigv4_header {
    struct str name, value;
};

struct sigv4_request {
    struct str method, path, query; /* raw: query without '?' */
    const struct sigv4_header *headers;
    size_t n_headers;
    struct str body;
};

/* Views into the request, but for what was percent-encoded in a query, which lies in `text`. */
struct sigv4_claim {
    bool presigned;
    struct str access_key, date, region, service; /* of the credential scope */
    struct str signed_headers;                    /* "host;x-amz-date" */
    struct str signature;                         /* hex */
    struct str amz_date;                          /* 20150830T123600Z */
    struct str session_token;                     /* empty when none */
    int64_t signed_at_s, expires_s;               /* expires_s: presigned only */
    struct buf text;
};
void sigv4_claim_release(struct sigv4_claim *c);

enum sigv4_result {
    SIGV4_OK,
    SIGV4_MISSING,    /* the request is not signed */
    SIGV4_INCOMPLETE, /* a part is missing or malformed */
    SIGV4_SKEWED,     /* signed too long ago, or in the future */
    SIGV4_EXPIRED,    /* a presigned URL past its time */
    SIGV4_MISMATCH,   /* the signature or the body's hash is wrong */
};

/* Fills the claim; release it in any case. */
enum sigv4_result sigv4_read(const struct sigv4_request *r, struct sigv4_claim *ret);

struct sigv4_options {
    bool keep_path; /* S3 style: the path is not normalised */
};
enum sigv4_result sigv4_verify(const struct sigv4_request *r, const struct sigv4_claim *c, struct str secret,
                               int64_t now_s, const struct sigv4_options *o);

/* The steps, for tests and for signing: canonical request, string to sign, signature (64 hex digits are appended). */
void sigv4_canonical(const struct sigv4_request *r, const struct sigv4_claim *c, const struct sigv4_options *o,
                     bool with_token, struct buf *out);
void sigv4_string_to_sign(const struct sigv4_claim *c, struct str canonical, struct buf *out);
void sigv4_signature(const struct sigv4_claim *c, struct str secret, struct str string_to_sign, struct buf *out);

#endif
