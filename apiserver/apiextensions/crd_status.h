/*
 * crd_status.h - what the server decides about a CustomResourceDefinition: which names it gets and which conditions
 * hold. Pure but for the time that is passed in.
 */
#ifndef APISERVER_APIEXTENSIONS_CRD_STATUS_H
#define APISERVER_APIEXTENSIONS_CRD_STATUS_H

#include "api/doc.h"

#define CRD_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

const struct doc *crd_condition(const struct doc *crd, const char *type); /* NULL = none of that type */
bool crd_condition_is_true(const struct doc *crd, const char *type);
/* Sets a condition in place; lastTransitionTime moves with the status only. */
void crd_set_condition(struct arena *a, struct doc *crd, const char *type, bool value, const char *reason,
                       const char *message, int64_t now_ns);

/* Decides names and establishment of crd against the other definitions (an array; crd itself may be among them) and
 * changes its status. True when that is a change. */
bool crd_decide(struct arena *a, struct doc *crd, const struct doc *all, int64_t now_ns);
/* Is there an x-kubernetes-validations anywhere in its schemas? */
bool crd_has_rules(const struct doc *crd);
/* The mark of a deletion that has begun: finalizer and condition. */
void crd_begin_deletion(struct arena *a, struct doc *crd, int64_t now_ns);

#endif
