#include "correlator.h"

#include "base/list.h"
#include "base/map.h"

/* A map that forgets the key used longest ago when it is full. */
struct lru {
    struct map map;
    struct list order; /* oldest first */
};

struct lru_entry {
    struct list link;
    char *key;
};

/* An aggregation key: hashes of the last different messages. */
struct similar {
    struct lru_entry e;
    uint64_t messages[CORRELATOR_SIMILAR];
    int n;
    int64_t last_ns;
};

struct counted {
    struct lru_entry e;
    int count;
    int64_t first_ns;
    char *name;
};

struct bucket {
    struct lru_entry e;
    double tokens;
    int64_t at_ns;
    bool used;
};

struct correlator {
    struct lru similar, counted, buckets;
};

static void plain_free(void *p)
{
    free(((struct lru_entry *)p)->key);
    free(p);
}

static void counted_free(void *p)
{
    free(((struct counted *)p)->name);
    plain_free(p);
}

static void lru_init(struct lru *l, void (*fn)(void *))
{
    map_init(&l->map, fn);
    list_init(&l->order);
}

/* The entry of the key, made (zeroed) when absent; the entry struct stands first in it. */
static void *lru_get(struct lru *l, struct str key, size_t size)
{
    struct lru_entry *e = map_get(&l->map, key);

    if (!e) {
        if (l->map.n >= CORRELATOR_KEYS_MAX) {
            struct lru_entry *oldest = list_first(&l->order, struct lru_entry, link);
            list_remove(&oldest->link);
            map_del(&l->map, str_of(oldest->key));
        }
        e = xcalloc(1, size);
        list_init(&e->link);
        e->key = str_dup(key);
        map_set(&l->map, key, e);
    }
    list_remove(&e->link);
    list_push(&l->order, &e->link);
    return e;
}

struct correlator *correlator_new(void)
{
    struct correlator *c = xcalloc(1, sizeof(*c));

    lru_init(&c->similar, plain_free);
    lru_init(&c->counted, counted_free);
    lru_init(&c->buckets, plain_free);
    return c;
}

struct correlator *correlator_free(struct correlator *c)
{
    if (!c)
        return NULL;
    map_release(&c->similar.map);
    map_release(&c->counted.map);
    map_release(&c->buckets.map);
    free(c);
    return NULL;
}

/* Is it one too many of its like, with ever other messages? */
static bool is_combined(struct correlator *c, const struct correlator_event *e)
{
    struct similar *s = lru_get(&c->similar, e->similar, sizeof(*s));
    uint64_t h = hash_bytes(e->message.p, e->message.n, 0);

    if (e->now_ns - s->last_ns > CORRELATOR_SIMILAR_NS)
        s->n = 0;
    s->last_ns = e->now_ns;
    for (int i = 0; i < s->n; i++)
        if (s->messages[i] == h)
            return false; /* known already: it is counted as itself */
    if (s->n < CORRELATOR_SIMILAR - 1) {
        s->messages[s->n++] = h;
        return false;
    }
    return true;
}

static bool take_token(struct correlator *c, const struct correlator_event *e)
{
    struct bucket *b = lru_get(&c->buckets, e->object, sizeof(*b));

    if (!b->used) {
        b->used = true;
        b->tokens = CORRELATOR_BURST;
    } else {
        b->tokens += (double)(e->now_ns - b->at_ns) / (double)CORRELATOR_REFILL_NS;
        b->tokens = MIN_OF(b->tokens, (double)CORRELATOR_BURST);
    }
    b->at_ns = e->now_ns;
    if (b->tokens < 1)
        return false;
    b->tokens -= 1;
    return true;
}

struct correlator_verdict correlator_judge(struct correlator *c, const struct correlator_event *e)
{
    struct correlator_verdict v = {.combined = is_combined(c, e)};
    struct counted *n = lru_get(&c->counted, v.combined ? e->similar : e->equal, sizeof(*n));

    if (!n->name) { /* never sent, or the sending failed */
        n->count = 0;
        n->first_ns = e->now_ns;
    }
    v.count = ++n->count;
    v.first_ns = n->first_ns;
    v.name = n->name;
    v.memory = n;
    v.send = take_token(c, e);
    return v;
}

void correlator_sent(struct correlator *c, const struct correlator_verdict *v, const char *name)
{
    struct counted *n = v->memory;

    if (n->name && strcmp(n->name, name) == 0)
        return;
    free(n->name);
    n->name = xstrdup(name);
}
