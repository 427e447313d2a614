/*
 * printers.h - objects as rows of a meta.k8s.io Table, as `kubectl get` asks for them.
 *
 * Column definitions of every served resource come from one generated table; everyday kinds have a function that
 * computes the cells from the object's document tree; a cell without a rule is empty. Pure functions: the time
 * comes in as an argument (wall clock, nanoseconds), nothing is fetched. Results live in the arena; string cells may be
 * views of the object's tree.
 */
#ifndef APISERVER_PRINTERS_PRINTERS_H
#define APISERVER_PRINTERS_PRINTERS_H

#include "api/doc.h"

struct printer_column {
    const char *name, *type, *format, *description;
    int priority; /* 0 = always shown, 1 = with -o wide */
};

struct printer {
    const char *group, *resource; /* resource without a version: columns are the same in every version */
    const struct printer_column *columns;
    size_t n_columns;
};

/* The printer of a resource ("apps", "deployments"); "deployments/scale" for a Scale. Never NULL: the default printer
 * (Name, Created At). */
const struct printer *printer_find(struct str group, struct str resource);
/* One row object {cells, conditions?}; the caller sets `object` by its includeObject rule. */
struct doc *printer_row(struct arena *a, const struct printer *p, const struct doc *obj, int64_t now_ns);
/* A Table without rows: kind, apiVersion ("meta.k8s.io/v1" or v1beta1), metadata {}, columnDefinitions, rows []. Append
 * rows to doc_get(t, "rows"). */
struct doc *printer_table(struct arena *a, const struct printer *p, const char *api_version);

/* "5m10s", "3d4h" of a duration, upstream's duration.HumanDuration. */
#define HUMAN_DURATION_MAX 32
void printer_human_duration(int64_t seconds, char out[HUMAN_DURATION_MAX]);

#endif
