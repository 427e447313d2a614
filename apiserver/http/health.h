/*
 * health.h - /healthz, /livez, /readyz with ?verbose, ?exclude and one path a check; /version and /metrics.
 */
#ifndef APISERVER_HTTP_HEALTH_H
#define APISERVER_HTTP_HEALTH_H

#include "apiserver/http/request.h"

int health_handle(struct request *r, struct err *err);
int version_handle(struct request *r, struct err *err);
int metrics_handle(struct request *r, struct err *err);

#endif
