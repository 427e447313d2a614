/*
 * kubelet.h - what the parts of the kubelet share: configuration and the objects that main wires together.
 *
 * Everything hangs on one struct kubelet, made in main before any thread of ours starts and immutable afterwards except
 * where a member's own header says otherwise.
 */
#ifndef KUBELET_KUBELET_H
#define KUBELET_KUBELET_H

#include "base/clock.h"
#include "client/informer.h"
#include "client/recorder.h"
#include "kubelet/pod/network_files.h"
#include "kubelet/pod/resources.h"
#include "kubelet/runtime/runtime.h"
#include "kubelet/volume/volumes.h"

#define NODE_ADDRESSES_MAX 4
#define CLUSTER_DNS_MAX 3

struct kubelet_config {
    const char *node_name;
    const char *node_ips[NODE_ADDRESSES_MAX];
    size_t n_node_ips;
    const char *root_dir;     /* pods' folders, certificates */
    const char *pod_logs_dir; /* container logs */
    const char *cgroup_root;  /* "" or "/x": what /kubepods hangs below */
    const char *cluster_dns[CLUSTER_DNS_MAX];
    size_t n_cluster_dns;
    const char *cluster_domain;
    int64_t max_pods;
    int64_t log_max_size;
    int64_t log_max_files;
};

struct pod_manager;
struct status_manager;
struct prober;

struct kubelet {
    const struct kubelet_config *config;
    const struct clock *clock;
    struct stop *stop;
    struct runtime *runtime;
    char runtime_name[64], runtime_version[64];
    struct kube_client *client;
    struct recorder *recorder;
    struct informer *pods, *services;
    struct resolver node_resolver;
    struct node_resources capacity, allocatable;
    struct object_source objects;
    struct token_source tokens;
    struct volume_context volumes;
    struct pod_manager *manager;
    struct status_manager *status;
    struct prober *prober;
    bool cgroup_v2;
};

/* objects.c: fills k->objects, k->tokens and k->volumes with what reads the API server. */
void kubelet_objects_init(struct kubelet *k);

/* An event about a container of a pod ("spec.containers{name}"), or about the pod itself when container is NULL. */
void kubelet_event(struct kubelet *k, const Corev1__Pod *pod, const Corev1__Container *container, bool init,
                   const char *type, const char *reason, const char *fmt, ...) PRINTF_FMT(7, 8);

#endif
