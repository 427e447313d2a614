#include "conn.h"

struct counted_peer {
    struct http_peer pub; /* first */
    atomic_uint refs;
};

struct http_peer *http_peer_new(uint64_t id)
{
    struct counted_peer *p = xcalloc(1, sizeof(*p));
    p->pub.id = id;
    atomic_init(&p->refs, 1);
    return &p->pub;
}

struct http_peer *http_peer_ref(struct http_peer *peer)
{
    struct counted_peer *p = CONTAINER_OF(peer, struct counted_peer, pub);
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return peer;
}

void http_peer_unref(struct http_peer *peer)
{
    struct counted_peer *p = peer ? CONTAINER_OF(peer, struct counted_peer, pub) : NULL;
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    tls_peer_release(peer);
    free(p);
}
