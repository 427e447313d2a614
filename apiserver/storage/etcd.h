/*
 * etcd.h - etcd's KV, Lease and Watch calls as functions, with upstream's error meanings. Nothing of Kubernetes here.
 *
 * Two connections: one for calls, one for watches, so that a burst of events does not hold up answers. Reads are
 * repeated while etcd is away, until the timeout; writes are not, because only the caller can tell whether a lost one
 * happened.
 */
#ifndef APISERVER_STORAGE_ETCD_H
#define APISERVER_STORAGE_ETCD_H

#include "base/err.h"
#include "base/str.h"
#include "net/grpc.h"

#include "etcd/methods.h"
#include "etcd/rpc.pb-c.h"

#include <stdatomic.h>

struct etcd {
    struct grpc_channel *calls, *watches;
    int timeout_ms;
};

int etcd_open(struct etcd *e, const struct grpc_channel_options *options, int timeout_ms, struct err *err) MUST_CHECK;
void etcd_close(struct etcd *e);

static inline ProtobufCBinaryData etcd_bytes(struct str s)
{
    return (ProtobufCBinaryData){s.n, (uint8_t *)(uintptr_t)s.p};
}
static inline struct str etcd_str(ProtobufCBinaryData b)
{
    return str_n(b.data ? (const char *)b.data : "", b.len);
}

/* Results are freed with their free_unpacked function. deadline is mono ns. */
int64_t etcd_deadline(const struct etcd *e);
int etcd_range(struct etcd *e, const Etcdserverpb__RangeRequest *req, int64_t deadline,
               Etcdserverpb__RangeResponse **ret, struct err *err) MUST_CHECK;
int etcd_txn(struct etcd *e, const Etcdserverpb__TxnRequest *req, int64_t deadline, Etcdserverpb__TxnResponse **ret,
             struct err *err) MUST_CHECK;
int etcd_lease_grant(struct etcd *e, int64_t ttl_s, int64_t *ret_id, struct err *err) MUST_CHECK;
int etcd_compact(struct etcd *e, int64_t revision, struct err *err) MUST_CHECK;

static inline void etcd_range_freep(Etcdserverpb__RangeResponse **r)
{
    if (*r)
        etcdserverpb__range_response__free_unpacked(*r, NULL);
}
static inline void etcd_txn_freep(Etcdserverpb__TxnResponse **r)
{
    if (*r)
        etcdserverpb__txn_response__free_unpacked(*r, NULL);
}

/* Gives the codes that gRPC's status alone does not tell. Returns -1. */
int etcd_err(struct err *err);
/* The first key behind all keys with this prefix: "\0" (all keys) for an empty one. Writes at most prefix.n bytes. */
struct str etcd_prefix_end(struct str prefix, char *room);

#endif
