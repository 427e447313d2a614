#include "fake_store.h"

#include "apiserver/auth/node_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char pod_json[] =
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"serviceAccountName\":\"robot\",\"imagePullSecrets\":[{\"name\":"
    "\"pull\"}],"
    "\"volumes\":[{\"name\":\"a\",\"secret\":{\"secretName\":\"mounted\"}},{\"name\":\"b\",\"configMap\":{\"name\":"
    "\"files\"}},"
    "{\"name\":\"c\",\"projected\":{\"sources\":[{\"secret\":{\"name\":\"projected\"}},{\"configMap\":{\"name\":\"root-"
    "ca\"}}]}},"
    "{\"name\":\"d\",\"persistentVolumeClaim\":{\"claimName\":\"disk\"}},{\"name\":\"e\",\"ephemeral\":{}},"
    "{\"name\":\"f\",\"csi\":{\"nodePublishSecretRef\":{\"name\":\"publish\"}}},"
    "{\"name\":\"g\",\"cephfs\":{\"secretRef\":{\"name\":\"ceph\"}}}],"
    "\"containers\":[{\"env\":[{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"key\"}}},"
    "{\"name\":\"B\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"setting\"}}}]}],"
    "\"initContainers\":[{\"envFrom\":[{\"secretRef\":{\"name\":\"all\"}},{\"configMapRef\":{\"name\":\"settings\"}}]}]"
    "}}";

static void test_uses(void **state)
{
    static const struct {
        const char *resource, *name;
        bool uses;
    } cases[] = {
        {"secrets", "pull", true},
        {"secrets", "mounted", true},
        {"secrets", "projected", true},
        {"secrets", "publish", true},
        {"secrets", "ceph", true},
        {"secrets", "key", true},
        {"secrets", "all", true},
        {"secrets", "files", false},
        {"secrets", "", false},
        {"configmaps", "files", true},
        {"configmaps", "root-ca", true},
        {"configmaps", "setting", true},
        {"configmaps", "settings", true},
        {"configmaps", "key", false},
        {"persistentvolumeclaims", "disk", true},
        {"persistentvolumeclaims", "p-e", true},
        {"persistentvolumeclaims", "p-d", false},
        {"persistentvolumeclaims", "p-ee", false},
        {"serviceaccounts", "robot", true},
        {"serviceaccounts", "default", false},
        {"pods", "p", false},
    };
    _cleanup_(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    const struct doc *pod = parse_json(a, pod_json);
    assert_non_null(pod);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (node_graph_pod_uses(pod, cases[i].resource, str_of(cases[i].name)) != cases[i].uses)
            fail_msg("%s %s", cases[i].resource, cases[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_uses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
