/*
 * node_files.h - the configuration files of one node: containerd's config.toml and the CNI network.
 */
#ifndef CLI_NODE_FILES_H
#define CLI_NODE_FILES_H

#include "cluster.h"

/* Writes <data-dir>/node/K/{config.toml,cni/net.d/10-coracle.conflist} and makes the folders they name. */
int node_files_write(const struct cluster *c, int k, struct err *err) MUST_CHECK;
char *node_socket(const struct cluster *c, int k); /* containerd's, malloc'd */

#endif
