#include "client/component.h"

#include "base/log.h"

#include <malloc.h>

int component_serve(const struct component_serving *serving, const char *name,
                    void (*metrics)(void *user, struct buf *out), void *user, struct health_server **ret,
                    struct err *err)
{
    const struct health_server_options o = {.name = name,
                                            .address = serving->address,
                                            .port = serving->port < 0 ? serving->default_port : (uint16_t)serving->port,
                                            .cert_file = serving->cert_file,
                                            .key_file = serving->key_file,
                                            .metrics = metrics,
                                            .user = user};

    *ret = NULL;
    if (serving->port == 0 || health_server_start(&o, ret, err) == 0)
        return 0;
    if (serving->port > 0)
        return err_wrap(err, "--secure-port");
    log_warn("not serving health and metrics", LOG_ERR(err)); /* another one of this host has the port */
    err_clear(err);
    return 0;
}

int component_main(const struct component *c, int argc, char **argv)
{
    struct err err = ERR_INIT;

    mallopt(M_ARENA_MAX, c->malloc_arenas);
    flags_parse_or_exit(c->flags, argc, argv);
    log_setup(c->flags->program, c->logging->v >= 4 ? LOG_DEBUG : LOG_INFO, strcmp(c->logging->format, "json") == 0);
    struct stop *stop = stop_new(); /* the signal thread has it until the end of the process */
    stop_on_signals(stop);
    if (c->run(stop, &err) < 0) {
        log_error("ends", LOG_ERR(&err));
        return 1;
    }
    return 0;
}
