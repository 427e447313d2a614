/*
 * rbac_bootstrap_table.h - form of the generated table of upstream's bootstrap policy.
 */
#ifndef APISERVER_AUTH_RBAC_BOOTSTRAP_TABLE_H
#define APISERVER_AUTH_RBAC_BOOTSTRAP_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct bootstrap_rule { /* comma separated lists; NULL = none, "" = one empty string */
    const char *groups, *resources, *names, *urls, *verbs;
};

enum bootstrap_kind { BOOTSTRAP_CLUSTER_ROLE, BOOTSTRAP_CLUSTER_ROLE_BINDING, BOOTSTRAP_ROLE, BOOTSTRAP_ROLE_BINDING };

struct bootstrap_object {
    uint8_t kind; /* enum bootstrap_kind */
    const char *ns, *name;
    const char *aggregate; /* "label=value" that an aggregated role selects, or "" */
    const char *labels;    /* comma separated label=value, beside kubernetes.io/bootstrapping */
    uint16_t first_rule, n_rules;
    const char *role;     /* "ClusterRole:name" of a binding */
    const char *subjects; /* "Group:x;User:y;ServiceAccount:ns/name" of a binding */
};

extern const struct bootstrap_rule bootstrap_rules[];
extern const struct bootstrap_object bootstrap_objects[];
extern const size_t bootstrap_objects_n;

#endif
