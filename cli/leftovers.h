/*
 * leftovers.h - processes of a cluster whose supervisor was killed, found by their command lines.
 */
#ifndef CLI_LEFTOVERS_H
#define CLI_LEFTOVERS_H

/* The programs got SIGTERM when the supervisor died and are on their way out: waits for that, at most five seconds,
 * then kills them. Containers go on running. */
void leftovers_end_programs(const char *dir);
/* Ends every containerd shim whose containerd's socket lies below the folder: one that was just starting when
 * containerd was killed is in no record, so removing all pods does not end it. To be called when that containerd has
 * ended. */
void leftovers_end_shims(const char *dir);

#endif
