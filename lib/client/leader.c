#include "leader.h"

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/random.h"
#include "client/meta.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

struct election {
    struct kube_client *client;
    struct leader_options o;
    char *identity;
    struct kube_object *seen; /* the Lease as last read or written */
    int64_t seen_at;          /* mono: when its record was new to us */
    int64_t renewed_at;       /* mono: when the last successful try began */
    bool leads;
};

/* --- identity ---
 * HOST_BOOT-NS-PID-START says which process of which boot and pid namespace holds the Lease. A candidate on the same
 * machine can so see that the holder is dead (killed, crashed) and need not wait for the Lease to run out. */

struct process_id {
    char boot[9];
    uint64_t pid_ns, pid, start;
};

static bool read_small(const char *path, struct buf *b)
{
    struct err ignored = ERR_INIT;
    return file_read(path, b, &ignored) == 0;
}

/* Field 22 of /proc/PID/stat, counted behind the command's closing parenthesis. False: no such process, or a dead one
 * that its parent has not yet waited for. */
static bool start_time(uint64_t pid, uint64_t *ret)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(4096);
    char path[48];
    struct str field;

    snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
    if (!read_small(path, &b))
        return false;
    const char *end = strrchr(b.data, ')');
    struct str rest = str_of(end && end[1] ? end + 2 : "");
    for (int n = 3; str_split(&rest, ' ', &field); n++) {
        if (n == 3 && (str_is(field, "Z") || str_is(field, "X")))
            return false;
        if (n == 22)
            return parse_uint64(field, ret);
    }
    return false;
}

static bool this_process(struct process_id *id)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(256);
    struct stat st;

    if (!read_small("/proc/sys/kernel/random/boot_id", &b) || b.len < 8 || stat("/proc/self/ns/pid", &st) < 0)
        return false;
    memcpy(id->boot, b.data, 8);
    id->boot[8] = '\0';
    id->pid_ns = (uint64_t)st.st_ino;
    id->pid = (uint64_t)getpid();
    return start_time(id->pid, &id->start);
}

static char *make_identity(const char *place)
{
    struct process_id id;
    char host[65] = "", uuid[UUID_LEN + 1];

    gethostname(host, sizeof(host) - 1);
    if (!place)
        place = host;
    if (this_process(&id))
        return xasprintf("%s_%s-%llu-%llu-%llu", place, id.boot, (unsigned long long)id.pid_ns,
                         (unsigned long long)id.pid, (unsigned long long)id.start);
    random_uuid(uuid);
    return xasprintf("%s_%s", place, uuid);
}

static bool is_former_life(const char *holder, const char *place)
{
    size_t n = place ? strlen(place) : 0;

    return n && strncmp(holder, place, n) == 0 && strrchr(holder, '_') == holder + n;
}

static bool holder_is_dead(const char *holder)
{
    struct process_id me, it;
    unsigned long long ns, pid, start;
    uint64_t start_now;
    const char *at = strrchr(holder, '_');

    if (!at || sscanf(at + 1, "%8[0-9a-f]-%llu-%llu-%llu", it.boot, &ns, &pid, &start) != 4 || !this_process(&me))
        return false;
    if (strcmp(me.boot, it.boot) != 0 || me.pid_ns != ns)
        return false;
    return !start_time(pid, &start_now) || start_now != start; /* the number may have been given to another process */
}

/* --- the Lease --- */

static const Coordinationv1__LeaseSpec *spec_of(const struct kube_object *lease)
{
    static const Coordinationv1__LeaseSpec none = COORDINATIONV1__LEASE_SPEC__INIT;
    const Coordinationv1__LeaseSpec *s = lease ? kube_lease(lease)->spec : NULL;
    return s ? s : &none;
}

static bool same_record(const Coordinationv1__LeaseSpec *a, const Coordinationv1__LeaseSpec *b)
{
    return strcmp(kstr(a->holderidentity), kstr(b->holderidentity)) == 0 &&
           microtime_ns(a->renewtime) == microtime_ns(b->renewtime) &&
           microtime_ns(a->acquiretime) == microtime_ns(b->acquiretime) && a->leasetransitions == b->leasetransitions;
}

