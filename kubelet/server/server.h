/*
 * server.h - the kubelet's own API over HTTPS: logs, exec, attach, port-forward, pods, statistics; and /healthz.
 *
 * Clients show a certificate of --client-ca-file. Members of system:masters may do everything; for others the API
 * server is asked (SubjectAccessReview on the node's proxy, log, stats or metrics subresource). Nobody else gets in.
 * Requests that block run on a bounded pool.
 */
#ifndef KUBELET_SERVER_SERVER_H
#define KUBELET_SERVER_SERVER_H

#include "kubelet/kubelet.h"

struct kubelet_server;

struct server_options {
    const char *address;
    uint16_t port;
    uint16_t healthz_port;            /* plain HTTP on 127.0.0.1; 0 = none */
    const char *cert_file, *key_file; /* NULL = self-signed ones are made in root_dir/pki */
    const char *client_ca_file;       /* NULL = only /healthz */
};
int server_start(struct kubelet *k, const struct server_options *o, struct kubelet_server **ret,
                 struct err *err) MUST_CHECK;
struct kubelet_server *server_free(struct kubelet_server *s); /* returns NULL; accepts NULL */

#endif
