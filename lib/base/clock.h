/*
 * clock.h - time comes in by interface, so that tests can turn it by hand.
 *
 * mono is for measuring and waiting, wall for what users read. Both count nanoseconds; wall since 1970 UTC.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "buf.h"

#define NS_PER_S ((int64_t)1000000000)
#define NS_PER_MS ((int64_t)1000000)

struct clock {
    int64_t (*mono)(const struct clock *c);
    int64_t (*wall)(const struct clock *c);
};

extern const struct clock clock_system;

static inline int64_t clock_mono(const struct clock *c)
{
    return c->mono(c);
}
static inline int64_t clock_wall(const struct clock *c)
{
    return c->wall(c);
}

#define RFC3339_MAX 40
/* "2006-01-02T15:04:05Z" (fraction_digits 0), or with exactly that many digits (6 for MicroTime). UTC. */
void format_rfc3339(char out[RFC3339_MAX], int64_t wall_ns, int fraction_digits);
/* Any offset, up to nine fraction digits; seconds since 1970 and nanoseconds apart, so year 1 to 9999 all fit. */
bool parse_rfc3339(struct str s, int64_t *ret_seconds, int32_t *ret_nanos);
/* Sleeps unless a signal comes first; for the edges of programs, never on a loop thread. */
void sleep_ns(int64_t ns);

#endif
