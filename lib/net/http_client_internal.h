/*
 * http_client_internal.h - what the three parts of the HTTP client share: http_client.c (requests),
 * http_client_stream.c, http_client_tunnel.c.
 */
#ifndef NET_HTTP_CLIENT_INTERNAL_H
#define NET_HTTP_CLIENT_INTERNAL_H

#include "base/clock.h"
#include "base/limits.h"
#include "curl_conn.h"
#include "http_client.h"

#include <pthread.h>
#include <stdatomic.h>

struct http_client {
    atomic_int refs;
    char *url; /* base, with the server name in it when that is set */
    char *original_url;
    struct curl_slist *connect_to;
    char *unix_socket, *server_name, *user_agent;
    char *ca_pem, *cert_pem, *key_pem;
    struct curl_tls tls;
    bool is_tls, no_keepalive;
    int connect_timeout_ms;
    size_t max_idle;

    pthread_mutex_t lock;
    char *token;
    CURL **idle;
    size_t n_idle;
};

/* One exchange on a curl handle: where the answer goes. */
struct http_exchange {
    int status;
    struct buf headers; /* of the last answer */
    bool headers_done;
    struct curl_slist *sent_headers;
    char text[CURL_ERROR_SIZE];
};

struct http_client *http_client_ref(struct http_client *c);
char *http_client_token(struct http_client *c); /* malloc'd or NULL */
/* A handle with the client's settings, from the pool (fresh = never) and back into it. */
CURL *http_client_take(struct http_client *c, bool fresh);
void http_client_give(struct http_client *c, CURL *easy, bool reusable);
int http_exchange_prepare(struct http_client *c, CURL *easy, const struct http_client_request *r,
                          struct http_exchange *x, struct err *err) MUST_CHECK;
void http_exchange_release(struct http_exchange *x);

#endif
