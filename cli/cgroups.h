/*
 * cgroups.h - the few cgroup duties of the command: a folder for each extra node, and the removal of what pods left.
 *
 * Works on cgroup v1 (one hierarchy a controller), v2 and the mix of both.
 */
#ifndef CLI_CGROUPS_H
#define CLI_CGROUPS_H

#include "base/err.h"

/* Moves the calling process into /NAME of every hierarchy. */
int cgroups_join(const char *name, struct err *err) MUST_CHECK;
/* Ends what still runs in /NAME and below it, and removes it from every hierarchy; for some milliseconds after the last
 * process ended the kernel still calls them busy, so it tries again for up to two seconds. */
void cgroups_remove(const char *name);
/* Inside a new cgroup namespace: mounts a fresh view of every hierarchy over /sys/fs/cgroup. */
int cgroups_mount(struct err *err) MUST_CHECK;

#endif
