#include "apiserver/registry/store.h"

#include "api/fielderr.h"
#include "api/status.h"
#include "apiserver/admission/admission.h"
#include "apiserver/apiextensions/custom.h"
#include "apiserver/registry/codec.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/normalize.h"
#include "apiserver/registry/registry.h"
#include "apiserver/validation/validation.h"
#include "base/limits.h"
#include "base/parse.h"

#define GENERATE_TRIES 8
#define CONFLICT_TRIES 64 /* of a write that names no version; each time somebody else has made progress */

/* --- shared steps ------------------------------------------------------------------------------------------------ */

static struct str group_of(const struct op *op)
{
    return str_of(op->res->group);
}
static struct str resource_of(const struct op *op)
{
    return str_of(op->res->name);
}

static int key_of(struct op *op, struct str name, struct str *ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_URL);
    if (!codec_key(op->res, op->registry->etcd_prefix, op->ns, name, &b))
        return err_set(err, ERR_BAD_REQUEST, "no such key");
    *ret = arena_str(op->arena, buf_str(&b));
    return 0;
}

/* Words what the storage had to say. */
static int word_error(struct op *op, struct str name, struct err *err)
{
    if (err->code == ERR_NOT_FOUND)
        return status_not_found(err, op->arena, group_of(op), resource_of(op), name);
    if (err->code == ERR_ALREADY_EXISTS)
        return status_already_exists(err, op->arena, group_of(op), resource_of(op), name);
    if (err->code == ERR_CONFLICT && !err->detail)
        return status_modified(err, op->arena, group_of(op), resource_of(op), name);
    return -1;
}

static int64_t ttl_of(const struct op *op)
{
    return op->strategy->flags & STRATEGY_TTL ? op->registry->event_ttl_s : 0;
}

static int validate(struct op *op, const struct doc *obj, const struct doc *old, struct err *err)
{
    if (op->res->custom)
        return custom_validate(op->res->custom, op, obj, old, err);
    const struct validation_request v = {
        .arena = op->arena,
        .group = op->res->group,
        .version = op->res->version,
        .kind = op->res->kind,
        .subresource = op->sub,
        .namespaced = op->res->namespaced,
        .obj = obj,
        .old = old,
    };
    return validate_object(&v, err);
}

static int encode(struct op *op, struct doc *obj, struct buf *out, struct err *err)
{
    if (arena_overflow(op->arena))
        return err_set(err, ERR_TOO_LARGE, "request too large");
    return codec_store(op->res, op->arena, obj, out, err);
}

static void settle(struct op *op, struct reservation *held, const struct doc *obj, bool written)
{
    if (op->strategy->settle)
        op->strategy->settle(op, held, obj, written);
}

static int reserve(struct op *op, struct doc *obj, const struct doc *old, struct reservation **ret, struct err *err)
{
    *ret = NULL;
    return op->strategy->reserve && !*op->sub ? op->strategy->reserve(op, obj, old, ret, err) : 0;
}

/* --- create ------------------------------------------------------------------------------------------------------ */

static int check_namespace(struct op *op, struct doc *obj, struct err *err)
{
    struct str ns = meta_namespace(obj);
    if (!op->res->namespaced) {
        if (ns.n)
            return err_set(err, ERR_BAD_REQUEST,
                           "the namespace of the provided object does not match the namespace sent on the request");
        return 0;
    }
    if (!op->ns.n)
        return err_set(err, ERR_BAD_REQUEST, "an empty namespace may not be set during creation");
    if (ns.n && !str_eq(ns, op->ns))
        return err_set(err, ERR_BAD_REQUEST,
                       "the namespace of the provided object does not match the namespace sent on the request");
    meta_set_str(op->arena, obj, "namespace", op->ns);
    return 0;
}

static void prepare_create(struct op *op, struct doc *obj)
{
    const struct strategy *s = op->strategy;
    if (s->flags & STRATEGY_STATUS) {
        struct doc *empty = doc_object(op->arena);
        if (empty)
            doc_set(obj, "status", empty);
    }
    if (s->flags & STRATEGY_GENERATION)
        meta_set_int(op->arena, obj, "generation", 1);
    else
        meta_remove(obj, "generation");
    if (s->prepare_create)
        s->prepare_create(op, obj);
}

