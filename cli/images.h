/*
 * images.h - brings the images of the images folder (OCI archives that hack/images made) into a node's containerd.
 */
#ifndef CLI_IMAGES_H
#define CLI_IMAGES_H

#include "cluster.h"

/* Starts a child process that waits for the node's containerd and imports every *.tar that containerd does not have
 * yet, then ends. Pods that start meanwhile wait for their images with the usual back-off. */
void images_import_later(const struct cluster *c, int k);

#endif
