/*
 * rbac_rule.h - one PolicyRule in compiled form, and whether it covers something. Pure.
 *
 * Views into the arena of the snapshot that holds the rule.
 */
#ifndef APISERVER_AUTH_RBAC_RULE_H
#define APISERVER_AUTH_RBAC_RULE_H

#include "apiserver/auth/authz.h"

struct rule_list { /* a list of strings; n 0 = the rule does not have it */
    struct str *v;
    size_t n;
};

struct rbac_rule {
    struct rule_list verbs, groups, resources, names, urls;
};

/* From a PolicyRule document; strings are copied into the arena. */
void rbac_rule_compile(struct arena *a, const struct doc *rule, struct rbac_rule *ret);
struct doc *rbac_rule_doc(struct arena *a, const struct rbac_rule *rule);

bool rbac_rule_allows(const struct rbac_rule *rule, const struct authz_attributes *attr);

/* Do the held rules together cover everything the wanted rule grants? */
bool rbac_rules_cover(const struct rbac_rule *held, size_t n_held, const struct rbac_rule *wanted);

#endif
