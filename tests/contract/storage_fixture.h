/*
 * storage_fixture.h - one storage on a real etcd for the contract tests of apiserver/storage, and short hands that fail
 * the test when a call fails.
 *
 * Each test has a resource of its own (fx.prefix), so tests share one etcd.
 */
#ifndef CONTRACT_STORAGE_FIXTURE_H
#define CONTRACT_STORAGE_FIXTURE_H

#include "apiserver/storage/storage.h"
#include "base/clock.h"
#include "base/limits.h"
#include "testlib/test_etcd.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

struct storage_fixture {
    struct test_etcd etcd;
    struct storage *s;
    bool with_cache; /* over the watch cache, not over etcd itself */
    int round_no;
    char prefix[64]; /* of this test's resource, with a slash at its end */
};
extern struct storage_fixture fx;

#define T(name) cmocka_unit_test_setup_teardown(name, fx_begin, fx_end)
int fx_begin(void **state);
int fx_end(void **state);

struct storage *open_store(bool cache, const struct storage_cache_options *co);
struct str key_of(const char *name); /* until the thread's next call */
int64_t create(const char *name, const char *value);
int64_t update(const char *name, int64_t expect, const char *value);
int64_t delete_key(const char *name, int64_t expect);
struct storage_list list_of(struct storage_list_options o);
void assert_names(const struct storage_list *l, const char *expect); /* "a=1 b=2" */
/* The next event is this one: "name=value"; revision 0: whichever. */
void assert_event(struct storage_watch *w, enum storage_event_type type, const char *expect, int64_t revision);
struct storage_watch *watch_of(struct storage_watch_options o);
bool begins_with(void *user, const struct storage_object *o); /* selector: the value's first character is *user */
void compact_to(int64_t revision);

/* WRITERS threads that each make OBJECTS objects (create, update, and delete of every other one). */
#define WRITERS 8
#define OBJECTS 60
#define EVENTS (WRITERS * (OBJECTS * 2 + OBJECTS / 2))

struct writer {
    pthread_t thread;
    int id;
    atomic_int *done;
};

void start_writers(struct writer *w, atomic_int *done); /* w: WRITERS of them, to be joined */
/* Each event once, in order of revisions, and for each object ADDED, MODIFIED, (DELETED). */
void check_stream(struct storage_watch *w);

#endif