static int write_new(struct op *op, struct doc *obj, struct storage_object **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf value = BUF_INIT(LIMIT_BODY * 2);
    struct str key;
    if (key_of(op, meta_name(obj), &key, err) < 0 || encode(op, obj, &value, err) < 0)
        return -1;
    if (!op->dry_run)
        return storage_create(op->registry->storage, key, buf_str(&value), ttl_of(op), ret, err);
    _cleanup_(storage_object_unrefp) struct storage_object *there = NULL;
    if (storage_get(op->registry->storage, key, STORAGE_CONSISTENT, 0, &there, err) == 0)
        return err_set(err, ERR_ALREADY_EXISTS, "exists");
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    *ret = storage_object_new(key, buf_str(&value), 0, 0);
    return 0;
}

/* From the named object on: what may be repeated with another generated name. */
static int create_named(struct op *op, struct doc *obj, struct storage_object **ret, struct err *err)
{
    struct reservation *held = NULL;
    op->name = meta_name(obj);
    if (validate(op, obj, NULL, err) < 0 || admission_validate(op, ADMIT_CREATE, obj, NULL, err) < 0 ||
        reserve(op, obj, NULL, &held, err) < 0)
        return -1;
    int result = write_new(op, obj, ret, err);
    /* After a lost answer the object may exist: what it holds is then left to the repair. */
    bool unknown = result < 0 && (err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT);
    settle(op, held, obj, result == 0 || unknown);
    return result;
}

int store_create(struct op *op, struct doc *obj, struct storage_object **ret, struct err *err)
{
    bool generated = !meta_name(obj).n && meta_str(obj, "generateName").n;
    normalize(op->res, op->arena, obj);
    if (check_namespace(op, obj, err) < 0)
        return -1;
    if (meta_str(obj, "resourceVersion").n)
        return err_set(err, ERR_BAD_REQUEST, "resourceVersion should not be set on objects to be created");
    if (generated)
        meta_generate_name(op->arena, obj);
    op->name = meta_name(obj);
    meta_fill_new(op->arena, obj, op->now);
    if (admission_mutate(op, ADMIT_CREATE, obj, NULL, err) < 0)
        return -1;
    prepare_create(op, obj);
    for (int i = 0;; i++) {
        if (create_named(op, obj, ret, err) == 0)
            return 0;
        if (err->code != ERR_ALREADY_EXISTS || err->detail)
            return -1;
        if (!generated)
            return word_error(op, op->name, err);
        if (i == GENERATE_TRIES - 1)
            return status_generate_name_conflict(err, op->arena, group_of(op), resource_of(op), op->name, 1);
        err_clear(err);
        meta_generate_name(op->arena, obj);
    }
}

/* --- update ------------------------------------------------------------------------------------------------------ */

static bool status_update(const struct op *op)
{
    return strcmp(op->sub, "status") == 0;
}

/* metadata.resourceVersion of what comes in: 0 = none given. */
static int wanted_version(struct op *op, const struct doc *obj, int64_t *ret, struct err *err)
{
    struct str text = meta_str(obj, "resourceVersion");
    *ret = 0;
    if (text.n && !parse_range(text, 0, INT64_MAX, ret)) {
        struct field_errors errs = field_errors_in(op->arena);
        field_invalid_str(&errs, FIELD(FIELD(NULL, "metadata"), "resourceVersion"), text,
                          "must be an unsigned integer");
        return field_errors_to_err(&errs, group_of(op), str_of(op->res->kind), meta_name(obj), err);
    }
    if (*ret == 0 && (op->strategy->flags & STRATEGY_NEEDS_VERSION)) {
        struct field_errors errs = field_errors_in(op->arena);
        field_invalid_str(&errs, FIELD(FIELD(NULL, "metadata"), "resourceVersion"), STR(""),
                          "must be specified for an update");
        return field_errors_to_err(&errs, group_of(op), str_of(op->res->kind), meta_name(obj), err);
    }
    return 0;
}

static int check_uid(struct op *op, const struct doc *obj, const struct doc *old, struct err *err)
{
    struct str want = meta_uid(obj), have = meta_uid(old);
    if (!want.n || str_eq(want, have))
        return 0;
    return status_conflict(err, op->arena, group_of(op), resource_of(op), op->name,
                           "Precondition failed: UID in precondition: " STR_FMT ", UID in object meta: " STR_FMT,
                           STR_ARG(want), STR_ARG(have));
}

