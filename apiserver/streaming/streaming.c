#include "apiserver/streaming/streaming.h"

#include "apiserver/streaming/bridges.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/map.h"
#include "net/http_proxy.h"
#include "net/ws.h"

#include <pthread.h>
#include <stdio.h>

#define CLIENTS_MAX 1000 /* kubelets whose connection settings are remembered */
#define KUBELET_PORT 10250
#define PATH_MAX_BYTES LIMIT_HEADER_BYTES

struct streaming {
    struct buf cert, key, ca;
    struct http_proxy *proxy;
    pthread_mutex_t lock;
    struct map clients; /* "host:port" -> struct kubelet */
};

struct kubelet {
    struct http_client *client;
    int refs; /* under the lock */
};

/* --- life --- */

static void kubelet_unref(void *p)
{
    struct kubelet *k = p;
    if (--k->refs > 0)
        return;
    http_client_free(k->client);
    free(k);
}

static int read_pem(const char *path, struct buf *out, struct err *err)
{
    return path && *path ? file_read(path, out, err) : 0;
}

struct streaming *streaming_new(const struct streaming_options *o, struct err *err)
{
    struct streaming *s = xcalloc(1, sizeof(*s));
    buf_init(&s->cert, LIMIT_SMALL_FILE);
    buf_init(&s->key, LIMIT_SMALL_FILE);
    buf_init(&s->ca, LIMIT_SMALL_FILE);
    pthread_mutex_init(&s->lock, NULL);
    map_init(&s->clients, kubelet_unref);
    s->proxy = http_proxy_new(0);
    if (read_pem(o->client_cert_file, &s->cert, err) < 0 || read_pem(o->client_key_file, &s->key, err) < 0 ||
        read_pem(o->ca_file, &s->ca, err) < 0)
        return streaming_free(s);
    return s;
}

struct streaming *streaming_free(struct streaming *s)
{
    if (!s)
        return NULL;
    http_proxy_free(s->proxy);
    map_release(&s->clients);
    pthread_mutex_destroy(&s->lock);
    buf_release(&s->cert);
    buf_release(&s->key);
    buf_release(&s->ca);
    free(s);
    return NULL;
}

/* --- kubelets --- */

static struct kubelet *kubelet_new(struct streaming *s, const char *authority, struct err *err)
{
    char url[320];
    snprintf(url, sizeof(url), "https://%s", authority);
    const struct http_client_options o = {
        .base_url = url,
        .ca_pem = buf_str(&s->ca),
        .cert_pem = buf_str(&s->cert),
        .key_pem = buf_str(&s->key),
        .insecure_skip_tls_verify = s->ca.len == 0,
        .user_agent = "coracle-apiserver",
    };
    struct kubelet *k = xcalloc(1, sizeof(*k));
    k->refs = 1;
    if (http_client_new(&o, &k->client, err) < 0) {
        free(k);
        return NULL;
    }
    return k;
}

static struct kubelet *kubelet_get(struct streaming *s, const struct streaming_target *to, struct err *err)
{
    char authority[300];
    snprintf(authority, sizeof(authority), strchr(to->host, ':') ? "[%s]:%u" : "%s:%u", to->host, to->port);
    pthread_mutex_lock(&s->lock);
    struct kubelet *k = map_gets(&s->clients, authority);
    if (!k && (k = kubelet_new(s, authority, err))) {
        if (s->clients.n >= CLIENTS_MAX)
            map_clear(&s->clients);
        map_set(&s->clients, str_of(authority), k);
    }
    if (k)
        k->refs++;
    pthread_mutex_unlock(&s->lock);
    return k;
}

static void kubelet_put(struct streaming *s, struct kubelet *k)
{
    pthread_mutex_lock(&s->lock);
    kubelet_unref(k);
    pthread_mutex_unlock(&s->lock);
}

static bool address_of_type(const struct doc *node, const char *type, struct str *ret)
{
    doc_foreach (doc_path(node, "status.addresses"), a) {
        if (str_is(doc_str(doc_get(a, "type")), type) && doc_str(doc_get(a, "address")).n) {
            *ret = doc_str(doc_get(a, "address"));
            return true;
        }
    }
    return false;
}

int streaming_node_address(const struct doc *node, const char *const *types, size_t n_types, struct arena *arena,
                           struct streaming_target *ret, struct err *err)
{
    static const char *const usual[] = {"InternalIP", "Hostname", "InternalDNS", "ExternalDNS", "ExternalIP"};
    struct str address = {NULL, 0};
    if (n_types == 0) {
        types = usual;
        n_types = ARRAY_LEN(usual);
    }
    for (size_t i = 0; i < n_types && !address.p; i++)
        (void)address_of_type(node, types[i], &address);
    if (!address.p)
        return err_set(err, ERR_INTERNAL, "no preferred addresses found; known addresses: []");
    ret->host = arena_strndup(arena, address.p, address.n);
    if (!ret->host)
        return err_set(err, ERR_INTERNAL, "out of memory");
    int64_t port = doc_int_or(doc_path(node, "status.daemonEndpoints.kubeletEndpoint.Port"), 0);
    ret->port = (uint16_t)(port > 0 && port < 65536 ? port : KUBELET_PORT);
    return 0;
}

