/* Deletion: at once, gracefully, or marked until the last finalizer goes. */
#include "api/status.h"
#include "apiserver/admission/admission.h"
#include "apiserver/registry/codec.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/store.h"
#include "base/limits.h"

#define CONFLICT_TRIES 64
#define ORPHAN "orphan"
#define FOREGROUND "foregroundDeletion"

static int precondition(struct op *op, const struct doc *obj, const struct delete_options *o, struct err *err)
{
    struct str uid = meta_uid(obj), version = meta_str(obj, "resourceVersion");
    struct str group = str_of(op->res->group), resource = str_of(op->res->name);
    if (o->uid.n && !str_eq(o->uid, uid))
        return status_conflict(err, op->arena, group, resource, op->name,
                               "the UID in the precondition (" STR_FMT ") does not match the UID in record (" STR_FMT
                               "). The object might have been deleted and then recreated",
                               STR_ARG(o->uid), STR_ARG(uid));
    if (o->resource_version.n && !str_eq(o->resource_version, version))
        return status_conflict(err, op->arena, group, resource, op->name,
                               "the ResourceVersion in the precondition (" STR_FMT
                               ") does not match the ResourceVersion in record (" STR_FMT
                               "). The object might have been modified",
                               STR_ARG(o->resource_version), STR_ARG(version));
    return 0;
}

static bool wants_orphan(const struct op *op, const struct doc *obj, const struct delete_options *o)
{
    if (op->strategy->flags & STRATEGY_NO_GC)
        return false;
    if (o->has_orphan)
        return o->orphan;
    if (o->propagation.n)
        return str_is(o->propagation, "Orphan");
    return meta_has_finalizer(obj, ORPHAN);
}

static bool wants_foreground(const struct op *op, const struct doc *obj, const struct delete_options *o)
{
    if ((op->strategy->flags & STRATEGY_NO_GC) || o->has_orphan)
        return false;
    if (o->propagation.n)
        return str_is(o->propagation, "Foreground");
    return meta_has_finalizer(obj, FOREGROUND) && !meta_has_finalizer(obj, ORPHAN);
}

/* Sets the finalizers that the garbage collector acts on. True when that changed them. */
static bool set_gc_finalizers(struct op *op, struct doc *obj, const struct delete_options *o)
{
    if (op->strategy->flags & STRATEGY_NO_GC)
        return false;
    bool orphan = wants_orphan(op, obj, o), foreground = wants_foreground(op, obj, o);
    if (orphan == meta_has_finalizer(obj, ORPHAN) && foreground == meta_has_finalizer(obj, FOREGROUND))
        return false;
    struct doc *list = doc_array(op->arena);
    doc_foreach (meta_finalizers(obj), f) {
        if (!str_is(doc_str(f), ORPHAN) && !str_is(doc_str(f), FOREGROUND))
            doc_append(list, doc_clone(op->arena, f, true));
    }
    if (orphan)
        doc_append(list, doc_string(op->arena, STR(ORPHAN)));
    if (foreground)
        doc_append(list, doc_string(op->arena, STR(FOREGROUND)));
    meta_set_finalizers(op->arena, obj, list);
    return true;
}

static void grow_generation(struct op *op, struct doc *obj)
{
    if (meta_generation(obj) > 0)
        meta_set_int(op->arena, obj, "generation", meta_generation(obj) + 1);
}

/* Marks it as being deleted now, to go when the last finalizer goes. */
static void mark(struct op *op, struct doc *obj)
{
    int64_t when, now = op->now / NS_PER_S;
    bool marked = meta_parse_time(doc_get(meta_of(obj), "deletionTimestamp"), &when);
    if (!marked)
        grow_generation(op, obj);
    if (!marked || when > now)
        doc_set(meta_need(op->arena, obj), "deletionTimestamp", meta_time(op->arena, op->now));
    meta_set_int(op->arena, obj, "deletionGracePeriodSeconds", 0);
}

/* The grace period of a kind that has one: first mark, or a shorter one. */
static enum delete_step graceful(struct op *op, struct doc *obj, struct delete_options *o)
{
    struct doc *meta = meta_need(op->arena, obj);
    int64_t grace, when;
    if (meta_parse_time(doc_get(meta, "deletionTimestamp"), &when)) {
        if (!doc_to_int(doc_get(meta, "deletionGracePeriodSeconds"), &grace))
            return DELETE_NOW;
        if (!o->has_grace || o->grace >= grace)
            return DELETE_PENDING;
        doc_set(meta, "deletionTimestamp", meta_time(op->arena, (when - grace + o->grace) * NS_PER_S));
    } else {
        op->strategy->delete_step(op, obj, o);
        doc_set(meta, "deletionTimestamp", meta_time(op->arena, op->now + o->grace * NS_PER_S));
        grow_generation(op, obj);
    }
    meta_set_int(op->arena, obj, "deletionGracePeriodSeconds", o->grace);
    return o->grace > 0 ? DELETE_MARKED : DELETE_NOW;
}

