/*
 * correlator.h - which events are sent, and as what: the rules behind recorder.h, without I/O.
 *
 * As client-go's EventCorrelator with its defaults: aggregation of similar events (10 in 10 minutes), counting of equal
 * ones, a token bucket for each source and object (25, one more every 300 s). Each of the three memories holds the
 * 4,096 keys used last. One thread at a time.
 */
#ifndef CLIENT_CORRELATOR_H
#define CLIENT_CORRELATOR_H

#include "base/str.h"

#define CORRELATOR_KEYS_MAX 4096
#define CORRELATOR_SIMILAR 10
#define CORRELATOR_SIMILAR_NS ((int64_t)600 * 1000000000)
#define CORRELATOR_BURST 25
#define CORRELATOR_REFILL_NS ((int64_t)300 * 1000000000)
#define CORRELATOR_PREFIX "(combined from similar events): "

struct correlator;

struct correlator *correlator_new(void);
struct correlator *correlator_free(struct correlator *c);

struct correlator_event {
    struct str object;  /* what identifies source and object: the spam key */
    struct str similar; /* object, type and reason: the aggregation key */
    struct str equal;   /* all that makes two events the same but for time: the counting key */
    struct str message;
    int64_t now_ns; /* wall */
};

struct correlator_verdict {
    bool send;     /* false: too many about this object */
    bool combined; /* the message gets CORRELATOR_PREFIX */
    int count;     /* 1 = create it, more = patch the Event called `name` */
    int64_t first_ns;
    const char *name; /* valid until the next call */
    void *memory;     /* for correlator_sent */
};

struct correlator_verdict correlator_judge(struct correlator *c, const struct correlator_event *e);
/* The Event's name after it was created, so that later equal ones become patches of it. Only right after the judge. */
void correlator_sent(struct correlator *c, const struct correlator_verdict *v, const char *name);

#endif
