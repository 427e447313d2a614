/*
 * subresources.h - handlers of what is not the object itself, and of the resources that are not stored.
 */
#ifndef APISERVER_HTTP_SUBRESOURCES_H
#define APISERVER_HTTP_SUBRESOURCES_H

#include "apiserver/http/request.h"

int sub_scale_get(struct request *r, struct err *err);
int sub_scale_update(struct request *r, struct err *err);
int sub_scale_patch(struct request *r, struct err *err);
int sub_binding(struct request *r, struct err *err); /* POST pods/NAME/binding and bindings */
int sub_eviction(struct request *r, struct err *err);
int sub_token(struct request *r, struct err *err);
int review_create(struct request *r, struct err *err); /* tokenreviews, subjectaccessreviews ... */
int sub_log(struct request *r, struct err *err);
int sub_exec(struct request *r, struct err *err);
int sub_attach(struct request *r, struct err *err);
int sub_port_forward(struct request *r, struct err *err);
int component_statuses(struct request *r, struct err *err);
int openid_configuration(struct request *r, struct err *err);
int openid_jwks(struct request *r, struct err *err);

#endif
