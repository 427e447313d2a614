/*
 * Writes: one Txn each, comparing mod_revision. When the connection breaks the outcome is unknown; sending the same Txn
 * again is safe, because it compares: if our write had happened the second one fails, and finds our own bytes there
 * (or, after a delete, nothing).
 */
#include "etcd_store.h"

#define RETRY_NS (5 * NS_PER_MS)

struct write {
    struct etcd_store *s;
    struct str key, value;
    int64_t expect, ttl_s;
    bool remove;
    bool unsure; /* an earlier attempt may have happened */
};

static int send_txn(struct write *w, int64_t lease, int64_t deadline, Etcdserverpb__TxnResponse **ret, struct err *err)
{
    Etcdserverpb__Compare cmp = ETCDSERVERPB__COMPARE__INIT, *cmps[] = {&cmp};
    Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;
    Etcdserverpb__DeleteRangeRequest del = ETCDSERVERPB__DELETE_RANGE_REQUEST__INIT;
    Etcdserverpb__RangeRequest range = ETCDSERVERPB__RANGE_REQUEST__INIT;
    Etcdserverpb__RequestOp then = ETCDSERVERPB__REQUEST_OP__INIT, otherwise = ETCDSERVERPB__REQUEST_OP__INIT;
    Etcdserverpb__RequestOp *thens[] = {&then}, *otherwises[] = {&otherwise};
    Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;
    cmp.key = put.key = del.key = range.key = etcd_bytes(w->key);
    cmp.target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD;
    cmp.target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION;
    cmp.mod_revision = w->expect;
    put.value = etcd_bytes(w->value);
    put.lease = lease;
    del.prev_kv = true;
    then.request_case = w->remove ? ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE
                                  : ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
    if (w->remove)
        then.request_delete_range = &del;
    else
        then.request_put = &put;
    otherwise.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE;
    otherwise.request_range = &range;
    txn.compare = cmps;
    txn.success = thens;
    txn.failure = otherwises;
    txn.n_compare = txn.n_success = txn.n_failure = 1;
    return etcd_txn(&w->s->etcd, &txn, deadline, ret, err);
}

/* The Txn, with its lease, until an answer comes or the time is up. */
static int attempt(struct write *w, Etcdserverpb__TxnResponse **ret, struct err *err)
{
    int64_t deadline = etcd_deadline(&w->s->etcd), lease = 0;
    for (;;) {
        if (w->ttl_s > 0 && lease_pool_get(&w->s->leases, &w->s->etcd, w->ttl_s, &lease, err) < 0)
            return -1;
        if (send_txn(w, lease, deadline, ret, err) == 0)
            return 0;
        if (err->code == ERR_NOT_FOUND && lease)
            lease_pool_forget(&w->s->leases, lease); /* etcd has lost it, the Txn did nothing */
        else if (err->code == ERR_UNAVAILABLE)
            w->unsure = true;
        else
            return -1;
        if (clock_mono(&clock_system) >= deadline)
            return -1;
        sleep_ns(RETRY_NS);
    }
}

static const Mvccpb__KeyValue *found(const Etcdserverpb__TxnResponse *r)
{
    const Etcdserverpb__RangeResponse *range =
        r->n_responses && r->responses[0]->response_case == ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_RANGE
            ? r->responses[0]->response_range
            : NULL;
    return range && range->n_kvs ? range->kvs[0] : NULL;
}

static bool is_ours(const struct write *w, const Mvccpb__KeyValue *kv)
{
    return w->unsure && kv && kv->mod_revision > w->expect && str_eq(etcd_str(kv->value), w->value);
}

int etcd_store_create(struct storage *s, struct str key, struct str value, int64_t ttl_s, struct storage_object **ret,
                      struct err *err)
{
    struct write w = {.s = etcd_store_of(s), .key = key, .value = value, .ttl_s = ttl_s};
    _cleanup_(etcd_txn_freep) Etcdserverpb__TxnResponse *r = NULL;
    if (attempt(&w, &r, err) < 0)
        return -1;
    const Mvccpb__KeyValue *kv = found(r);
    int64_t revision = r->succeeded ? r->header->revision : kv ? kv->mod_revision : 0;
    if (!r->succeeded && !is_ours(&w, kv))
        return storage_err_exists(err, key);
    if (ret)
        *ret = storage_object_new(key, value, revision, revision);
    return 0;
}

/* What a failed comparison means for update and delete. */
static int refused(const struct write *w, const Mvccpb__KeyValue *kv, struct storage_object **ret, struct err *err)
{
    if (!kv)
        return storage_err_not_found(err, w->key);
    if (ret)
        *ret = etcd_object(kv);
    return storage_err_conflict(err, w->key, w->expect, kv->mod_revision);
}

int etcd_store_update(struct storage *s, struct str key, int64_t expect, struct str value, int64_t ttl_s,
                      struct storage_object **ret, struct err *err)
{
    struct write w = {.s = etcd_store_of(s), .key = key, .value = value, .expect = expect, .ttl_s = ttl_s};
    _cleanup_(etcd_txn_freep) Etcdserverpb__TxnResponse *r = NULL;
    if (attempt(&w, &r, err) < 0)
        return -1;
    const Mvccpb__KeyValue *kv = found(r);
    if (!r->succeeded && !is_ours(&w, kv))
        return refused(&w, kv, ret, err);
    if (ret)
        *ret = storage_object_new(key, value, 0, r->succeeded ? r->header->revision : kv->mod_revision);
    return 0;
}

/* The key is gone, and an earlier attempt of ours may have done it. Whether it was us or somebody else: what was to be
 * deleted does not exist any more. The answer shows the version that was named. */
static int gone_anyway(const struct write *w, int64_t revision, struct storage_object **ret, struct err *err)
{
    Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;
    _cleanup_(etcd_range_freep) Etcdserverpb__RangeResponse *r = NULL;
    req.key = etcd_bytes(w->key);
    req.revision = w->expect;
    if (etcd_range(&w->s->etcd, &req, etcd_deadline(&w->s->etcd), &r, err) < 0 || r->n_kvs == 0)
        return storage_err_not_found(err, w->key);
    if (ret) {
        _cleanup_(storage_object_unrefp) struct storage_object *last = etcd_object(r->kvs[0]);
        *ret = storage_object_at(last, revision);
    }
    return 0;
}

int etcd_store_remove(struct storage *s, struct str key, int64_t expect, struct storage_object **ret, struct err *err)
{
    struct write w = {.s = etcd_store_of(s), .key = key, .expect = expect, .remove = true};
    _cleanup_(etcd_txn_freep) Etcdserverpb__TxnResponse *r = NULL;
    if (attempt(&w, &r, err) < 0)
        return -1;
    const Mvccpb__KeyValue *kv = found(r);
    if (!r->succeeded && !kv && w.unsure)
        return gone_anyway(&w, r->header->revision, ret, err);
    if (!r->succeeded)
        return refused(&w, kv, ret, err);
    const Etcdserverpb__DeleteRangeResponse *d = r->n_responses ? r->responses[0]->response_delete_range : NULL;
    if (!d || d->n_prev_kvs == 0)
        return storage_err_not_found(err, key);
    if (ret) {
        _cleanup_(storage_object_unrefp) struct storage_object *last = etcd_object(d->prev_kvs[0]);
        *ret = storage_object_at(last, r->header->revision);
    }
    return 0;
}
