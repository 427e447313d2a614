/*
 * compactor.h - forgets etcd's history, as upstream's apiservers do and together with them: whoever wins the Txn on
 * compact_rev_key compacts to the revision of one interval ago.
 */
#ifndef APISERVER_STORAGE_COMPACTOR_H
#define APISERVER_STORAGE_COMPACTOR_H

#include "etcd.h"

#include <pthread.h>

#define COMPACT_KEY "compact_rev_key"

struct compactor {
    struct etcd *etcd;
    int64_t every_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool running, stopping;
};

int compactor_start(struct compactor *c, struct etcd *e, int64_t every_ms, struct err *err) MUST_CHECK;
void compactor_stop(struct compactor *c);
/* One step of the protocol: *version and *revision are those of the last step (0 at first). */
int compactor_step(struct etcd *e, int64_t *version, int64_t *revision, struct err *err) MUST_CHECK;

#endif