/* Takes over the reference. */
static void observe(struct election *e, struct kube_object *lease)
{
    if (!e->seen || !same_record(spec_of(e->seen), spec_of(lease)))
        e->seen_at = clock_mono(&clock_system);
    kube_object_unref(e->seen);
    e->seen = lease;
}

/* Writes our record: a create when there is no Lease yet. holder "" releases it. */
static int write_record(struct election *e, const char *holder, struct err *err)
{
    const Coordinationv1__LeaseSpec *old = spec_of(e->seen);
    Coordinationv1__LeaseSpec spec = COORDINATIONV1__LEASE_SPEC__INIT;
    Coordinationv1__Lease lease = COORDINATIONV1__LEASE__INIT;
    Metav1__ObjectMeta meta = METAV1__OBJECT_META__INIT;
    Metav1__MicroTime now, acquired;
    struct kube_object *got;
    bool ours = strcmp(kstr(old->holderidentity), e->identity) == 0;

    if (e->seen) {
        meta = *e->seen->meta;
        spec = *old;
    }
    meta.name = (char *)e->o.name, meta.namespace_ = (char *)e->o.ns;
    microtime_set(&now, clock_wall(&clock_system));
    acquired = now;
    if (!ours || !*holder)
        spec.acquiretime = &acquired;
    if (!ours && e->seen)
        spec.leasetransitions++;
    spec.has_leasetransitions = true;
    spec.has_leasedurationseconds = true;
    spec.leasedurationseconds = *holder ? (int32_t)(e->o.lease_duration_ns / NS_PER_S) : 1;
    spec.renewtime = &now;
    spec.holderidentity = (char *)holder;
    lease.metadata = &meta, lease.spec = &spec;
    int r = e->seen ? kube_update(e->client, &kube_leases, "", &lease.base, &got, err)
                    : kube_create(e->client, &kube_leases, e->o.ns, &lease.base, &got, err);
    if (r == 0)
        observe(e, got);
    return r;
}

/* One try to take or renew it. */
static int try_once(struct election *e, struct err *err)
{
    struct kube_object *got;
    const Coordinationv1__LeaseSpec *s;

    if (e->leads && write_record(e, e->identity, err) == 0)
        return 0;
    if (err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT)
        return -1; /* another request would only use up the time that is left */
    err_clear(err);
    if (kube_get(e->client, &kube_leases, e->o.ns, e->o.name, &got, err) == 0) {
        observe(e, got);
    } else if (err->code == ERR_NOT_FOUND) {
        e->seen = kube_object_unref(e->seen);
        err_clear(err);
    } else {
        return -1;
    }
    s = spec_of(e->seen);
    const char *holder = kstr(s->holderidentity);
    bool ours = strcmp(holder, e->identity) == 0;
    int64_t age = clock_mono(&clock_system) - e->seen_at;
    if (*holder && !ours && age < e->o.lease_duration_ns && !holder_is_dead(holder) &&
        !is_former_life(holder, e->o.place))
        return err_set(err, ERR_CONFLICT, "held by %s", holder);
    return write_record(e, e->identity, err);
}

/* How long until the next try. A Lease that another holds is looked at every retry period; an API server that does not
 * answer yet, or does not know our rights yet, is most likely starting, so the first tries follow each other quickly.
 */
static int64_t pause_after(const struct election *e, const struct err *err, int64_t *quick)
{
    if (err->code == ERR_CONFLICT || *quick >= e->o.retry_period_ns)
        return e->o.retry_period_ns + (int64_t)random_below((uint64_t)(e->o.retry_period_ns * 6 / 5)); /* factor 1.2 */
    *quick = *quick * 3 / 2;
    return *quick;
}

