#include "controllers/gc/graph.h"

#include "base/map.h"
#include "make.h"
#include "test.h"

static struct map emitted;

static void emit(void *ctx, const char *uid)
{
    map_set(&emitted, str_of(uid), ctx);
}

static bool was_emitted(const char *uid)
{
    return map_has(&emitted, str_of(uid));
}

static void observe(struct graph *g, Metav1__ObjectMeta *m)
{
    Corev1__Pod p = COREV1__POD__INIT;

    p.metadata = m;
    struct kube_object *o = pack_object(&kube_pods, &p.base);
    map_clear(&emitted);
    graph_observe(g, o);
    kube_object_unref(o);
}

static void forget(struct graph *g, const char *uid)
{
    map_clear(&emitted);
    graph_forget(g, uid);
}

static struct graph *fresh(void)
{
    static int something;
    map_init(&emitted, NULL);
    return graph_new(emit, &something);
}

static size_t count_dependents(struct graph *g, const char *uid)
{
    struct graph_places l = VEC_INIT;
    graph_dependents(g, uid, &l);
    size_t n = l.n;
    graph_places_release(&l);
    return n;
}

static void an_unknown_owner_is_looked_up(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    struct graph *g = fresh();
    Metav1__ObjectMeta *owner = make_meta(a, "d", "owner"), *child = make_meta(a, "d", "child");

    add_owner(a, child, "uid-owner", true, true);
    observe(g, child);
    assert_true(was_emitted("uid-child"));
    assert_int_equal(count_dependents(g, "uid-owner"), 1);
    observe(g, owner);
    assert_int_equal(emitted.n, 0);
    observe(g, child);
    assert_int_equal(emitted.n, 0); /* all is known now */
    forget(g, "uid-owner");
    assert_true(was_emitted("uid-child"));
    forget(g, "uid-child");
    assert_int_equal(count_dependents(g, "uid-owner"), 0);
    graph_free(g);
    map_release(&emitted);
}

static void a_foreground_deletion_goes_down_and_comes_up(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    struct graph *g = fresh();
    Metav1__ObjectMeta *owner = make_meta(a, "d", "owner"), *child = make_meta(a, "d", "child");
    char *finalizers[] = {(char *)FINALIZER_FOREGROUND};
    struct graph_place p;

    observe(g, owner);
    add_owner(a, child, "uid-owner", true, true);
    observe(g, child);
    owner->deletiontimestamp = make_time(a, 1);
    owner->n_finalizers = 1, owner->finalizers = finalizers;
    observe(g, owner);
    assert_true(was_emitted("uid-owner"));
    assert_true(was_emitted("uid-child"));
    assert_true(graph_find(g, "uid-owner", &p));
    assert_true(p.foreground && p.deleting);
    graph_place_release(&p);
    forget(g, "uid-child");
    assert_true(was_emitted("uid-owner")); /* it may go on */
    graph_free(g);
    map_release(&emitted);
}

static void changed_references(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    struct graph *g = fresh();
    Metav1__ObjectMeta *child = make_meta(a, "d", "child");
    struct graph_places l = VEC_INIT;

    observe(g, make_meta(a, "d", "one"));
    observe(g, make_meta(a, "d", "two"));
    add_owner(a, child, "uid-one", true, true);
    observe(g, child);
    child->n_ownerreferences = 0;
    add_owner(a, child, "uid-two", false, false);
    observe(g, child);
    assert_int_equal(count_dependents(g, "uid-one"), 0);
    graph_dependents(g, "uid-two", &l);
    assert_int_equal(l.n, 1);
    assert_false(l.v[0].blocks);
    assert_string_equal(l.v[0].name, "child");
    graph_places_release(&l);
    child->n_ownerreferences = 0;
    observe(g, child);
    assert_int_equal(count_dependents(g, "uid-two"), 0);
    assert_int_equal(graph_count(g), 3);
    graph_free(g);
    map_release(&emitted);
}

static void an_orphaning_owner_is_looked_at(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    struct graph *g = fresh();
    Metav1__ObjectMeta *owner = make_meta(a, "d", "owner");
    char *finalizers[] = {(char *)FINALIZER_ORPHAN};

    owner->n_finalizers = 1, owner->finalizers = finalizers;
    observe(g, owner);
    assert_false(was_emitted("uid-owner"));
    owner->deletiontimestamp = make_time(a, 1);
    observe(g, owner);
    assert_true(was_emitted("uid-owner"));
    graph_free(g);
    map_release(&emitted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_owner_is_looked_up),
        cmocka_unit_test(a_foreground_deletion_goes_down_and_comes_up),
        cmocka_unit_test(changed_references),
        cmocka_unit_test(an_orphaning_owner_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
