/*
 * storage.h - where the API's objects live: versioned keys with bytes, lists and watches over prefixes.
 *
 * The storage knows no kinds. Keys are upstream's ("/registry/pods/default/web"), values are bytes that the registry
 * encodes (k8s\0 protobuf, JSON for custom resources). A revision is one number for the whole store that every change
 * raises; an object's mod_revision is its resourceVersion.
 *
 * Two implementations pass the same contract tests: etcd itself (storage_etcd_open), and the watch cache on top of one
 * (storage_cache_open), which is what the apiserver serves from: it holds all objects, is fed by one etcd watch,
 * answers reads from memory, fans changes out to watchers, and hands writes through.
 *
 * Objects are immutable and reference-counted; anybody may keep one. Functions may be called from any thread and may
 * block (on etcd, at most the storage's timeout), except those marked "never blocks".
 *
 * Errors: ERR_NOT_FOUND, ERR_ALREADY_EXISTS, ERR_CONFLICT (mod_revision differs), ERR_EXPIRED (revision compacted or
 * gone from the history; text is upstream's), ERR_TIMEOUT (also: revision lies in the future, retry_after_s is 1 then),
 * ERR_TOO_LARGE, ERR_UNAVAILABLE. Their text names the key; the registry words NotFound and its kin for the user.
 */
#ifndef APISERVER_STORAGE_STORAGE_H
#define APISERVER_STORAGE_STORAGE_H

#include "base/buf.h"
#include "base/err.h"

struct storage;
struct storage_watch;

/* --- objects ---------------------------------------------------------------------------------------------------- */

/* What else is known about an object is made at most once a version and hangs on it: encodings, table rows, labels. The
 * registry numbers the slots. */
#define STORAGE_SLOTS 8

struct storage_object {
    /* Read only. key and value are NUL-terminated behind n. For a DELETED event, the last value with the revision of
     * the deletion. */
    int64_t mod_revision;
    int64_t create_revision; /* 0 in the result of an update */
    struct str key, value;
};

struct storage_object *storage_object_ref(struct storage_object *o); /* returns o */
void storage_object_unref(struct storage_object *o);                 /* accepts NULL */
static inline void storage_object_unrefp(struct storage_object **o)
{
    storage_object_unref(*o);
}
/* An object that is in no store; for tests, and for a response before it is written. */
struct storage_object *storage_object_new(struct str key, struct str value, int64_t create_revision,
                                          int64_t mod_revision);
/* Never block. NULL when not set yet. */
void *storage_object_slot(const struct storage_object *o, unsigned slot);
/* Sets the slot if it is still empty, and returns what it then holds: p, or the value of a thread that was faster (then
 * p has been freed with free_fn). free_fn is called with the object's last reference. */
void *storage_object_set_slot(const struct storage_object *o, unsigned slot, void *p, void (*free_fn)(void *));

/* --- opening ---------------------------------------------------------------------------------------------------- */

struct storage_etcd_options {
    const char *servers; /* comma-separated URLs, as --etcd-servers */
    const char *ca_file, *cert_file, *key_file;
    const char *prefix;       /* NULL = "/registry"; keys passed to the functions include it */
    int timeout_ms;           /* of one operation; 0 = 10000 */
    int64_t compact_every_ms; /* 0 = 300000 (5 min, as upstream); <0 = never */
};

/* Does not wait for etcd. */
int storage_etcd_open(const struct storage_etcd_options *options, struct storage **ret, struct err *err) MUST_CHECK;

struct storage_cache_options {
    size_t history;      /* events kept for each resource, for watches from a past revision; 0 = 4096 */
    int64_t bookmark_ms; /* 0 = 60000 */
};
/* The cache loads in the background; until it is ready, reads wait for it (at most the timeout). Takes `under` over. */
int storage_cache_open(struct storage *under, const struct storage_cache_options *options, struct storage **ret,
                       struct err *err) MUST_CHECK;
/* Watches must be freed before. Waits for the threads. Returns NULL; accepts NULL. */
struct storage *storage_close(struct storage *s);
static inline void storage_closep(struct storage **s)
{
    storage_close(*s);
}

/* Tells the cache that keys under `prefix` ("/registry/pods/", with the slash) are one resource, with a watch history
 * of its own. Call for each resource before traffic, and when a CustomResourceDefinition comes; twice is fine. The
 * prefixes of two resources do not contain each other. */
void storage_add_resource(struct storage *s, struct str prefix);

/* Waits until the cache has loaded, at most timeout_ms. */
int storage_wait_ready(struct storage *s, int timeout_ms, struct err *err) MUST_CHECK;
bool storage_ready(struct storage *s); /* never blocks: loaded, and fed by a live watch */
/* Asks etcd: for /healthz/etcd and /readyz/etcd. */
int storage_ping(struct storage *s, int timeout_ms, struct err *err) MUST_CHECK;

/* --- reading ---------------------------------------------------------------------------------------------------- */

enum storage_at {
    STORAGE_CONSISTENT, /* nothing that was acknowledged before the call is missing: resourceVersion unset */
    STORAGE_ANY,        /* what the cache has now: resourceVersion=0; on a ready cache never blocks */
    STORAGE_NOT_OLDER,  /* at least `revision`; waits up to 3 s for it */
    STORAGE_EXACT,      /* exactly `revision` (lists only) */
};

/* Calls fn once the cache holds all that was acknowledged before this call (err->code ERR_OK), or could not get there;
 * a read with STORAGE_ANY then is consistent. For loop threads: never blocks, fn runs on another thread or right here,
 * and must be quick. One question to etcd serves all that wait. */
