/* lib/client against the real apiserver: typed requests and their errors, informers through the server's death, leader
 * election, events. */
#include "client/informer.h"
#include "client/leader.h"
#include "client/meta.h"
#include "client/recorder.h"
#include "testapiserver/test_apiserver.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#define NS "default"

static struct test_apiserver api;
static struct kube_client *client;

static struct kubeconfig config_of_test(void)
{
    return (struct kubeconfig){.server = api.url, .ca_pem = api.ca_pem.data, .token = (char *)TEST_APISERVER_TOKEN};
}

static int setup(void **state)
{
    struct kube_client_options o = {.user_agent = "client-test"};
    struct err err = ERR_INIT;

    if (!test_apiserver_available()) {
        printf("etcd or the apiserver is missing: skipped\n");
        exit(0);
    }
    test_apiserver_start(&api);
    struct kubeconfig k = config_of_test();
    return kube_client_new(&k, &o, &client, &err);
}

static int teardown(void **state)
{
    client = kube_client_free(client);
    test_apiserver_stop(&api);
    return 0;
}

/* Waits, within reason, for something that another thread brings about. */
#define EVENTUALLY(condition)                                                                                          \
    do {                                                                                                               \
        int _tries = 0;                                                                                                \
        while (!(condition) && _tries++ < 6000)                                                                        \
            sleep_ns(5 * NS_PER_MS);                                                                                   \
        assert_true(condition);                                                                                        \
    } while (0)

static int create_map(const char *name, const char *value, struct kube_object **ret, struct err *err)
{
    Corev1__ConfigMap m = COREV1__CONFIG_MAP__INIT;
    Metav1__ObjectMeta meta = METAV1__OBJECT_META__INIT;
    Corev1__ConfigMap__DataEntry e = COREV1__CONFIG_MAP__DATA_ENTRY__INIT, *es[] = {&e};

    meta.name = (char *)name;
    e.key = (char *)"k", e.value = (char *)value;
    m.metadata = &meta, m.n_data = 1, m.data = es;
    return kube_create(client, &kube_config_maps, NS, &m.base, ret, err);
}

static const char *value_of(const struct kube_object *o)
{
    const Corev1__ConfigMap *m = kube_config_map(o);
    return m->n_data ? m->data[0]->value : "";
}

