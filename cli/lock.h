/*
 * lock.h - who runs the cluster of a data dir: a file <data-dir>/run/coracle.lock with the supervisor's pid, held by
 * flock(2).
 *
 * The lock is inherited by fork, so the command can take it, fork the supervisor and go; it ends with the last holder,
 * also when that is killed.
 */
#ifndef CLI_LOCK_H
#define CLI_LOCK_H

#include "cluster.h"

/* Takes the lock; the descriptor holds it. ERR_ALREADY_EXISTS when somebody else has it. */
int lock_take(const struct cluster *c, struct err *err) MUST_CHECK;
int lock_write_pid(int fd, int pid, struct err *err) MUST_CHECK;
/* The holder's pid; 0 when nobody holds the lock. */
int lock_holder(const struct cluster *c);

#endif
