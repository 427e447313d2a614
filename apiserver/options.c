#include "apiserver/options.h"

#include "base/clock.h"

static const struct options DEFAULTS = {
    .etcd_prefix = "/registry",
    .storage_media_type = "application/vnd.kubernetes.protobuf",
    .event_ttl_ns = 3600 * NS_PER_S,
    .bind_address = "0.0.0.0",
    .secure_port = 6443,
    .cert_dir = "/var/run/kubernetes",
    .request_timeout_ns = 60 * NS_PER_S,
    .min_request_timeout_s = 1800,
    .loop_threads = 2,
    .workers = 64,
    .sa_extend_expiration = true,
    .sa_lookup = true,
    .service_cluster_ip_range = "10.0.0.0/24",
    .service_node_port_range = "30000-32767",
    .endpoint_reconciler_type = "lease",
    .logging_format = "text",
    .max_requests_inflight = 400,
    .max_mutating_requests_inflight = 200,
    .profiling = true,
    .enable_priority_and_fairness = true,
};

#define F(type_, name_, member, value_, help_)                                                                         \
    {                                                                                                                  \
        .type = (type_), .name = (name_), .target = &o->member, .value = (value_), .help = (help_)                     \
    }
#define NUM(name_, member, min_, max_, help_)                                                                          \
    {                                                                                                                  \
        .type = FLAG_INT, .name = (name_), .target = &o->member, .value = "N", .help = (help_), .min = (min_),         \
        .max = (max_)                                                                                                  \
    }
#define SECTION(title)                                                                                                 \
    {                                                                                                                  \
        .type = FLAG_SECTION, .name = (title)                                                                          \
    }
#define NO_EFFECT "accepted for upstream's scripts, has no effect"

