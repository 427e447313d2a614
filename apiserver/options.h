/*
 * options.h - the apiserver's command line. Names and defaults are upstream's (kube-apiserver 1.36).
 */
#ifndef APISERVER_OPTIONS_H
#define APISERVER_OPTIONS_H

#include "base/flags.h"

struct options {
    /* etcd */
    struct flag_list etcd_servers;
    const char *etcd_prefix, *etcd_cafile, *etcd_certfile, *etcd_keyfile;
    const char *storage_backend, *storage_media_type;
    int64_t event_ttl_ns;
    /* serving */
    const char *bind_address, *advertise_address;
    int64_t secure_port;
    const char *cert_dir, *tls_cert_file, *tls_private_key_file;
    int64_t request_timeout_ns, min_request_timeout_s;
    int64_t loop_threads, workers;
    /* authentication and authorization */
    const char *client_ca_file, *token_auth_file;
    struct flag_list sa_key_files;
    const char *sa_signing_key_file;
    struct flag_list sa_issuers, api_audiences;
    int64_t sa_max_token_expiration_ns;
    bool sa_extend_expiration, sa_lookup;
    struct flag_list authorization_modes;
    bool anonymous_auth;
    const char *requestheader_client_ca_file;
    struct flag_list requestheader_allowed_names, requestheader_username_headers, requestheader_group_headers,
        requestheader_extra_headers_prefix;
    const char *proxy_client_cert_file, *proxy_client_key_file;
    bool enable_bootstrap_token_auth;
    /* admission */
    struct flag_list enable_admission_plugins, disable_admission_plugins;
    /* kubelets */
    const char *kubelet_client_certificate, *kubelet_client_key, *kubelet_certificate_authority;
    struct flag_list kubelet_preferred_address_types;
    /* services */
    const char *service_cluster_ip_range, *service_node_port_range;
    bool allow_privileged;
    /* rest */
    struct flag_list feature_gates, runtime_config;
    const char *endpoint_reconciler_type, *logging_format;
    int64_t verbosity;
    int64_t max_requests_inflight, max_mutating_requests_inflight;
    bool profiling, enable_aggregator_routing, enable_priority_and_fairness;
};

/* Fills opt; prints help, version or an error and exits when the command line says so. */
void options_parse_or_exit(struct options *opt, int argc, char **argv, const char *version);
/* What flags cannot check one by one (missing etcd servers, half a key pair ...). */
int options_check(const struct options *opt, struct err *err) MUST_CHECK;

#endif
