/*
 * capacity.h - strategies of capacity providers: which are valid, and on which provider the next task goes.
 *
 * Pure. A strategy is the API's array of {capacityProvider, base, weight}; base and weight default to 0. Errors:
 * fault.h, with ECS's texts.
 */
#ifndef ECS_MAP_CAPACITY_H
#define ECS_MAP_CAPACITY_H

#include "api/doc.h"

#define CAPACITY_STRATEGY_MAX 20
#define CAPACITY_BASE_MAX 100000
#define CAPACITY_WEIGHT_MAX 1000

/* What a provider runs tasks on. */
enum capacity_type { CAPACITY_NONE, CAPACITY_FARGATE, CAPACITY_EC2 };
/* FARGATE and FARGATE_SPOT are there without being made: CAPACITY_FARGATE; any other name: CAPACITY_NONE. */
enum capacity_type capacity_built_in(struct str name);

struct capacity_scope {
    /* Is there a provider of that name that is not FARGATE or FARGATE_SPOT? NULL: there is none. */
    bool (*known)(void *ctx, struct str name);
    void *ctx;
    /* Names of the cluster's providers, an array of strings: each of the strategy's has to be among them. NULL: not
     * asked. */
    const struct doc *associated;
};

/* InvalidParameterException when the strategy cannot be used: more than 20, a base or weight out of range, a name that
 * is unknown, not associated or there twice, Fargate and others mixed, two bases, several providers that all have
 * weight 0. *ret_type is what its providers are (NONE for an empty strategy); may be NULL. */
int capacity_check(const struct doc *strategy, const struct capacity_scope *scope, enum capacity_type *ret_type,
                   struct err *err) MUST_CHECK;
/* Each with base and weight, as the API gives a strategy back; in the arena, sharing strings. */
struct doc *capacity_filled(struct arena *a, const struct doc *strategy);

/* How many tasks a provider has (that have not been told to stop). */
struct capacity_count {
    struct str provider;
    int64_t tasks;
};
/* A sheet to count on: a row for each provider of the strategy, all 0; tasks of others do not matter. At most
 * CAPACITY_STRATEGY_MAX rows; returns how many. */
size_t capacity_sheet(const struct doc *strategy, struct capacity_count sheet[CAPACITY_STRATEGY_MAX]);
/* One more for the provider; false when it is not on the sheet. */
bool capacity_add(struct capacity_count *sheet, size_t n, struct str provider);

/* The provider of the next task, which is counted on the sheet: bases first, then whoever is furthest behind its share
 * of what goes beyond the bases; ties go to the earlier one in the strategy. A strategy of one provider takes all,
 * whatever its weight. sheet is capacity_sheet's. Empty for an empty strategy. */
struct str capacity_next(const struct doc *strategy, struct capacity_count *sheet, size_t n);

#endif
