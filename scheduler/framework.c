#include "framework.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

#define HISTOGRAM_MAX 256
#define NODES_MIN 100 /* below this all nodes are looked at */

void reasons_add(struct reasons *r, const char *text)
{
    if (r->n < REASONS_MAX)
        r->text[r->n++] = text;
}

/* --- why nothing fits --- */

struct reason_count {
    const char *text;
    size_t n;
};

struct histogram {
    struct reason_count v[HISTOGRAM_MAX];
    size_t n;
};

static void histogram_add(struct histogram *h, const char *text)
{
    for (size_t i = 0; i < h->n; i++) {
        if (strcmp(h->v[i].text, text) == 0) {
            h->v[i].n++;
            return;
        }
    }
    if (h->n < HISTOGRAM_MAX)
        h->v[h->n++] = (struct reason_count){text, 1};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "0/3 nodes are available: 1 x, 2 y." - sorted as texts, count included, as upstream does. */
static void write_histogram(struct arena *a, struct buf *out, size_t n_nodes, const struct histogram *h)
{
    char *lines[HISTOGRAM_MAX];
    size_t n = 0;

    for (size_t i = 0; i < h->n; i++) {
        char *line = arena_printf(a, "%zu %s", h->v[i].n, h->v[i].text);
        if (line)
            lines[n++] = line;
    }
    qsort(lines, n, sizeof(char *), by_text);
    buf_printf(out, "0/%zu nodes are available:", n_nodes);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s %s", i ? "," : "", lines[i]);
    buf_putc(out, '.');
}

/* What upstream's preemption says when it finds nobody to evict. */
static void write_preemption(struct arena *a, struct buf *out, const struct sched_pod *pod, size_t n_nodes,
                             size_t refused, size_t refused_hard)
{
    struct histogram h = {.n = 0};

    buf_puts(out, " preemption: ");
    if (pod->pod->spec && strcmp(kstr(pod->pod->spec->preemptionpolicy), "Never") == 0) {
        buf_puts(out, "not eligible due to preemptionPolicy=Never.");
        return;
    }
    if (refused)
        h.v[h.n++] = (struct reason_count){"No preemption victims found for incoming pod", refused};
    if (refused_hard)
        h.v[h.n++] = (struct reason_count){"Preemption is not helpful for scheduling", refused_hard};
    write_histogram(a, out, n_nodes, &h);
}

static void set_message(struct placement *ret, const struct buf *text)
{
    struct str s = buf_str(text);
    snprintf(ret->message, sizeof(ret->message), "%.*s", (int)MIN_OF(s.n, sizeof(ret->message) - 1), s.p);
}

/* --- prefilter and filter --- */

/* False when a plugin refuses the pod as a whole. */
static bool run_prefilters(struct cycle *c, size_t n_nodes, struct placement *ret)
{
    for (size_t i = 0; i < plugins_n; i++) {
        const char *message = "";
        c->self = i;
        c->skip_filter[i] = !plugins[i].filter;
        if (!plugins[i].prefilter)
            continue;
        switch (plugins[i].prefilter(c, &message)) {
        case PREFILTER_RUN:
            break;
        case PREFILTER_SKIP:
            c->skip_filter[i] = true;
            break;
        case PREFILTER_REFUSE: {
            _cleanup_(buf_releasep) struct buf text = BUF_INIT(4096);
            buf_printf(&text, "0/%zu nodes are available: %s.", n_nodes, message);
            write_preemption(c->a, &text, c->pod, n_nodes, 0, n_nodes);
            set_message(ret, &text);
            ret->blockers |= (uint64_t)1 << i;
            return false;
        }
        }
    }
    return true;
}

static enum verdict run_filters(struct cycle *c, const struct sched_node *n, struct reasons *r, uint64_t *blockers)
{
    for (size_t i = 0; i < plugins_n; i++) {
        if (c->skip_filter[i])
            continue;
        c->self = i;
        enum verdict v = plugins[i].filter(c, n, r);
        if (v != FITS) {
            *blockers |= (uint64_t)1 << i;
            return v;
        }
    }
    return FITS;
}

size_t nodes_to_find(size_t n_nodes)
{
    if (n_nodes < NODES_MIN)
        return n_nodes;
    size_t percent = n_nodes / 125 < 45 ? 50 - n_nodes / 125 : 5;
    return MAX_OF(n_nodes * percent / 100, (size_t)NODES_MIN);
}

/* The feasible nodes, at most `enough` of them. */
static size_t find_feasible(struct cycle *c, struct node_cursor *cursor, struct sched_node **feasible,
                            struct placement *ret)
{
    const struct cache *cache = c->cache;
    size_t enough = nodes_to_find(cache->n_nodes), found = 0, refused = 0, hard = 0, i;
    struct histogram h = {.n = 0};

    for (i = 0; i < cache->n_nodes && found < enough; i++) {
        struct sched_node *n = cache->nodes[(cursor->next + i) % cache->n_nodes];
        struct reasons r = {.n = 0};
        enum verdict v = run_filters(c, n, &r, &ret->blockers);
        if (v == FITS) {
            feasible[found++] = n;
            continue;
        }
        refused += v == REFUSED;
        hard += v == REFUSED_HARD;
        for (size_t j = 0; j < r.n; j++)
            histogram_add(&h, r.text[j]);
    }
    cursor->next = (cursor->next + i) % cache->n_nodes;
    ret->evaluated = i;
    if (!found) {
        _cleanup_(buf_releasep) struct buf text = BUF_INIT(64 * 1024);
        write_histogram(c->a, &text, cache->n_nodes, &h);
        write_preemption(c->a, &text, c->pod, cache->n_nodes, refused, hard);
        set_message(ret, &text);
    }
    return found;
}

/* --- scores --- */

void normalize_default(int64_t *scores, size_t n, bool reverse)
{
    int64_t max = 0;

    for (size_t i = 0; i < n; i++)
        max = MAX_OF(max, scores[i]);
    for (size_t i = 0; i < n; i++) {
        int64_t s = max ? scores[i] * SCORE_MAX / max : 0;
        scores[i] = !reverse ? s : max ? SCORE_MAX - s : SCORE_MAX;
    }
}

static void add_scores(struct cycle *c, size_t i, struct sched_node *const *nodes, size_t n, int64_t *scores,
                       int64_t *total)
{
    const struct plugin *p = &plugins[i];

    c->self = i;
    if (!p->score || (p->prescore && !p->prescore(c, nodes, n)))
        return;
    for (size_t j = 0; j < n; j++)
        scores[j] = p->score(c, nodes[j]);
    if (p->normalize)
        p->normalize(c, nodes, scores, n);
    for (size_t j = 0; j < n; j++)
        total[j] += scores[j] * p->weight;
}

/* The best node; of equally good ones each with the same chance. */
static struct sched_node *best_node(struct cycle *c, struct sched_node *const *nodes, size_t n,
                                    uint64_t (*pick)(uint64_t))
{
    int64_t *scores = arena_calloc(c->a, 2 * n, sizeof(*scores)), *total = scores + n;
    size_t best = 0, equal = 1;

    if (n == 1 || !scores)
        return nodes[0];
    for (size_t i = 0; i < plugins_n; i++)
        add_scores(c, i, nodes, n, scores, total);
    for (size_t j = 1; j < n; j++) {
        if (total[j] > total[best]) {
            best = j;
            equal = 1;
        } else if (total[j] == total[best] && pick(++equal) == 0) {
            best = j;
        }
    }
    return nodes[best];
}

void place_pod(struct arena *a, const struct cache *cache, const struct sched_pod *pod, struct node_cursor *cursor,
               uint64_t (*pick)(uint64_t n), struct placement *ret)
{
    struct cycle c = {.a = a, .cache = cache, .pod = pod};

    *ret = (struct placement){.blockers = 0};
    if (!cache->n_nodes) {
        snprintf(ret->message, sizeof(ret->message), "no nodes available to schedule pods");
        ret->blockers = ~(uint64_t)0;
        return;
    }
    struct sched_node **feasible = arena_calloc(a, cache->n_nodes, sizeof(struct sched_node *));
    if (!feasible || !run_prefilters(&c, cache->n_nodes, ret))
        return;
    ret->feasible = find_feasible(&c, cursor, feasible, ret);
    if (ret->feasible)
        ret->node = best_node(&c, feasible, ret->feasible, pick);
}

uint64_t plugins_for_events(unsigned events)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < plugins_n; i++)
        if (plugins[i].events & events)
            bits |= (uint64_t)1 << i;
    return bits;
}