/* 0 = leads, -1 = stop came. */
static int acquire(struct election *e, struct stop *stop)
{
    int64_t quick = 50 * NS_PER_MS;

    for (bool told = false;;) {
        struct err err = ERR_INIT;
        if (stop_requested(stop))
            return -1;
        if (try_once(e, &err) == 0)
            return 0;
        if (!told)
            log_info("waiting for leadership", LOG_S("lease", e->o.name), LOG_ERR(&err));
        told = true;
        if (stop_wait(stop, pause_after(e, &err, &quick)))
            return -1;
    }
}

/* Renews until it fails for too long (-1) or the stop comes (0). */
static int renew(struct election *e, struct stop *stop, struct err *err)
{
    e->renewed_at = clock_mono(&clock_system);
    while (!stop_wait(stop, e->o.retry_period_ns)) {
        struct err why = ERR_INIT;
        int64_t begin = clock_mono(&clock_system);
        if (try_once(e, &why) == 0) {
            e->renewed_at = begin;
            continue;
        }
        log_warn("cannot renew leadership", LOG_S("lease", e->o.name), LOG_ERR(&why));
        bool taken = why.code == ERR_CONFLICT && strcmp(kstr(spec_of(e->seen)->holderidentity), e->identity) != 0;
        if (taken || clock_mono(&clock_system) - e->renewed_at > e->o.renew_deadline_ns)
            return err_set(err, ERR_TIMEOUT, "leadership lost: %s", why.msg);
    }
    return 0;
}

struct leading {
    void (*lead)(void *, struct stop *);
    void *ctx;
    struct stop *lost;
};

static void *run_lead(void *arg)
{
    struct leading *l = arg;
    l->lead(l->ctx, l->lost);
    return NULL;
}

/* Somebody else may lead soon: what does not end by then is ended. */
static void join_or_die(pthread_t t, int64_t within_ns)
{
    int64_t until = clock_wall(&clock_system) + MAX_OF(within_ns, 0);
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};

    if (pthread_timedjoin_np(t, NULL, &ts) == 0)
        return;
    log_error("leadership is lost and the work does not end: ending the process");
    _exit(1);
}

static int lead_and_renew(struct election *e, struct stop *stop, void (*lead)(void *, struct stop *), void *ctx,
                          struct err *err)
{
    struct leading l = {lead, ctx, stop_new()};
    struct err ignored = ERR_INIT;
    pthread_t t;

    e->leads = true;
    log_info("leads", LOG_S("lease", e->o.name), LOG_S("identity", e->identity));
    if (pthread_create(&t, NULL, run_lead, &l) != 0)
        abort();
    int r = renew(e, stop, err);
    stop_request(l.lost);
    if (r < 0 && !e->o.harmless) {
        join_or_die(t, e->renewed_at + e->o.lease_duration_ns - clock_mono(&clock_system));
    } else { /* a graceful end: first all work ends, then the next candidate may begin */
        pthread_join(t, NULL);
        if (r == 0 && write_record(e, "", &ignored) < 0)
            log_debug("cannot release the lease", LOG_ERR(&ignored));
    }
    stop_free(l.lost);
    return r;
}

int leader_run(struct kube_client *c, const struct leader_options *o, struct stop *stop,
               void (*lead)(void *, struct stop *), void *ctx, struct err *err)
{
    struct election e = {.o = *o};
    int r = 0;

    e.o.lease_duration_ns = o->lease_duration_ns ? o->lease_duration_ns : 15 * NS_PER_S;
    e.o.renew_deadline_ns = o->renew_deadline_ns ? o->renew_deadline_ns : 10 * NS_PER_S;
    e.o.retry_period_ns = o->retry_period_ns ? o->retry_period_ns : 2 * NS_PER_S;
    e.client = kube_client_with_timeout(c, e.o.renew_deadline_ns / 2); /* two tries fit in before the lease ends */
    e.identity = o->identity ? xstrdup(o->identity) : make_identity(o->place);
    if (acquire(&e, stop) == 0)
        r = lead_and_renew(&e, stop, lead, ctx, err);
    kube_object_unref(e.seen);
    kube_client_free(e.client);
    free(e.identity);
    return r;
}
