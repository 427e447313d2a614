#include "api/resources.h"

#include "schema_tables.h"

#define VERBS_ALL                                                                                                      \
    (VERB_GET | VERB_LIST | VERB_WATCH | VERB_CREATE | VERB_UPDATE | VERB_PATCH | VERB_DELETE | VERB_DELETECOLLECTION)
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

#include "resources_table.inc"

static const char *const verb_names[] = {"get",    "list",  "watch",  "create",
                                         "update", "patch", "delete", "deletecollection"};

size_t resources(const struct resource **ret)
{
    *ret = resource_table;
    return COUNT(resource_table);
}

size_t resource_groups(const struct resource_group **ret)
{
    *ret = group_table;
    return COUNT(group_table);
}

const struct resource *resource_find(struct str group, struct str version, struct str name)
{
    for (size_t i = 0; i < COUNT(resource_table); i++) {
        const struct resource *r = &resource_table[i];
        if (str_is(name, r->name) && str_is(group, r->group) && str_is(version, r->version))
            return r;
    }
    return NULL;
}

const struct resource *resource_find_kind(struct str group, struct str version, struct str kind)
{
    for (size_t i = 0; i < COUNT(resource_table); i++) {
        const struct resource *r = &resource_table[i];
        if (str_is(kind, r->kind) && str_is(group, r->group) && str_is(version, r->version))
            return r;
    }
    return NULL;
}

const struct resource_sub *resource_sub_find(const struct resource *r, struct str name)
{
    for (size_t i = 0; i < r->n_subs; i++)
        if (str_is(name, r->subs[i].name))
            return &r->subs[i];
    return NULL;
}

uint16_t resource_verb(struct str name)
{
    for (size_t i = 0; i < COUNT(verb_names); i++)
        if (str_is(name, verb_names[i]))
            return (uint16_t)(1u << i);
    return 0;
}

const char *resource_verb_name(uint16_t verb)
{
    for (size_t i = 0; i < COUNT(verb_names); i++)
        if (verb == 1u << i)
            return verb_names[i];
    return NULL;
}
