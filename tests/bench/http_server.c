/* The echo server as a program, to be loaded from outside: bench_http_server PORT DIR [THREADS]. See hack/bench. */
#include "testhttp/echo_server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct tls_options tls;
    char paths[3][256];
    if (argc < 3) {
        fprintf(stderr, "usage: bench_http_server PORT DIR [THREADS]   (TLS on PORT+1, its PKI made in DIR)\n");
        return 2;
    }
    echo_server_pki(argv[2], &tls, paths);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    struct http_limits limits = {.idle_ms = 600000};
    struct echo_server *s =
        echo_server_new(&limits, &tls, argc > 3 ? (size_t)atoi(argv[3]) : 2, (uint16_t)atoi(argv[1]), &err);
    if (!s) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    int sig;
    sigwait(&set, &sig);
    echo_server_free(s);
    return 0;
}
