#include "random.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

/* Drawn in blocks: one system call serves many small needs. One pool a thread, so no lock. */
static _Thread_local unsigned char pool[256];
static _Thread_local size_t pool_left;

static void fill(void *p, size_t n)
{
    unsigned char *at = p;

    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        at += got;
        n -= (size_t)got;
    }
}

void random_bytes(void *p, size_t n)
{
    if (n > sizeof(pool)) {
        fill(p, n);
        return;
    }
    if (pool_left < n) {
        fill(pool, sizeof(pool));
        pool_left = sizeof(pool);
    }
    unsigned char *out = p;
    for (size_t i = 0; i < n; i++) {
        out[i] = pool[--pool_left];
        pool[pool_left] = 0; /* what was given out is not kept */
    }
}

uint64_t random_below(uint64_t bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound, r;

    do
        random_bytes(&r, sizeof(r));
    while (r >= limit);
    return r % bound;
}

void random_uuid(char out[UUID_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char b[16];
    char *p = out;

    random_bytes(b, sizeof(b));
    b[6] = (b[6] & 0x0F) | 0x40;
    b[8] = (b[8] & 0x3F) | 0x80;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = '\0';
}

void random_suffix(char *out, size_t n)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";

    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[random_below(sizeof(alphabet) - 1)];
    out[n] = '\0';
}
