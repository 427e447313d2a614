/* Speed of the walkers on a pod of about 4 KB: JSON -> conform -> protobuf, and protobuf -> JSON. */
#include <stdio.h>

#include "api/conform.h"
#include "api/proto_codec.h"
#include "base/clock.h"
#include "base/limits.h"

#define ROUNDS 20000

static const char container[] =
    "{\"name\":\"web-%d\",\"image\":\"registry.example.com/team/web:1.27.%d\",\"command\":[\"/bin/"
    "web\",\"--port=8080\"],"
    "\"ports\":[{\"name\":\"http\",\"containerPort\":8080,\"protocol\":\"TCP\"}],\"env\":[{\"name\":\"POD_NAME\","
    "\"valueFrom\":"
    "{\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.name\"}}},{\"name\":\"MODE\",\"value\":"
    "\"production\"}],"
    "\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"256Mi\"},\"requests\":{\"cpu\":\"250m\",\"memory\":"
    "\"128Mi\"}},"
    "\"volumeMounts\":[{\"name\":\"config\",\"mountPath\":\"/etc/"
    "web\"},{\"name\":\"token\",\"readOnly\":true,\"mountPath\":"
    "\"/var/run/secrets/kubernetes.io/serviceaccount\"}],\"readinessProbe\":{\"httpGet\":{\"path\":\"/"
    "ready\",\"port\":8080,"
    "\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3},"
    "\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":"
    "\"IfNotPresent\"}";
static const char condition[] = "{\"type\":\"Type%d\",\"status\":\"True\",\"lastProbeTime\":null,"
                                "\"lastTransitionTime\":\"2026-01-02T03:04:0%dZ\"}";

static void repeat(struct buf *b, const char *format, int n)
{
    for (int i = 0; i < n; i++) {
        if (i)
            buf_putc(b, ',');
        char text[2048];
        snprintf(text, sizeof(text), format, i, i);
        buf_puts(b, text);
    }
}

static void make_pod(struct buf *b)
{
    buf_puts(
        b, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web-5d9c7b8f6-x7k2p\",\"namespace\":"
           "\"default\","
           "\"uid\":\"0b7a9c6e-3f7e-4f35-8f1c-2f0d5a1f6c11\",\"creationTimestamp\":\"2026-01-02T03:04:05Z\",\"labels\":"
           "{\"app\":\"web\",\"pod-template-hash\":\"5d9c7b8f6\"}},\"spec\":{\"containers\":[");
    repeat(b, container, 3);
    buf_puts(b,
             "],\"restartPolicy\":\"Always\",\"nodeName\":\"node-1\",\"securityContext\":{},\"tolerations\":[{\"key\":"
             "\"node.kubernetes.io/"
             "not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}]},"
             "\"status\":{\"phase\":\"Running\",\"conditions\":[");
    repeat(b, condition, 4);
    buf_puts(b, "],\"hostIP\":\"10.0.0.1\",\"podIP\":\"10.1.2.3\",\"podIPs\":[{\"ip\":\"10.1.2.3\"}]}}");
}

struct work {
    struct arena *a;
    struct str json, pb;
    struct buf out;
    const struct schema_message *message;
};

static int to_protobuf(struct work *w, struct err *err)
{
    struct doc *d;

    if (json_parse(w->a, w->json, NULL, &d, err) < 0 || conform(w->a, d, w->message, NULL, &d, err) < 0)
        return -1;
    return proto_encode_object(&w->out, d, w->message, err);
}

static int to_json(struct work *w, struct err *err)
{
    struct doc *d;

    if (proto_decode_object(w->a, w->pb, w->message, &d, err) < 0)
        return -1;
    json_write(&w->out, d);
    return 0;
}

static int run(const char *name, struct work *w, int (*step)(struct work *w, struct err *err))
{
    struct err err = ERR_INIT;
    int64_t start = clock_mono(&clock_system);

    for (int i = 0; i < ROUNDS; i++) {
        arena_reset(w->a);
        buf_clear(&w->out);
        if (step(w, &err) < 0) {
            fprintf(stderr, "%s: %s\n", name, err.msg);
            return 1;
        }
    }
    int64_t ns = (clock_mono(&clock_system) - start) / ROUNDS;
    printf("%-28s %6lld ns, %4.0f MB/s of JSON\n", name, (long long)ns, (double)w->json.n * 1000 / (double)ns);
    return 0;
}

int main(void)
{
    _cleanup_(buf_releasep) struct buf json = BUF_INIT(MIB), pb = BUF_INIT(MIB);
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    struct work w = {.a = a, .out = BUF_INIT(MIB)};

    make_pod(&json);
    w.json = buf_str(&json);
    w.message = schema_kind_find(STR(""), STR("v1"), STR("Pod"))->message;
    int r = run("pod JSON -> protobuf", &w, to_protobuf);
    buf_str_add(&pb, buf_str(&w.out));
    w.pb = buf_str(&pb);
    printf("%zu bytes of JSON, %zu of protobuf\n", json.len, pb.len);
    r |= run("pod protobuf -> JSON", &w, to_json);
    buf_release(&w.out);
    return r;
}
