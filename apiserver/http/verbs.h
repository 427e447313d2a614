/*
 * verbs.h - the handlers: one file a verb. See request.h for what a handler may do.
 */
#ifndef APISERVER_HTTP_VERBS_H
#define APISERVER_HTTP_VERBS_H

#include "apiserver/http/request.h"

int verb_get(struct request *r, struct err *err);
int verb_list(struct request *r, struct err *err);
int verb_watch(struct request *r, struct err *err);
int verb_create(struct request *r, struct err *err);
int verb_update(struct request *r, struct err *err);
int verb_patch(struct request *r, struct err *err);
int verb_delete(struct request *r, struct err *err);
int verb_deletecollection(struct request *r, struct err *err);

/* Handlers that block are called on a worker; one that finds itself on a loop thread goes there with this. */
#define VERB_ON_WORKER(r)                                                                                              \
    do {                                                                                                               \
        if (loop_on_thread(http_request_loop((r)->http))) {                                                            \
            request_to_worker((r), request_run);                                                                       \
            return 0;                                                                                                  \
        }                                                                                                              \
    } while (0)

#endif
