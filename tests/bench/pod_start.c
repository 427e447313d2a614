/*
 * pod_start KUBECONFIG RUNTIME-ENDPOINT NODE [ROUNDS] - what the cluster adds to the start of a pod: the same busybox
 * pod by bare CRI calls (sandbox, create, start) and through the API (create to a watcher seeing Running), in turn, so
 * that what else the machine does weighs on both. Started by pod_start.sh, which makes the cluster.
 */
#include "base/limits.h"
#include "base/parse.h"
#include "client/kube_client.h"
#include "kubelet/pod/build.h"
#include "kubelet/pod/spec.h"
#include "kubelet/runtime/runtime.h"

#include <stdio.h>

#define ROUNDS_MAX 1000
#define SETTLE_NS (NS_PER_S / 2) /* the runtime goes on cleaning up after a removal */

static void fail(const char *what, const struct err *err)
{
    fprintf(stderr, "pod_start: %s: %s\n", what, err->msg);
    exit(1);
}

static int64_t now_us(void)
{
    return clock_mono(&clock_system) / 1000;
}

static Corev1__Pod *build_pod(struct arena *a, const char *name, const char *node)
{
    Corev1__Pod *pod = BUILD(a, Corev1__Pod, corev1__pod);
    Corev1__Container *c = BUILD(a, Corev1__Container, corev1__container);
    pod->metadata = BUILD(a, Metav1__ObjectMeta, metav1__object_meta);
    pod->metadata->name = build_text(a, name);
    pod->metadata->namespace_ = (char *)"default";
    pod->spec = BUILD(a, Corev1__PodSpec, corev1__pod_spec);
    pod->spec->nodename = (char *)node;
    pod->spec->has_automountserviceaccounttoken = true;
    pod->spec->has_terminationgraceperiodseconds = true;
    pod->spec->terminationgraceperiodseconds = 1;
    pod->spec->containers = BUILD_ARRAY(a, 1, Corev1__Container *);
    pod->spec->containers[pod->spec->n_containers++] = c;
    c->name = (char *)"main";
    c->image = (char *)"coracle.local/busybox:1";
    c->command = BUILD_ARRAY(a, 2, char *);
    c->command[c->n_command++] = (char *)"sleep";
    c->command[c->n_command++] = (char *)"1000";
    return pod;
}

static int64_t bare(struct runtime *rt, int round)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct err err = ERR_INIT;
    struct runtime_image image;
    char *sandbox, *container;
    Corev1__Pod *pod = build_pod(a, "bare", "");
    pod->metadata->uid = BUILD_PRINTF(a, "bare-%d-%d", getpid(), round);
    struct runtime_sandbox_spec s = {
        .pod = pod, .hostname = "bare", .log_dir = "/tmp", .cgroup_parent = "/kubepods/besteffort/podbare"};
    if (runtime_image_status(rt, pod->spec->containers[0]->image, &image, &err) < 0)
        fail("image", &err);
    struct runtime_container_spec c = {.container = pod->spec->containers[0],
                                       .sandbox = &s,
                                       .image_ref = image.id,
                                       .command = (const char *const *)pod->spec->containers[0]->command,
                                       .n_command = 2,
                                       .resources = {.cpu_shares = 2, .oom_score_adj = 1000}};
    int64_t begin = now_us();
    if (runtime_sandbox_run(rt, &s, &sandbox, &err) < 0)
        fail("sandbox", &err);
    if (runtime_container_create(rt, sandbox, &c, &container, &err) < 0)
        fail("create", &err);
    if (runtime_container_start(rt, container, &err) < 0)
        fail("start", &err);
    int64_t took = now_us() - begin;
    if (runtime_sandbox_stop(rt, sandbox, &err) < 0 || runtime_sandbox_remove(rt, sandbox, &err) < 0)
        fail("remove", &err);
    runtime_image_release(&image);
    free(sandbox);
    free(container);
    return took;
}

/* Waits until the pod is there as `phase`, or (NULL) gone. */
static void wait_for(struct kube_watch *w, const char *name, const char *phase)
{
    for (;;) {
        _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
        enum kube_watch_type type;
        struct err err = ERR_INIT;
        if (kube_watch_next(w, &type, &o, &err) <= 0)
            fail("watch", &err);
        if (type == KUBE_WATCH_BOOKMARK || !text_is(o->meta->name, name))
            continue;
        const Corev1__PodStatus *s = kube_pod(o)->status;
        if (phase ? s && text_is(s->phase, phase) : type == KUBE_WATCH_DELETED)
            return;
    }
}

static int64_t through_api(struct kube_client *c, const char *node, int round)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    _cleanup_(freep) char *revision = NULL;
    struct kube_objects none = {0};
    struct kube_list_options list = {.ns = "default"};
    struct kube_watch *w;
    struct err err = ERR_INIT;
    const char *name = BUILD_PRINTF(a, "start-%d", round);
    Corev1__Pod *pod = build_pod(a, name, node);
    if (kube_list(c, &kube_pods, &list, &none, &revision, &err) < 0)
        fail("list", &err);
    kube_objects_release(&none);
    struct kube_watch_options o = {.ns = "default", .resource_version = revision};
    if (kube_watch_open(c, &kube_pods, &o, &w, &err) < 0)
        fail("watch", &err);
    int64_t begin = now_us();
    if (kube_create(c, &kube_pods, "default", &pod->base, NULL, &err) < 0)
        fail("create", &err);
    wait_for(w, name, "Running");
    int64_t took = now_us() - begin;
    if (kube_delete(c, &kube_pods, "default", name, NULL, &err) < 0)
        fail("delete", &err);
    wait_for(w, name, NULL);
    kube_watch_free(w);
    return took;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    int64_t rounds = 20, direct[ROUNDS_MAX], api[ROUNDS_MAX];
    _cleanup_(kubeconfig_freep) struct kubeconfig *config = NULL;
    struct kube_client_options o = {.user_agent = "pod_start"};
    struct kube_client *client;
    struct runtime *rt;
    struct err err = ERR_INIT;
    if (argc < 4 || (argc > 4 && !parse_range(str_of(argv[4]), 1, ROUNDS_MAX, &rounds))) {
        fprintf(stderr, "usage: pod_start KUBECONFIG RUNTIME-ENDPOINT NODE [ROUNDS]\n");
        return 2;
    }
    struct runtime_options ro = {.endpoint = argv[2]};
    if (kubeconfig_load(argv[1], NULL, &config, &err) < 0 || kube_client_new(config, &o, &client, &err) < 0 ||
        runtime_new(&ro, &rt, &err) < 0)
        fail("set-up", &err);
    for (int i = 0; i < rounds; i++) {
        sleep_ns(SETTLE_NS);
        direct[i] = bare(rt, i);
        sleep_ns(SETTLE_NS);
        api[i] = through_api(client, argv[3], i);
    }
    qsort(direct, (size_t)rounds, sizeof(*direct), by_value);
    qsort(api, (size_t)rounds, sizeof(*api), by_value);
    printf("bare CRI calls        median %4lld ms (%lld to %lld)\n", (long long)direct[rounds / 2] / 1000,
           (long long)direct[0] / 1000, (long long)direct[rounds - 1] / 1000);
    printf("created to Running    median %4lld ms (%lld to %lld)\n", (long long)api[rounds / 2] / 1000,
           (long long)api[0] / 1000, (long long)api[rounds - 1] / 1000);
    printf("ratio of the medians  %.2f (aim: at most 1.5)\n", (double)api[rounds / 2] / (double)direct[rounds / 2]);
    kube_client_free(client);
    runtime_free(rt);
    return 0;
}
