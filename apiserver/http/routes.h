/*
 * routes.h - which handler a request goes to. Tables only.
 */
#ifndef APISERVER_HTTP_ROUTES_H
#define APISERVER_HTTP_ROUTES_H

#include "apiserver/http/request.h"

/* Sets r->res, r->sub and r->route; route.handle stays NULL when nothing serves it. */
void routes_find(struct request *r);
/* The error for a resource request that nothing serves: 404 or 405. Returns -1. */
int routes_not_found(struct request *r, struct err *err);

#endif