/* A patch may have changed what the object is called. */
static int check_identity(struct op *op, const struct doc *obj, struct err *err)
{
    struct field_errors errs = field_errors_in(op->arena);
    const struct field_path *meta = FIELD(NULL, "metadata");
    struct str ns = meta_namespace(obj);
    if (op->res->namespaced && ns.n && !str_eq(ns, op->ns))
        return err_set(err, ERR_BAD_REQUEST,
                       "the namespace of the provided object does not match the namespace sent on the request");
    if (!str_eq(meta_name(obj), op->name))
        field_immutable(&errs, FIELD(meta, "name"), doc_get(meta_of(obj), "name"));
    return field_errors_to_err(&errs, group_of(op), str_of(op->res->kind), op->name, err);
}

static bool spec_changed(const struct doc *obj, const struct doc *old)
{
    return !doc_same(doc_get(obj, "spec"), doc_get(old, "spec"));
}

static void prepare_update(struct op *op, struct doc *obj, const struct doc *old)
{
    const struct strategy *s = op->strategy;
    meta_keep_system_fields(op->arena, obj, old);
    if (op->res->namespaced)
        meta_set_str(op->arena, obj, "namespace", op->ns);
    if (status_update(op)) {
        doc_keep(op->arena, obj, old, "spec");
        if (s->prepare_status)
            s->prepare_status(op, obj, old);
        return;
    }
    if ((s->flags & STRATEGY_STATUS) && !*op->sub)
        doc_keep(op->arena, obj, old, "status");
    if (s->prepare_update)
        s->prepare_update(op, obj, old);
    bool grows = s->generation_grows              ? s->generation_grows(obj, old)
                 : s->flags & STRATEGY_GENERATION ? spec_changed(obj, old)
                                                  : false;
    if (grows)
        meta_set_int(op->arena, obj, "generation", meta_generation(old) + 1);
}

/* Its deletion waited for finalizers, and this update takes the last one away. */
static bool gone_after_update(const struct op *op, const struct doc *obj, const struct doc *old)
{
    if (!meta_is_deleting(obj) || doc_count(meta_finalizers(obj)))
        return false;
    if (op->strategy->gone_after_update)
        return op->strategy->gone_after_update(obj);
    return doc_int_or(doc_get(meta_of(old), "deletionGracePeriodSeconds"), 0) == 0;
}

static int write_update(struct op *op, struct doc *obj, const struct doc *old_doc, const struct storage_object *old,
                        struct storage_object **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf value = BUF_INIT(LIMIT_BODY * 2);
    if (encode(op, obj, &value, err) < 0)
        return -1;
    if (op->dry_run) {
        *ret = storage_object_new(old->key, buf_str(&value), old->create_revision, old->mod_revision);
        return 0;
    }
    if (gone_after_update(op, obj, old_doc)) {
        _cleanup_(storage_object_unrefp) struct storage_object *last = NULL;
        if (storage_delete(op->registry->storage, old->key, old->mod_revision, &last, err) < 0)
            return -1;
        *ret = storage_object_new(old->key, buf_str(&value), old->create_revision, last->mod_revision);
        if (op->strategy->release)
            op->strategy->release(op, obj);
        return 0;
    }
    if (str_eq(buf_str(&value), old->value)) {
        *ret = storage_object_ref((struct storage_object *)old);
        return 0;
    }
    return storage_update(op->registry->storage, old->key, old->mod_revision, buf_str(&value), ttl_of(op), ret, err);
}

/* One try against one version of the stored object. ERR_CONFLICT without detail: the version was not the last one. */
static int update_once(struct op *op, store_transform transform, void *ctx, const struct storage_object *stored,
                       struct storage_object **ret, struct err *err)
{
    struct doc *old = NULL, *obj = NULL;
    struct reservation *held = NULL;
    int64_t want;
    if (codec_load(op->res, op->arena, stored, &old, err) < 0 || transform(ctx, op, old, &obj, err) < 0 ||
        check_identity(op, obj, err) < 0 || check_uid(op, obj, old, err) < 0 || wanted_version(op, obj, &want, err) < 0)
        return -1;
    if (want && want != stored->mod_revision)
        return err_set(err, ERR_CONFLICT, "version");
    normalize(op->res, op->arena, obj);
    if (!want)
        meta_set_str(op->arena, obj, "resourceVersion", meta_str(old, "resourceVersion"));
    if (admission_mutate(op, ADMIT_UPDATE, obj, old, err) < 0)
        return -1;
    prepare_update(op, obj, old);
    if (validate(op, obj, old, err) < 0 || admission_validate(op, ADMIT_UPDATE, obj, old, err) < 0 ||
        reserve(op, obj, old, &held, err) < 0)
        return -1;
    int result = write_update(op, obj, old, stored, ret, err);
    bool unknown = result < 0 && (err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT);
    settle(op, held, obj, result == 0 || unknown);
    return result;
}

