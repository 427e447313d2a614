#include "recorder.h"

#include "api/json.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "client/correlator.h"
#include "client/meta.h"
#include "client/stop.h"

#include <pthread.h>
#include <stdio.h>

#define WAITING_MAX 1000
#define TRIES 12
#define RETRY_NS (2 * NS_PER_S)
#define DRAIN_NS (2 * NS_PER_S)
#define MESSAGE_MAX 1024 /* as the API allows */

struct pending {
    struct list link;
    char *strings; /* one block that all of ref's point into */
    struct kube_ref ref;
    const char *type, *reason; /* literals, or in strings */
    char *message;
    int64_t at_ns;
};

struct recorder {
    struct kube_client *client;
    char *component, *host;
    struct correlator *correlator; /* the sending thread's */
    struct stop *stop;             /* ends waits between tries */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct list waiting;
    size_t n, dropped;
    bool ending;
    int64_t end_by; /* mono, when ending */
};

/* --- one event as it waits --- */

static const char *stash(char **at, const char *s)
{
    if (!s)
        return NULL;
    size_t n = strlen(s) + 1;
    char *p = memcpy(*at, s, n);
    *at += n;
    return p;
}

static struct pending *pending_new(const struct kube_ref *r, const char *type, const char *reason, char *message)
{
    const char *all[] = {r->api_version,      r->kind,       r->ns, r->name, r->uid,
                         r->resource_version, r->field_path, type,  reason};
    struct pending *p = xcalloc(1, sizeof(*p));
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        n += strlen(kstr(all[i])) + 1;
    char *at = p->strings = xmalloc(n);
    p->ref = (struct kube_ref){stash(&at, r->api_version), stash(&at, r->kind), stash(&at, r->ns),
                               stash(&at, r->name),        stash(&at, r->uid),  stash(&at, r->resource_version),
                               stash(&at, r->field_path)};
    p->type = stash(&at, type);
    p->reason = stash(&at, reason);
    p->message = message;
    p->at_ns = clock_wall(&clock_system);
    list_init(&p->link);
    return p;
}

static void pending_free(struct pending *p)
{
    free(p->strings);
    free(p->message);
    free(p);
}

/* --- sending --- */

static void fill_event(const struct recorder *r, const struct pending *p, Corev1__Event *e, Corev1__ObjectReference *o,
                       Corev1__EventSource *s)
{
    o->kind = (char *)p->ref.kind, o->apiversion = (char *)p->ref.api_version, o->namespace_ = (char *)p->ref.ns;
    o->name = (char *)p->ref.name, o->uid = (char *)p->ref.uid, o->fieldpath = (char *)p->ref.field_path;
    o->resourceversion = (char *)p->ref.resource_version;
    s->component = r->component, s->host = r->host;
    e->involvedobject = o, e->source = s;
    e->reason = (char *)p->reason, e->type = (char *)p->type;
    e->reportingcomponent = r->component, e->reportinginstance = r->host;
}

static int create_event(struct recorder *r, const struct pending *p, const char *name, const char *message,
                        const struct correlator_verdict *v, struct err *err)
{
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    Corev1__Event e = COREV1__EVENT__INIT;
    Corev1__ObjectReference o = COREV1__OBJECT_REFERENCE__INIT;
    Corev1__EventSource s = COREV1__EVENT_SOURCE__INIT;
    Metav1__Time first, last;
    const char *ns = *kstr(p->ref.ns) ? p->ref.ns : "default";

    fill_event(r, p, &e, &o, &s);
    m.name = (char *)name, m.namespace_ = (char *)ns;
    time_set(&first, v->first_ns);
    time_set(&last, p->at_ns);
    e.metadata = &m, e.message = (char *)message;
    e.firsttimestamp = &first, e.lasttimestamp = &last;
    e.has_count = true, e.count = v->count;
    return kube_create(r->client, &kube_events, ns, &e.base, NULL, err);
}

static int patch_event(struct recorder *r, const struct pending *p, const char *message,
                       const struct correlator_verdict *v, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(16 * KIB);
    char when[RFC3339_MAX];
    const char *ns = *kstr(p->ref.ns) ? p->ref.ns : "default";

    format_rfc3339(when, p->at_ns, 0);
    buf_printf(&b, "{\"count\":%d,\"lastTimestamp\":\"%s\",\"message\":", v->count, when);
    json_write_string(&b, str_of(message));
    buf_putc(&b, '}');
    return kube_patch(r->client, &kube_events, ns, v->name, "", KUBE_PATCH_STRATEGIC, buf_str(&b), NULL, err);
}

static int send_once(struct recorder *r, const struct pending *p, const char *message, struct correlator_verdict *v,
                     struct err *err)
{
    if (v->count > 1 && v->name) {
        int done = patch_event(r, p, message, v, err);
        if (done == 0 || err->code != ERR_NOT_FOUND)
            return done;
        err_clear(err); /* it has expired: a new one */
    }
    /* names are at most 253 bytes; the object's own is cut before the time */
    _cleanup_(freep) char *name = xasprintf("%.200s.%llx", kstr(p->ref.name), (unsigned long long)p->at_ns);
    if (create_event(r, p, name, message, v, err) < 0)
        return -1;
    correlator_sent(r->correlator, v, name);
    return 0;
}

static bool out_of_time(struct recorder *r)
{
    pthread_mutex_lock(&r->lock);
    bool out = r->ending && clock_mono(&clock_system) > r->end_by;
    pthread_mutex_unlock(&r->lock);
    return out;
}

