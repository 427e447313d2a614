/*
 * random.h - randomness from the kernel. Never fails: without getrandom(2) there is no safe way on, so it aborts.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "compiler.h"

#define UUID_LEN 36

void random_bytes(void *p, size_t n);
uint64_t random_below(uint64_t bound);    /* uniform in [0, bound), bound > 0 */
void random_uuid(char out[UUID_LEN + 1]); /* RFC 4122 version 4, lower case */
/* n characters of Kubernetes' safe alphabet (no vowels, nothing that looks alike), as generateName and ReplicaSet pods
 * use. */
void random_suffix(char *out, size_t n); /* NUL-terminated: out has n + 1 bytes */

#endif
