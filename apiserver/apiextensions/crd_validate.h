/* crd_validate.h - the rules of CustomResourceDefinitions. Pure; called through apiserver/validation's table. */
#ifndef APISERVER_APIEXTENSIONS_CRD_VALIDATE_H
#define APISERVER_APIEXTENSIONS_CRD_VALIDATE_H

#include "apiserver/validation/kinds.h"

void validate_crd(struct kind_check *k);
void validate_crd_update(struct kind_check *k);
/* What is wrong with a schema itself, structural rules included. */
void validate_schema(struct field_errors *e, const struct field_path *p, const struct doc *schema);

#endif
