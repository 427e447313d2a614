/*
 * resources.h - the resources that are served: one row each, in discovery's order.
 *
 * Immutable; any thread. Made from the fact tables by hack/gen-resources. Only what is enabled by default is here.
 */
#ifndef API_RESOURCES_H
#define API_RESOURCES_H

#include "api/schema.h"

enum resource_verbs {
    VERB_GET = 1 << 0,
    VERB_LIST = 1 << 1,
    VERB_WATCH = 1 << 2,
    VERB_CREATE = 1 << 3,
    VERB_UPDATE = 1 << 4,
    VERB_PATCH = 1 << 5,
    VERB_DELETE = 1 << 6,
    VERB_DELETECOLLECTION = 1 << 7,
};

struct custom; /* apiserver/apiextensions: the version of a CustomResourceDefinition behind a row */

struct resource_sub {
    const char *name;         /* "status" */
    const char *kind_group;   /* of the body where it is not the resource's kind; NULL = the resource's group */
    const char *kind_version; /* as kind_group */
    const char *kind;
    uint16_t verbs;
};

struct resource {
    const char *group; /* "" = core */
    const char *version;
    const char *name;     /* plural: "pods" */
    const char *singular; /* "pod" */
    const char *kind;
    const char *list_kind;    /* NULL = cannot be listed */
    const char *short_names;  /* "deploy" or "crd,crds" or "" */
    const char *categories;   /* "all" or "" */
    const char *storage_hash; /* storageVersionHash; NULL = none */
    const char *key_prefix;   /* etcd: "/registry/minions" (then /namespace/name or /name); NULL = not stored */
    const char
        *storage_group; /* group, version and kind that are written to etcd: they differ from the served ones for */
    const char *storage_version;                  /* events.k8s.io (core/v1) and autoscaling/v1 (autoscaling/v2) */
    const struct schema_message *message;         /* of kind */
    const struct schema_message *list_message;    /* of list_kind, NULL */
    const struct schema_message *storage_message; /* NULL when not stored */
    const struct resource_sub *subs;
    uint8_t n_subs;
    uint16_t verbs;
    bool namespaced;
    bool storage_json;           /* stored as JSON, not protobuf */
    const struct custom *custom; /* NULL = built in; rows of custom resources have no messages */
};

struct resource_group {
    const char *group;
    const char *const *versions; /* preferred first */
    uint8_t n_versions;
};

size_t resources(const struct resource **ret);             /* all rows, grouped by group/version */
size_t resource_groups(const struct resource_group **ret); /* in discovery's order, core first */

/* By plural name; NULL when it is not served. */
const struct resource *resource_find(struct str group, struct str version, struct str name);
const struct resource *resource_find_kind(struct str group, struct str version, struct str kind);
const struct resource_sub *resource_sub_find(const struct resource *r, struct str name);

uint16_t resource_verb(struct str name);       /* "get" -> VERB_GET; 0 when unknown */
const char *resource_verb_name(uint16_t verb); /* of a single bit */

#endif