int store_read(struct op *op, struct str key, struct storage_object **ret, bool *ret_fresh, struct err *err)
{
    if (!*ret_fresh && storage_get(op->registry->storage, key, STORAGE_ANY, 0, ret, err) == 0)
        return 0;
    if (!*ret_fresh && err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    *ret_fresh = true;
    return storage_get(op->registry->storage, key, STORAGE_CONSISTENT, 0, ret, err);
}

/* Has an attempt failed that may succeed against the newest version? `fresh` = it was made against what etcd says. */
static bool try_again(const struct err *err, bool fresh)
{
    if (err->code == ERR_CONFLICT && !err->detail && !str_is(str_of(err->msg), "version"))
        return true; /* somebody else has written meanwhile */
    return !fresh && err->code != ERR_UNAVAILABLE && err->code != ERR_TIMEOUT && err->code != ERR_TOO_LARGE;
}

int store_update(struct op *op, store_transform transform, void *ctx, struct storage_object **ret, struct err *err)
{
    struct str key;
    bool fresh = false; /* the cache is right nearly always; what fails against it is tried against etcd */
    size_t warnings = op->warnings ? op->warnings->n : 0;
    if (key_of(op, op->name, &key, err) < 0)
        return -1;
    for (int i = 0; i < CONFLICT_TRIES; i++) {
        struct storage_object *stored = NULL, *out = NULL;
        if (store_read(op, key, &stored, &fresh, err) < 0)
            return word_error(op, op->name, err);
        arena_defer(op->arena, (void (*)(void *))storage_object_unref, stored); /* documents look into its bytes */
        if (op->warnings)
            op->warnings->n = warnings;
        int result = update_once(op, transform, ctx, stored, &out, err);
        bool unwritten = out == stored; /* nothing changed: which is true of the newest version only */
        if (result == 0 && (fresh || !unwritten)) {
            *ret = out;
            return 0;
        }
        storage_object_unref(out);
        if (result < 0 && !try_again(err, fresh))
            return word_error(op, op->name, err);
        err_clear(err);
        fresh = true;
    }
    return status_modified(err, op->arena, group_of(op), resource_of(op), op->name);
}

int store_update_or_create(struct op *op, store_transform transform, void *ctx, struct doc *obj,
                           struct storage_object **ret, struct err *err)
{
    if (store_update(op, transform, ctx, ret, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND || !(op->strategy->flags & STRATEGY_CREATE_ON_UPDATE) || *op->sub)
        return -1;
    if (meta_str(obj, "resourceVersion").n) /* it was there once: do not bring it back */
        return status_conflict(err, op->arena, group_of(op), resource_of(op), op->name,
                               "StorageError: invalid object, Code: 4, Key: , ResourceVersion: 0, AdditionalErrorMsg: "
                               "Precondition failed");
    err_clear(err);
    op->created = true;
    return store_create(op, obj, ret, err);
}

int store_write(struct op *op, struct doc *obj, int64_t expect, struct storage_object **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf value = BUF_INIT(LIMIT_BODY * 2);
    struct str key;
    if (key_of(op, op->name, &key, err) < 0 || encode(op, obj, &value, err) < 0)
        return -1;
    if (op->dry_run) {
        *ret = storage_object_new(key, buf_str(&value), 0, expect);
        return 0;
    }
    return storage_update(op->registry->storage, key, expect, buf_str(&value), ttl_of(op), ret, err);
}

int store_get(struct op *op, bool fresh, struct doc **ret, struct storage_object **ret_object, struct err *err)
{
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    struct str key;
    if (key_of(op, op->name, &key, err) < 0)
        return -1;
    if (store_read(op, key, &o, &fresh, err) < 0)
        return word_error(op, op->name, err);
    if (codec_load(op->res, op->arena, o, ret, err) < 0)
        return -1;
    *ret_object = TAKE(o);
    return 0;
}
