/* /healthz for load balancers and supervisors, /metrics and /proxyMode for those who look closer. */
#include "base/log.h"
#include "base/parse.h"
#include "net/http_server.h"
#include "proxy/proxy.h"

#include <stdatomic.h>
#include <stdio.h>

struct proxy_health {
    const struct proxy_status *status;
    int64_t stale_ns;
    struct http_server *healthz, *metrics;
};

static bool healthy(const struct proxy_health *h)
{
    int64_t since = ((struct proxy_status *)h->status)->dirty_since;
    return !since || clock_mono(&clock_system) - since < h->stale_ns;
}

static void answer_healthz(struct proxy_health *h, struct http_request *r)
{
    char updated[RFC3339_MAX], now[RFC3339_MAX], body[256];
    const struct http_header type = HTTP_HEADER("content-type", "application/json");
    bool ok = healthy(h);
    format_rfc3339(updated, ((struct proxy_status *)h->status)->updated_ns, 0);
    format_rfc3339(now, clock_wall(&clock_system), 0);
    snprintf(body, sizeof(body), "{\"lastUpdated\": \"%s\",\"currentTime\": \"%s\", \"nodeEligible\": true}", updated,
             now);
    http_respond(r, ok ? 200 : 503, &type, 1, str_of(body));
}

static void answer_metrics(struct proxy_health *h, struct http_request *r)
{
    struct proxy_status *s = (struct proxy_status *)h->status;
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(16384);
    const struct http_header type = HTTP_HEADER("content-type", "text/plain; version=0.0.4");
    buf_printf(&b,
               "# TYPE kubeproxy_sync_proxy_rules_last_timestamp_seconds gauge\n"
               "kubeproxy_sync_proxy_rules_last_timestamp_seconds %.3f\n",
               (double)s->updated_ns / 1e9);
    buf_printf(&b, "# TYPE coracle_proxy_syncs_total counter\ncoracle_proxy_syncs_total %llu\n",
               (unsigned long long)s->syncs);
    buf_printf(&b, "# TYPE coracle_proxy_sync_failures_total counter\ncoracle_proxy_sync_failures_total %llu\n",
               (unsigned long long)s->failures);
    buf_printf(&b, "# TYPE coracle_proxy_last_sync_seconds gauge\ncoracle_proxy_last_sync_seconds %.6f\n",
               (double)s->last_took_ns / 1e9);
    buf_printf(&b, "# TYPE coracle_proxy_service_ports gauge\ncoracle_proxy_service_ports %llu\n",
               (unsigned long long)s->services);
    buf_printf(&b, "# TYPE coracle_proxy_endpoints gauge\ncoracle_proxy_endpoints %llu\n",
               (unsigned long long)s->endpoints);
    http_respond(r, 200, &type, 1, buf_str(&b));
}

static void answer_mode(struct proxy_health *h, struct http_request *r)
{
    http_respond(r, 200, NULL, 0, STR("nftables"));
}

static void on_request(void *user, struct http_request *r)
{
    static const struct {
        const char *path;
        void (*answer)(struct proxy_health *h, struct http_request *r);
    } table[] = {{"/healthz", answer_healthz},
                 {"/livez", answer_healthz},
                 {"/metrics", answer_metrics},
                 {"/proxyMode", answer_mode}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_is(r->path, table[i].path)) {
            table[i].answer(user, r);
            return;
        }
    http_respond(r, 404, NULL, 0, STR("404 page not found\n"));
}

static struct http_server *listen_on(struct proxy_health *h, const char *where)
{
    char address[64];
    int64_t port;
    struct err err = ERR_INIT;
    const char *colon = where ? strrchr(where, ':') : NULL;
    if (!colon)
        return NULL;
    struct str host = str_n(where, (size_t)(colon - where));
    if (host.n > 2 && host.p[0] == '[')
        host = str_n(host.p + 1, host.n - 2);
    if (!parse_range(str_of(colon + 1), 0, 65535, &port) || !str_copy(address, sizeof(address), host) || port == 0)
        return NULL;
    const struct http_listener listener = {.address = address, .port = (uint16_t)port};
    const struct http_server_options o = {
        .name = "health", .listeners = &listener, .n_listeners = 1, .threads = 1, .on_request = on_request, .user = h};
    struct http_server *s = http_server_new(&o, &err);
    if (!s)
        log_warn("no health or metrics there", LOG_S("address", where), LOG_ERR(&err));
    return s;
}

struct proxy_health *proxy_health_start(const char *healthz, const char *metrics, const struct proxy_status *status,
                                        int64_t stale_ns)
{
    struct proxy_health *h = xcalloc(1, sizeof(*h));
    h->status = status;
    h->stale_ns = stale_ns;
    h->healthz = listen_on(h, healthz);
    h->metrics = listen_on(h, metrics);
    return h;
}

struct proxy_health *proxy_health_stop(struct proxy_health *h)
{
    if (!h)
        return NULL;
    http_server_free(h->healthz);
    http_server_free(h->metrics);
    free(h);
    return NULL;
}
