/*
 * run.h - makes the enabled controllers, runs them until the stop, ends them. The program around it is main.c.
 */
#ifndef CONTROLLERS_RUN_H
#define CONTROLLERS_RUN_H

#include "controllers/controller.h"

struct controllers_run {
    const struct controllers_options *options;
    const struct kubeconfig *config;
    const char *user_agent;
    struct kube_client *client; /* the program's own: informers, and without accounts everything */
    pthread_mutex_t lock;       /* guards `running` */
    struct running *running;    /* what runs now, NULL = nothing */
};

/* Blocks until stop. */
void controllers_run(struct controllers_run *r, struct stop *stop);
/* The text of /metrics: the queues of the controllers that run, and whether we lead. From any thread. */
void controllers_metrics(struct controllers_run *r, struct buf *out);

#endif
