/*
 * inbox.h - how news reach the scheduling thread: the newest state of each object that has changed, and bindings that
 * have ended.
 *
 * Informers and binders put from their threads and never wait; an object that changes again before it was taken is
 * there once, with its newest state, so the inbox is no larger than the cluster.
 */
#ifndef SCHEDULER_INBOX_H
#define SCHEDULER_INBOX_H

#include "client/object.h"

enum news { NEWS_NODE, NEWS_POD, NEWS_BINDING_FAILED };

struct inbox_item {
    enum news what;
    char *key;               /* of the object */
    struct kube_object *obj; /* its newest state; NULL = it is gone. BINDING_FAILED: as it was bound */
    bool again;              /* BINDING_FAILED: trying again can help */
    struct inbox_item *next;
};

struct inbox;
struct inbox *inbox_new(void);
struct inbox *inbox_free(struct inbox *b);
void inbox_put(struct inbox *b, enum news what, struct str key, struct kube_object *obj /* referenced; or NULL */,
               bool again);
void inbox_wake(struct inbox *b); /* makes inbox_take return */
/* All that is there, in order, malloc'd: free with inbox_item_free. Waits until `until_ns` (monotonic) when there is
 * nothing; a time that has passed = do not wait. */
struct inbox_item *inbox_take(struct inbox *b, int64_t until_ns);
struct inbox_item *inbox_item_free(struct inbox_item *i); /* returns the next */

#endif
