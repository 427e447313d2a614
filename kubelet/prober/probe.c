#include "kubelet/prober/probe.h"

#include "base/parse.h"
#include "net/grpc.h"
#include "net/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

bool probe_port(const Corev1__Container *c, const Intstr__IntOrString *port, int *ret)
{
    int64_t n;
    if (!port)
        return false;
    if (!port->type) {
        *ret = port->intval;
        return port->intval > 0 && port->intval < 65536;
    }
    for (size_t i = 0; i < c->n_ports; i++)
        if (text_is(c->ports[i]->name, text_or(port->strval, ""))) {
            *ret = c->ports[i]->containerport;
            return true;
        }
    if (!parse_range(str_of(port->strval), 1, 65535, &n))
        return false;
    *ret = (int)n;
    return true;
}

static int64_t timeout_of(const struct probe_target *t)
{
    return t->timeout_s > 0 ? t->timeout_s : 1;
}

int probe_exec(const struct probe_target *t, const Corev1__ExecAction *e, struct buf *output)
{
    struct runtime_exec_result r = {.output = BUF_INIT(PROBE_OUTPUT_MAX)};
    struct err err = ERR_INIT;
    int rc = runtime_exec_sync(t->runtime, t->container_id, e->command, e->n_command, t->timeout_s, &r, &err);
    if (rc < 0 && err.code == ERR_TIMEOUT) {
        buf_puts(output, "command timed out: \"");
        for (size_t i = 0; i < e->n_command; i++)
            buf_printf(output, "%s%s", i ? " " : "", e->command[i]);
        buf_printf(output, "\" timed out after %llds", (long long)t->timeout_s);
    } else if (rc < 0) {
        buf_puts(output, err.msg);
    } else {
        buf_str_add(output, buf_str(&r.output));
    }
    buf_release(&r.output);
    if (rc < 0)
        return err.code == ERR_TIMEOUT ? 0 : -1;
    return r.exit_code == 0;
}

/* "host" or "[v6]" for URLs. */
static void add_host(struct buf *out, const char *host)
{
    buf_printf(out, strchr(host, ':') ? "[%s]" : "%s", host);
}

static bool is_header(const Corev1__HTTPHeader *h, const char *name)
{
    return h->name && str_ieq(str_of(h->name), str_of(name));
}

/* Header lines as the client wants them, in the arena. */
static const char *const *header_lines(struct arena *a, const Corev1__HTTPGetAction *h, size_t *ret_n)
{
    const char **lines = arena_calloc(a, h->n_httpheaders + 2, sizeof(*lines));
    size_t n = 0;
    bool accept = false;
    for (size_t i = 0; lines && i < h->n_httpheaders; i++) {
        accept |= is_header(h->httpheaders[i], "Accept");
        lines[n++] = arena_printf(a, "%s: %s", h->httpheaders[i]->name, text_or(h->httpheaders[i]->value, ""));
    }
    if (lines && !accept)
        lines[n++] = "Accept: */*";
    *ret_n = n;
    return lines;
}

