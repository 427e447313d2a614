/* The event loop, the worker pool and shared buffers. */
#include "net/loop.h"
#include "net/shared_buf.h"
#include "net/worker_pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

static void *run(void *arg)
{
    loop_run(arg);
    return NULL;
}

static struct loop *start(pthread_t *thread)
{
    struct err err = ERR_INIT;
    struct loop *l = loop_new(NULL, &err);
    assert_non_null(l);
    assert_int_equal(pthread_create(thread, NULL, run, l), 0);
    return l;
}

static void end(struct loop *l, pthread_t thread)
{
    loop_stop(l);
    pthread_join(thread, NULL);
    loop_free(l);
}

/* --- tasks --- */

#define TASKS 1000

struct counted {
    struct loop_task task; /* first */
    struct loop *loop;
    int *order, *at, number;
    atomic_int *done;
};

static void count_task(struct loop_task *t)
{
    struct counted *c = (struct counted *)t;
    assert_true(loop_on_thread(c->loop));
    c->order[(*c->at)++] = c->number;
    atomic_fetch_add(c->done, 1);
}

static void test_tasks_run_in_order(void **state)
{
    static struct counted tasks[TASKS];
    int order[TASKS], at = 0;
    atomic_int done = 0;
    pthread_t thread;
    struct loop *l = start(&thread);
    assert_false(loop_on_thread(l));
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (struct counted){{.fn = count_task}, l, order, &at, i, &done};
        assert_true(loop_post(l, &tasks[i].task));
    }
    while (atomic_load(&done) < TASKS)
        sleep_ns(NS_PER_MS);
    end(l, thread);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(order[i], i);
}

/* --- timers, by hand --- */

static int64_t fake_now;

static int64_t fake_mono(const struct clock *c)
{
    return fake_now;
}

struct noted {
    struct loop_timer timer;
    struct loop *loop;
    struct buf *log;
    char name;
    bool again;
};

static void note(struct loop_timer *t)
{
    struct noted *n = CONTAINER_OF(t, struct noted, timer);
    buf_putc(n->log, n->name);
    if (n->again)
        loop_timer_set(n->loop, t, 0);
}

static void test_timers(void **state)
{
    static const struct clock clock = {fake_mono, fake_mono};
    struct err err = ERR_INIT;
    struct buf log = BUF_INIT(1024);
    struct noted n[5];
    static const int64_t delays[] = {50, 10, 30, 20, 40};
    fake_now = 1000;
    struct loop *l = loop_new(&clock, &err);
    for (int i = 0; i < 5; i++) {
        n[i] = (struct noted){.timer.fn = note, .loop = l, .log = &log, .name = (char)('a' + i)};
        loop_timer_set(l, &n[i].timer, delays[i]);
    }
    loop_timer_cancel(l, &n[2].timer);
    loop_timer_cancel(l, &n[2].timer); /* fine twice */
    loop_turn(l);
    assert_int_equal(log.len, 0);
    fake_now += 25;
    loop_turn(l);
    assert_string_equal(log.data, "bd");
    loop_timer_set(l, &n[4].timer, 100); /* later than it was */
    fake_now += 25;
    loop_turn(l);
    assert_string_equal(log.data, "bda");
    n[4].again = true; /* one that arms itself anew runs once a turn */
    fake_now += 100;
    loop_turn(l);
    assert_string_equal(log.data, "bdae");
    fake_now++;
    loop_turn(l);
    assert_string_equal(log.data, "bdaee");
    loop_timer_cancel(l, &n[4].timer);
    loop_free(l);
    buf_release(&log);
}

static void test_many_timers(void **state)
{
    enum { N = 500 };
    static const struct clock clock = {fake_mono, fake_mono};
    struct err err = ERR_INIT;
    struct buf log = BUF_INIT(4096);
    static struct noted n[N];
    fake_now = 1;
    struct loop *l = loop_new(&clock, &err);
    for (int i = 0; i < N; i++) {
        n[i] = (struct noted){.timer.fn = note, .loop = l, .log = &log, .name = 'x'};
        loop_timer_set(l, &n[i].timer, (i * 7919) % N);
    }
    for (int i = 0; i < N; i += 3)
        loop_timer_cancel(l, &n[i].timer);
    int64_t fired = 0;
    for (int64_t t = 0; t < N; t++) { /* the heap keeps its order after removals from its middle */
        fake_now = 1 + t;
        loop_turn(l);
        for (int i = 0; i < N; i++)
            if (i % 3 && (i * 7919) % N == t)
                fired++;
        assert_int_equal(log.len, fired);
    }
    loop_free(l);
    buf_release(&log);
}

static void touch(struct loop_timer *t)
{
    struct noted *n = CONTAINER_OF(t, struct noted, timer);
    atomic_fetch_add((atomic_int *)(void *)n->log, 1);
    if (n->again)
        loop_timer_set(n->loop, t, NS_PER_MS);
}

