/* table.h - inside apiextensions: making and searching the table that customs.h publishes. */
#ifndef APISERVER_APIEXTENSIONS_TABLE_H
#define APISERVER_APIEXTENSIONS_TABLE_H

#include "apiserver/apiextensions/customs.h"
#include "base/cell.h"
#include "base/limits.h"

#define TABLE_ARENA (64 * MIB)

/* Takes references of its own on what it is given. */
struct customs_table *table_new(const struct customs_entry *v, size_t n);
const struct resource *table_find(const struct customs_table *t, struct str group, struct str version,
                                  struct str plural, struct custom_crd **ret_ref);
void table_cell_init(struct cell *c, struct customs_table *taken);
/* Kubernetes' order of versions: v2, v1, v1beta1, v1alpha1, others. */
int table_compare_versions(struct str a, struct str b);

#endif
