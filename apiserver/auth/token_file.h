/*
 * token_file.h - --token-auth-file: a CSV of static tokens, read once at start.
 *
 * Each line is token,user,uid and optionally "group1,group2"; fields may be quoted. Only the SHA-256 of a token is
 * kept, so looking one up tells nothing by its time and memory holds no token.
 */
#ifndef APISERVER_AUTH_TOKEN_FILE_H
#define APISERVER_AUTH_TOKEN_FILE_H

#include "apiserver/auth/user.h"
#include "net/crypto.h"

#define TOKEN_FILE_ENTRIES_MAX 100000

struct token_file;

int token_file_load(const char *path, struct token_file **ret, struct err *err) MUST_CHECK;
int token_file_parse(struct str text, struct token_file **ret, struct err *err) MUST_CHECK;
struct token_file *token_file_free(struct token_file *f);
size_t token_file_count(const struct token_file *f);
/* A new reference, or NULL. */
struct user *token_file_find(const struct token_file *f, const uint8_t sha256[SHA256_LEN]);

#endif
