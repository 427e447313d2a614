/*
 * ready.h - waiting until a cluster that is starting can be used, with a line of progress for each stage.
 */
#ifndef CLI_READY_H
#define CLI_READY_H

#include "cluster.h"

/* Stages: etcd, API server, controllers, nodes. Prints to standard output. When the supervisor (pid) ends or timeout_s
 * is over, the error names the stage and the log to read. */
int ready_wait(const struct cluster *c, int supervisor, int timeout_s, struct err *err) MUST_CHECK;

#endif
