/* The scheduler program against the real apiserver: pods get nodes, wait with upstream's words, and survive kill -9 on
 * either side. */
#include "base/file.h"
#include "base/limits.h"
#include "client/kube_client.h"
#include "testapiserver/test_apiserver.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/clock.h"

#define NS "default"

static struct test_apiserver api;
static struct kube_client *client;
static pid_t scheduler;
static char kubeconfig[PATH_MAX], log_file[PATH_MAX];

static void program_path(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 32);
    assert_true(n > 0);
    out[n] = '\0';
    for (int up = 0; up < 2; up++)
        *strrchr(out, '/') = '\0';
    strcat(out, "/bin/scheduler");
}

static void start_scheduler(void)
{
    char path[PATH_MAX];

    program_path(path);
    scheduler = fork();
    assert_true(scheduler >= 0);
    if (scheduler == 0) {
        int fd = open(log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fd, 1);
        dup2(fd, 2);
        execl(path, "scheduler", "--kubeconfig", kubeconfig, "--secure-port=0", "--leader-elect-lease-duration=1s",
              "--leader-elect-renew-deadline=800ms", "--leader-elect-retry-period=200ms", (char *)NULL);
        _exit(127);
    }
}

static void kill_scheduler(void)
{
    kill(scheduler, SIGKILL);
    assert_int_equal(waitpid(scheduler, NULL, 0), scheduler);
}

/* POST of JSON to a path. */
static void create(const char *path, const char *json)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    if (kube_raw(client, "POST", path, "application/json", str_of(json), NULL, &out, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
}

static void create_node(const char *name, const char *cpu)
{
    _cleanup_(freep) char *node =
        xasprintf("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\",\"labels\":{"
                  "\"kubernetes.io/hostname\":\"%s\"}},\"status\":{\"allocatable\":{\"cpu\":\"%s\",\"memory\":"
                  "\"8Gi\",\"pods\":\"500\"}}}",
                  name, name, cpu);
    struct err err = ERR_INIT;

    create("/api/v1/nodes", node);
    /* a new node is tainted as not ready until its controller has seen it */
    assert_int_equal(kube_patch(client, &kube_nodes, NULL, name, "", KUBE_PATCH_MERGE,
                                STR("{\"spec\":{\"taints\":null}}"), NULL, &err),
                     0);
}

static void create_pod(const char *name, const char *cpu)
{
    _cleanup_(freep) char *pod = xasprintf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\","
                                           "\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":"
                                           "\"ReplicaSet\",\"name\":\"r\",\"uid\":\"u\",\"controller\":true}]},"
                                           "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\","
                                           "\"resources\":{\"requests\":{\"cpu\":\"%s\"}}}]}}",
                                           name, cpu);
    create("/api/v1/namespaces/" NS "/pods", pod);
}

static size_t count_on(const char *node)
{
    _cleanup_(kube_objects_releasep) struct kube_objects pods = {0};
    struct err err = ERR_INIT;
    size_t n = 0;

    if (kube_list(client, &kube_pods, &(struct kube_list_options){.ns = NS}, &pods, NULL, &err) < 0)
        return 0;
    kube_objects_foreach(&pods, p) n += strcmp(kstr(kube_pod(p)->spec->nodename), node) == 0;
    return n;
}

#define EVENTUALLY(condition)                                                                                          \
    do {                                                                                                               \
        int _tries = 0;                                                                                                \
        while (!(condition) && _tries++ < 3000)                                                                        \
            sleep_ns(10 * NS_PER_MS);                                                                                  \
        assert_true(condition);                                                                                        \
    } while (0)

static int setup(void **state)
{
    struct kube_client_options o = {.user_agent = "scheduler-test"};
    struct err err = ERR_INIT;
    char path[PATH_MAX];

    program_path(path);
    if (!test_apiserver_available() || access(path, X_OK) < 0) {
        printf("etcd, the apiserver or the scheduler is missing: skipped\n");
        exit(0);
    }
    test_apiserver_start(&api);
    struct kubeconfig k = {.server = api.url, .ca_pem = api.ca_pem.data, .token = (char *)TEST_APISERVER_TOKEN};
    if (kube_client_new(&k, &o, &client, &err) < 0)
        return -1;
    _cleanup_(freep) char *ca = xasprintf("%s/serving-ca.pem", api.dir);
    _cleanup_(freep) char *text =
        xasprintf("{clusters: [{name: c, cluster: {server: '%s', certificate-authority: '%s'}}], users: [{name: u, "
                  "user: {token: %s}}],"
                  " contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}",
                  api.url, ca, TEST_APISERVER_TOKEN);
    snprintf(kubeconfig, sizeof(kubeconfig), "%s/kubeconfig", api.dir);
    snprintf(log_file, sizeof(log_file), "%s/scheduler.log", api.dir);
    if (file_write(ca, buf_str(&api.ca_pem), 0644, &err) < 0 || file_write(kubeconfig, str_of(text), 0600, &err) < 0)
        return -1;
    create("/api/v1/namespaces/" NS "/serviceaccounts",
           "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"default\"}}");
    start_scheduler();
    return 0;
}

