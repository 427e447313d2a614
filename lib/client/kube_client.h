/*
 * kube_client.h - typed requests to an API server, in protobuf.
 *
 * One struct kube_client a program, used from any thread; requests block. Errors carry the code that the Status reason
 * gives (ERR_NOT_FOUND, ERR_CONFLICT, ERR_ALREADY_EXISTS, ERR_INVALID, ERR_EXPIRED ...), its message, and
 * retry_after_s. A connection that cannot be made is ERR_UNAVAILABLE; a request whose answer never came is
 * ERR_UNAVAILABLE or ERR_TIMEOUT too, and may have been done. GET-like requests are repeated once on a connection that
 * the server had closed. 429 and 503 with Retry-After are NOT repeated here (callers have back-off).
 *
 * Results are new references (struct kube_object); `ret` may be NULL where said. ns is ignored for kinds that have
 * none.
 */
#ifndef CLIENT_KUBE_CLIENT_H
#define CLIENT_KUBE_CLIENT_H

#include "base/buf.h"
#include "client/kinds.h"
#include "client/kubeconfig.h"

struct kube_client;

struct kube_client_options {
    const char *user_agent;  /* "controller-manager/1.36" */
    int64_t timeout_ns;      /* a request; 0 = 30 s. Watches have their own. */
    int64_t dial_timeout_ns; /* 0 = 5 s */
    size_t max_idle;         /* connections kept for reuse; 0 = 8 */
};

/* Does not connect yet. The configuration is copied. */
int kube_client_new(const struct kubeconfig *config, const struct kube_client_options *o, struct kube_client **ret,
                    struct err *err) MUST_CHECK;
/* A client that acts as a service account (as --use-service-account-credentials wants it): its tokens come from
 * TokenRequests that `parent` makes when they are needed and before they end; an account that does not exist is made.
 * config: the server; its credentials are not used. parent must outlive it. */
int kube_client_new_account(const struct kubeconfig *config, const struct kube_client_options *o,
                            struct kube_client *parent, const char *ns, const char *account, struct kube_client **ret,
                            struct err *err) MUST_CHECK;
/* The same connections and credentials with another time limit for a request. parent must outlive it. */
struct kube_client *kube_client_with_timeout(struct kube_client *parent, int64_t timeout_ns);
struct kube_client *kube_client_free(struct kube_client *c); /* no request may be running; returns NULL, accepts NULL */
static inline void kube_client_freep(struct kube_client **c)
{
    kube_client_free(*c);
}

int kube_get(struct kube_client *c, const struct kube_kind *k, const char *ns, const char *name,
             struct kube_object **ret, struct err *err) MUST_CHECK;

struct kube_list_options {
    const char *ns;               /* NULL or "" = all */
    const char *label_selector;   /* NULL = none; the textual forms */
    const char *field_selector;   /* e.g. "spec.nodeName=n1" */
    const char *resource_version; /* NULL = newest; "0" = whatever the server's cache has */
    int64_t page; /* objects a page; 0 = 500. All pages are fetched. With resource_version "0" there are no pages. */
};
/* ret_revision (may be NULL): the list's resourceVersion, malloc'd. */
int kube_list(struct kube_client *c, const struct kube_kind *k, const struct kube_list_options *o,
              struct kube_objects *ret, char **ret_revision, struct err *err) MUST_CHECK;

/* msg: the message's base (&pod.base). The namespace of create is ns, name and namespace of updates are the object's
 * own. ret may be NULL. */
int kube_create(struct kube_client *c, const struct kube_kind *k, const char *ns, const ProtobufCMessage *msg,
                struct kube_object **ret, struct err *err) MUST_CHECK;
/* sub: "" or "status", "scale", "approval", "finalize" ... */
int kube_update(struct kube_client *c, const struct kube_kind *k, const char *sub, const ProtobufCMessage *msg,
                struct kube_object **ret, struct err *err) MUST_CHECK;
static inline int kube_update_status(struct kube_client *c, const struct kube_kind *k, const ProtobufCMessage *msg,
                                     struct kube_object **ret, struct err *err)
{
    return kube_update(c, k, "status", msg, ret, err);
}

