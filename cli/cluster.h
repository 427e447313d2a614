/*
 * cluster.h - what `coracle up` was asked for and where everything of it lives: one value that all rooms of the
 * command share, built from the flags and never changed afterwards.
 *
 *     <data-dir>/cluster.json           ports and names, kept so that a second `up` gives the same cluster
 *     <data-dir>/admin.kubeconfig       for the user
 *     <data-dir>/aws-credentials        an access key for the aws CLI
 *     <data-dir>/pki/                   CA, serving and client certificates, service-account key
 *     <data-dir>/kubeconfig/            one for each program
 *     <data-dir>/log/NAME.log
 *     <data-dir>/run/                   lock, status, what does not survive `down`
 *     <data-dir>/etcd/                  the state
 *     <data-dir>/node/K/                containerd, CNI and kubelet of node K (1 is this host)
 */
#ifndef CLI_CLUSTER_H
#define CLI_CLUSTER_H

#include "base/err.h"
#include "base/str.h"

#define CLUSTER_NODES_MAX 20
#define CLUSTER_PATH_MAX 256

struct cluster {
    char dir[CLUSTER_PATH_MAX];     /* absolute */
    char bin_dir[CLUSTER_PATH_MAX]; /* where our programs are: beside coracle itself */
    char images_dir[CLUSTER_PATH_MAX];
    char name[64];   /* this host's node name */
    char cgroup[64]; /* where the pods of this cluster are: "coracle", or with the data dir's name behind it */
    int nodes;
    int secure_port;
    int etcd_port, etcd_peer_port; /* 0 until ports_choose */
    int kubelet_port;
    int aws_port;             /* of the AWS gateway; 0 = none */
    const char *service_cidr; /* a /16: its .0.1 is the API's ClusterIP */
    int verbosity;
};

/* Node addresses: this host is 172.31.99.1 on a bridge of its own, node K is .K on the same LAN, and its pods live
 * in 10.244.K.0/24. So addresses stay when the laptop changes networks, and nothing of the cluster leaves through the
 * default route. */
#define CLUSTER_LAN_BRIDGE "coracle-lan"
#define CLUSTER_LAN_NET "172.31.99"
#define CLUSTER_POD_NET "10.244"
#define CLUSTER_POD_CIDR CLUSTER_POD_NET ".0.0/16"
#define CLUSTER_SERVICE_CIDR "10.96.0.0/16"
#define CLUSTER_API_IP "10.96.0.1"
#define CLUSTER_DEFAULT_DIR "/var/lib/coracle"

/* A path below the data dir, printf style; malloc'd. */
char *cluster_path(const struct cluster *c, const char *fmt, ...) PRINTF_FMT(2, 3);
char *cluster_program(const struct cluster *c, const char *name); /* bin_dir/name, malloc'd */
char *cluster_node_name(const struct cluster *c, int k);          /* malloc'd; node 1 is c->name, others NAME-K */
char *cluster_node_ip(int k);                                     /* malloc'd */

/* Fills the paths and names: makes dir absolute, finds our own folder, the host name. */
int cluster_init(struct cluster *c, const char *dir, struct err *err) MUST_CHECK;
int cluster_make_dirs(const struct cluster *c, struct err *err) MUST_CHECK;

/* Takes over the ports and node count of an earlier `up` of the same data dir (cluster.json), when there is one. */
int cluster_load(struct cluster *c, bool *ret_found, struct err *err) MUST_CHECK;
int cluster_save(const struct cluster *c, struct err *err) MUST_CHECK;

#endif