/* What a sanitizer says of the program would be lost with it. */
static bool log_is_clean(void)
{
    _cleanup_(buf_releasep) struct buf log = BUF_INIT(16 * MIB);
    struct err err = ERR_INIT;

    if (file_read(log_file, &log, &err) < 0)
        return false;
    if (!strstr(log.data, "Sanitizer") && !strstr(log.data, "runtime error"))
        return true;
    print_error("%s\n", log.data);
    return false;
}

static int teardown(void **state)
{
    kill_scheduler();
    bool clean = log_is_clean();
    client = kube_client_free(client);
    test_apiserver_stop(&api);
    return clean ? 0 : -1;
}

static void create_pods(const char *prefix, int n)
{
    for (int i = 0; i < n; i++) {
        _cleanup_(freep) char *name = xasprintf("%s-%d", prefix, i);
        create_pod(name, "1m");
    }
}

static void pods_spread_over_the_nodes(void **state)
{
    create_node("a", "4");
    create_node("b", "2");
    create_pods("spread", 20);
    EVENTUALLY(count_on("") == 0);
    assert_int_equal(count_on("a"), 10);
    assert_int_equal(count_on("b"), 10);
}

static const Corev1__PodCondition *condition_of(const struct kube_object *o)
{
    const Corev1__PodStatus *s = kube_pod(o)->status;
    for (size_t i = 0; s && i < s->n_conditions; i++)
        if (strcmp(kstr(s->conditions[i]->type), "PodScheduled") == 0)
            return s->conditions[i];
    return NULL;
}

static bool says(const char *pod, const char *message)
{
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    struct err err = ERR_INIT;
    const Corev1__PodCondition *c = kube_get(client, &kube_pods, NS, pod, &o, &err) == 0 ? condition_of(o) : NULL;
    return c && strcmp(kstr(c->message), message) == 0 && strcmp(kstr(c->reason), "Unschedulable") == 0;
}

static bool has_event(const char *pod, const char *reason)
{
    _cleanup_(kube_objects_releasep) struct kube_objects events = {0};
    struct err err = ERR_INIT;
    bool found = false;

    if (kube_list(client, &kube_events, &(struct kube_list_options){.ns = NS}, &events, NULL, &err) < 0)
        return false;
    kube_objects_foreach(&events, e) found |=
        strcmp(kstr(kube_event(e)->involvedobject->name), pod) == 0 && strcmp(kstr(kube_event(e)->reason), reason) == 0;
    return found;
}

static void a_pod_that_fits_nowhere_says_why_and_waits_for_room(void **state)
{
    struct err err = ERR_INIT;

    create_pod("large", "6");
    EVENTUALLY(says(
        "large",
        "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 Preemption is not helpful "
        "for scheduling."));
    EVENTUALLY(has_event("large", "FailedScheduling"));
    assert_int_equal(kube_patch(client, &kube_nodes, NULL, "b", "status", KUBE_PATCH_STRATEGIC,
                                STR("{\"status\":{\"allocatable\":{\"cpu\":\"8\"}}}"), NULL, &err),
                     0);
    EVENTUALLY(count_on("") == 0);
    assert_int_equal(count_on("b"), 11);
    EVENTUALLY(has_event("large", "Scheduled"));
}

static void killed_in_the_middle_it_goes_on_where_it_was(void **state)
{
    create_pods("first", 30);
    kill_scheduler();
    create_pods("second", 30);
    start_scheduler();
    EVENTUALLY(count_on("") == 0);
    assert_int_equal(count_on("a") + count_on("b"), 81);
}

static void it_survives_the_apiserver(void **state)
{
    test_apiserver_kill(&api);
    test_apiserver_restart(&api);
    create_pods("third", 10);
    EVENTUALLY(count_on("") == 0);
    assert_int_equal(waitpid(scheduler, NULL, WNOHANG), 0); /* the same process */
}

static void a_second_one_waits_for_the_lease(void **state)
{
    pid_t leader = scheduler;

    start_scheduler();
    pid_t second = scheduler;
    create_pods("fourth", 10);
    EVENTUALLY(count_on("") == 0);
    kill(leader, SIGKILL);
    assert_int_equal(waitpid(leader, NULL, 0), leader);
    create_pods("fifth", 10);
    EVENTUALLY(count_on("") == 0);
    assert_int_equal(waitpid(second, NULL, WNOHANG), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_spread_over_the_nodes),
        cmocka_unit_test(a_pod_that_fits_nowhere_says_why_and_waits_for_room),
        cmocka_unit_test(killed_in_the_middle_it_goes_on_where_it_was),
        cmocka_unit_test(it_survives_the_apiserver),
        cmocka_unit_test(a_second_one_waits_for_the_lease),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
