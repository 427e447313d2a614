/* aws_signer.h - makes signed AWS requests for tests and benchmarks. */
#ifndef TESTS_LIB_AWS_SIGNER_H
#define TESTS_LIB_AWS_SIGNER_H

#include "ecs/wire/sigv4.h"

#define SIGNER_HEADERS_MAX 8

struct aws_signed {
    struct sigv4_request r; /* views of the rest, and of what was given */
    struct sigv4_header headers[SIGNER_HEADERS_MAX];
    char date[32], authorization[512];
};

struct aws_signer {
    const char *access_key, *secret, *service;
    const char *token; /* NULL = none */
    int64_t now_s;
};

/* method, path, query, body and content_type, target (NULL = none) must outlive the result. Signs host, x-amz-date and,
 * where given, content-type and x-amz-target. */
void aws_sign(const struct aws_signer *s, const char *method, const char *path, const char *query,
              const char *content_type, const char *target, struct str body, struct aws_signed *ret);

#endif
