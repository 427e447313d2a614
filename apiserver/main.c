/* The apiserver: wiring only. */
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/admission/admission.h"
#include "api/names.h"
#include "apiserver/auth/authn.h"
#include "apiserver/auth/authz.h"
#include "apiserver/auth/pki.h"
#include "apiserver/auth/token.h"
#include "apiserver/bootstrap.h"
#include "apiserver/endpoints.h"
#include "apiserver/apiextensions/customs.h"
#include "apiserver/http/request.h"
#include "apiserver/metrics.h"
#include "apiserver/options.h"
#include "apiserver/registry/rbac_watch.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/service_alloc.h"
#include "apiserver/server.h"
#include "apiserver/storage/storage.h"
#include "apiserver/streaming/streaming.h"
#include "base/log.h"
#include "net/http_server.h"
#include "net/worker_pool.h"

#ifndef CORACLE_VERSION
#error "CORACLE_VERSION comes from the build"
#endif

#define CACHE_WAIT_MS 15000
#define STOP_GRACE_MS 5000
#define LISTEN_NAMES 3
#define MALLOC_ARENAS 16 /* enough that threads seldom meet; each costs memory that an idle server does not need */

struct program {
    struct options options;
    struct apiserver server;
    struct registry registry;
    struct auth_store auth_store;
    struct rbac_watch *rbac_watch;
    struct bootstrap *bootstrap;
    struct tls_context *tls;
    char advertise[64];
    char *cert_file, *key_file; /* of the self-signed certificate */
    char *etcd_servers;
};

static bool is_set(const char *s)
{
    return s && *s;
}

static const char *or_null(const char *s)
{
    return is_set(s) ? s : NULL;
}

/* "a,b" of a list flag. */
static char *joined(const struct flag_list *list)
{
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < list->n; i++)
        buf_printf(&b, "%s" STR_FMT, i ? "," : "", STR_ARG(list->items[i]));
    return buf_take(&b);
}

static bool is_loopback(const char *address)
{
    struct ip_address ip;
    return ip_parse(str_of(address), &ip) && ip_loopback(&ip);
}

static void choose_advertise_address(struct program *p)
{
    const struct options *o = &p->options;
    if (is_set(o->advertise_address))
        snprintf(p->advertise, sizeof(p->advertise), "%s", o->advertise_address);
    else if (strcmp(o->bind_address, "0.0.0.0") != 0 && strcmp(o->bind_address, "::") != 0 &&
             !is_loopback(o->bind_address)) /* pods could not reach us there: Endpoints may not hold such an address */
        snprintf(p->advertise, sizeof(p->advertise), "%s", o->bind_address);
    else if (!endpoints_local_address(p->advertise))
        snprintf(p->advertise, sizeof(p->advertise), "127.0.0.1");
}

static int open_storage(struct program *p, struct err *err)
{
    const struct options *o = &p->options;
    struct storage *etcd = NULL;
    p->etcd_servers = joined(&o->etcd_servers);
    const struct storage_etcd_options etcd_options = {
        .servers = p->etcd_servers,
        .ca_file = or_null(o->etcd_cafile),
        .cert_file = or_null(o->etcd_certfile),
        .key_file = or_null(o->etcd_keyfile),
        .prefix = o->etcd_prefix,
    };
    const struct storage_cache_options cache = {0};
    if (storage_etcd_open(&etcd_options, &etcd, err) < 0)
        return -1;
    return storage_cache_open(etcd, &cache, &p->server.storage, err);
}

static int open_registry(struct program *p, struct err *err)
{
    const struct options *o = &p->options;
    struct registry *g = &p->registry;
    g->clock = &clock_system;
    g->storage = p->server.storage;
    g->etcd_prefix = o->etcd_prefix;
    g->event_ttl_s = o->event_ttl_ns / NS_PER_S;
    g->allow_privileged = o->allow_privileged;
    if (admission_new(&o->enable_admission_plugins, &o->disable_admission_plugins, &g->admission, err) < 0 ||
        service_alloc_new(o->service_cluster_ip_range, o->service_node_port_range, &g->services, err) < 0)
        return -1;
    registry_add_resources(g);
    p->server.registry = g;
    p->server.customs = customs_new(g);
    p->auth_store = registry_auth_store(g);
    return 0;
}

static int open_auth(struct program *p, struct err *err)
{
    const struct options *o = &p->options;
    if (is_set(o->sa_signing_key_file) || o->sa_key_files.n) {
        const struct sa_tokens_options tokens = {
            .clock = &clock_system,
            .signing_key_file = or_null(o->sa_signing_key_file),
            .key_files = &o->sa_key_files,
            .issuers = &o->sa_issuers,
            .audiences = &o->api_audiences,
            .max_expiration_s = o->sa_max_token_expiration_ns / NS_PER_S,
        };
        if (sa_tokens_new(&tokens, &p->server.sa_tokens, err) < 0)
            return -1;
    }
    const struct authn_options authn = {
        .clock = &clock_system,
        .token_file = or_null(o->token_auth_file),
        .sa_tokens = p->server.sa_tokens,
        .store = &p->auth_store,
    };
    _cleanup_(freep) char *joined_modes = joined(&o->authorization_modes);
    const char *modes = o->authorization_modes.n ? joined_modes : "AlwaysAllow";
    if (authn_new(&authn, &p->server.authn, err) < 0 ||
        authorizer_new(modes, &p->auth_store, &p->server.authorizer, err) < 0)
        return -1;
    p->registry.authorizer = p->server.authorizer;
    return 0;
}

