/*
 * select.h - what a read is asked to return: selectors, versions, pages; from the query of a list or watch.
 */
#ifndef APISERVER_HTTP_SELECT_H
#define APISERVER_HTTP_SELECT_H

#include "api/selector.h"
#include "apiserver/http/request.h"
#include "apiserver/storage/storage.h"

struct selection {
    const struct resource *res;
    const struct label_selector *labels;
    const struct field_selector *fields;
    struct str name; /* the field selector wants exactly this metadata.name; empty = no such wish */
};

/* Parses labelSelector and fieldSelector; the result lives in the request's arena. ERR_BAD_REQUEST with upstream's
 * texts. */
int selection_parse(struct request *r, struct selection *ret, struct err *err) MUST_CHECK;
static inline bool selection_everything(const struct selection *s)
{
    return label_selector_everything(s->labels) && field_selector_everything(s->fields);
}
/* A storage_match_fn; user is a struct selection. */
bool selection_matches(void *user, const struct storage_object *o);

struct read_options {
    enum storage_at at;
    int64_t revision;
    bool set; /* resourceVersion was given */
    int64_t limit;
    struct str token; /* continue */
    bool send_initial_events;
};
/* resourceVersion, resourceVersionMatch, limit, continue, sendInitialEvents; checked as upstream does. */
int read_options_parse(struct request *r, bool list, struct read_options *ret, struct err *err) MUST_CHECK;
/* Words an error of the storage for the user. Returns -1. */
int read_error(struct request *r, struct err *err);

/* The key (or prefix ending in '/') of what the request reads, in its arena. */
int request_key(struct request *r, struct str ns, struct str name, struct str *ret, struct err *err) MUST_CHECK;

#endif
