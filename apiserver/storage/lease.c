#include "lease.h"

#include "base/clock.h"

void lease_pool_init(struct lease_pool *p)
{
    *p = (struct lease_pool){0};
    pthread_mutex_init(&p->lock, NULL);
}

void lease_pool_release(struct lease_pool *p)
{
    pthread_mutex_destroy(&p->lock);
}

int lease_pool_get(struct lease_pool *p, struct etcd *e, int64_t ttl_s, int64_t *ret_id, struct err *err)
{
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    int64_t now = clock_mono(&clock_system) / NS_PER_S;
    if (!p->id || p->ttl_s != ttl_s || p->keys >= LEASE_KEYS_MAX || now - p->granted_at >= LEASE_REUSE_S) {
        p->id = 0;
        rc = etcd_lease_grant(e, ttl_s + LEASE_REUSE_S, &p->id, err);
        p->ttl_s = ttl_s;
        p->granted_at = now;
        p->keys = 0;
    }
    p->keys++;
    *ret_id = p->id;
    pthread_mutex_unlock(&p->lock);
    return rc;
}

void lease_pool_forget(struct lease_pool *p, int64_t id)
{
    pthread_mutex_lock(&p->lock);
    if (p->id == id)
        p->id = 0;
    pthread_mutex_unlock(&p->lock);
}
