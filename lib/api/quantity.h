/*
 * quantity.h - exact resource quantities ("500m", "1.5Gi", "3e2").
 *
 * A quantity is a count of nanos in 128 bits; upstream rounds away from zero below nano and caps parsed numbers at
 * 2^63-1, so every legal value fits exactly. The format that was read is kept and written again. A value type: copy it
 * freely.
 */
#ifndef API_QUANTITY_H
#define API_QUANTITY_H

#include "base/buf.h"
#include "base/err.h"

enum quantity_format { QUANTITY_DECIMAL_SI, QUANTITY_BINARY_SI, QUANTITY_DECIMAL_EXPONENT };

struct quantity {
    __int128 nano;
    enum quantity_format format;
};

#define QUANTITY_TEXT_MAX 48

/* Error (BAD_REQUEST) with upstream's text, e.g. "unable to parse quantity's suffix". */
int quantity_parse(struct str s, struct quantity *ret, struct err *err) MUST_CHECK;
bool quantity_read(struct str s, struct quantity *ret); /* the same without words */
struct quantity quantity_of(int64_t value, enum quantity_format format);
struct quantity quantity_of_milli(int64_t milli, enum quantity_format format);

/* Upstream's canonical form, NUL-terminated: largest suffix without a fraction. */
void quantity_format(const struct quantity *q, char out[QUANTITY_TEXT_MAX]);

/* Rounded away from zero, saturating at the ends of int64. */
int64_t quantity_value(const struct quantity *q);
int64_t quantity_milli(const struct quantity *q);

int quantity_cmp(const struct quantity *a, const struct quantity *b);
void quantity_add(struct quantity *q,
                  const struct quantity *y); /* saturating; a zero q takes y's format, as upstream */
void quantity_sub(struct quantity *q, const struct quantity *y);
static inline bool quantity_is_zero(const struct quantity *q)
{
    return q->nano == 0;
}
static inline int quantity_sign(const struct quantity *q)
{
    return q->nano > 0 ? 1 : q->nano < 0 ? -1 : 0;
}

#endif
