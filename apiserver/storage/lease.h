/*
 * lease.h - leases for keys that go away by themselves (events). One lease serves many keys that were written within a
 * minute of each other, so that a thousand events do not need a thousand leases.
 */
#ifndef APISERVER_STORAGE_LEASE_H
#define APISERVER_STORAGE_LEASE_H

#include "etcd.h"

#include <pthread.h>

#define LEASE_REUSE_S 60
#define LEASE_KEYS_MAX 1000

struct lease_pool {
    pthread_mutex_t lock;
    int64_t id, ttl_s, granted_at; /* the lease in use; id 0 = none */
    int keys;
};

void lease_pool_init(struct lease_pool *p);
void lease_pool_release(struct lease_pool *p);
/* A lease that ends between ttl_s and ttl_s + LEASE_REUSE_S from now. */
int lease_pool_get(struct lease_pool *p, struct etcd *e, int64_t ttl_s, int64_t *ret_id, struct err *err) MUST_CHECK;
void lease_pool_forget(struct lease_pool *p, int64_t id); /* etcd does not know it any more */

#endif
