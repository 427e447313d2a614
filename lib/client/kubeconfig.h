/*
 * kubeconfig.h - where the API server is and who we are.
 *
 * Reads the YAML (or JSON) file that kubectl uses: the current context's cluster and user; certificates and keys
 * embedded (base64) or as files, which are relative to the kubeconfig's folder; bearer token or token file. exec
 * plugins and proxies are not supported and say so. All strings belong to the struct.
 */
#ifndef CLIENT_KUBECONFIG_H
#define CLIENT_KUBECONFIG_H

#include "base/err.h"
#include "base/str.h"

struct kubeconfig {
    char *server;      /* "https://127.0.0.1:6443" */
    char *server_name; /* TLS name to check instead of the host, or NULL */
    bool insecure;     /* insecure-skip-tls-verify */
    char *ca_pem;      /* NULL = the system's */
    char *cert_pem, *key_pem;
    char *token;      /* NULL = none */
    char *token_file; /* read again when it changes (in-cluster tokens rotate); wins over token */
    char *ns;         /* of the context; NULL = "default" */
};

/* path NULL: $KUBECONFIG (first file), else in-cluster when /var/run/secrets/kubernetes.io/serviceaccount exists, else
 * ~/.kube/config. context NULL: current-context. ERR_NOT_FOUND, ERR_BAD_REQUEST with the file's name and what is wrong.
 */
int kubeconfig_load(const char *path, const char *context, struct kubeconfig **ret, struct err *err) MUST_CHECK;
int kubeconfig_parse(struct str text, const char *folder, const char *context, struct kubeconfig **ret,
                     struct err *err) MUST_CHECK;
int kubeconfig_in_cluster(struct kubeconfig **ret, struct err *err) MUST_CHECK;
struct kubeconfig *kubeconfig_free(struct kubeconfig *k);
static inline void kubeconfig_freep(struct kubeconfig **k)
{
    kubeconfig_free(*k);
}

#endif
