#include "compactor.h"

#include "base/clock.h"

#include <stdio.h>

/* Txn: if nobody has moved the key since our last look, note the present revision there; else see who did. */
static int swap(struct etcd *e, int64_t version, int64_t revision, Etcdserverpb__TxnResponse **ret, struct err *err)
{
    char text[32];
    Etcdserverpb__Compare cmp = ETCDSERVERPB__COMPARE__INIT, *cmps[] = {&cmp};
    Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;
    Etcdserverpb__RangeRequest range = ETCDSERVERPB__RANGE_REQUEST__INIT;
    Etcdserverpb__RequestOp then = ETCDSERVERPB__REQUEST_OP__INIT, otherwise = ETCDSERVERPB__REQUEST_OP__INIT;
    Etcdserverpb__RequestOp *thens[] = {&then}, *otherwises[] = {&otherwise};
    Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;
    snprintf(text, sizeof text, "%lld", (long long)revision);
    cmp.key = put.key = range.key = etcd_bytes(STR(COMPACT_KEY));
    cmp.target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__VERSION;
    cmp.target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION;
    cmp.version = version;
    put.value = etcd_bytes(str_of(text));
    then.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
    then.request_put = &put;
    otherwise.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE;
    otherwise.request_range = &range;
    txn.compare = cmps;
    txn.success = thens;
    txn.failure = otherwises;
    txn.n_compare = txn.n_success = txn.n_failure = 1;
    return etcd_txn(e, &txn, etcd_deadline(e), ret, err);
}

int compactor_step(struct etcd *e, int64_t *version, int64_t *revision, struct err *err)
{
    _cleanup_(etcd_txn_freep) Etcdserverpb__TxnResponse *r = NULL;
    int64_t last = *revision;
    if (swap(e, *version, *revision, &r, err) < 0)
        return -1;
    *revision = r->header->revision;
    if (!r->succeeded) { /* another apiserver was first: it compacts */
        Etcdserverpb__RangeResponse *range = r->n_responses ? r->responses[0]->response_range : NULL;
        *version = range && range->n_kvs ? range->kvs[0]->version : 0;
        return 0;
    }
    (*version)++;
    if (last == 0)
        return 0;
    if (etcd_compact(e, last, err) < 0 && err->code != ERR_EXPIRED) /* already compacted is fine */
        return -1;
    return 0;
}

static bool sleep_until(struct compactor *c, int64_t until)
{
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
    pthread_mutex_lock(&c->lock);
    while (!c->stopping && pthread_cond_timedwait(&c->cond, &c->lock, &ts) == 0)
        ;
    bool go_on = !c->stopping;
    pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void *compactor_main(void *user)
{
    struct compactor *c = user;
    int64_t version = 0, revision = 0;
    while (sleep_until(c, clock_mono(&clock_system) + c->every_ms * NS_PER_MS)) {
        struct err err = ERR_INIT;
        (void)!compactor_step(c->etcd, &version, &revision, &err); /* the next turn tries again */
    }
    return NULL;
}

int compactor_start(struct compactor *c, struct etcd *e, int64_t every_ms, struct err *err)
{
    pthread_condattr_t attr;
    *c = (struct compactor){.etcd = e, .every_ms = every_ms};
    if (every_ms < 0)
        return 0;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->cond, &attr);
    pthread_condattr_destroy(&attr);
    int rc = pthread_create(&c->thread, NULL, compactor_main, c);
    if (rc) {
        pthread_cond_destroy(&c->cond);
        pthread_mutex_destroy(&c->lock);
        return err_errno(err, rc, "cannot start a thread");
    }
    c->running = true;
    return 0;
}

void compactor_stop(struct compactor *c)
{
    if (!c->running)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->cond);
    pthread_mutex_destroy(&c->lock);
    c->running = false;
}
