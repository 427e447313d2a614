/*
 * rotate.h - keeps container logs small: past the size a log is put aside and the runtime opens a new one.
 *
 * N.log becomes N.log.YYYYMMDD-HHMMSS; of those the newest log_max_files - 1 are kept. One thread, a look at the files'
 * sizes every 10 s.
 */
#ifndef KUBELET_SERVER_ROTATE_H
#define KUBELET_SERVER_ROTATE_H

#include "kubelet/kubelet.h"

struct log_rotator;
int log_rotator_start(struct kubelet *k, struct log_rotator **ret, struct err *err) MUST_CHECK;
/* k->stop must have been requested. Returns NULL; accepts NULL. */
struct log_rotator *log_rotator_free(struct log_rotator *r);

/* Deletes the oldest of path's rotated files so that at most `keep` stay. */
void log_remove_old(const char *path, size_t keep);

#endif
