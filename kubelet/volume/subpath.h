/*
 * subpath.h - a part of a volume, mounted where nobody can swap it for something outside of the volume.
 */
#ifndef KUBELET_VOLUME_SUBPATH_H
#define KUBELET_VOLUME_SUBPATH_H

#include "base/err.h"

/* Resolves path (relative) inside the folder `volume`: links may lead anywhere within it, never out. A missing end is
 * made as folders. What was found is bind mounted onto `target`, which is made as file or folder. Calling it again for
 * a target that is mounted already does nothing. */
int subpath_bind(const char *volume, const char *path, const char *target, struct err *err) MUST_CHECK;

/* Is something mounted exactly here? */
bool path_is_mount(const char *path);

#endif
