/*
 * cache.h - inside ecs/store: the newest known version of each object of one kind, as JSON text, by namespace and name.
 *
 * Of a kind with many objects texts are held packed (pack.h): the first one that is unlike those before (a task that
 * waits, one that runs) is a model of those to come.
 *
 * Thread-safe. A version older than the one held is refused. What is held is trimmed (trim.h); listeners see all of it.
 *
 * Objects come from a list, from the events behind it, and from answers to our own requests, in any order. A list is
 * taken between ecs_cache_list_begin and ecs_cache_unlisted, in as many pieces as it has; after an event the cache is
 * told how far it has seen, so that an answer that is older than a deletion brings nothing back.
 */
#ifndef ECS_STORE_CACHE_H
#define ECS_STORE_CACHE_H

#include "api/doc.h"
#include "base/map.h"
#include "ecs/store/pack.h"
#include "ecs/store/trim.h"

#include <pthread.h>

/* What hears of every change, under the cache's lock: a new object, or that one is gone. */
struct ecs_cache_listener {
    void (*put)(void *ctx, const struct doc *object);
    void (*remove)(void *ctx, struct str ns, struct str name);
    void *ctx;
};

#define ECS_CACHE_MODELS_MAX 4

struct ecs_cache {
    pthread_mutex_t lock;
    struct ecs_cache_listener listener;              /* set after the init, or none */
    const struct ecs_trim *trim;                     /* set after the init, or NULL */
    bool packed;                                     /* set after the init */
    struct pack_model *models[ECS_CACHE_MODELS_MAX]; /* once there, they stay */
    size_t n_models;
    struct map namespaces; /* -> struct map of name -> entry */
    uint64_t seen;         /* every change up to this version has arrived */
    uint32_t round;        /* of lists */
};

void ecs_cache_init(struct ecs_cache *c);
void ecs_cache_release(struct ecs_cache *c);

/* True when the object changed what is held. o: metadata with name, namespace, resourceVersion. */
bool ecs_cache_put(struct ecs_cache *c, const struct doc *o);
/* The same for an object that is in the list, whatever has been seen. */
bool ecs_cache_put_listed(struct ecs_cache *c, const struct doc *o);
void ecs_cache_list_begin(struct ecs_cache *c);
void ecs_cache_seen(struct ecs_cache *c, uint64_t version); /* never goes back */
/* Removes the object unless a version newer than `version` is held (0: whatever is held). */
bool ecs_cache_remove(struct ecs_cache *c, struct str ns, struct str name, uint64_t version);
/* The text, copied into the arena; empty when there is no such object. */
struct str ecs_cache_get(struct ecs_cache *c, struct arena *a, struct str ns, struct str name);

struct ecs_cache_item {
    struct str ns, name, text;
    uint64_t version;
};
/* All of a namespace (ns.p NULL: of all), sorted, in the arena. with_text false leaves the texts out. NULL when the
 * arena is full. */
struct ecs_cache_item *ecs_cache_list(struct ecs_cache *c, struct arena *a, struct str ns, bool with_text,
                                      size_t *ret_n);
/* What is held and was not put since ecs_cache_list_begin, without texts. */
struct ecs_cache_item *ecs_cache_unlisted(struct ecs_cache *c, struct arena *a, size_t *ret_n);
size_t ecs_cache_count(struct ecs_cache *c, struct str ns);

uint64_t ecs_version_of(struct str s);            /* 0 when it is none */
uint64_t ecs_object_version(const struct doc *o); /* metadata.resourceVersion */

#endif
