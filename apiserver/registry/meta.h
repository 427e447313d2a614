/*
 * meta.h - ObjectMeta of a document: reading, and the few changes that the server makes to it.
 *
 * Pure but for the randomness of uids and names. All functions accept an object without metadata.
 */
#ifndef APISERVER_REGISTRY_META_H
#define APISERVER_REGISTRY_META_H

#include "api/doc.h"
#include "base/clock.h"

#define NAME_GENERATED_MAX 63 /* a generated name: a base cut to 58 characters and 5 random ones */

static inline struct doc *meta_of(const struct doc *obj)
{
    return doc_get(obj, "metadata");
}
static inline struct str meta_str(const struct doc *obj, const char *field)
{
    return doc_str(doc_get(meta_of(obj), field));
}
static inline struct str meta_name(const struct doc *obj)
{
    return meta_str(obj, "name");
}
static inline struct str meta_namespace(const struct doc *obj)
{
    return meta_str(obj, "namespace");
}
static inline struct str meta_uid(const struct doc *obj)
{
    return meta_str(obj, "uid");
}
static inline bool meta_is_deleting(const struct doc *obj)
{
    return doc_is(doc_get(meta_of(obj), "deletionTimestamp"), DOC_STRING);
}
static inline int64_t meta_generation(const struct doc *obj)
{
    return doc_int_or(doc_get(meta_of(obj), "generation"), 0);
}
static inline struct doc *meta_finalizers(const struct doc *obj)
{
    return doc_get(meta_of(obj), "finalizers");
}
bool meta_has_finalizer(const struct doc *obj, const char *finalizer);

/* metadata made when absent; NULL only when something that is no object stands there or the arena is full. */
struct doc *meta_need(struct arena *a, struct doc *obj);
void meta_set_str(struct arena *a, struct doc *obj, const char *field, struct str value); /* bytes are not copied */
void meta_set_int(struct arena *a, struct doc *obj, const char *field, int64_t value);
void meta_remove(struct doc *obj, const char *field);
/* Makes field in obj what it is in old: a copy, or absent. */
void meta_keep(struct arena *a, struct doc *obj, const struct doc *old, const char *field);
/* The same for a field at the top of the object ("status", "spec"). */
void doc_keep(struct arena *a, struct doc *obj, const struct doc *old, const char *field);
/* metav1.Time of a wall clock: whole seconds. */
struct doc *meta_time(struct arena *a, int64_t wall_ns);
/* The seconds of a metav1.Time; false when absent or unreadable. */
bool meta_parse_time(const struct doc *d, int64_t *ret_seconds);

/* Sets uid and creationTimestamp, and clears what only the server may set. */
void meta_fill_new(struct arena *a, struct doc *obj, int64_t wall_ns);
/* Sets name from generateName and fresh random characters. */
void meta_generate_name(struct arena *a, struct doc *obj);
/* Keeps what an update may not change: uid, creationTimestamp, deletion marks, generation, selfLink. */
void meta_keep_system_fields(struct arena *a, struct doc *obj, const struct doc *old);
void meta_set_finalizers(struct arena *a, struct doc *obj, struct doc *finalizers); /* empty array = removed */

/* Equality of two optional subtrees, where absent, null and empty containers are the same. */
bool doc_same(const struct doc *a, const struct doc *b);

#endif
