/*
 * user.h - who makes a request: the outcome of authentication.
 *
 * A user is immutable and reference-counted, one allocation; it may be shared by threads and kept in caches. The views
 * inside live as long as the user.
 */
#ifndef APISERVER_AUTH_USER_H
#define APISERVER_AUTH_USER_H

#include "base/err.h"
#include "base/str.h"

#define USER_GROUPS_MAX 256
#define USER_EXTRA_MAX 32

struct user_extra { /* one value of one key; a key with several values stands here several times, one after the other */
    struct str key, value;
};

struct user {
    uint64_t id; /* unique in the process: a cache key that two different users never share */
    struct str name, uid;
    const struct str *groups;
    size_t n_groups;
    const struct user_extra *extra;
    size_t n_extra;
    _Atomic uint32_t refs;
};

/* A copy of the parts, with one reference for the caller. Groups beyond USER_GROUPS_MAX are an error of the caller. */
struct user *user_new(struct str name, struct str uid, const struct str *groups, size_t n_groups,
                      const struct user_extra *extra, size_t n_extra);
struct user *user_ref(struct user *u);
struct user *user_unref(struct user *u); /* returns NULL; accepts NULL */
static inline void user_unrefp(struct user **u)
{
    user_unref(*u);
}
bool user_in_group(const struct user *u, struct str group);

/* "system:serviceaccount:NS:NAME" taken apart; false when the name is not of that form. */
bool user_service_account(struct str name, struct str *ret_ns, struct str *ret_name);

#endif
