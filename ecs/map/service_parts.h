/*
 * service_parts.h - inside ecs/map: what service.c and service_record.c share.
 */
#ifndef ECS_MAP_SERVICE_PARTS_H
#define ECS_MAP_SERVICE_PARTS_H

#include "ecs/map/service.h"

/* What a revision fixes. */
#define SERVICE_REVISION_MEMBERS 11
extern const char *const service_revision_members[SERVICE_REVISION_MEMBERS];

/* {arn, requestedTaskCount, runningTaskCount, pendingTaskCount} of a deployment's revision. */
struct doc *service_revision_summary(struct arena *a, const struct doc *service, const struct doc *deployment);

static inline void set_str(struct arena *a, struct doc *d, const char *key, struct str s)
{
    doc_set(d, key, doc_string_copy(a, s));
}

static inline void copy_member(struct arena *a, struct doc *to, const struct doc *from, const char *key)
{
    const struct doc *v = doc_get(from, key);

    if (v)
        doc_set(to, key, doc_clone(a, v, false));
}

static inline int64_t int_at(const struct doc *d, const char *key)
{
    return doc_int_or(doc_get(d, key), 0);
}

#endif