/* Words for what Go's client would say; they are what people search for. */
static void add_http_error(struct buf *out, const char *url, const struct err *err, const char *address)
{
    buf_printf(out, "Get \"%s\": ", url);
    if (err->code == ERR_TIMEOUT)
        buf_puts(out, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
    else if (strstr(err->msg, "refused"))
        buf_printf(out, "dial tcp %s: connect: connection refused", address);
    else
        buf_puts(out, err->msg);
}

static int judge_response(const struct http_client_response *r, struct buf *output)
{
    if (r->status >= 200 && r->status < 400) {
        struct str body = buf_str(&r->body);
        body.n = MIN_OF(body.n, PROBE_OUTPUT_MAX - 1);
        buf_str_add(output, body);
        return 1;
    }
    buf_printf(output, "HTTP probe failed with statuscode: %d", r->status);
    return 0;
}

int probe_http(const struct probe_target *t, const Corev1__HTTPGetAction *h, struct buf *output)
{
    int port;
    if (!probe_port(t->container, h->port, &port)) {
        buf_puts(output, "couldn't find the port of the probe");
        return -1;
    }
    bool tls = text_is(h->scheme, "HTTPS");
    _cleanup_(buf_releasep) struct buf base = BUF_INIT(4096), url = BUF_INIT(16384), address = BUF_INIT(512);
    add_host(&address, text_or(h->host, t->pod_ip));
    buf_printf(&address, ":%d", port);
    buf_printf(&base, "%s://%s", tls ? "https" : "http", address.data);
    const char *path = text_or(h->path, "/");
    buf_printf(&url, "%s%s%s", base.data, path[0] == '/' ? "" : "/", path);
    struct http_client_options o = {
        .base_url = base.data,
        .insecure_skip_tls_verify = true, /* as upstream: a probe asks whether it answers, not who it is */
        .user_agent = t->user_agent,
        .connect_timeout_ms = (int)timeout_of(t) * 1000,
        .no_keepalive = true,
    };
    _cleanup_(http_client_freep) struct http_client *client = NULL;
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    struct err err = ERR_INIT;
    if (http_client_new(&o, &client, &err) < 0) {
        buf_puts(output, err.msg);
        return -1;
    }
    struct http_client_request request = {
        .path = url.data + base.len,
        .timeout_ms = (int)timeout_of(t) * 1000,
        .max_response = PROBE_OUTPUT_MAX,
        .truncate = true,
        .max_redirects = 10,
    };
    request.headers = header_lines(a, h, &request.n_headers);
    struct http_client_response response;
    int rc = http_client_call(client, &request, &response, &err);
    if (rc < 0)
        add_http_error(output, url.data, &err, address.data);
    else
        rc = judge_response(&response, output);
    http_client_response_release(&response);
    return MAX_OF(rc, 0);
}

static int connect_within(int fd, const struct sockaddr *address, socklen_t len, int64_t timeout_ms)
{
    if (connect(fd, address, len) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int ready = poll(&p, 1, (int)timeout_ms);
    if (ready == 0)
        return ETIMEDOUT;
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0)
        return errno;
    return failure;
}

int probe_tcp(const struct probe_target *t, const Corev1__TCPSocketAction *s, struct buf *output)
{
    int port;
    if (!probe_port(t->container, s->port, &port)) {
        buf_puts(output, "couldn't find the port of the probe");
        return -1;
    }
    const char *host = text_or(s->host, t->pod_ip);
    char service[16];
    snprintf(service, sizeof(service), "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        buf_printf(output, "dial tcp: lookup %s: no such host", host);
        return 0;
    }
    int failure = EAFNOSUPPORT;
    _cleanup_(closep) int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        failure = connect_within(fd, found->ai_addr, found->ai_addrlen, timeout_of(t) * 1000);
    freeaddrinfo(found);
    if (failure == 0)
        return 1;
    buf_puts(output, "dial tcp ");
    add_host(output, host);
    if (failure == ETIMEDOUT)
        buf_printf(output, ":%d: i/o timeout", port);
    else
        buf_printf(output, ":%d: connect: %s", port,
                   failure == ECONNREFUSED ? "connection refused" : strerror(failure));
    return 0;
}

/* grpc.health.v1: HealthCheckRequest{1: service}, HealthCheckResponse{1: status, 1 = SERVING}. Two fields are not worth
 * a schema. */
int probe_grpc(const struct probe_target *t, const Corev1__GRPCAction *g, struct buf *output)
{
    _cleanup_(buf_releasep) struct buf target = BUF_INIT(512), request = BUF_INIT(4096), response = BUF_INIT(4096);
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = NULL;
    struct err err = ERR_INIT;
    size_t n = strlen(text_or(g->service, ""));
    buf_puts(&target, "http://");
    add_host(&target, t->pod_ip);
    buf_printf(&target, ":%d", g->port);
    if (n > 0 && n < 128) {
        buf_putc(&request, 0x0a);
        buf_putc(&request, (char)n);
        buf_puts(&request, g->service);
    }
    struct grpc_channel_options o = {
        .target = target.data, .fail_fast = true, .connect_timeout_ms = (int)timeout_of(t) * 1000};
    if (grpc_channel_new(&o, &ch, &err) < 0 || grpc_call_bytes(ch, "/grpc.health.v1.Health/Check", buf_str(&request),
                                                               (int)timeout_of(t) * 1000, &response, &err) < 0) {
        if (err.code == ERR_TIMEOUT)
            buf_printf(output, "timeout: failed to connect service \"%s\" within %llds: context deadline exceeded",
                       target.data + 7, (long long)timeout_of(t));
        else
            buf_printf(output, "service unhealthy (%s)", err.msg);
        return 0;
    }
    if (str_eq(buf_str(&response), STR("\x08\x01")))
        return 1;
    buf_puts(output, "service unhealthy (responded with \"NOT_SERVING\")");
    return 0;
}

int probe_run(const struct probe_target *t, const Corev1__ProbeHandler *h, struct buf *output)
{
    if (h && h->exec)
        return probe_exec(t, h->exec, output);
    if (h && h->httpget)
        return probe_http(t, h->httpget, output);
    if (h && h->tcpsocket)
        return probe_tcp(t, h->tcpsocket, output);
    if (h && h->grpc)
        return probe_grpc(t, h->grpc, output);
    buf_puts(output, "missing probe handler");
    return -1;
}
