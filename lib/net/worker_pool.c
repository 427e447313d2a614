#include "worker_pool.h"

#include <pthread.h>
#include <stdio.h>

struct job {
    void (*fn)(void *arg);
    void *arg;
};

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct job *ring; /* queue_max places */
    size_t queue_max, head, queued, running;
    uint64_t done, refused;
    bool stopping;
    char name[12];
    size_t n_threads, max_threads; /* threads start when there is work for them: an idle pool is one thread */
    pthread_t threads[];
};

static void *worker_main(void *arg)
{
    struct worker_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->queued == 0 && !p->stopping)
            pthread_cond_wait(&p->ready, &p->lock);
        if (p->queued == 0)
            break;
        struct job job = p->ring[p->head];
        p->head = (p->head + 1) % p->queue_max;
        p->queued--;
        p->running++;
        pthread_mutex_unlock(&p->lock);
        job.fn(job.arg);
        pthread_mutex_lock(&p->lock);
        p->running--;
        p->done++;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int start_thread(struct worker_pool *p)
{
    int rc = pthread_create(&p->threads[p->n_threads], NULL, worker_main, p);
    if (rc)
        return rc;
    char name[16];
    snprintf(name, sizeof(name), "%.11s-%zu", p->name, p->n_threads % 1000);
    pthread_setname_np(p->threads[p->n_threads++], name);
    return 0;
}

struct worker_pool *worker_pool_new(const struct worker_pool_options *o, struct err *err)
{
    size_t threads = o->threads ? o->threads : 16;
    struct worker_pool *p = xcalloc(1, sizeof(*p) + threads * sizeof(p->threads[0]));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->ready, NULL);
    p->queue_max = o->queue_max ? o->queue_max : 4096;
    p->ring = xcalloc(p->queue_max, sizeof(*p->ring));
    p->max_threads = threads;
    snprintf(p->name, sizeof(p->name), "%s", o->name ? o->name : "worker");
    int rc = start_thread(p);
    if (rc) {
        err_errno(err, rc, "cannot start a worker thread");
        return worker_pool_free(p);
    }
    return p;
}

struct worker_pool *worker_pool_free(struct worker_pool *p)
{
    if (!p)
        return NULL;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->ready);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->ready);
    pthread_mutex_destroy(&p->lock);
    free(p->ring);
    free(p);
    return NULL;
}

bool worker_pool_submit(struct worker_pool *p, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&p->lock);
    bool ok = !p->stopping && p->queued < p->queue_max;
    if (ok) {
        p->ring[(p->head + p->queued) % p->queue_max] = (struct job){fn, arg};
        p->queued++;
        if (p->queued > p->n_threads - p->running && p->n_threads < p->max_threads)
            (void)start_thread(p); /* when that fails the job waits for one that is there */
    } else {
        p->refused++;
    }
    pthread_mutex_unlock(&p->lock);
    if (ok) /* behind the lock, or the woken thread would run into it */
        pthread_cond_signal(&p->ready);
    return ok;
}

void worker_pool_stats(struct worker_pool *p, struct worker_stats *ret)
{
    pthread_mutex_lock(&p->lock);
    *ret = (struct worker_stats){p->queued, p->running, p->done, p->refused};
    pthread_mutex_unlock(&p->lock);
}
