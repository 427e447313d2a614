#include "controllers/claim.h"

#include "make.h"
#include "test.h"

static void decisions(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    Appsv1__ReplicaSet *rs = make_set(a, "web", 1, 1);
    Metav1__LabelSelector sel = METAV1__LABEL_SELECTOR__INIT;
    Metav1__LabelSelector__MatchLabelsEntry e = METAV1__LABEL_SELECTOR__MATCH_LABELS_ENTRY__INIT, *es[] = {&e};
    static const struct {
        const char *label, *owner;
        bool pod_deleting, owner_deleting;
        enum claim want;
    } rows[] = {
        {"web", "uid-web", false, false, CLAIM_OWNED},
        {"web", "uid-other", false, false, CLAIM_NO},
        {"web", NULL, false, false, CLAIM_ADOPT},
        {"other", NULL, false, false, CLAIM_NO},
        {"other", "uid-web", false, false, CLAIM_RELEASE},
        {"web", NULL, true, false, CLAIM_NO},
        {"web", NULL, false, true, CLAIM_NO},
        {"other", "uid-web", false, true, CLAIM_NO},
    };

    e.key = (char *)"app", e.value = (char *)"web";
    sel.n_matchlabels = 1, sel.matchlabels = es;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Corev1__Pod *p = make_pod(a, "p", "n", "Running", 1);
        add_label(a, p->metadata, "app", rows[i].label);
        if (rows[i].owner)
            add_owner(a, p->metadata, rows[i].owner, true, true);
        p->metadata->deletiontimestamp = rows[i].pod_deleting ? make_time(a, 1) : NULL;
        rs->metadata->deletiontimestamp = rows[i].owner_deleting ? make_time(a, 1) : NULL;
        struct kube_object *owner = pack_object(&kube_replica_sets, &rs->base), *o = pack_object(&kube_pods, &p->base);
        struct claim_owner c = {NULL, owner, &sel};
        assert_int_equal(claim_decide(&c, o), rows[i].want);
        kube_object_unref(owner);
        kube_object_unref(o);
    }
}

static void references(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    struct kube_object *owner = pack_object(&kube_replica_sets, &make_set(a, "web", 1, 1)->base);
    Metav1__OwnerReference r;
    char gv[128];

    owner_reference(owner, gv, &r);
    assert_string_equal(r.apiversion, "apps/v1");
    assert_string_equal(r.kind, "ReplicaSet");
    assert_string_equal(r.uid, "uid-web");
    assert_true(r.controller && r.blockownerdeletion);
    kube_object_unref(owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decisions), cmocka_unit_test(references)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
