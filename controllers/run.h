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
};

/* Blocks until stop. */
void controllers_run(const struct controllers_run *r, struct stop *stop);

#endif