static void deliver(struct recorder *r, const struct pending *p)
{
    _cleanup_(buf_releasep) struct buf object = BUF_INIT(64 * KIB), similar = BUF_INIT(64 * KIB),
                                       equal = BUF_INIT(64 * KIB);
    struct err err = ERR_INIT;

    buf_printf(&object, "%s\n%s\n%s\n%s\n%s\n%s", r->component, kstr(p->ref.kind), kstr(p->ref.ns), kstr(p->ref.name),
               kstr(p->ref.uid), kstr(p->ref.api_version));
    buf_printf(&similar, "%s\n%s\n%s", object.data, p->type, p->reason);
    buf_printf(&equal, "%s\n%s\n%s", similar.data, kstr(p->ref.field_path), p->message);
    struct correlator_event e = {buf_str(&object), buf_str(&similar), buf_str(&equal), str_of(p->message), p->at_ns};
    struct correlator_verdict v = correlator_judge(r->correlator, &e);
    if (!v.send)
        return;
    _cleanup_(freep) char *message =
        v.combined ? xasprintf(CORRELATOR_PREFIX "%.*s", MESSAGE_MAX - 40, p->message) : xstrdup(p->message);
    for (int i = 0; i < TRIES && send_once(r, p, message, &v, &err) < 0; i++) {
        bool again = err.code == ERR_UNAVAILABLE || err.code == ERR_TIMEOUT || err.code == ERR_TOO_MANY_REQUESTS;
        if (!again || out_of_time(r) || stop_wait(r->stop, RETRY_NS) || i + 1 == TRIES) {
            log_debug("event not sent", LOG_S("reason", p->reason), LOG_S("object", kstr(p->ref.name)), LOG_ERR(&err));
            return;
        }
        err_clear(&err);
    }
}

static struct pending *next_pending(struct recorder *r)
{
    pthread_mutex_lock(&r->lock);
    while (list_empty(&r->waiting) && !r->ending)
        pthread_cond_wait(&r->cond, &r->lock);
    struct pending *p = list_first(&r->waiting, struct pending, link);
    if (p) {
        list_remove(&p->link);
        r->n--;
    }
    pthread_mutex_unlock(&r->lock);
    return p;
}

static void *send_all(void *arg)
{
    struct recorder *r = arg;
    struct pending *p;

    while ((p = next_pending(r))) {
        if (!out_of_time(r))
            deliver(r, p);
        pending_free(p);
    }
    return NULL;
}

/* --- public --- */

struct recorder *recorder_new(struct kube_client *c, const char *component, const char *host)
{
    struct recorder *r = xcalloc(1, sizeof(*r));

    r->client = c;
    r->component = xstrdup(component);
    r->host = host ? xstrdup(host) : NULL;
    r->correlator = correlator_new();
    r->stop = stop_new();
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->cond, NULL);
    list_init(&r->waiting);
    if (pthread_create(&r->thread, NULL, send_all, r) != 0)
        abort();
    return r;
}

struct recorder *recorder_free(struct recorder *r)
{
    if (!r)
        return NULL;
    pthread_mutex_lock(&r->lock);
    r->ending = true;
    r->end_by = clock_mono(&clock_system) + DRAIN_NS;
    pthread_cond_signal(&r->cond);
    pthread_mutex_unlock(&r->lock);
    stop_request(r->stop);
    pthread_join(r->thread, NULL);
    correlator_free(r->correlator);
    stop_free(r->stop);
    pthread_cond_destroy(&r->cond);
    pthread_mutex_destroy(&r->lock);
    free(r->component);
    free(r->host);
    free(r);
    return NULL;
}

struct kube_ref kube_ref_of(const struct kube_object *o, char api_version[128])
{
    const struct kube_kind *k = o->kind;

    snprintf(api_version, 128, "%s%s%s", k->group, *k->group ? "/" : "", k->version);
    return (struct kube_ref){.api_version = api_version,
                             .kind = k->kind,
                             .ns = o->meta->namespace_,
                             .name = o->meta->name,
                             .uid = o->meta->uid,
                             .resource_version = o->meta->resourceversion};
}

/* Takes over the message. */
static void enqueue(struct recorder *r, const struct kube_ref *ref, const char *type, const char *reason, char *message)
{
    struct pending *p = pending_new(ref, type, reason, message);

    pthread_mutex_lock(&r->lock);
    bool full = r->n >= WAITING_MAX;
    bool first_drop = full && r->dropped++ % WAITING_MAX == 0;
    if (!full) {
        list_push(&r->waiting, &p->link);
        r->n++;
        pthread_cond_signal(&r->cond);
    }
    pthread_mutex_unlock(&r->lock);
    if (full)
        pending_free(p);
    if (first_drop)
        log_warn("too many events wait: some are dropped", LOG_S("component", r->component));
}

static char *format_message(const char *fmt, va_list ap)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(64 * KIB);

    buf_vprintf(&b, fmt, ap);
    if (b.len > MESSAGE_MAX) {
        b.len = MESSAGE_MAX;
        while (b.len && ((unsigned char)b.data[b.len] & 0xC0) == 0x80)
            b.len--; /* not in the middle of a character */
        b.data[b.len] = '\0';
    }
    return buf_take(&b);
}

void recorder_event(struct recorder *r, const struct kube_object *about, const char *type, const char *reason,
                    const char *fmt, ...)
{
    char api_version[128];
    struct kube_ref ref = kube_ref_of(about, api_version);
    va_list ap;

    va_start(ap, fmt);
    enqueue(r, &ref, type, reason, format_message(fmt, ap));
    va_end(ap);
}

void recorder_event_ref(struct recorder *r, const struct kube_ref *about, const char *type, const char *reason,
                        const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    enqueue(r, about, type, reason, format_message(fmt, ap));
    va_end(ap);
}
