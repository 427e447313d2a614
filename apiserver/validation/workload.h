/*
 * workload.h - what deployments, replica sets, daemon sets and stateful sets have in common.
 */
#ifndef APISERVER_VALIDATION_WORKLOAD_H
#define APISERVER_VALIDATION_WORKLOAD_H

#include "apiserver/validation/kinds.h"
#include "apiserver/validation/pod_internal.h"

/* Fields of an object that must not be negative; NULL-terminated. */
void v_counts(errors *e, path_t p, const struct doc *obj, const char *const *fields);
/* Fields that must not exceed another field: {smaller, bigger, text}. */
struct count_bound {
    const char *field, *bound, *text;
};
void v_count_bounds(errors *e, path_t p, const struct doc *obj, const struct count_bound *bounds, size_t n);
/* The selector must be there, not empty and parse; empty_text names the kind. true when templates can be matched with
 * it. */
bool v_workload_selector(errors *e, path_t p, const struct doc *selector, const char *empty_text);
/* An integer or percentage; at most 100%. */
void v_int_or_percent(errors *e, path_t p, const struct doc *v);
void v_not_more_than_100_percent(errors *e, path_t p, const struct doc *v);
int64_t v_int_or_percent_value(const struct doc *v); /* the number of "25%" is 25 */

#endif
