/*
 * patch.h - a PATCH body, read once and applied to as many versions of an object as it takes.
 */
#ifndef APISERVER_HTTP_PATCH_H
#define APISERVER_HTTP_PATCH_H

#include "apiserver/http/body.h"

struct patch {
    struct request *r;
    enum patch_type type;
    struct doc *doc;
    struct body_kind kind; /* of what is patched */
};

int patch_read(struct request *r, struct patch *ret, struct err *err) MUST_CHECK;
/* A new document from old, checked and defaulted. */
int patch_apply(const struct patch *p, const struct doc *old, struct doc **ret, struct err *err) MUST_CHECK;

#endif
