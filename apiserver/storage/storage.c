/* The face of the storage: hands calls to the implementation, and says errors in one voice. */
#include "internal.h"

struct storage *storage_close(struct storage *s)
{
    return s ? s->ops->close(s) : NULL;
}

void storage_add_resource(struct storage *s, struct str prefix)
{
    s->ops->add_resource(s, prefix);
}

int storage_wait_ready(struct storage *s, int timeout_ms, struct err *err)
{
    return s->ops->wait_ready(s, timeout_ms, err);
}

bool storage_ready(struct storage *s)
{
    return s->ops->ready(s);
}

int storage_ping(struct storage *s, int timeout_ms, struct err *err)
{
    return s->ops->ping(s, timeout_ms, err);
}

void storage_when_current(struct storage *s, storage_current_fn fn, void *user)
{
    s->ops->when_current(s, fn, user);
}

int storage_get(struct storage *s, struct str key, enum storage_at at, int64_t revision, struct storage_object **ret,
                struct err *err)
{
    return s->ops->get(s, key, at, revision, ret, err);
}

int storage_list(struct storage *s, const struct storage_list_options *options, struct storage_list *ret,
                 struct err *err)
{
    return s->ops->list(s, options, ret, err);
}

void storage_list_release(struct storage_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        storage_object_unref(l->v[i]);
    free(l->v);
    free(l->continue_token);
    *l = (struct storage_list){0};
}

int storage_revision(struct storage *s, int64_t *ret, struct err *err)
{
    return s->ops->revision(s, ret, err);
}

int64_t storage_seen_revision(struct storage *s)
{
    return s->ops->seen_revision(s);
}

int storage_create(struct storage *s, struct str key, struct str value, int64_t ttl_s, struct storage_object **ret,
                   struct err *err)
{
    return s->ops->create(s, key, value, ttl_s, ret, err);
}

int storage_update(struct storage *s, struct str key, int64_t expect_revision, struct str value, int64_t ttl_s,
                   struct storage_object **ret, struct err *err)
{
    return s->ops->update(s, key, expect_revision, value, ttl_s, ret, err);
}

int storage_delete(struct storage *s, struct str key, int64_t expect_revision, struct storage_object **ret,
                   struct err *err)
{
    return s->ops->remove(s, key, expect_revision, ret, err);
}

int storage_watch(struct storage *s, const struct storage_watch_options *options, struct storage_watch **ret,
                  struct err *err)
{
    return s->ops->watch(s, options, ret, err);
}

void storage_batch_release(struct storage_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        storage_object_unref(b->v[i].obj);
        storage_object_unref(b->v[i].prev);
    }
    free(b->v);
    *b = (struct storage_batch){0};
}

/* --- errors --- */

int storage_err_not_found(struct err *err, struct str key)
{
    return err_set(err, ERR_NOT_FOUND, "key not found: " STR_FMT, STR_ARG(key));
}

int storage_err_exists(struct err *err, struct str key)
{
    return err_set(err, ERR_ALREADY_EXISTS, "key exists: " STR_FMT, STR_ARG(key));
}

int storage_err_conflict(struct err *err, struct str key, int64_t expect, int64_t now)
{
    return err_set(err, ERR_CONFLICT, STR_FMT " is at revision %lld, not %lld", STR_ARG(key), (long long)now,
                   (long long)expect);
}

int storage_err_future(struct err *err, int64_t wanted, int64_t current)
{
    err_set(err, ERR_TIMEOUT, "Too large resource version: %lld, current: %lld", (long long)wanted, (long long)current);
    err->retry_after_s = 1;
    return -1;
}

int storage_err_watch_too_old(struct err *err, int64_t wanted, int64_t oldest)
{
    return err_set(err, ERR_EXPIRED, "too old resource version: %lld (%lld)", (long long)wanted, (long long)oldest);
}
