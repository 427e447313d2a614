/* Speed of the JSON reader and writer on a pod of about 4 KB, as an API server meets it: compact, and as kubectl
 * indents it. */
#include <stdio.h>

#include "api/json.h"
#include "base/clock.h"
#include "base/limits.h"

#define ROUNDS 40000

static const char container[] =
    "{\"name\":\"web-%d\",\"image\":\"registry.example.com/team/web:1.27.%d\",\"command\":[\"/bin/"
    "web\",\"--port=8080\"],"
    "\"ports\":[{\"name\":\"http\",\"containerPort\":8080,\"protocol\":\"TCP\"}],\"env\":[{\"name\":\"POD_NAME\","
    "\"valueFrom\":{"
    "\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.name\"}}},{\"name\":\"MODE\",\"value\":"
    "\"production\"}],"
    "\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"256Mi\"},\"requests\":{\"cpu\":\"250m\",\"memory\":"
    "\"128Mi\"}},"
    "\"volumeMounts\":[{\"name\":\"config\",\"mountPath\":\"/etc/"
    "web\"},{\"name\":\"kube-api-access-x7k2p\",\"readOnly\":true,"
    "\"mountPath\":\"/var/run/secrets/kubernetes.io/serviceaccount\"}],\"readinessProbe\":{\"httpGet\":{\"path\":\"/"
    "ready\",\"port\":"
    "8080,\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3}"
    ","
    "\"terminationMessagePath\":\"/dev/"
    "termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"IfNotPresent\"}";

static void make_pod(struct buf *b)
{
    buf_puts(
        b,
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web-5d9c7b8f6-x7k2p\",\"generateName\":\"web-"
        "5d9c7b8f6-\","
        "\"namespace\":\"default\",\"uid\":\"0b7a9c6e-3f7e-4f35-8f1c-2f0d5a1f6c11\",\"resourceVersion\":\"123456\","
        "\"creationTimestamp\":\"2026-01-02T03:04:05Z\",\"labels\":{\"app\":\"web\",\"pod-template-hash\":"
        "\"5d9c7b8f6\"},"
        "\"annotations\":{\"example.com/note\":\"{\\\"a\\\":[1,2,3],\\\"b\\\":\\\"text with "
        "\\\\\\\"quotes\\\\\\\"\\\"}\"},"
        "\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"web-5d9c7b8f6\",\"uid\":"
        "\"7c1e2f30-8a57-4d60-9b1e-1d2c3b4a5968\",\"controller\":true,\"blockOwnerDeletion\":true}]},\"spec\":{"
        "\"containers\":[");
    for (int i = 0; i < 2; i++) {
        if (i)
            buf_putc(b, ',');
        buf_printf(b, container, i, i);
    }
    buf_puts(
        b,
        "],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
        "\"serviceAccountName\":\"default\",\"nodeName\":\"node-1\",\"securityContext\":{},\"schedulerName\":\"default-"
        "scheduler\","
        "\"tolerations\":[{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
        "\"tolerationSeconds\":300},{\"key\":\"node.kubernetes.io/"
        "unreachable\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
        "\"tolerationSeconds\":300}],\"priority\":0,\"enableServiceLinks\":true,\"preemptionPolicy\":"
        "\"PreemptLowerPriority\"},"
        "\"status\":{\"phase\":\"Running\",\"conditions\":[");
    for (int i = 0; i < 4; i++)
        buf_printf(b,
                   "%s{\"type\":\"Condition%d\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":"
                   "\"2026-01-02T03:04:05Z\"}",
                   i ? "," : "", i);
    buf_puts(
        b, "],\"hostIP\":\"192.168.1.10\",\"podIP\":\"10.88.0.17\",\"podIPs\":[{\"ip\":\"10.88.0.17\"}],\"startTime\":"
           "\"2026-01-02T03:04:05Z\",\"qosClass\":\"Burstable\"}}");
}

static void report(const char *what, size_t bytes, int64_t ns)
{
    printf("%-28s %6zu bytes %7.2f us %8.1f MB/s\n", what, bytes, (double)ns / ROUNDS / 1000,
           (double)bytes * ROUNDS * 1000 / (double)ns);
}

static int run_parse(const char *what, struct str text)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct err err = ERR_INIT;
    struct doc *d;
    int64_t start = clock_mono(&clock_system);

    for (int i = 0; i < ROUNDS; i++) {
        arena_reset(a);
        if (json_parse(a, text, NULL, &d, &err) < 0) {
            fprintf(stderr, "%s\n", err.msg);
            return -1;
        }
    }
    report(what, text.n, clock_mono(&clock_system) - start);
    printf("%-28s %6zu bytes of arena\n", "", arena_used(a));
    return 0;
}

int main(void)
{
    _cleanup_(buf_releasep) struct buf pod = BUF_INIT(MIB), indented = BUF_INIT(MIB), out = BUF_INIT(MIB);
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct err err = ERR_INIT;
    struct doc *d;

    make_pod(&pod);
    if (json_parse(a, buf_str(&pod), NULL, &d, &err) < 0)
        return 1;
    json_write_indent(&indented, d, "  ");
    if (run_parse("parse compact", buf_str(&pod)) < 0 || run_parse("parse indented", buf_str(&indented)) < 0)
        return 1;
    int64_t start = clock_mono(&clock_system);
    for (int i = 0; i < ROUNDS; i++) {
        buf_clear(&out);
        json_write(&out, d);
    }
    report("write compact", out.len, clock_mono(&clock_system) - start);
    return 0;
}
