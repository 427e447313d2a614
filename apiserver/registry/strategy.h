/*
 * strategy.h - what is particular about a kind: one row a resource, rules beyond flags in a file a kind.
 *
 * The rules of a row are upstream's registry strategies. Hooks change the document and do no I/O, except `reserve`,
 * which takes things that may be given out once (cluster IPs, node ports) before the write and gives them back when it
 * fails.
 */
#ifndef APISERVER_REGISTRY_STRATEGY_H
#define APISERVER_REGISTRY_STRATEGY_H

#include "api/doc.h"
#include "api/json.h"
#include "api/resources.h"
#include "apiserver/auth/user.h"

struct registry;

/* One operation on one resource, as the hooks see it. Lives on the stack of who runs it. */
struct op {
    struct registry *registry;
    struct arena *arena;
    const struct resource *res;
    const char *sub; /* "" or the subresource's name */
    const struct strategy *strategy;
    struct str ns, name;
    const struct user *user; /* NULL: the apiserver itself */
    bool dry_run;
    int64_t now; /* wall clock, ns */
    struct doc_warnings *warnings;
    bool created; /* result of an update that created */
};

enum strategy_flags {
    STRATEGY_STATUS = 1 << 0,           /* creates begin with an empty status, updates keep the old one */
    STRATEGY_GENERATION = 1 << 1,       /* metadata.generation begins with 1 and grows when spec changes */
    STRATEGY_CREATE_ON_UPDATE = 1 << 2, /* PUT of an object that is not there creates it */
    STRATEGY_NEEDS_VERSION = 1 << 3,    /* an update must carry a resourceVersion */
    STRATEGY_NO_GC = 1 << 4,            /* propagation policies mean nothing */
    STRATEGY_RETURN_DELETED = 1 << 5,   /* delete answers with the object instead of a Status */
    STRATEGY_TTL = 1 << 6,              /* goes away by itself after --event-ttl */
};

struct delete_options {
    struct str uid, resource_version; /* preconditions; empty = none */
    bool has_grace, has_orphan, orphan;
    int64_t grace;
    struct str propagation; /* "", Orphan, Background, Foreground */
};

enum delete_step { DELETE_NOW, DELETE_MARKED /* obj was changed: write it */, DELETE_PENDING /* nothing to do */ };

struct reservation; /* what reserve took; opaque, in the arena */

struct strategy {
    const char *group, *resource;
    unsigned flags;
    void (*prepare_create)(struct op *op, struct doc *obj);
    void (*prepare_update)(struct op *op, struct doc *obj, const struct doc *old);
    void (*prepare_status)(struct op *op, struct doc *obj, const struct doc *old);
    /* Instead of "spec changed": does generation grow? */
    bool (*generation_grows)(const struct doc *obj, const struct doc *old);
    /* Graceful deletion of a kind's own; NULL = none. May set options->grace. */
    enum delete_step (*delete_step)(struct op *op, struct doc *obj, struct delete_options *options);
    /* Is a deleting object to be removed now that this update has happened? NULL = when no finalizer is left. */
    bool (*gone_after_update)(const struct doc *obj);
    int (*reserve)(struct op *op, struct doc *obj, const struct doc *old, struct reservation **ret, struct err *err);
    void (*settle)(struct op *op, struct reservation *res, const struct doc *obj, bool written);
    /* The object is gone: give back what it held. */
    void (*release)(struct op *op, const struct doc *obj);
    /* Before deleting means anything: what a deletion of this kind leaves on the object. NULL = nothing. */
    void (*before_delete)(struct op *op, struct doc *obj);
};

/* Never NULL: resources without a row have a plain strategy. */
const struct strategy *strategy_of(const struct resource *res);

/* Rules of the kinds. */
void pod_prepare_create(struct op *op, struct doc *obj);
void pod_prepare_update(struct op *op, struct doc *obj, const struct doc *old);
void pod_prepare_status(struct op *op, struct doc *obj, const struct doc *old);
bool pod_generation_grows(const struct doc *obj, const struct doc *old);
enum delete_step pod_delete_step(struct op *op, struct doc *obj, struct delete_options *options);
const char *pod_qos_class(const struct doc *pod);

void namespace_prepare_create(struct op *op, struct doc *obj);
void namespace_prepare_update(struct op *op, struct doc *obj, const struct doc *old);
enum delete_step namespace_delete_step(struct op *op, struct doc *obj, struct delete_options *options);
bool namespace_gone_after_update(const struct doc *obj);

void service_prepare_create(struct op *op, struct doc *obj);
void service_prepare_update(struct op *op, struct doc *obj, const struct doc *old);
int service_reserve(struct op *op, struct doc *obj, const struct doc *old, struct reservation **ret, struct err *err);
void service_settle(struct op *op, struct reservation *res, const struct doc *obj, bool written);
void service_release(struct op *op, const struct doc *obj);

#endif
