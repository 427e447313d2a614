#include "apiserver/metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"

#define SERIES_MAX 4096 /* a power of two */
#define LABELS_MAX 320

static const double BUCKETS[] = {0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1,  1.25, 1.5, 2,
                                 3,     4,     5,    6,   8,   10,  15,  20,  30, 45,   60};

struct series {
    _Atomic(char *) labels; /* NULL = free */
    _Atomic uint64_t count;
    _Atomic uint64_t sum_ns;
    _Atomic uint64_t buckets[ARRAY_LEN(BUCKETS)];
};

struct metrics {
    struct series *requests;  /* apiserver_request_total: labels with code */
    struct series *durations; /* apiserver_request_duration_seconds: without */
    _Atomic int64_t inflight[2];
    _Atomic int64_t watches;
    struct {
        void (*write)(void *ud, struct buf *out);
        void *ud;
    } extra[METRICS_EXTRA_MAX];
    size_t n_extra;
    int64_t started_wall;
};

struct metrics *metrics_new(void)
{
    struct metrics *m = xcalloc(1, sizeof(*m));
    m->requests = xcalloc(SERIES_MAX, sizeof(struct series));
    m->durations = xcalloc(SERIES_MAX, sizeof(struct series));
    m->started_wall = clock_wall(&clock_system);
    return m;
}

static void series_free(struct series *table)
{
    for (size_t i = 0; i < SERIES_MAX; i++)
        free(table[i].labels);
    free(table);
}

struct metrics *metrics_free(struct metrics *m)
{
    if (m) {
        series_free(m->requests);
        series_free(m->durations);
        free(m);
    }
    return NULL;
}

/* Finds or claims the series. NULL when the table is full. */
static struct series *series_of(struct series *table, const char *labels)
{
    size_t n = strlen(labels);
    size_t at = hash_bytes(labels, n, 0) & (SERIES_MAX - 1);
    for (size_t probe = 0; probe < 64; probe++, at = (at + 1) & (SERIES_MAX - 1)) {
        char *have = atomic_load_explicit(&table[at].labels, memory_order_acquire);
        if (!have) {
            char *mine = xstrdup(labels);
            if (atomic_compare_exchange_strong(&table[at].labels, &have, mine))
                return &table[at];
            free(mine);
        }
        if (strcmp(have, labels) == 0)
            return &table[at];
    }
    return NULL;
}

static void write_labels(char out[LABELS_MAX], const struct metrics_request *r, bool with_code)
{
    char code[24] = "";
    if (with_code)
        snprintf(code, sizeof(code), "code=\"%d\",", r->code);
    snprintf(out, LABELS_MAX,
             "%scomponent=\"apiserver\",dry_run=\"%s\",group=\"" STR_FMT "\",resource=\"" STR_FMT
             "\",scope=\"%s\",subresource=\"" STR_FMT "\",verb=\"" STR_FMT "\",version=\"" STR_FMT "\"",
             code, r->dry_run ? "All" : "", STR_ARG(r->group), STR_ARG(r->resource), r->scope, STR_ARG(r->subresource),
             STR_ARG(r->verb), STR_ARG(r->version));
}

static struct series *series_for(struct series *table, const struct metrics_request *r, bool with_code)
{
    char labels[LABELS_MAX];
    write_labels(labels, r, with_code);
    struct series *s = series_of(table, labels);
    if (s)
        return s;
    struct metrics_request other = {.verb = r->verb, .resource = STR("other"), .scope = "", .code = r->code};
    write_labels(labels, &other, with_code);
    return series_of(table, labels);
}

static void observe(struct series *s, int64_t duration_ns)
{
    double seconds = (double)duration_ns / (double)NS_PER_S;
    atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->sum_ns, (uint64_t)duration_ns, memory_order_relaxed);
    for (size_t i = 0; i < ARRAY_LEN(BUCKETS); i++)
        if (seconds <= BUCKETS[i]) {
            atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
            break;
        }
}

void metrics_count_request(struct metrics *m, const struct metrics_request *r)
{
    struct series *total = series_for(m->requests, r, true);
    if (total)
        atomic_fetch_add_explicit(&total->count, 1, memory_order_relaxed);
    if (r->duration_ns < 0)
        return;
    struct series *duration = series_for(m->durations, r, false);
    if (duration)
        observe(duration, r->duration_ns);
}

