/* Readers and a writer at once: a value is never used after its last reference has gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/cell.h"

struct value {
    atomic_long refs;
    long check;
};

static struct value *value_new(long check)
{
    struct value *v = xcalloc(1, sizeof(*v));
    atomic_init(&v->refs, 1);
    v->check = check;
    return v;
}

static void ref(void *p)
{
    atomic_fetch_add(&((struct value *)p)->refs, 1);
}

static void unref(void *p)
{
    struct value *v = p;
    if (atomic_fetch_sub(&v->refs, 1) == 1) {
        v->check = -1;
        free(v);
    }
}

struct readers {
    struct cell *cell;
    atomic_bool stop;
    atomic_long seen, wrong;
};

static void *read_all(void *arg)
{
    struct readers *r = arg;
    while (!atomic_load(&r->stop)) {
        struct value *v = cell_get(r->cell);
        if (v->check < 0)
            atomic_fetch_add(&r->wrong, 1);
        atomic_fetch_add(&r->seen, 1);
        unref(v);
    }
    return NULL;
}

static void many_readers(void **state)
{
    (void)state;
    struct cell cell;
    cell_init(&cell, value_new(0), ref, unref);
    struct readers r = {.cell = &cell};
    pthread_t threads[3];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &r), 0);
    for (long i = 1; i <= 2000 || atomic_load(&r.seen) < 100; i++)
        cell_set(&cell, value_new(i));
    atomic_store(&r.stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&r.wrong), 0);
    cell_release(&cell);
}

static void empty(void **state)
{
    (void)state;
    struct cell cell;
    cell_init(&cell, NULL, ref, unref);
    assert_null(cell_get(&cell));
    cell_set(&cell, value_new(7));
    struct value *v = cell_get(&cell);
    cell_set(&cell, NULL);
    assert_int_equal(v->check, 7);
    unref(v);
    cell_release(&cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_readers), cmocka_unit_test(empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
