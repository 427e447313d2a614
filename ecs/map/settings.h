/*
 * settings.h - the account settings of ECS: one row each.
 *
 * Pure. A value belongs to a principal (an IAM ARN); the root's counts for everybody who has none of his own, else the
 * default does.
 */
#ifndef ECS_MAP_SETTINGS_H
#define ECS_MAP_SETTINGS_H

#include "base/err.h"
#include "base/str.h"

#define SETTING_VALUES_MAX 3

struct setting {
    const char *name;
    const char *values[SETTING_VALUES_MAX + 1];
    const char *by_default;
    bool managed;      /* AWS sets it: nobody else may */
    bool root_only;    /* of the account alone */
    const char *fixed; /* NULL, or why it cannot be anything else than the default here */
};
extern const struct setting settings_table[]; /* by name, as lists are sorted */
extern const size_t settings_n;

const struct setting *setting_find(struct str name); /* NULL: there is no such setting */
/* May a request set it to this? Errors: fault.h. */
int setting_check(const struct setting *s, struct str value, struct err *err) MUST_CHECK;

/* "arn:aws:iam::ACCOUNT:root", or a user or role of the account. */
bool setting_principal_valid(struct str arn, struct str account);
static inline bool setting_principal_is_root(struct str arn)
{
    return str_ends(arn, STR(":root"));
}

#endif
