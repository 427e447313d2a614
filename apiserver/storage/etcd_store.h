/*
 * etcd_store.h - the storage over etcd itself; shared by its parts: etcd_store.c (life, reads), etcd_write.c,
 * etcd_feed.c (changes), etcd_watch.c (watches without a cache).
 */
#ifndef APISERVER_STORAGE_ETCD_STORE_H
#define APISERVER_STORAGE_ETCD_STORE_H

#include "compactor.h"
#include "etcd.h"
#include "internal.h"
#include "lease.h"

struct etcd_store {
    struct storage base;
    struct etcd etcd;
    char *prefix;
    struct lease_pool leases;
    struct compactor compactor;
};

static inline struct etcd_store *etcd_store_of(struct storage *s)
{
    return CONTAINER_OF(s, struct etcd_store, base);
}

struct storage_object *etcd_object(const Mvccpb__KeyValue *kv);

int etcd_store_create(struct storage *s, struct str key, struct str value, int64_t ttl_s, struct storage_object **ret,
                      struct err *err);
int etcd_store_update(struct storage *s, struct str key, int64_t expect, struct str value, int64_t ttl_s,
                      struct storage_object **ret, struct err *err);
int etcd_store_remove(struct storage *s, struct str key, int64_t expect, struct storage_object **ret, struct err *err);

int etcd_feed_open(struct storage *s, struct str prefix, int64_t revision, bool want_prev, storage_batch_fn on_batch,
                   void *user, struct storage_feed **ret, struct err *err);
int etcd_feed_wait(struct storage_feed *f, int timeout_ms, struct err *err);
void etcd_feed_cancel(struct storage_feed *f);
struct storage_feed *etcd_feed_free(struct storage_feed *f);

int etcd_store_watch(struct storage *s, const struct storage_watch_options *o, struct storage_watch **ret,
                     struct err *err);

#endif