static void requests_and_their_errors(void **state)
{
    _cleanup_(kube_object_unrefp) struct kube_object *made = NULL, *got = NULL, *patched = NULL;
    struct kube_delete_options pre = KUBE_DELETE_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(create_map("one", "1", &made, &err), 0);
    assert_string_equal(made->meta->name, "one");
    assert_true(*made->meta->uid && *made->meta->resourceversion);
    assert_int_equal(create_map("one", "1", NULL, &err), -1);
    assert_int_equal(err.code, ERR_ALREADY_EXISTS);
    assert_string_equal(err.msg, "configmaps \"one\" already exists");
    assert_int_equal(kube_get(client, &kube_config_maps, NS, "none", &got, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(create_map("No Name", "1", NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);

    assert_int_equal(kube_patch(client, &kube_config_maps, NS, "one", "", KUBE_PATCH_MERGE,
                                STR("{\"data\":{\"k\":\"2\"}}"), &patched, &err),
                     0);
    assert_string_equal(value_of(patched), "2");
    assert_int_equal(kube_update(client, &kube_config_maps, "", &kube_config_map(made)->base, NULL, &err),
                     -1); /* the old version */
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(kube_update(client, &kube_config_maps, "", &kube_config_map(patched)->base, NULL, &err), 0);

    pre.uid = "another-uid";
    assert_int_equal(kube_delete(client, &kube_config_maps, NS, "one", &pre, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(kube_delete(client, &kube_config_maps, NS, "one", NULL, &err), 0);
    assert_int_equal(kube_delete(client, &kube_config_maps, NS, "one", NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void lists_come_in_pages(void **state)
{
    struct kube_objects all = {0}, some = {0};
    _cleanup_(freep) char *revision = NULL;
    char name[32], value[16];
    struct err err = ERR_INIT;

    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof(name), "page-%d", i);
        snprintf(value, sizeof(value), "%d", i);
        assert_int_equal(create_map(name, value, NULL, &err), 0);
    }
    struct kube_list_options o = {.ns = NS, .page = 2};
    assert_int_equal(kube_list(client, &kube_config_maps, &o, &all, &revision, &err), 0);
    size_t pages = 0;
    kube_objects_foreach(&all, m) pages += strncmp(m->meta->name, "page-", 5) == 0;
    assert_int_equal(pages, 7);
    assert_true(*revision);
    struct kube_list_options f = {.ns = NS, .field_selector = "metadata.name=page-3"};
    assert_int_equal(kube_list(client, &kube_config_maps, &f, &some, NULL, &err), 0);
    assert_int_equal(some.n, 1);
    assert_int_equal(kube_delete_collection(client, &kube_config_maps, NS, NULL, NULL, &err), 0);
    kube_objects_release(&all);
    kube_objects_release(&some);
    assert_int_equal(kube_list(client, &kube_config_maps, &o, &all, NULL, &err), 0);
    assert_int_equal(all.n, 0);
}

static void metadata_alone(void **state)
{
    static const struct kube_kind partial = {.group = "",
                                             .version = "v1",
                                             .resource = "configmaps",
                                             .kind = "ConfigMap",
                                             .namespaced = true,
                                             .metadata_only = true,
                                             .desc = &metav1__partial_object_metadata__descriptor};
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    struct kube_objects all = {0};
    struct kube_list_options in = {.ns = NS};
    struct err err = ERR_INIT;

    assert_int_equal(create_map("meta", "1", NULL, &err), 0);
    assert_int_equal(kube_get(client, &partial, NS, "meta", &o, &err), 0);
    assert_string_equal(o->meta->name, "meta");
    assert_int_equal(kube_list(client, &partial, &in, &all, NULL, &err), 0);
    assert_int_equal(all.n, 1);
    kube_objects_release(&all);
    assert_int_equal(kube_delete(client, &kube_config_maps, NS, "meta", NULL, &err), 0);
}

/* --- informers --- */

struct seen {
    atomic_int added, updated, deleted;
};

static void on_add(void *ctx, struct kube_object *o)
{
    atomic_fetch_add(&((struct seen *)ctx)->added, 1);
}

static void on_update(void *ctx, struct kube_object *old, struct kube_object *o)
{
    atomic_fetch_add(&((struct seen *)ctx)->updated, 1);
}

static void on_delete(void *ctx, struct kube_object *last)
{
    atomic_fetch_add(&((struct seen *)ctx)->deleted, 1);
}

static bool has_value(struct informer *i, const char *name, const char *value)
{
    _cleanup_(kube_object_unrefp) struct kube_object *o = informer_get_ns(i, NS, name);
    return value ? o && strcmp(value_of(o), value) == 0 : !o;
}

static void an_informer_lives_through_the_death_of_the_server(void **state)
{
    struct stop *stop = stop_new();
    struct informer_factory *f = informer_factory_new(client, stop);
    struct informer *i = informer_of(f, &kube_config_maps, NULL);
    struct seen seen = {0};
    struct informer_handler h = {&seen, on_add, on_update, on_delete};
    int by_ns = informer_add_index(i, informer_index_namespace);
    struct kube_objects l = {0};
    struct err err = ERR_INIT;

    assert_ptr_equal(informer_of(f, &kube_config_maps, NULL), i);
    informer_add_handler(i, &h);
    assert_int_equal(create_map("before", "1", NULL, &err), 0);
    informer_factory_start(f);
    assert_true(informer_factory_wait_synced(f, 30 * NS_PER_S));
    assert_true(has_value(i, "before", "1"));
    assert_int_equal(atomic_load(&seen.added), 1); /* its handler has run */
    assert_int_equal(create_map("live", "1", NULL, &err), 0);
    EVENTUALLY(has_value(i, "live", "1"));
    assert_int_equal(kube_patch(client, &kube_config_maps, NS, "live", "", KUBE_PATCH_STRATEGIC,
                                STR("{\"data\":{\"k\":\"2\"}}"), NULL, &err),
                     0);
    EVENTUALLY(has_value(i, "live", "2"));
    informer_by_index(i, by_ns, STR(NS), &l);
    assert_int_equal(l.n, 2);
    kube_objects_release(&l);

    test_apiserver_kill(&api);
    test_apiserver_restart(&api);
    assert_true(has_value(i, "before", "1")); /* kept all the while */
    assert_int_equal(kube_delete(client, &kube_config_maps, NS, "before", NULL, &err), 0);
    assert_int_equal(create_map("after", "1", NULL, &err), 0);
    EVENTUALLY(has_value(i, "after", "1"));
    EVENTUALLY(has_value(i, "before", NULL));
    assert_int_equal(atomic_load(&seen.added), 3); /* nothing twice */
    assert_int_equal(atomic_load(&seen.updated), 1);
    EVENTUALLY(atomic_load(&seen.deleted) == 1);
    stop_request(stop);
    informer_factory_free(f);
    stop_free(stop);
    assert_int_equal(kube_delete_collection(client, &kube_config_maps, NS, NULL, NULL, &err), 0);
}

/* After a restart the server does not know old revisions any more: that must be told, and an informer must list anew.
 */
static void an_old_revision_is_expired(void **state)
{
    struct stop *stop = stop_new();
    struct informer_factory *f = informer_factory_new(client, stop);
    struct informer_options quiet = {.ns = NS, .field_selector = "metadata.name=quiet"};
    struct informer *i = informer_of(f, &kube_config_maps, &quiet);
    struct kube_watch_options from_one = {.ns = NS, .resource_version = "1"};
    struct kube_watch *w = NULL;
    enum kube_watch_type type;
    struct kube_object *o;
    char name[32];
    struct err err = ERR_INIT;

    assert_int_equal(create_map("quiet", "1", NULL, &err), 0);
    informer_factory_start(f);
    assert_true(informer_factory_wait_synced(f, 30 * NS_PER_S));
    for (int n = 0; n < 20; n++) { /* revisions that the informer does not hear of */
        snprintf(name, sizeof(name), "noise-%d", n);
        assert_int_equal(create_map(name, "1", NULL, &err), 0);
    }
    test_apiserver_kill(&api);
    test_apiserver_restart(&api);
    if (kube_watch_open(client, &kube_config_maps, &from_one, &w, &err) == 0)
        assert_int_equal(kube_watch_next(w, &type, &o, &err), -1);
    kube_watch_free(w);
    assert_true(err.code == ERR_EXPIRED || err.code == ERR_GONE);
    err_clear(&err);
    assert_int_equal(kube_delete_collection(client, &kube_config_maps, NS, NULL, NULL, &err), 0);
    EVENTUALLY(has_value(i, "quiet", NULL));
    stop_request(stop);
    informer_factory_free(f);
    stop_free(stop);
}

static void a_resource_that_is_not_served_keeps_nobody_waiting(void **state)
{
    static const struct kube_kind nothing = {.group = "example.com",
                                             .version = "v1",
                                             .resource = "nothings",
                                             .kind = "Nothing",
                                             .metadata_only = true,
                                             .desc = &metav1__partial_object_metadata__descriptor};
    struct stop *stop = stop_new();
    struct informer_factory *f = informer_factory_new(client, stop);
    struct informer *i = informer_of(f, &nothing, NULL);

    informer_factory_start(f);
    assert_true(informer_factory_wait_synced(f, 30 * NS_PER_S));
    assert_int_equal(informer_count(i), 0);
    stop_request(stop);
    informer_factory_free(f);
    stop_free(stop);
}

/* --- leader election --- */

struct candidate {
    struct stop *stop;
    const char *identity;
    atomic_int leading;
    int result;
    pthread_t thread;
};

static void lead(void *ctx, struct stop *lost)
{
    struct candidate *c = ctx;

    atomic_store(&c->leading, 1);
    stop_wait(lost, -1);
    atomic_store(&c->leading, 0);
}

static void *stand(void *arg)
{
    struct candidate *c = arg;
    struct leader_options o = {
        .ns = "kube-system", .name = "test", .identity = c->identity, .retry_period_ns = 50 * NS_PER_MS};
    struct err err = ERR_INIT;

    c->result = leader_run(client, &o, c->stop, lead, c, &err);
    return NULL;
}

static void one_leads_at_a_time(void **state)
{
    struct candidate a = {.stop = stop_new(), .identity = "a"}, b = {.stop = stop_new(), .identity = "b"};
    _cleanup_(kube_object_unrefp) struct kube_object *lease = NULL;
    struct err err = ERR_INIT;

    pthread_create(&a.thread, NULL, stand, &a);
    EVENTUALLY(atomic_load(&a.leading));
    pthread_create(&b.thread, NULL, stand, &b);
    sleep_ns(300 * NS_PER_MS); /* time enough to do wrong */
    assert_int_equal(atomic_load(&b.leading), 0);
    stop_request(a.stop); /* it releases the lease, so the other need not wait for it to run out */
    pthread_join(a.thread, NULL);
    assert_int_equal(a.result, 0);
    EVENTUALLY(atomic_load(&b.leading));
    assert_int_equal(kube_get(client, &kube_leases, "kube-system", "test", &lease, &err), 0);
    assert_string_equal(kube_lease(lease)->spec->holderidentity, "b");
    assert_int_equal(kube_lease(lease)->spec->leasedurationseconds, 15);
    stop_request(b.stop);
    pthread_join(b.thread, NULL);
    stop_free(a.stop);
    stop_free(b.stop);
}

/* --- events, tokens --- */

static struct kube_object *find_event(const char *reason)
{
    struct kube_objects l = {0};
    struct kube_list_options o = {.ns = NS};
    struct kube_object *found = NULL;
    struct err err = ERR_INIT;

    if (kube_list(client, &kube_events, &o, &l, NULL, &err) == 0)
        kube_objects_foreach(&l, e) if (strcmp(kstr(kube_event(e)->reason), reason) == 0)
        {
            kube_object_unref(found);
            found = kube_object_ref(e);
        }
    kube_objects_release(&l);
    return found;
}

static void equal_events_become_one(void **state)
{
    struct recorder *r = recorder_new(client, "test-component", "host-1");
    _cleanup_(kube_object_unrefp) struct kube_object *about = NULL, *e = NULL;
    struct err err = ERR_INIT;

    assert_int_equal(create_map("eventful", "1", &about, &err), 0);
    for (int i = 0; i < 3; i++)
        recorder_event(r, about, EVENT_WARNING, "Testing", "number %d", 7);
    recorder_free(r); /* all is sent */
    e = find_event("Testing");
    assert_non_null(e);
    const Corev1__Event *ev = kube_event(e);
    assert_int_equal(ev->count, 3);
    assert_string_equal(ev->message, "number 7");
    assert_string_equal(ev->source->component, "test-component");
    assert_string_equal(ev->source->host, "host-1");
    assert_string_equal(ev->involvedobject->kind, "ConfigMap");
    assert_string_equal(ev->involvedobject->uid, about->meta->uid);
    assert_string_equal(ev->type, "Warning");
}

static void a_service_account_acts_for_itself(void **state)
{
    struct kube_client_options o = {.user_agent = "client-test"};
    _cleanup_(kube_client_freep) struct kube_client *other = NULL;
    _cleanup_(kube_object_unrefp) struct kube_object *got = NULL;
    struct kubeconfig k = config_of_test();
    struct kube_objects pods = {0};
    struct err err = ERR_INIT;

    /* the account is made, and has the rights that upstream's bootstrap policy gives it, and no more */
    assert_int_equal(kube_client_new_account(&k, &o, client, "kube-system", "replicaset-controller", &other, &err), 0);
    struct kube_list_options all = {0};
    assert_int_equal(kube_list(other, &kube_pods, &all, &pods, NULL, &err), 0);
    kube_objects_release(&pods);
    assert_int_equal(kube_get(other, &kube_secrets, NS, "any", &got, &err), -1);
    assert_int_equal(err.code, ERR_FORBIDDEN);
}

static void an_unreachable_server_is_unavailable(void **state)
{
    struct kube_client_options o = {.user_agent = "client-test", .dial_timeout_ns = NS_PER_S};
    _cleanup_(kube_client_freep) struct kube_client *nobody = NULL;
    _cleanup_(kube_object_unrefp) struct kube_object *got = NULL;
    struct kubeconfig k = config_of_test();
    char url[64];
    struct err err = ERR_INIT;

    snprintf(url, sizeof(url), "https://127.0.0.1:%d", test_free_port());
    k.server = url;
    assert_int_equal(kube_client_new(&k, &o, &nobody, &err), 0);
    assert_int_equal(kube_get(nobody, &kube_pods, NS, "x", &got, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    k.server = api.url;
    k.token = (char *)"not-the-token";
    nobody = kube_client_free(nobody);
    assert_int_equal(kube_client_new(&k, &o, &nobody, &err), 0);
    assert_int_equal(kube_get(nobody, &kube_pods, NS, "x", &got, &err), -1);
    assert_int_equal(err.code, ERR_UNAUTHORIZED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_and_their_errors),
        cmocka_unit_test(lists_come_in_pages),
        cmocka_unit_test(metadata_alone),
        cmocka_unit_test(an_informer_lives_through_the_death_of_the_server),
        cmocka_unit_test(an_old_revision_is_expired),
        cmocka_unit_test(a_resource_that_is_not_served_keeps_nobody_waiting),
        cmocka_unit_test(one_leads_at_a_time),
        cmocka_unit_test(equal_events_become_one),
        cmocka_unit_test(a_service_account_acts_for_itself),
        cmocka_unit_test(an_unreachable_server_is_unavailable),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
