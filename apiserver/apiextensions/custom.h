/*
 * custom.h - a CustomResourceDefinition compiled: each of its versions as a row like those of the built-in resources,
 * with its schema and all that is particular about it. So custom resources take the path of every other resource.
 *
 * A struct custom_crd is immutable and refcounted; whoever follows a pointer into it (a struct resource of a request)
 * holds a reference. It is made from a definition's spec and accepted names and does not know its conditions, but for
 * two marks that may be set later: that it is terminating, and that it is served no longer (watches end then).
 */
#ifndef APISERVER_APIEXTENSIONS_CUSTOM_H
#define APISERVER_APIEXTENSIONS_CUSTOM_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/resources.h"
#include "apiserver/apiextensions/jsonpath.h"
#include "apiserver/apiextensions/structural.h"
#include "apiserver/printers/printers.h"
#include "apiserver/registry/strategy.h"
#include "base/list.h"

#define CUSTOM_FIELDS_MAX 8

struct custom_crd;

/* One version. */
struct custom {
    struct resource res; /* res.custom points back here */
    struct custom_crd *crd;
    uint64_t id; /* of this compiled version; encodings made by another one are not reused */
    const struct structural *schema;
    const struct doc *openapi; /* openAPIV3Schema */
    bool served, storage, has_status, has_scale;
    const char *warning;                                               /* of a deprecated version, NULL */
    const struct jsonpath *scale_spec, *scale_status, *scale_selector; /* selector: NULL = none */
    struct printer printer;
    const struct jsonpath *const *cells;  /* one a column but the first, which is the name */
    struct str fields[CUSTOM_FIELDS_MAX]; /* selectable: "spec.color" */
    const struct jsonpath *field_paths[CUSTOM_FIELDS_MAX];
    size_t n_fields;
    struct strategy strategy;
    struct resource_sub subs[2];
};

struct custom_crd {
    atomic_long refs;
    struct arena *arena; /* everything, and this struct too */
    struct str name, uid, group, plural;
    int64_t generation;
    struct str accepted; /* its accepted names as JSON: part of what tells two compilations apart */
    struct custom *versions;
    size_t n_versions;
    const char *storage_version;
    atomic_bool terminating, retired;
    pthread_mutex_t lock;
    struct list watchers; /* under lock */
};

/* crd: a CustomResourceDefinition as stored; it is copied. Errors: BAD_REQUEST, TOO_LARGE. */
int custom_compile(const struct doc *crd, struct custom_crd **ret, struct err *err) MUST_CHECK;
struct custom_crd *custom_crd_ref(struct custom_crd *c);
void custom_crd_unref(struct custom_crd *c); /* accepts NULL */
static inline void custom_crd_unrefp(struct custom_crd **c)
{
    custom_crd_unref(*c);
}
/* Was it made from such a definition? */
bool custom_is_of(const struct custom_crd *c, const struct doc *crd);

/* --- watches that must end when the definition changes or goes --- */
struct custom_watcher {
    struct list link;
    void (*wake)(void *user);
    void *user;
};
void custom_watch_begin(const struct custom *c, struct custom_watcher *w);
void custom_watch_end(const struct custom *c, struct custom_watcher *w);
static inline bool custom_retired(const struct custom *c)
{
    return atomic_load(&c->crd->retired);
}
void custom_retire(struct custom_crd *c);

/* --- what requests do with an object (objects.c) --- */

/* A parsed body or patched object, in place: metadata in its form, unknown members dropped and reported, defaults set,
 * members sorted. */
int custom_accept(const struct custom *c, struct arena *a, struct doc *obj, struct doc_warnings *unknown,
                  struct err *err) MUST_CHECK;
/* An object from the store, whose schema may have changed since. */
void custom_restore(const struct custom *c, struct arena *a, struct doc *obj);
int custom_validate(const struct custom *c, struct op *op, const struct doc *obj, const struct doc *old,
                    struct err *err) MUST_CHECK;
void custom_fill_strategy(struct custom *c);
struct doc *custom_row(const struct custom *c, struct arena *a, const struct doc *obj, int64_t now_ns);
bool custom_field_known(const struct custom *c, struct str label);
struct str custom_field(const struct custom *c, const struct doc *obj, struct str label);

#endif
