/*
 * network_files.h - a pod's host name, /etc/hosts and resolver settings. Pure.
 */
#ifndef KUBELET_POD_NETWORK_FILES_H
#define KUBELET_POD_NETWORK_FILES_H

#include "base/arena.h"
#include "base/buf.h"
#include "kubelet/pod/spec.h"

/* The host name as processes see it, at most 63 bytes (or the fully qualified one when the pod wants that). */
const char *pod_hostname(struct arena *a, const Corev1__Pod *pod, const char *node_name, const char *cluster_domain);

/* The content of /etc/hosts. node_hosts: the node's file, for host network. */
void pod_hosts_file(struct buf *out, const Corev1__Pod *pod, const char *const *pod_ips, size_t n_pod_ips,
                    const char *hostname, const char *cluster_domain, struct str node_hosts);

struct resolver {
    const char **servers, **searches, **options;
    size_t n_servers, n_searches, n_options;
};
#define RESOLVER_SERVERS_MAX 3
#define RESOLVER_SEARCHES_MAX 32

/* Reads a resolv.conf; what cannot be read is skipped. Copies into the arena. */
void resolver_parse(struct arena *a, struct str text, struct resolver *ret);

struct dns_settings {
    const char *const *cluster_dns;
    size_t n_cluster_dns;
    const char *cluster_domain;
    const struct resolver *node;
};
/* By the pod's dnsPolicy and dnsConfig. *ret_missing tells that ClusterFirst was wanted and there is no cluster DNS. */
void pod_resolver(struct arena *a, const Corev1__Pod *pod, const struct dns_settings *s, struct resolver *ret,
                  bool *ret_missing);

#endif
