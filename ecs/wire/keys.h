/*
 * keys.h - access keys: what is known of an access key id.
 *
 * Two sources, asked in this order. Secrets of namespace kube-system with the label
 *
 *     ecs.coracle.dev/access-key: AKIA...
 *
 * and the data accessKeyId, secretAccessKey, arn (of the principal) and, for a session's key, sessionToken; an informer
 * keeps them, so a new or deleted Secret counts at once. And, for tests and single machines, a file in the form of the
 * AWS shared credentials file, read once: each profile is the user of that name, "default" is root; a line
 * `arn = ...` in a profile says otherwise.
 *
 * Thread-safe. Secrets are never logged; a struct aws_key is wiped by aws_key_release.
 */
#ifndef ECS_WIRE_KEYS_H
#define ECS_WIRE_KEYS_H

#include "client/informer.h"

#define KEY_LABEL "ecs.coracle.dev/access-key"
#define KEY_NAMESPACE "kube-system"
#define KEYS_FILE_MAX 1000 /* profiles of a credentials file */

struct aws_key {
    char *access_key, *secret;
    char *session_token; /* NULL = a key for good */
    char *arn;
};
void aws_key_release(struct aws_key *k);

struct aws_keys;

/* factory NULL = no Secrets; file NULL = no file. account: in the ARNs of a file's principals. The factory is to be
 * started by the caller, and must outlive the keys. */
int aws_keys_new(struct informer_factory *factory, const char *file, const char *account, struct aws_keys **ret,
                 struct err *err) MUST_CHECK;
struct aws_keys *aws_keys_free(struct aws_keys *k);
static inline void aws_keys_freep(struct aws_keys **k)
{
    aws_keys_free(*k);
}

/* False when nobody has that id. Release the key. */
bool aws_keys_find(struct aws_keys *k, struct str access_key, struct aws_key *ret) MUST_CHECK;

#endif