/* What deleting means for this version of the object, which is changed accordingly. */
static enum delete_step decide(struct op *op, struct doc *obj, struct delete_options *o)
{
    bool is_namespace = strcmp(op->res->name, "namespaces") == 0;
    if (is_namespace) {
        bool changed = set_gc_finalizers(op, obj, o);
        enum delete_step step = op->strategy->delete_step(op, obj, o);
        return step == DELETE_PENDING && changed ? DELETE_MARKED : step;
    }
    enum delete_step step = op->strategy->delete_step ? graceful(op, obj, o) : DELETE_NOW;
    if (step == DELETE_PENDING)
        return step;
    set_gc_finalizers(op, obj, o);
    if (step == DELETE_NOW && doc_count(meta_finalizers(obj))) {
        mark(op, obj);
        return DELETE_MARKED;
    }
    return step;
}

static int write_marked(struct op *op, struct doc *obj, const struct storage_object *stored,
                        struct storage_object **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf value = BUF_INIT(LIMIT_BODY * 2);
    if (codec_store(op->res, op->arena, obj, &value, err) < 0)
        return -1;
    if (op->dry_run) {
        *ret = storage_object_new(stored->key, buf_str(&value), stored->create_revision, stored->mod_revision);
        return 0;
    }
    if (str_eq(buf_str(&value), stored->value)) {
        *ret = storage_object_ref((struct storage_object *)stored);
        return 0;
    }
    return storage_update(op->registry->storage, stored->key, stored->mod_revision, buf_str(&value), 0, ret, err);
}

static int remove_now(struct op *op, const struct doc *obj, const struct storage_object *stored,
                      struct storage_object **ret, struct err *err)
{
    if (op->dry_run) {
        *ret = storage_object_ref((struct storage_object *)stored);
        return 0;
    }
    if (storage_delete(op->registry->storage, stored->key, stored->mod_revision, ret, err) < 0)
        return -1;
    if (op->strategy->release)
        op->strategy->release(op, obj);
    return 0;
}

/* Against one version. ERR_CONFLICT without detail: somebody was faster. */
static int delete_once(struct op *op, struct delete_options *options, const struct storage_object *stored,
                       struct storage_object **ret, bool *ret_gone, struct err *err)
{
    struct delete_options o = *options;
    struct doc *obj = NULL;
    if (codec_load(op->res, op->arena, stored, &obj, err) < 0 || precondition(op, obj, &o, err) < 0 ||
        admission_validate(op, ADMIT_DELETE, NULL, obj, err) < 0)
        return -1;
    if (op->strategy->before_delete)
        op->strategy->before_delete(op, obj);
    enum delete_step step = decide(op, obj, &o);
    if (arena_overflow(op->arena))
        return err_set(err, ERR_TOO_LARGE, "request too large");
    *ret_gone = step == DELETE_NOW;
    if (step == DELETE_NOW)
        return remove_now(op, obj, stored, ret, err);
    if (step == DELETE_MARKED)
        return write_marked(op, obj, stored, ret, err);
    *ret = storage_object_ref((struct storage_object *)stored);
    return 0;
}

int store_delete(struct op *op, struct delete_options *options, struct storage_object **ret, bool *ret_gone,
                 struct err *err)
{
    struct str group = str_of(op->res->group), resource = str_of(op->res->name);
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(LIMIT_URL);
    bool fresh = false;
    if (!codec_key(op->res, op->registry->etcd_prefix, op->ns, op->name, &key))
        return err_set(err, ERR_BAD_REQUEST, "no such key");
    for (int i = 0; i < CONFLICT_TRIES; i++) {
        struct storage_object *stored = NULL, *out = NULL;
        if (store_read(op, buf_str(&key), &stored, &fresh, err) < 0)
            return err->code == ERR_NOT_FOUND ? status_not_found(err, op->arena, group, resource, op->name) : -1;
        arena_defer(op->arena, (void (*)(void *))storage_object_unref, stored);
        int result = delete_once(op, options, stored, &out, ret_gone, err);
        if (result == 0 && (fresh || out != stored || op->dry_run)) {
            *ret = out;
            return 0;
        }
        storage_object_unref(out);
        if (result == 0) { /* nothing to do, says the cache: is that so? */
            fresh = true;
            continue;
        }
        bool raced = (err->code == ERR_CONFLICT && !err->detail) || err->code == ERR_NOT_FOUND;
        if (fresh && err->code == ERR_NOT_FOUND)
            return status_not_found(err, op->arena, group, resource, op->name);
        if (!raced && (fresh || err->code != ERR_CONFLICT)) /* a precondition may have failed against an old version */
            return -1;
        err_clear(err);
        fresh = true;
    }
    return status_modified(err, op->arena, group, resource, op->name);
}