typedef void (*storage_current_fn)(void *user, const struct err *err);
void storage_when_current(struct storage *s, storage_current_fn fn, void *user);

int storage_get(struct storage *s, struct str key, enum storage_at at, int64_t revision, struct storage_object **ret,
                struct err *err) MUST_CHECK;

/* May look at slots and fill them. For watches it runs under a lock: no call back into the storage, no blocking. */
typedef bool (*storage_match_fn)(void *user, const struct storage_object *o);

struct storage_list_options {
    struct str prefix; /* "/registry/pods/" or "/registry/pods/default/": within one resource */
    enum storage_at at;
    int64_t revision;
    size_t limit;              /* objects that match; 0 = all */
    struct str continue_token; /* of an earlier list; at and revision must then be left 0 */
    storage_match_fn match;    /* NULL = all */
    void *user;
};

struct storage_list {
    struct storage_object **v; /* in key order; a reference each */
    size_t n;
    int64_t revision;     /* the list's resourceVersion */
    char *continue_token; /* NULL on the last page */
    int64_t remaining;    /* remainingItemCount; -1 = not known (a selector is set) or last page */
};

/* Release *ret in every case: when it fails the list is empty. But on ERR_EXPIRED with a continue token it may hold a
 * continue_token that goes on inconsistently, with what is there now. */
int storage_list(struct storage *s, const struct storage_list_options *options, struct storage_list *ret,
                 struct err *err) MUST_CHECK;
void storage_list_release(struct storage_list *l);

/* The store's revision now, asked from etcd. */
int storage_revision(struct storage *s, int64_t *ret, struct err *err) MUST_CHECK;
int64_t storage_seen_revision(struct storage *s); /* never blocks: what the cache has reached; 0 before it is loaded */

/* --- writing: one Txn each -------------------------------------------------------------------------------------- */

/* A write whose connection broke is tried again as long as the outcome can be told apart; ERR_UNAVAILABLE or
 * ERR_TIMEOUT means that it may or may not have happened. ttl_s > 0: the key goes away by itself after about that time
 * (events); it keeps its lease only by passing ttl_s again. ret may be NULL. */
int storage_create(struct storage *s, struct str key, struct str value, int64_t ttl_s, struct storage_object **ret,
                   struct err *err) MUST_CHECK;
/* On ERR_CONFLICT *ret is the object as it is now, so that the caller can try again without another read. */
int storage_update(struct storage *s, struct str key, int64_t expect_revision, struct str value, int64_t ttl_s,
                   struct storage_object **ret, struct err *err) MUST_CHECK;
/* As update; on success *ret is the last value with the revision of the deletion. */
int storage_delete(struct storage *s, struct str key, int64_t expect_revision, struct storage_object **ret,
                   struct err *err) MUST_CHECK;

/* --- watching --------------------------------------------------------------------------------------------------- */

enum storage_event_type { STORAGE_ADDED, STORAGE_MODIFIED, STORAGE_DELETED, STORAGE_BOOKMARK, STORAGE_ERROR };

struct storage_event {
    enum storage_event_type type;
    int64_t revision; /* of the change; for BOOKMARK: all up to here has been sent */
    /* What selectors make of it is done: an object that stops matching is DELETED (obj is then the version that still
     * matched, with the new revision), one that begins to match is ADDED. NULL for BOOKMARK and ERROR. */
    struct storage_object *obj;
    bool initial_end;    /* BOOKMARK that ends the initial events */
    enum err_code error; /* ERROR, always the last event: ERR_EXPIRED (410; fell behind, or history gone) */
    const char *message; /* ERROR: static text */
};

struct storage_watch_options {
    struct str prefix; /* as in lists; a single object: its whole key, with `single` */
    bool single;
    int64_t revision;    /* changes after it; 0 = first the present state as ADDED, then changes */
    bool initial_events; /* sendInitialEvents: the state at `revision` or newer as ADDED, then a BOOKMARK with
                            initial_end, then changes */
    bool bookmarks;
    size_t backlog;         /* events it may lag behind (beyond the initial state); 0 = LIMIT_WATCH_BACKLOG */
    storage_match_fn match; /* NULL = all; called on the cache's thread, must live as long as the watch */
    void *user;
    /* There is something for storage_watch_next, after it had nothing: must not block, comes on any thread, may come
     * once too often. It does not come for what was there when storage_watch returned: call storage_watch_next first.
     * NULL = the watcher polls or blocks in storage_watch_wait. */
    void (*wake)(void *wake_user);
    void *wake_user;
};

/* ERR_EXPIRED when the history does not reach back to `revision` (straight on etcd this comes as an ERROR event). With
 * initial_events and a revision that has not come yet: ERR_TIMEOUT. Blocks only until the cache is loaded: who wants
 * the state to be the most recent calls storage_when_current first. Bookmarks come from the cache only. */
int storage_watch(struct storage *s, const struct storage_watch_options *options, struct storage_watch **ret,
                  struct err *err) MUST_CHECK;
/* Never blocks. True: *ret is the next event, and ret->obj (a reference) is the caller's to unref. */
bool storage_watch_next(struct storage_watch *w, struct storage_event *ret);
bool storage_watch_wait(struct storage_watch *w, int timeout_ms); /* true: storage_watch_next has something */
/* wake is not called any more when it returns. Returns NULL; accepts NULL. Not from wake or match. */
struct storage_watch *storage_watch_free(struct storage_watch *w);
static inline void storage_watch_freep(struct storage_watch **w)
{
    storage_watch_free(*w);
}

#endif