void metrics_inflight(struct metrics *m, bool mutating, int delta)
{
    atomic_fetch_add_explicit(&m->inflight[mutating], delta, memory_order_relaxed);
}

void metrics_watches(struct metrics *m, int delta)
{
    atomic_fetch_add_explicit(&m->watches, delta, memory_order_relaxed);
}

void metrics_register(struct metrics *m, void (*write)(void *ud, struct buf *out), void *ud)
{
    if (m->n_extra == METRICS_EXTRA_MAX)
        abort(); /* a mistake of the wiring */
    m->extra[m->n_extra].write = write;
    m->extra[m->n_extra++].ud = ud;
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_counters(struct metrics *m, struct buf *out)
{
    head(out, "apiserver_request_total", "counter",
         "Requests by verb, dry run value, group, version, resource, scope, component and HTTP response code.");
    for (size_t i = 0; i < SERIES_MAX; i++)
        if (m->requests[i].labels)
            buf_printf(out, "apiserver_request_total{%s} %llu\n", (char *)m->requests[i].labels,
                       (unsigned long long)m->requests[i].count);
}

static void write_histogram(struct buf *out, const struct series *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(BUCKETS); i++) {
        sum += s->buckets[i];
        buf_printf(out, "apiserver_request_duration_seconds_bucket{%s,le=\"%g\"} %llu\n", (char *)s->labels, BUCKETS[i],
                   (unsigned long long)sum);
    }
    unsigned long long count = s->count;
    buf_printf(out, "apiserver_request_duration_seconds_bucket{%s,le=\"+Inf\"} %llu\n", (char *)s->labels, count);
    buf_printf(out, "apiserver_request_duration_seconds_sum{%s} %g\n", (char *)s->labels,
               (double)s->sum_ns / (double)NS_PER_S);
    buf_printf(out, "apiserver_request_duration_seconds_count{%s} %llu\n", (char *)s->labels, count);
}

static void write_durations(struct metrics *m, struct buf *out)
{
    head(out, "apiserver_request_duration_seconds", "histogram", "Time that answering a request took, in seconds.");
    for (size_t i = 0; i < SERIES_MAX; i++)
        if (m->durations[i].labels)
            write_histogram(out, &m->durations[i]);
}

static long resident_pages(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long size = 0, resident = 0;
    if (f) {
        if (fscanf(f, "%ld %ld", &size, &resident) != 2)
            resident = 0;
        fclose(f);
    }
    return resident;
}

static void write_process(struct metrics *m, struct buf *out)
{
    struct timespec cpu = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    head(out, "process_cpu_seconds_total", "counter", "User and system CPU time spent, in seconds.");
    buf_printf(out, "process_cpu_seconds_total %.6f\n", (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    head(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
    buf_printf(out, "process_resident_memory_bytes %lld\n", (long long)resident_pages() * sysconf(_SC_PAGESIZE));
    head(out, "process_start_time_seconds", "gauge", "Start time of the process since the epoch, in seconds.");
    buf_printf(out, "process_start_time_seconds %.3f\n", (double)m->started_wall / (double)NS_PER_S);
}

void metrics_write(struct metrics *m, struct buf *out)
{
    write_counters(m, out);
    write_durations(m, out);
    head(out, "apiserver_current_inflight_requests", "gauge", "Requests being served, by kind.");
    buf_printf(out, "apiserver_current_inflight_requests{request_kind=\"mutating\"} %lld\n", (long long)m->inflight[1]);
    buf_printf(out, "apiserver_current_inflight_requests{request_kind=\"readOnly\"} %lld\n", (long long)m->inflight[0]);
    head(out, "apiserver_longrunning_requests", "gauge", "Watches being served.");
    buf_printf(out, "apiserver_longrunning_requests{component=\"apiserver\",verb=\"WATCH\"} %lld\n",
               (long long)m->watches);
    write_process(m, out);
    for (size_t i = 0; i < m->n_extra; i++)
        m->extra[i].write(m->extra[i].ud, out);
}