/* --- exec, attach, port-forward --- */

/* Is it a WebSocket client that speaks this, in its order of preference? */
static bool ws_speaks(const struct http_request *r, const char *protocol)
{
    return ws_wanted(r) && http_header_has_token(r, "sec-websocket-protocol", protocol);
}

/* A SPDY upgrade towards the kubelet, made by us. */
static int connect_spdy(struct kubelet *k, const char *path, const char *protocol, struct http_client_tunnel **ret,
                        struct err *err)
{
    char version[80];
    snprintf(version, sizeof(version), "X-Stream-Protocol-Version: %s", protocol);
    const char *const lines[] = {"Connection: Upgrade", "Upgrade: " SPDY_31, version};
    const struct http_client_request request = {
        .method = "POST", .path = path, .headers = lines, .n_headers = ARRAY_LEN(lines), .max_response = MIB};
    struct http_client_response answer = {0};
    struct http_client_tunnel *tunnel = NULL;
    int rc = http_client_upgrade(k->client, &request, &tunnel, &answer, err);
    if (rc == 0 && !tunnel) {
        struct str text = str_trim(buf_str(&answer.body));
        rc = err_set(err, answer.status >= 400 ? err_from_http(answer.status) : ERR_BAD_GATEWAY, STR_FMT,
                     (int)MIN_OF(text.n, (size_t)1000), text.p);
    } else if (rc == 0 && !str_is(http_client_header(&answer.headers, "X-Stream-Protocol-Version"), protocol)) {
        http_client_tunnel_free(tunnel);
        rc = err_set(err, ERR_BAD_GATEWAY, "the kubelet does not speak %s", protocol);
    }
    http_client_response_release(&answer);
    if (rc == 0)
        *ret = tunnel;
    return rc;
}

static int must_upgrade(const struct http_request *r, struct err *err)
{
    if (http_upgrade_wanted(r).n)
        return 0;
    return err_set(err, ERR_BAD_REQUEST, "Upgrade request required");
}

static int exec_or_attach(struct streaming *s, const char *op, struct http_request *r,
                          const struct streaming_target *to, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES);
    struct exec_wants wants;
    if (kubelet_exec_path(&path, op, to->ns, to->pod, to->container, r->query, &wants, err) < 0 ||
        must_upgrade(r, err) < 0)
        return -1;
    struct kubelet *k = kubelet_get(s, to, err);
    if (!k)
        return -1;
    struct http_client_tunnel *tunnel = NULL;
    int rc;
    if (!ws_speaks(r, V5_PROTOCOL))
        rc = http_proxy_upgrade(r, k->client, path.data, err);
    else if ((rc = connect_spdy(k, path.data, V4_PROTOCOL, &tunnel, err)) == 0)
        bridge_exec(r, tunnel, &wants);
    kubelet_put(s, k);
    return rc;
}

int streaming_exec(struct streaming *s, struct http_request *r, const struct streaming_target *to, struct err *err)
{
    return exec_or_attach(s, "exec", r, to, err);
}

int streaming_attach(struct streaming *s, struct http_request *r, const struct streaming_target *to, struct err *err)
{
    return exec_or_attach(s, "attach", r, to, err);
}

int streaming_port_forward(struct streaming *s, struct http_request *r, const struct streaming_target *to,
                           struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES);
    kubelet_port_forward_path(&path, to->ns, to->pod, r->query);
    if (must_upgrade(r, err) < 0)
        return -1;
    struct kubelet *k = kubelet_get(s, to, err);
    if (!k)
        return -1;
    struct http_client_tunnel *tunnel = NULL;
    int rc;
    if (!ws_speaks(r, PORT_FORWARD_OVER_WS))
        rc = http_proxy_upgrade(r, k->client, path.data, err);
    else if ((rc = connect_spdy(k, path.data, PORT_FORWARD_PROTOCOL, &tunnel, err)) == 0)
        bridge_port_forward(r, tunnel);
    kubelet_put(s, k);
    return rc;
}

int streaming_log(struct streaming *s, struct http_request *r, const struct streaming_target *to,
                  const struct http_header *headers, size_t n, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES);
    kubelet_log_path(&path, to->ns, to->pod, to->container, r->query);
    struct kubelet *k = kubelet_get(s, to, err);
    if (!k)
        return -1;
    int rc = http_proxy_stream(s->proxy, r, k->client, path.data, headers, n, err);
    kubelet_put(s, k);
    return rc;
}
