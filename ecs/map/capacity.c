#include "ecs/map/capacity.h"

#include "ecs/map/fault.h"

static int64_t member(const struct doc *item, const char *name)
{
    return doc_int_or(doc_get(item, name), 0);
}

static struct str provider_of(const struct doc *item)
{
    return doc_str(doc_get(item, "capacityProvider"));
}

enum capacity_type capacity_built_in(struct str name)
{
    return str_is(name, "FARGATE") || str_is(name, "FARGATE_SPOT") ? CAPACITY_FARGATE : CAPACITY_NONE;
}

/* --- valid or not --- */

static bool listed(const struct doc *names, struct str name)
{
    doc_foreach (names, n)
        if (str_eq(doc_str(n), name))
            return true;
    return false;
}

static int check_item(const struct doc *item, const struct capacity_scope *scope, enum capacity_type *ret,
                      struct err *err)
{
    struct str name = provider_of(item);
    int64_t base = member(item, "base"), weight = member(item, "weight");

    if (base < 0 || base > CAPACITY_BASE_MAX)
        return ecs_fault(err, ECS_INVALID, "The base of a capacity provider must be between 0 and %d.",
                         CAPACITY_BASE_MAX);
    if (weight < 0 || weight > CAPACITY_WEIGHT_MAX)
        return ecs_fault(err, ECS_INVALID, "The weight of a capacity provider must be between 0 and %d.",
                         CAPACITY_WEIGHT_MAX);
    *ret = capacity_built_in(name);
    if (*ret == CAPACITY_NONE && scope->known && scope->known(scope->ctx, name))
        *ret = CAPACITY_EC2;
    if (*ret == CAPACITY_NONE)
        return ecs_fault(err, ECS_INVALID,
                         "The specified capacity provider '" STR_FMT
                         "' was not found. Specify a valid name and try again.",
                         STR_ARG(name));
    if (scope->associated && !listed(scope->associated, name))
        return ecs_fault(
            err, ECS_INVALID,
            "The specified capacity provider strategy cannot contain a capacity provider that is not "
            "associated with the cluster. Associate the capacity provider with the cluster and try again.");
    return 0;
}

/* What only the whole strategy shows. */
static int check_together(const struct doc *strategy, struct err *err)
{
    int64_t weights = 0, bases = 0;

    doc_foreach (strategy, item) {
        weights += member(item, "weight");
        bases += member(item, "base") > 0;
        for (const struct doc *other = item->next; other; other = other->next)
            if (str_eq(provider_of(item), provider_of(other)))
                return ecs_fault(err, ECS_INVALID,
                                 "A capacity provider strategy cannot contain the capacity provider '" STR_FMT
                                 "' more than once.",
                                 STR_ARG(provider_of(item)));
    }
    if (bases > 1)
        return ecs_fault(err, ECS_INVALID,
                         "Only one capacity provider in a capacity provider strategy can have a base defined.");
    if (doc_count(strategy) > 1 && weights == 0)
        return ecs_fault(err, ECS_INVALID,
                         "At least one capacity provider in a capacity provider strategy must have a weight greater "
                         "than zero.");
    return 0;
}

int capacity_check(const struct doc *strategy, const struct capacity_scope *scope, enum capacity_type *ret_type,
                   struct err *err)
{
    enum capacity_type all = CAPACITY_NONE, one = CAPACITY_NONE;

    if (doc_count(strategy) > CAPACITY_STRATEGY_MAX)
        return ecs_fault(err, ECS_INVALID,
                         "A capacity provider strategy can contain a maximum of %d capacity providers.",
                         CAPACITY_STRATEGY_MAX);
    doc_foreach (strategy, item) {
        if (check_item(item, scope, &one, err) < 0)
            return -1;
        if (all != CAPACITY_NONE && one != all)
            return ecs_fault(err, ECS_INVALID,
                             "A capacity provider strategy cannot contain a mix of capacity providers using Auto "
                             "Scaling groups and Fargate providers. Specify one or the other and try again.");
        all = one;
    }
    if (check_together(strategy, err) < 0)
        return -1;
    if (ret_type)
        *ret_type = all;
    return 0;
}

struct doc *capacity_filled(struct arena *a, const struct doc *strategy)
{
    struct doc *list = doc_array(a);

    doc_foreach (strategy, item) {
        struct doc *o = doc_object(a);
        doc_set(o, "capacityProvider", doc_string(a, provider_of(item)));
        doc_set(o, "weight", doc_int(a, member(item, "weight")));
        doc_set(o, "base", doc_int(a, member(item, "base")));
        doc_append(list, o);
    }
    return list;
}

/* --- who is next --- */

size_t capacity_sheet(const struct doc *strategy, struct capacity_count sheet[CAPACITY_STRATEGY_MAX])
{
    size_t n = 0;

    doc_foreach (strategy, item)
        if (n < CAPACITY_STRATEGY_MAX)
            sheet[n++] = (struct capacity_count){.provider = provider_of(item)};
    return n;
}

bool capacity_add(struct capacity_count *sheet, size_t n, struct str provider)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(sheet[i].provider, provider)) {
            sheet[i].tasks++;
            return true;
        }
    return false;
}

struct str capacity_next(const struct doc *strategy, struct capacity_count *sheet, size_t n)
{
    size_t i = 0, best = n;
    int64_t best_over = 0, best_weight = 1;

    doc_foreach (strategy, item) {
        int64_t base = member(item, "base"), weight = n == 1 ? 1 : member(item, "weight");
        if (i == n)
            break;
        if (sheet[i].tasks < base) {
            best = i;
            break;
        }
        int64_t over = sheet[i].tasks - base + 1; /* with the next one, beyond its base */
        if (weight > 0 && (best == n || over * best_weight < best_over * weight)) {
            best = i;
            best_over = over;
            best_weight = weight;
        }
        i++;
    }
    if (best == n)
        return STR("");
    sheet[best].tasks++;
    return sheet[best].provider;
}
