/*
 * expectations.h - what a controller has asked for and not yet seen come back through its informer.
 *
 * A sync that runs before the informer shows its own last writes would create or delete too much. So a sync that
 * creates or deletes says so here first, the informer's handlers tick it off, and the next sync of that key acts only
 * when all has been seen or the expectation is older than 5 minutes. Thread-safe.
 */
#ifndef CONTROLLERS_EXPECTATIONS_H
#define CONTROLLERS_EXPECTATIONS_H

#include "base/clock.h"

struct expectations;

struct expectations *expectations_new(const struct clock *clock);
struct expectations *expectations_free(struct expectations *e);

/* Replaces what was expected of the key. */
void expect_creations(struct expectations *e, struct str key, int n);
/* Deletions by name: an object that is seen deleted twice counts once. `deleted` are n keys. */
void expect_deletions(struct expectations *e, struct str key, const struct str *deleted, size_t n);
void creation_observed(struct expectations *e, struct str key); /* also: the creation failed */
void deletion_observed(struct expectations *e, struct str key, struct str deleted);
bool expectations_met(struct expectations *e, struct str key);
void expectations_forget(struct expectations *e, struct str key);

#endif
