/*
 * curl_conn.h - one connection made by libcurl (CONNECT_ONLY): TCP or unix socket, TLS with client certificates; then
 * bytes. Internal to lib/net: the gRPC client and the HTTP client's tunnels stand on it.
 *
 * Not thread-safe; open blocks, the rest never does.
 */
#ifndef NET_CURL_CONN_H
#define NET_CURL_CONN_H

#include "base/err.h"
#include "base/str.h"

#include <curl/curl.h>
#include <sys/types.h>

struct curl_conn;

/* TLS settings that a curl handle takes; shared by all users of libcurl here. */
struct curl_tls {
    const char *ca_file, *cert_file, *key_file; /* NULL = not set */
    struct str ca_pem, cert_pem, key_pem;       /* empty = not set; must live as long as the handle */
    const char *server_name;                    /* verified instead of the URL's host */
    bool insecure;
    bool alpn_h2;
};

struct curl_conn_options {
    const char *url; /* scheme://host:port */
    const char *unix_socket;
    const struct curl_tls *tls; /* NULL for plain */
    int timeout_ms;
    /* While connecting: a readable wake_fd (or -1) and every 100 ms run tick; false gives up (ERR_CANCELLED). */
    int wake_fd;
    bool (*tick)(void *user);
    void *user;
};

#define CURL_CONN_AGAIN (-2)

void curl_conn_global_init(void); /* idempotent; curl_conn_open calls it */
/* curl verifies the name in the URL: when another name shall be verified (server_name, may be NULL), the URL gets that
 * name, and a CONNECT_TO list the real address. *ret_url is malloc'd; *ret_connect_to (NULL when not needed) must
 * outlive the handles that use it. */
int curl_conn_url(const char *url, const char *server_name, char **ret_url, struct curl_slist **ret_connect_to,
                  struct err *err) MUST_CHECK;
/* Everything but the URL: TLS, no signals, no proxies of the environment, HTTP/1.1. */
void curl_conn_setup(CURL *easy, const char *unix_socket, const struct curl_tls *tls, struct curl_slist *connect_to);
/* Turns a failed transfer into err. */
int curl_conn_err(struct err *err, CURLcode rc, const char *what, const char *detail);

int curl_conn_open(const struct curl_conn_options *options, struct curl_conn **ret, struct err *err) MUST_CHECK;
struct curl_conn *curl_conn_free(struct curl_conn *c);
int curl_conn_fd(const struct curl_conn *c);
/* >0 bytes, 0 end (recv only), CURL_CONN_AGAIN, -1 error. */
ssize_t curl_conn_recv(struct curl_conn *c, void *p, size_t n, struct err *err) MUST_CHECK;
ssize_t curl_conn_send(struct curl_conn *c, const void *p, size_t n, struct err *err) MUST_CHECK;

#endif
