/*
 * discovery.h - what this server serves: /api, /apis, group and version documents, and the aggregated form.
 *
 * Built from the resource table and the custom resources whenever these change; answers are shared buffers.
 */
#ifndef APISERVER_HTTP_DISCOVERY_H
#define APISERVER_HTTP_DISCOVERY_H

#include "apiserver/http/request.h"

struct discovery;

struct customs_table;

struct discovery *discovery_new(const struct customs_table *customs);
struct discovery *discovery_free(struct discovery *d);

int discovery_api(struct request *r, struct err *err);     /* /api */
int discovery_apis(struct request *r, struct err *err);    /* /apis */
int discovery_group(struct request *r, struct err *err);   /* /apis/GROUP */
int discovery_version(struct request *r, struct err *err); /* /api/v1, /apis/GROUP/VERSION */
int openapi_handle(struct request *r, struct err *err);    /* /openapi/v2, /openapi/v3 and below */

#endif
