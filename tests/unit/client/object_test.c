#include "client/object.h"

#include "make.h"
#include "test.h"

static void decodes_and_counts_references(void **state)
{
    struct kube_object *o = make_pod("default", "web-1", "n1", NULL);

    assert_non_null(o);
    assert_str(o->key, "default/web-1");
    assert_string_equal(kube_pod(o)->spec->nodename, "n1");
    assert_string_equal(o->meta->name, "web-1");
    assert_ptr_equal(kube_object_ref(o), o);
    assert_null(kube_object_unref(o));
    assert_string_equal(o->meta->name, "web-1"); /* still there */
    kube_object_unref(o);
    kube_object_unref(NULL);
}

static void an_empty_object_has_metadata(void **state)
{
    struct err err = ERR_INIT;
    struct kube_object *o;

    assert_int_equal(kube_object_decode(&kube_pods, STR(""), &o, &err), 0);
    assert_non_null(o->meta);
    assert_str(o->key, "");
    kube_object_unref(o);
}

static void metadata_only_skips_the_rest(void **state)
{
    static const struct kube_kind partial = {.group = "",
                                             .version = "v1",
                                             .resource = "pods",
                                             .kind = "Pod",
                                             .namespaced = true,
                                             .metadata_only = true,
                                             .desc = &metav1__partial_object_metadata__descriptor};
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    Corev1__PodSpec spec = COREV1__POD_SPEC__INIT;
    Corev1__Pod p = COREV1__POD__INIT;

    m.name = (char *)"a", m.uid = (char *)"u", spec.nodename = (char *)"n", p.metadata = &m, p.spec = &spec;
    struct kube_object *o = pack_object(&partial, &p.base);
    assert_non_null(o);
    assert_string_equal(o->meta->uid, "u");
    assert_int_equal(o->msg->n_unknown_fields, 0);
    kube_object_unref(o);
}

static void refuses_what_is_no_message(void **state)
{
    struct err err = ERR_INIT;
    struct kube_object *o = NULL;

    assert_int_equal(kube_object_decode(&kube_pods, STR("\x0a\x05xx"), &o, &err), -1);
    assert_int_equal(err.code, ERR_BAD_REQUEST);
    assert_null(o);
}

static void decodes_many_repeated_fields(void **state)
{
    enum { N = 3000 };
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    Corev1__Pod p = COREV1__POD__INIT;
    char *finalizers[N];

    for (int i = 0; i < N; i++)
        finalizers[i] = (char *)"f";
    m.n_finalizers = N, m.finalizers = finalizers, p.metadata = &m;
    struct kube_object *o = pack_object(&kube_pods, &p.base); /* much larger decoded than on the wire */
    assert_non_null(o);
    assert_int_equal(o->meta->n_finalizers, N);
    assert_string_equal(o->meta->finalizers[N - 1], "f");
    kube_object_unref(o);
}

static void a_shallow_copy_leaves_the_original(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    struct kube_object *o = make_pod("default", "web-1", "n1", NULL);
    Corev1__Pod *p = KUBE_COPY(a, Corev1__Pod, kube_pod(o));

    p->spec = KUBE_COPY(a, Corev1__PodSpec, p->spec);
    p->spec->nodename = (char *)"n2";
    struct kube_object *changed = pack_object(&kube_pods, &p->base);
    assert_string_equal(kube_pod(changed)->spec->nodename, "n2");
    assert_string_equal(kube_pod(o)->spec->nodename, "n1");
    kube_object_unref(changed);
    kube_object_unref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_and_counts_references), cmocka_unit_test(an_empty_object_has_metadata),
        cmocka_unit_test(metadata_only_skips_the_rest),  cmocka_unit_test(refuses_what_is_no_message),
        cmocka_unit_test(decodes_many_repeated_fields),  cmocka_unit_test(a_shallow_copy_leaves_the_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