enum kube_patch { KUBE_PATCH_JSON, KUBE_PATCH_MERGE, KUBE_PATCH_STRATEGIC };
/* body: JSON text. sub: "" or a subresource. ret may be NULL. */
int kube_patch(struct kube_client *c, const struct kube_kind *k, const char *ns, const char *name, const char *sub,
               enum kube_patch type, struct str body, struct kube_object **ret, struct err *err) MUST_CHECK;

struct kube_delete_options {
    int64_t grace_period_s;       /* <0 = the object's own. Note: {0} means "now". Start from KUBE_DELETE_INIT. */
    const char *uid;              /* precondition, or NULL */
    const char *resource_version; /* precondition, or NULL */
    const char *propagation;      /* "Background", "Foreground", "Orphan", or NULL */
};
#define KUBE_DELETE_INIT                                                                                               \
    {                                                                                                                  \
        .grace_period_s = -1                                                                                           \
    }
/* o may be NULL = KUBE_DELETE_INIT. ERR_NOT_FOUND when it is gone, ERR_CONFLICT when a precondition fails. */
int kube_delete(struct kube_client *c, const struct kube_kind *k, const char *ns, const char *name,
                const struct kube_delete_options *o, struct err *err) MUST_CHECK;
int kube_delete_collection(struct kube_client *c, const struct kube_kind *k, const char *ns, const char *label_selector,
                           const struct kube_delete_options *o, struct err *err) MUST_CHECK;

/* pods/binding; uid may be NULL. */
int kube_bind_pod(struct kube_client *c, const char *ns, const char *pod, const char *uid, const char *node,
                  struct err *err) MUST_CHECK;
/* pods/eviction. ERR_TOO_MANY_REQUESTS when a disruption budget forbids it. */
int kube_evict_pod(struct kube_client *c, const char *ns, const char *pod, const struct kube_delete_options *o,
                   struct err *err) MUST_CHECK;

struct kube_token_request {
    const char *ns, *service_account;
    const char *const *audiences; /* n_audiences may be 0: the server's own */
    size_t n_audiences;
    int64_t expiration_s;      /* 0 = 3600 */
    const char *pod, *pod_uid; /* the pod it is bound to, or NULL */
};
/* ret_token: malloc'd, a secret: do not log. ret_expires: wall ns. */
int kube_token(struct kube_client *c, const struct kube_token_request *r, char **ret_token, int64_t *ret_expires_ns,
               struct err *err) MUST_CHECK;

/* Any request, for what the above does not say. path with query, escaped by the caller. content_type NULL with no body;
 * accept NULL = JSON. The answer's body is appended to ret (whose ceiling bounds it); an answer of 400 or more becomes
 * an error. */
int kube_raw(struct kube_client *c, const char *method, const char *path, const char *content_type, struct str body,
             const char *accept, struct buf *ret, struct err *err) MUST_CHECK;

/* The same for an answer that goes on (a JSON watch): a GET whose body is read with http_client_stream_read of
 * net/http_client.h. */
struct http_client_stream;
int kube_raw_stream(struct kube_client *c, const char *path, const char *accept, struct http_client_stream **ret,
                    struct err *err) MUST_CHECK;

/* --- watch: for the reflector; others use informer.h --- */
enum kube_watch_type { KUBE_WATCH_ADDED, KUBE_WATCH_MODIFIED, KUBE_WATCH_DELETED, KUBE_WATCH_BOOKMARK };
struct kube_watch;
struct kube_watch_options {
    const char *ns, *label_selector, *field_selector;
    const char *resource_version; /* from where; required */
    int64_t timeout_s;            /* the server ends the watch after this; 0 = its default */
};
int kube_watch_open(struct kube_client *c, const struct kube_kind *k, const struct kube_watch_options *o,
                    struct kube_watch **ret, struct err *err) MUST_CHECK;
/* Blocks for the next event. 1 = an event (new reference), 0 = the server ended the watch in good order, -1 = error:
 * ERR_EXPIRED or ERR_GONE = list again, ERR_CANCELLED, else the connection broke. */
int kube_watch_next(struct kube_watch *w, enum kube_watch_type *ret_type, struct kube_object **ret,
                    struct err *err) MUST_CHECK;
void kube_watch_cancel(struct kube_watch *w); /* from any thread: next returns ERR_CANCELLED */
struct kube_watch *kube_watch_free(struct kube_watch *w);

#endif
