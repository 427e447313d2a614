#include "etcd.h"

#include "base/clock.h"

#define RETRY_NS (5 * NS_PER_MS)

int etcd_open(struct etcd *e, const struct grpc_channel_options *options, int timeout_ms, struct err *err)
{
    *e = (struct etcd){.timeout_ms = timeout_ms};
    if (grpc_channel_new(options, &e->calls, err) < 0)
        return -1;
    if (grpc_channel_new(options, &e->watches, err) < 0) {
        e->calls = grpc_channel_free(e->calls);
        return -1;
    }
    return 0;
}

void etcd_close(struct etcd *e)
{
    e->calls = grpc_channel_free(e->calls);
    e->watches = grpc_channel_free(e->watches);
}

int64_t etcd_deadline(const struct etcd *e)
{
    return clock_mono(&clock_system) + e->timeout_ms * NS_PER_MS;
}

int etcd_err(struct err *err)
{
    static const struct {
        const char *text;
        enum err_code code;
    } meanings[] = {
        {"request is too large", ERR_TOO_LARGE},
        {"message larger than max", ERR_TOO_LARGE},
        {"required revision is a future", ERR_TIMEOUT},
        {"database space exceeded", ERR_INTERNAL},
        {"permission denied", ERR_INTERNAL},
        {"authentication is required", ERR_INTERNAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (strstr(err->msg, meanings[i].text))
            err->code = meanings[i].code;
    return -1;
}

static int left_ms(int64_t deadline)
{
    int64_t left = (deadline - clock_mono(&clock_system)) / NS_PER_MS;
    return left < 1 ? 1 : (int)left;
}

int etcd_range(struct etcd *e, const Etcdserverpb__RangeRequest *req, int64_t deadline,
               Etcdserverpb__RangeResponse **ret, struct err *err)
{
    for (;;) {
        ProtobufCMessage *m = NULL;
        if (grpc_call(e->calls, ETCD_RANGE, &req->base, &etcdserverpb__range_response__descriptor, left_ms(deadline),
                      &m, err) == 0) {
            *ret = (Etcdserverpb__RangeResponse *)m;
            return 0;
        }
        if (err->code != ERR_UNAVAILABLE || clock_mono(&clock_system) >= deadline)
            return etcd_err(err);
        sleep_ns(RETRY_NS);
    }
}

int etcd_txn(struct etcd *e, const Etcdserverpb__TxnRequest *req, int64_t deadline, Etcdserverpb__TxnResponse **ret,
             struct err *err)
{
    ProtobufCMessage *m = NULL;
    if (grpc_call(e->calls, ETCD_TXN, &req->base, &etcdserverpb__txn_response__descriptor, left_ms(deadline), &m, err) <
        0)
        return etcd_err(err);
    *ret = (Etcdserverpb__TxnResponse *)m;
    return 0;
}

int etcd_lease_grant(struct etcd *e, int64_t ttl_s, int64_t *ret_id, struct err *err)
{
    Etcdserverpb__LeaseGrantRequest req = ETCDSERVERPB__LEASE_GRANT_REQUEST__INIT;
    ProtobufCMessage *m = NULL;
    req.ttl = ttl_s;
    if (grpc_call(e->calls, ETCD_LEASE_GRANT, &req.base, &etcdserverpb__lease_grant_response__descriptor, e->timeout_ms,
                  &m, err) < 0)
        return etcd_err(err);
    *ret_id = ((Etcdserverpb__LeaseGrantResponse *)m)->id;
    protobuf_c_message_free_unpacked(m, NULL);
    return 0;
}

int etcd_compact(struct etcd *e, int64_t revision, struct err *err)
{
    Etcdserverpb__CompactionRequest req = ETCDSERVERPB__COMPACTION_REQUEST__INIT;
    ProtobufCMessage *m = NULL;
    req.revision = revision;
    if (grpc_call(e->calls, ETCD_COMPACT, &req.base, &etcdserverpb__compaction_response__descriptor, e->timeout_ms, &m,
                  err) < 0)
        return etcd_err(err);
    protobuf_c_message_free_unpacked(m, NULL);
    return 0;
}

struct str etcd_prefix_end(struct str prefix, char *room)
{
    size_t n = prefix.n;
    memcpy(room, prefix.p, n);
    while (n > 0 && (unsigned char)room[n - 1] == 0xff)
        n--;
    if (n == 0)
        return str_n("\0", 1);
    room[n - 1]++;
    return str_n(room, n);
}
