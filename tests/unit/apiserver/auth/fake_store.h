/*
 * fake_store.h - an auth_store on a handful of documents, for the tests of this folder. All objects in one JSON list
 * text.
 */
#ifndef TESTS_FAKE_STORE_H
#define TESTS_FAKE_STORE_H

#include "api/json.h"
#include "apiserver/auth/store.h"

struct fake_store {
    struct arena *arena;
    struct doc *objects; /* array; each has "resource" beside the object's own members */
    _Atomic uint64_t generation;
    _Atomic int lists; /* how often list was called */
    struct auth_store store;
};

static inline bool fake_is(const struct doc *obj, const char *resource)
{
    return str_is(doc_str(doc_get(obj, "resource")), resource);
}

static inline int fake_get(void *ud, struct arena *a, const char *group, const char *resource, struct str ns,
                           struct str name, struct doc **ret, struct err *err)
{
    struct fake_store *f = ud;
    (void)a, (void)group;
    doc_foreach (f->objects, obj)
        if (fake_is(obj, resource) && str_eq(doc_str(doc_path(obj, "metadata.name")), name) &&
            str_eq(doc_str(doc_path(obj, "metadata.namespace")), ns)) {
            *ret = obj;
            return 0;
        }
    return err_set(err, ERR_NOT_FOUND, "not found");
}

static inline int fake_list(void *ud, const char *group, const char *resource,
                            void (*visit)(void *arg, const struct doc *obj), void *arg, struct err *err)
{
    struct fake_store *f = ud;
    (void)group, (void)err;
    f->lists++;
    doc_foreach (f->objects, obj)
        if (fake_is(obj, resource))
            visit(arg, obj);
    return 0;
}

static inline uint64_t fake_generation(void *ud)
{
    return ((struct fake_store *)ud)->generation;
}

static inline void fake_add(struct fake_store *f, const char *json)
{
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    if (json_parse(f->arena, str_of(json), NULL, &d, &err) < 0)
        abort();
    doc_append(f->objects, d);
    f->generation++;
}

static inline void fake_init(struct fake_store *f)
{
    *f = (struct fake_store){.arena = arena_new((size_t)16 << 20)};
    f->objects = doc_array(f->arena);
    f->store = (struct auth_store){f, fake_get, fake_list, fake_generation, NULL};
}

static inline void fake_release(struct fake_store *f)
{
    arena_free(f->arena);
}

static inline struct doc *parse_json(struct arena *a, const char *json)
{
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    return json_parse(a, str_of(json), NULL, &d, &err) < 0 ? NULL : d;
}

#endif
