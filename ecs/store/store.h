/*
 * store.h - the gateway's objects: custom resources of an API server, and a current copy of them in memory.
 *
 * Objects are JSON document trees in the caller's arena; what is handed out is a copy that may be changed. Reads come
 * from the copy in memory (get asks the server for what is not there), which a thread a kind keeps current by list and
 * watch; a write goes to the server and its result is in the copy when it returns, so a caller always sees its own
 * writes. A copy never goes back to an older version. Writes carry the resourceVersion they were made from:
 * ERR_CONFLICT when somebody else was faster (ecs_store_modify tries again), ERR_ALREADY_EXISTS, ERR_NOT_FOUND.
 *
 * All functions may be called from any thread and block. ns is NULL or "" for kinds of the whole API server.
 */
#ifndef ECS_STORE_STORE_H
#define ECS_STORE_STORE_H

#include "api/doc.h"
#include "client/kube_client.h"
#include "client/stop.h"
#include "ecs/store/kinds.h"

struct ecs_store;

struct ecs_store *ecs_store_new(struct kube_client *client, struct stop *stop);
/* After the stop was requested: no listener is called any more by a reflector. */
void ecs_store_stop(struct ecs_store *s);
/* After the stop was requested. Returns NULL, accepts NULL. */
struct ecs_store *ecs_store_free(struct ecs_store *s);
static inline void ecs_store_freep(struct ecs_store **s)
{
    ecs_store_free(*s);
}

/* fn runs on a reflector's thread after a change is in the copy, and must not block. Before the start; at most 8. */
void ecs_store_on_change(struct ecs_store *s, void (*fn)(void *ctx, enum ecs_kind_id k, struct str ns, struct str name),
                         void *ctx);
/* fn gets the last version of an object of that kind which a watch tells is deleted, before the listeners above hear of
 * it; it runs on a reflector's thread and must not block. One for a kind; before the start. */
void ecs_store_on_delete(struct ecs_store *s, enum ecs_kind_id k, void (*fn)(void *ctx, const struct doc *last),
                         void *ctx);
/* Installs the definitions, waits until they are served, and until all objects are in memory. ERR_TIMEOUT after 60 s.
 */
int ecs_store_start(struct ecs_store *s, struct err *err) MUST_CHECK;

int ecs_store_get(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, const char *name,
                  struct doc **ret, struct err *err) MUST_CHECK;
/* The same where none is an answer too: 0 found, 1 there is none (*ret NULL), -1. */
int ecs_store_find(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, const char *name,
                   struct doc **ret, struct err *err) MUST_CHECK;
/* An array, sorted by namespace and name; ns NULL = all. */
int ecs_store_list(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, struct doc **ret,
                   struct err *err) MUST_CHECK;
size_t ecs_store_count(struct ecs_store *s, enum ecs_kind_id k, const char *ns);
/* The names alone, without reading the objects. Views are good during the call of fn only. */
void ecs_store_each_name(struct ecs_store *s, enum ecs_kind_id k, const char *ns,
                         void (*fn)(void *ctx, struct str ns, struct str name), void *ctx);
/* Each object in turn, in an arena that is used again for the next: for many that need not be in memory together. With
 * `holds`, only those whose text has that in it are read (a filter, no promise). fn returns 0 to go on, -1 with err. */
int ecs_store_each(struct ecs_store *s, enum ecs_kind_id k, const char *ns, const char *holds,
                   int (*fn)(void *ctx, const struct doc *o, struct err *err), void *ctx, struct err *err) MUST_CHECK;

/* apiVersion and kind are filled in. ret may be NULL. */
int ecs_store_create(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, struct doc *object, struct doc **ret,
                     struct err *err) MUST_CHECK;
int ecs_store_update(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const struct doc *object,
                     struct doc **ret, struct err *err) MUST_CHECK;
int ecs_store_delete(struct ecs_store *s, enum ecs_kind_id k, const char *ns, const char *name,
                     struct err *err) MUST_CHECK;
/* Only if it is still the version that the object shows: ERR_CONFLICT when it has changed. */
int ecs_store_delete_seen(struct ecs_store *s, enum ecs_kind_id k, const struct doc *object,
                          struct err *err) MUST_CHECK;

/* Changes the object in place: 1 = write it, 0 = leave it as it is, -1 = give up with err. May run several times, each
 * time on a newer version. */
typedef int ecs_store_change(void *ctx, struct arena *a, struct doc *object, struct err *err);
int ecs_store_modify(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, const char *name,
                     ecs_store_change *change, void *ctx, struct doc **ret, struct err *err) MUST_CHECK;

/* Creates the object, or changes the one of its name that is there. */
int ecs_store_put(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, struct doc *object,
                  ecs_store_change *change, void *ctx, struct doc **ret, struct err *err) MUST_CHECK;

/* An empty object with metadata.name (and namespace). */
struct doc *ecs_object_new(struct arena *a, const char *ns, const char *name);
static inline const char *ecs_object_name(const struct doc *o, struct arena *a)
{
    return arena_str(a, doc_str(doc_path(o, "metadata.name"))).p;
}

struct kube_client *ecs_store_client(struct ecs_store *s);
/* What takes room on the nodes (usage.h), kept with the copies. */
struct ecs_usage *ecs_store_usage(struct ecs_store *s);
/* How many services there are (census.h), likewise. */
struct ecs_census;
struct ecs_census *ecs_store_census(struct ecs_store *s);

#endif
