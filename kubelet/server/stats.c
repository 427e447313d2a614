/* What the kubelet tells about its pods: the list of them, and what they use. */
#include "kubelet/server/internal.h"

#include "api/json.h"
#include "api/proto_codec.h"
#include "api/schema.h"
#include "kubelet/manager.h"

#include <inttypes.h>
#include <stdio.h>

#define ANSWER_MAX (64 * MIB)

static void respond(struct call *c, const char *type, const struct buf *body)
{
    const struct http_header h = HTTP_HEADER("content-type", type);
    if (!buf_ok(body))
        call_text(c, 500, "the answer is too large\n");
    else
        http_respond(c->r, 200, &h, 1, buf_str(body));
}

void handle_pods(struct call *c)
{
    _cleanup_(kube_objects_releasep) struct kube_objects pods = {0};
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(ANSWER_MAX);
    const struct schema_kind *kind = schema_kind_find(STR(""), STR("v1"), STR("Pod"));
    pod_manager_list(c->s->k->manager, &pods);
    buf_puts(&out, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[");
    for (size_t i = 0; i < pods.n; i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
        struct err err = ERR_INIT;
        struct doc *d;
        size_t n = protobuf_c_message_get_packed_size(pods.v[i]->msg);
        _cleanup_(freep) uint8_t *bytes = xmalloc(n + 1);
        protobuf_c_message_pack(pods.v[i]->msg, bytes);
        if (proto_decode(a, str_n((char *)bytes, n), kind->message, &d, &err) < 0) {
            call_error(c, &err);
            return;
        }
        if (i)
            buf_putc(&out, ',');
        json_write(&out, d);
    }
    buf_puts(&out, "]}\n");
    respond(c, "application/json", &out);
}

static int by_pod(const void *a, const void *b)
{
    const struct runtime_stats *x = a, *y = b;
    int c = strcmp(x->pod_uid, y->pod_uid);
    return c ? c : strcmp(x->container, y->container);
}

static int load(struct call *c, struct runtime_stats_list *ret)
{
    struct err err = ERR_INIT;
    if (runtime_stats(c->s->k->runtime, ret, &err) < 0) {
        call_error(c, &err);
        return -1;
    }
    if (ret->n)
        qsort(ret->v, ret->n, sizeof(*ret->v), by_pod);
    return 0;
}

static void add_time(struct buf *out, int64_t wall_ns)
{
    char text[RFC3339_MAX];
    format_rfc3339(text, wall_ns, 0);
    buf_printf(out, "\"time\":\"%s\"", text);
}

static void add_container(struct buf *out, const struct runtime_stats *s)
{
    buf_puts(out, "{\"name\":");
    json_write_string(out, str_of(s->container));
    buf_puts(out, ",\"cpu\":{");
    add_time(out, s->cpu_wall_ns);
    buf_printf(out, ",\"usageCoreNanoSeconds\":%" PRIu64 "},\"memory\":{", s->cpu_usage_ns);
    add_time(out, s->memory_wall_ns);
    buf_printf(out,
               ",\"usageBytes\":%" PRIu64 ",\"workingSetBytes\":%" PRIu64 ",\"rssBytes\":%" PRIu64
               "},\"rootfs\":{\"usedBytes\":%" PRIu64 ",\"inodesUsed\":%" PRIu64 "}}",
               s->memory_usage, s->memory_working_set, s->memory_rss, s->fs_used, s->fs_inodes);
}

void handle_summary(struct call *c)
{
    struct runtime_stats_list l = {0};
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(ANSWER_MAX);
    if (load(c, &l) < 0)
        return;
    buf_puts(&out, "{\"node\":{\"nodeName\":");
    json_write_string(&out, str_of(c->s->k->config->node_name));
    buf_puts(&out, "},\"pods\":[");
    for (size_t i = 0; i < l.n; i++) {
        bool first = i == 0 || strcmp(l.v[i - 1].pod_uid, l.v[i].pod_uid) != 0;
        if (first) {
            buf_puts(&out, i ? "]},{\"podRef\":{\"name\":" : "{\"podRef\":{\"name\":");
            json_write_string(&out, str_of(l.v[i].pod_name));
            buf_puts(&out, ",\"namespace\":");
            json_write_string(&out, str_of(l.v[i].pod_ns));
            buf_puts(&out, ",\"uid\":");
            json_write_string(&out, str_of(l.v[i].pod_uid));
            buf_puts(&out, "},\"containers\":[");
        } else {
            buf_putc(&out, ',');
        }
        add_container(&out, &l.v[i]);
    }
    buf_puts(&out, l.n ? "]}]}\n" : "]}\n");
    respond(c, "application/json", &out);
    runtime_stats_release(&l);
}

static void add_metric(struct buf *out, const char *name, const struct runtime_stats *s, double value, int64_t wall_ns)
{
    buf_printf(out, "%s{container=\"%s\",namespace=\"%s\",pod=\"%s\"} %.9g %" PRId64 "\n", name, s->container,
               s->pod_ns, s->pod_name, value, wall_ns / NS_PER_MS);
}

/* What metrics-server reads. */
void handle_resource_metrics(struct call *c)
{
    struct runtime_stats_list l = {0};
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(ANSWER_MAX);
    if (load(c, &l) < 0)
        return;
    buf_puts(&out, "# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in "
                   "core-seconds\n# TYPE container_cpu_usage_seconds_total counter\n");
    for (size_t i = 0; i < l.n; i++)
        add_metric(&out, "container_cpu_usage_seconds_total", &l.v[i], (double)l.v[i].cpu_usage_ns / 1e9,
                   l.v[i].cpu_wall_ns);
    buf_puts(&out, "# HELP container_memory_working_set_bytes [STABLE] Current working set of the container in bytes\n"
                   "# TYPE container_memory_working_set_bytes gauge\n");
    for (size_t i = 0; i < l.n; i++)
        add_metric(&out, "container_memory_working_set_bytes", &l.v[i], (double)l.v[i].memory_working_set,
                   l.v[i].memory_wall_ns);
    respond(c, "text/plain; version=0.0.4", &out);
    runtime_stats_release(&l);
}

void handle_metrics(struct call *c)
{
    if (c->n_parts && strcmp(c->parts[0], "resource") == 0) {
        handle_resource_metrics(c);
        return;
    }
    _cleanup_(kube_objects_releasep) struct kube_objects pods = {0};
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(ANSWER_MAX);
    pod_manager_list(c->s->k->manager, &pods);
    buf_printf(&out,
               "# HELP kubelet_running_pods [ALPHA] Number of pods that are bound to the node\n"
               "# TYPE kubelet_running_pods gauge\nkubelet_running_pods %zu\n",
               pods.n);
    buf_printf(&out,
               "# HELP kubelet_node_name [ALPHA] The node's name. The count is always 1.\n"
               "# TYPE kubelet_node_name gauge\nkubelet_node_name{node=\"%s\"} 1\n",
               c->s->k->config->node_name);
    respond(c, "text/plain; version=0.0.4", &out);
}
