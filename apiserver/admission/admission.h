/*
 * admission.h - the plugins between a decoded object and the store, in upstream's order.
 *
 * A plugin is a row: name, on by default or not, operations, and two functions that change or check the document.
 * Called on workers; may look at other objects through the registry.
 */
#ifndef APISERVER_ADMISSION_ADMISSION_H
#define APISERVER_ADMISSION_ADMISSION_H

#include "apiserver/registry/registry.h"
#include "base/flags.h"

enum admission_op { ADMIT_CREATE = 1, ADMIT_UPDATE = 2, ADMIT_DELETE = 4 };

struct admission;

/* enable and disable as the flags give them; ERR_BAD_REQUEST names a plugin that does not exist. */
int admission_new(const struct flag_list *enable, const struct flag_list *disable, struct admission **ret,
                  struct err *err) MUST_CHECK;
struct admission *admission_free(struct admission *ad);

/* Mutating plugins: may change obj (NULL on delete). old is NULL on create. */
int admission_mutate(struct op *op, enum admission_op what, struct doc *obj, const struct doc *old,
                     struct err *err) MUST_CHECK;
/* Validating plugins. */
int admission_validate(struct op *op, enum admission_op what, const struct doc *obj, const struct doc *old,
                       struct err *err) MUST_CHECK;

#endif