/* clang-format off */
void options_parse_or_exit(struct options *o, int argc, char **argv, const char *version)
{
    *o = DEFAULTS;
    const struct flag table[] = {
        SECTION("etcd"),
        F(FLAG_LIST, "etcd-servers", etcd_servers, "URL,...", "etcd servers to keep the state in"),
        F(FLAG_STRING, "etcd-prefix", etcd_prefix, "PATH", "first part of every key in etcd"),
        F(FLAG_STRING, "etcd-cafile", etcd_cafile, "FILE", "CA of etcd's certificate"),
        F(FLAG_STRING, "etcd-certfile", etcd_certfile, "FILE", "client certificate for etcd"),
        F(FLAG_STRING, "etcd-keyfile", etcd_keyfile, "FILE", "key of the client certificate for etcd"),
        F(FLAG_STRING, "storage-backend", storage_backend, "NAME", "etcd3, the only one"),
        F(FLAG_STRING, "storage-media-type", storage_media_type, "TYPE", "form of stored objects; only application/vnd.kubernetes.protobuf"),
        F(FLAG_DURATION, "event-ttl", event_ttl_ns, "DURATION", "how long events are kept"),
        SECTION("secure serving"),
        F(FLAG_STRING, "bind-address", bind_address, "IP", "address to listen on"),
        NUM("secure-port", secure_port, 1, 65535, "port to serve HTTPS on"),
        F(FLAG_STRING, "cert-dir", cert_dir, "DIR", "where a self-signed certificate is made when --tls-cert-file is not given"),
        F(FLAG_STRING, "tls-cert-file", tls_cert_file, "FILE", "serving certificate, with intermediates behind it"),
        F(FLAG_STRING, "tls-private-key-file", tls_private_key_file, "FILE", "key of the serving certificate"),
        F(FLAG_STRING, "advertise-address", advertise_address, "IP", "address on which the rest of the cluster reaches this server"),
        F(FLAG_DURATION, "request-timeout", request_timeout_ns, "DURATION", NO_EFFECT),
        NUM("min-request-timeout", min_request_timeout_s, 1, 86400, "shortest time limit of a watch, in seconds"),
        SECTION("authentication"),
        F(FLAG_STRING, "client-ca-file", client_ca_file, "FILE", "CAs whose client certificates tell user (CN) and groups (O)"),
        F(FLAG_STRING, "token-auth-file", token_auth_file, "FILE", "CSV of static tokens: token,user,uid,\"group1,group2\""),
        F(FLAG_BOOL, "anonymous-auth", anonymous_auth, NULL, "take requests without credentials for system:anonymous (off here, on upstream)"),
        F(FLAG_LIST, "service-account-key-file", sa_key_files, "FILE", "public (or private) keys that verify service account tokens"),
        F(FLAG_STRING, "service-account-signing-key-file", sa_signing_key_file, "FILE", "private key that signs service account tokens"),
        F(FLAG_LIST, "service-account-issuer", sa_issuers, "URL", "issuer of service account tokens; the first one signs"),
        F(FLAG_LIST, "api-audiences", api_audiences, "NAME,...", "audiences of tokens for this API; the issuer when not given"),
        F(FLAG_DURATION, "service-account-max-token-expiration", sa_max_token_expiration_ns, "DURATION", "longest life of a requested token"),
        F(FLAG_BOOL, "service-account-extend-token-expiration", sa_extend_expiration, NULL, NO_EFFECT),
        F(FLAG_BOOL, "service-account-lookup", sa_lookup, NULL, NO_EFFECT),
        F(FLAG_STRING, "requestheader-client-ca-file", requestheader_client_ca_file, "FILE", NO_EFFECT),
        F(FLAG_LIST, "requestheader-allowed-names", requestheader_allowed_names, "NAME,...", NO_EFFECT),
        F(FLAG_LIST, "requestheader-username-headers", requestheader_username_headers, "NAME,...", NO_EFFECT),
        F(FLAG_LIST, "requestheader-group-headers", requestheader_group_headers, "NAME,...", NO_EFFECT),
        F(FLAG_LIST, "requestheader-extra-headers-prefix", requestheader_extra_headers_prefix, "NAME,...", NO_EFFECT),
        F(FLAG_STRING, "proxy-client-cert-file", proxy_client_cert_file, "FILE", NO_EFFECT),
        F(FLAG_STRING, "proxy-client-key-file", proxy_client_key_file, "FILE", NO_EFFECT),
        F(FLAG_BOOL, "enable-bootstrap-token-auth", enable_bootstrap_token_auth, NULL, NO_EFFECT),
        SECTION("authorization and admission"),
        F(FLAG_LIST, "authorization-mode", authorization_modes, "MODE,...", "AlwaysAllow, AlwaysDeny, RBAC, Node in the order to ask; AlwaysAllow when not given"),
        F(FLAG_LIST, "enable-admission-plugins", enable_admission_plugins, "NAME,...", "plugins to add to the default ones"),
        F(FLAG_LIST, "disable-admission-plugins", disable_admission_plugins, "NAME,...", "default plugins to leave out"),
        F(FLAG_BOOL, "allow-privileged", allow_privileged, NULL, "allow privileged containers"),
        SECTION("services"),
        F(FLAG_STRING, "service-cluster-ip-range", service_cluster_ip_range, "CIDR", "addresses of Services"),
        F(FLAG_STRING, "service-node-port-range", service_node_port_range, "FROM-TO", "ports of NodePort Services"),
        SECTION("kubelets"),
        F(FLAG_STRING, "kubelet-client-certificate", kubelet_client_certificate, "FILE", "client certificate for kubelets"),
        F(FLAG_STRING, "kubelet-client-key", kubelet_client_key, "FILE", "key of the client certificate for kubelets"),
        F(FLAG_STRING, "kubelet-certificate-authority", kubelet_certificate_authority, "FILE", "CA of the kubelets' certificates"),
        F(FLAG_LIST, "kubelet-preferred-address-types", kubelet_preferred_address_types, "TYPE,...", "order in which a node's addresses are tried"),
        SECTION("misc"),
        NUM("v", verbosity, 0, 10, "log verbosity: 4 and more logs every request"),
        F(FLAG_STRING, "logging-format", logging_format, "text|json", "form of log lines"),
        NUM("loop-threads", loop_threads, 1, 64, "threads that own connections and answer reads (ours, not upstream's)"),
        NUM("workers", workers, 1, 1024, "threads that carry out writes (ours, not upstream's)"),
        F(FLAG_LIST, "feature-gates", feature_gates, "NAME=BOOL,...", NO_EFFECT),
        F(FLAG_LIST, "runtime-config", runtime_config, "GROUP/VERSION=BOOL,...", NO_EFFECT),
        F(FLAG_STRING, "endpoint-reconciler-type", endpoint_reconciler_type, "TYPE", "lease, or none to leave the endpoints of Service kubernetes alone"),
        NUM("max-requests-inflight", max_requests_inflight, 0, 1000000, NO_EFFECT),
        NUM("max-mutating-requests-inflight", max_mutating_requests_inflight, 0, 1000000, NO_EFFECT),
        F(FLAG_BOOL, "profiling", profiling, NULL, NO_EFFECT),
        F(FLAG_BOOL, "enable-aggregator-routing", enable_aggregator_routing, NULL, NO_EFFECT),
        F(FLAG_BOOL, "enable-priority-and-fairness", enable_priority_and_fairness, NULL, NO_EFFECT),
    };
    const struct flags flags = {
        .program = "apiserver",
        .synopsis = "--etcd-servers=URL [flags]",
        .about = "Serves the Kubernetes API over HTTPS and keeps its state in etcd.",
        .version = version,
        .table = table,
        .n = ARRAY_LEN(table),
    };
    flags_parse_or_exit(&flags, argc, argv);
}
/* clang-format on */

static bool is_set(const char *s)
{
    return s && *s;
}

int options_check(const struct options *o, struct err *err)
{
    static const char *const modes[] = {"AlwaysAllow", "AlwaysDeny", "RBAC", "Node"};
    if (!o->etcd_servers.n)
        return err_set(err, ERR_BAD_REQUEST, "--etcd-servers must be specified");
    if (is_set(o->storage_backend) && strcmp(o->storage_backend, "etcd3") != 0)
        return err_set(err, ERR_BAD_REQUEST, "--storage-backend invalid, allowed values: etcd3");
    if (strcmp(o->storage_media_type, "application/vnd.kubernetes.protobuf") != 0)
        return err_set(err, ERR_BAD_REQUEST, "--storage-media-type must be application/vnd.kubernetes.protobuf");
    if (is_set(o->tls_cert_file) != is_set(o->tls_private_key_file))
        return err_set(err, ERR_BAD_REQUEST, "--tls-cert-file and --tls-private-key-file belong together");
    if (is_set(o->sa_signing_key_file) && !o->sa_issuers.n)
        return err_set(err, ERR_BAD_REQUEST,
                       "--service-account-issuer is required with "
                       "--service-account-signing-key-file");
    for (size_t i = 0; i < o->authorization_modes.n; i++) {
        bool known = false;
        for (size_t j = 0; j < ARRAY_LEN(modes); j++)
            known = known || str_is(o->authorization_modes.items[i], modes[j]);
        if (!known)
            return err_set(err, ERR_BAD_REQUEST, "--authorization-mode: \"" STR_FMT "\" is not a valid mode",
                           STR_ARG(o->authorization_modes.items[i]));
    }
    return 0;
}
