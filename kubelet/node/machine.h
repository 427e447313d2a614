/*
 * machine.h - what the kubelet finds out about the machine it runs on.
 */
#ifndef KUBELET_NODE_MACHINE_H
#define KUBELET_NODE_MACHINE_H

#include "kubelet/pod/resources.h"

struct machine {
    char machine_id[64], system_uuid[64], boot_id[64];
    char kernel[128], os_image[128], arch[32];
    char hostname[256];
};
void machine_read(struct machine *ret);

/* All that is there; pods is max_pods. root_dir: whose file system counts as ephemeral storage. */
void machine_capacity(const char *root_dir, int64_t max_pods, struct node_resources *ret);
/* What is left after upstream's hard eviction thresholds (100Mi of memory, 10% of the disk). */
struct node_resources machine_allocatable(const struct node_resources *capacity);

struct machine_pressure {
    bool memory, disk, pids;
};
void machine_pressure(const char *root_dir, struct machine_pressure *ret);

/* The address other hosts reach this one by: that of the default route, else the first that is not loopback's. */
bool machine_address(char *out, size_t size);

#endif