struct arm_task {
    struct loop_task task;
    struct noted n;
};

static void arm(struct loop_task *t)
{
    struct arm_task *a = (struct arm_task *)t;
    loop_timer_set(a->n.loop, &a->n.timer, NS_PER_MS);
}

static void test_real_timers_fire(void **state)
{
    pthread_t thread;
    atomic_int ticks = 0;
    struct loop *l = start(&thread);
    struct arm_task a = {{.fn = arm},
                         {.timer.fn = touch, .loop = l, .log = (struct buf *)(void *)&ticks, .again = true}};
    assert_true(loop_post(l, &a.task));
    while (atomic_load(&ticks) < 5)
        sleep_ns(NS_PER_MS);
    end(l, thread);
}

/* --- descriptors --- */

struct pipe_end {
    struct loop_io io;
    struct loop *loop;
    struct pipe_end *other; /* removed when this one fires */
    int fired;
};

static void on_readable(struct loop_io *io, uint32_t events)
{
    struct pipe_end *p = CONTAINER_OF(io, struct pipe_end, io);
    p->fired++;
    if (p->other)
        loop_io_remove(p->loop, &p->other->io);
}

/* Two are ready in one turn; the first removes the second, which must then not be called. */
static void test_removal_in_a_turn(void **state)
{
    struct err err = ERR_INIT;
    struct loop *l = loop_new(NULL, &err);
    struct pipe_end e[2];
    int fds[2][2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(fds[i]), 0);
        e[i] = (struct pipe_end){.io = {.fd = fds[i][0], .fn = on_readable}, .loop = l, .other = &e[1 - i]};
        assert_int_equal(loop_io_add(l, &e[i].io, EPOLLIN, &err), 0);
        assert_int_equal(write(fds[i][1], "x", 1), 1);
    }
    loop_turn(l);
    assert_int_equal(e[0].fired + e[1].fired, 1);
    loop_free(l);
    for (int i = 0; i < 2; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
}

/* --- workers --- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void pass_gate(void *arg)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void test_full_pool_refuses(void **state)
{
    struct err err = ERR_INIT;
    atomic_int done = 0;
    struct worker_stats stats;
    struct worker_pool *p = worker_pool_new(&(struct worker_pool_options){.threads = 2, .queue_max = 3}, &err);
    assert_non_null(p);
    pthread_mutex_lock(&gate);
    int taken = 0;
    do { /* two run (and wait), three wait in the queue */
        taken += worker_pool_submit(p, pass_gate, &done);
        worker_pool_stats(p, &stats);
    } while (stats.running < 2 || stats.queued < 3);
    assert_false(worker_pool_submit(p, pass_gate, &done));
    assert_int_equal(taken, 5);
    pthread_mutex_unlock(&gate);
    worker_pool_free(p); /* lets the queue run dry */
    assert_int_equal(atomic_load(&done), 5);
}

/* --- shared buffers --- */

static void on_release(void *ctx)
{
    ++*(int *)ctx;
}

static void test_slices(void **state)
{
    int released = 0;
    struct slice_queue q = {0};
    char out[32];
    struct shared_buf *b = shared_buf_wrap(STR("0123456789"), on_release, &released);
    for (size_t i = 0; i < 5; i++)
        slice_queue_push(&q, shared_buf_ref(b), str_n(shared_buf_str(b).p + 2 * i, 2));
    slice_queue_push(&q, shared_buf_ref(b), STR("")); /* nothing: its reference goes at once */
    slice_queue_push(&q, NULL, STR("literal"));
    shared_buf_unref(b);
    assert_int_equal(q.bytes, 17);
    assert_int_equal(slice_queue_read(&q, out, 3), 3);
    assert_memory_equal(out, "012", 3);
    assert_int_equal(released, 0);
    assert_int_equal(slice_queue_read(&q, out, sizeof(out)), 14);
    assert_memory_equal(out, "3456789literal", 14);
    assert_int_equal(released, 1);
    for (int i = 0; i < 1000; i++) { /* a queue that is read as fast as it is filled does not grow */
        slice_queue_push(&q, NULL, STR("ab"));
        slice_queue_push(&q, NULL, STR("cd"));
        assert_int_equal(slice_queue_read(&q, out, 3), 3);
        assert_int_equal(slice_queue_read(&q, out, 1), 1);
    }
    assert_true(q.cap < 64);
    slice_queue_release(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks_run_in_order),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_many_timers),
        cmocka_unit_test(test_real_timers_fire),
        cmocka_unit_test(test_removal_in_a_turn),
        cmocka_unit_test(test_full_pool_refuses),
        cmocka_unit_test(test_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
