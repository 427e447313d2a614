/*
 * plugins.h - the plugins' functions, for the table in admission.c. One file a plugin.
 */
#ifndef APISERVER_ADMISSION_PLUGINS_H
#define APISERVER_ADMISSION_PLUGINS_H

#include "apiserver/admission/admission.h"

struct admit {
    struct op *op;
    enum admission_op what;
    struct doc *obj;       /* NULL on delete */
    const struct doc *old; /* NULL on create */
};

/* "pods "x" is forbidden: ..." of the object at hand. Returns -1. */
int admit_forbidden(const struct admit *a, struct err *err, const char *fmt, ...) PRINTF_FMT(3, 4);
/* Is this about the resource itself (not a subresource) of the core group? */
bool admit_is(const struct admit *a, const char *resource);

int namespace_lifecycle(const struct admit *a,
                        struct err *err); /* create and update: before all others change anything */
int namespace_lifecycle_delete(const struct admit *a, struct err *err);
int limit_ranger_mutate(const struct admit *a, struct err *err);
int limit_ranger_validate(const struct admit *a, struct err *err);
int service_account_mutate(const struct admit *a, struct err *err);
int service_account_validate(const struct admit *a, struct err *err);
int taint_nodes(const struct admit *a, struct err *err);
int priority_mutate(const struct admit *a, struct err *err);
int priority_validate(const struct admit *a, struct err *err);
int default_tolerations(const struct admit *a, struct err *err);
int storage_protection(const struct admit *a, struct err *err);
int default_storage_class(const struct admit *a, struct err *err);
int default_ingress_class(const struct admit *a, struct err *err);
int node_restriction(const struct admit *a, struct err *err);
int rbac_escalation(const struct admit *a, struct err *err);
int privileged_containers(const struct admit *a, struct err *err);

#endif
