/*
 * pki.h - the apiserver's own certificate when none is given: self-signed, kept in --cert-dir as upstream does.
 */
#ifndef APISERVER_AUTH_PKI_H
#define APISERVER_AUTH_PKI_H

#include "base/err.h"
#include "base/str.h"

/* Makes <cert_dir>/apiserver.crt and apiserver.key unless both exist and are still valid. names: further DNS names and
 * IPs (bind address, first service IP); localhost, kubernetes.default.svc and so on are always in. The paths are
 * malloc'd. */
int auth_self_signed_cert(const char *cert_dir, const struct str *names, size_t n_names, char **ret_cert_file,
                          char **ret_key_file, struct err *err) MUST_CHECK;

#endif
