/*
 * framework.h - how plugins find a node for a pod.
 *
 * A plugin is a row of the table in plugins/registry.c: functions that look at the cache and say yes, no or how well.
 * They are pure: no I/O, no clock; what a plugin computes once a pod lives in the cycle's arena. The order of the table
 * is upstream's order of filters.
 */
#ifndef SCHEDULER_FRAMEWORK_H
#define SCHEDULER_FRAMEWORK_H

#include "base/arena.h"
#include "scheduler/cache.h"

#define SCORE_MAX 100
#define PLUGINS_MAX 16
#define FIT_MESSAGE_MAX 1024 /* upstream cuts there too */

struct plugin;

/* One attempt to place one pod. */
struct cycle {
    struct arena *a;
    const struct cache *cache;
    const struct sched_pod *pod;
    void *state[PLUGINS_MAX]; /* what prefilter or prescore of plugin i left */
    bool skip_filter[PLUGINS_MAX], skip_score[PLUGINS_MAX];
    size_t self; /* the plugin that runs */
};

static inline void *cycle_state(const struct cycle *c)
{
    return c->state[c->self];
}

/* Why a node was refused: texts that outlive the cycle (literals, or of the cycle's arena). */
#define REASONS_MAX 8
struct reasons {
    const char *text[REASONS_MAX];
    size_t n;
};
void reasons_add(struct reasons *r, const char *text);

enum verdict {
    FITS,
    REFUSED,     /* removing pods from the node could help */
    REFUSED_HARD /* nothing could */
};

enum prefilter {
    PREFILTER_RUN,
    PREFILTER_SKIP,  /* nothing for this plugin in this pod */
    PREFILTER_REFUSE /* the pod fits nowhere: *ret_message says why */
};

struct plugin {
    const char *name;
    unsigned events; /* enum cluster_event: what may make a refused pod fit */
    int weight;      /* of its scores */
    enum prefilter (*prefilter)(struct cycle *c, const char **ret_message);
    enum verdict (*filter)(const struct cycle *c, const struct sched_node *n, struct reasons *r);
    bool (*prescore)(struct cycle *c, struct sched_node *const *nodes, size_t n); /* false = no scores from it */
    int64_t (*score)(const struct cycle *c, const struct sched_node *n);
    void (*normalize)(const struct cycle *c, struct sched_node *const *nodes, int64_t *scores,
                      size_t n); /* to 0..SCORE_MAX */
};

extern const struct plugin plugins[];
extern const size_t plugins_n;

/* Scores 0..max of any size to 0..SCORE_MAX; reverse: the smallest is best. */
void normalize_default(int64_t *scores, size_t n, bool reverse);

struct placement {
    struct sched_node *node; /* NULL = none fits */
    size_t evaluated, feasible;
    uint64_t blockers;             /* bits of the plugins that refused it on some node */
    char message[FIT_MESSAGE_MAX]; /* when none fits */
};

/* Where the next search begins, so that all nodes get their turn in a large cluster; one a scheduler. */
struct node_cursor {
    size_t next;
};

/* How many feasible nodes are enough, as upstream samples. */
size_t nodes_to_find(size_t n_nodes);
/* Finds a node. pick(n) chooses one of n equally good (random_below in real life). */
void place_pod(struct arena *a, const struct cache *cache, const struct sched_pod *pod, struct node_cursor *cursor,
               uint64_t (*pick)(uint64_t n), struct placement *ret);

/* Bits of the plugins that care about one of the events. */
uint64_t plugins_for_events(unsigned events);

#endif