static int open_tls(struct program *p, struct err *err)
{
    const struct options *o = &p->options;
    struct tls_options tls = {
        .cert_file = or_null(o->tls_cert_file),
        .key_file = or_null(o->tls_private_key_file),
        .client_ca_file = or_null(o->client_ca_file),
    };
    if (!tls.cert_file) {
        char service_ip[SERVICE_IP_MAX];
        service_alloc_first_ip(p->registry.services, service_ip);
        const struct str names[LISTEN_NAMES] = {str_of(p->advertise), str_of(service_ip), STR("127.0.0.1")};
        if (auth_self_signed_cert(o->cert_dir, names, ARRAY_LEN(names), &p->cert_file, &p->key_file, err) < 0)
            return -1;
        tls.cert_file = p->cert_file;
        tls.key_file = p->key_file;
    }
    p->tls = tls_context_new(&tls, err);
    return p->tls ? 0 : -1;
}

static int open_streaming(struct program *p, struct err *err)
{
    const struct options *o = &p->options;
    const struct streaming_options streaming = {
        .client_cert_file = or_null(o->kubelet_client_certificate),
        .client_key_file = or_null(o->kubelet_client_key),
        .ca_file = or_null(o->kubelet_certificate_authority),
    };
    p->server.streaming = streaming_new(&streaming, err);
    return p->server.streaming ? 0 : -1;
}

static int open_http(struct program *p, struct err *err)
{
    const struct options *o = &p->options;
    const struct worker_pool_options pool = {.name = "worker", .threads = (size_t)o->workers};
    p->server.workers = worker_pool_new(&pool, err);
    if (!p->server.workers)
        return -1;
    const struct http_listener listener = {o->bind_address, (uint16_t)o->secure_port, p->tls};
    const struct http_server_options http = {
        .listeners = &listener,
        .n_listeners = 1,
        .threads = (size_t)o->loop_threads,
        .on_request = request_begin,
        .user = &p->server,
    };
    p->server.http = http_server_new(&http, err);
    return p->server.http ? 0 : -1;
}

static void bootstrap_done(void *ud)
{
    struct apiserver *s = ud;
    atomic_store(&s->bootstrapped, true);
    malloc_trim(0); /* what the first objects took is not needed again */
    log_info("ready");
}

static int start(struct program *p, struct err *err)
{
    p->server.clock = &clock_system;
    p->server.options = &p->options;
    p->server.version = "v" CORACLE_VERSION;
    p->server.metrics = metrics_new();
    choose_advertise_address(p);
    if (open_storage(p, err) < 0 || open_registry(p, err) < 0 || open_auth(p, err) < 0 || open_tls(p, err) < 0 ||
        open_streaming(p, err) < 0 || open_http(p, err) < 0)
        return -1;
    log_info("serving", LOG_S("address", p->options.bind_address), LOG_I("port", p->options.secure_port));
    const struct bootstrap_options boot = {
        .advertise_address = p->advertise,
        .secure_port = p->options.secure_port,
        /* on a machine with a loopback only there is no address to publish */
        .reconcile_endpoints = strcmp(p->options.endpoint_reconciler_type, "none") != 0 && !is_loopback(p->advertise),
        .done = bootstrap_done,
        .ud = &p->server,
    };
    if (storage_wait_ready(p->server.storage, CACHE_WAIT_MS, err) < 0)
        return err_wrap(err, "loading the cache from etcd");
    if (customs_start(p->server.customs, err) < 0)
        return -1;
    if (rbac_watch_start(&p->registry, &p->rbac_watch, err) < 0)
        return -1;
    return bootstrap_start(&p->registry, &boot, &p->bootstrap, err);
}

static void stop(struct program *p)
{
    atomic_store(&p->server.stopping, true);
    p->bootstrap = bootstrap_stop(p->bootstrap);
    if (p->server.http)
        http_server_stop(p->server.http, STOP_GRACE_MS);
    p->server.workers = worker_pool_free(p->server.workers);
    p->server.streaming = streaming_free(p->server.streaming);
    p->server.http = p->server.http ? http_server_free(p->server.http) : NULL;
    p->rbac_watch = rbac_watch_stop(p->rbac_watch);
    p->server.customs = customs_free(p->server.customs);
    p->tls = tls_context_free(p->tls);
    p->server.authn = authn_free(p->server.authn);
    p->server.authorizer = authorizer_free(p->server.authorizer);
    p->server.sa_tokens = sa_tokens_free(p->server.sa_tokens);
    p->registry.admission = admission_free(p->registry.admission);
    p->registry.services = service_alloc_free(p->registry.services);
    p->server.storage = storage_close(p->server.storage);
    p->server.metrics = metrics_free(p->server.metrics);
    free(p->etcd_servers);
    free(p->cert_file);
    free(p->key_file);
}

int main(int argc, char **argv)
{
    static struct program p;
    struct err err = ERR_INIT;
    sigset_t signals;
    int got;
    options_parse_or_exit(&p.options, argc, argv, CORACLE_VERSION);
    log_setup("apiserver", p.options.verbosity >= 6 ? LOG_DEBUG : LOG_INFO,
              strcmp(p.options.logging_format, "json") == 0);
    if (options_check(&p.options, &err) < 0) {
        fprintf(stderr, "apiserver: %s\n", err.msg);
        return 2;
    }
    mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread starts: all of them inherit it */
    if (start(&p, &err) < 0) {
        log_error("cannot start", LOG_ERR(&err));
        stop(&p);
        return 1;
    }
    sigwait(&signals, &got);
    log_info("stopping", LOG_I("signal", got));
    stop(&p);
    return 0;
}
