#include "ecs/store/usage_read.h"

#include "api/quantity.h"

static struct usage_amount plus(struct usage_amount x, struct usage_amount y)
{
    return (struct usage_amount){x.milli + y.milli, x.bytes + y.bytes};
}

static struct usage_amount larger(struct usage_amount x, struct usage_amount y)
{
    return (struct usage_amount){MAX_OF(x.milli, y.milli), MAX_OF(x.bytes, y.bytes)};
}

static struct usage_amount amount_of(const struct doc *list)
{
    struct usage_amount n = {0};
    struct quantity q;

    if (quantity_read(doc_text(doc_get(list, "cpu")), &q))
        n.milli = quantity_milli(&q);
    if (quantity_read(doc_text(doc_get(list, "memory")), &q))
        n.bytes = quantity_value(&q);
    return n;
}

bool usage_pod_ended(const struct doc *pod)
{
    struct str phase = doc_str(doc_path(pod, "status.phase"));

    return str_is(phase, "Succeeded") || str_is(phase, "Failed");
}

struct usage_amount usage_of_pod(const struct doc *pod)
{
    const struct doc *spec = doc_get(pod, "spec"), *whole = doc_path(spec, "resources.requests");
    struct usage_amount run = {0}, init = {0}, sidecars = {0};

    if (usage_pod_ended(pod))
        return run;
    doc_foreach (doc_get(spec, "containers"), c)
        run = plus(run, amount_of(doc_path(c, "resources.requests")));
    doc_foreach (doc_get(spec, "initContainers"), c) {
        struct usage_amount one = amount_of(doc_path(c, "resources.requests"));

        if (str_is(doc_str(doc_get(c, "restartPolicy")), "Always"))
            sidecars = plus(sidecars, one);
        else
            init = larger(init, plus(sidecars, one));
    }
    run = larger(plus(run, sidecars), init);
    if (doc_get(whole, "cpu"))
        run.milli = amount_of(whole).milli;
    if (doc_get(whole, "memory"))
        run.bytes = amount_of(whole).bytes;
    return plus(run, amount_of(doc_get(spec, "overhead")));
}

struct usage_amount usage_allocatable(const struct doc *node)
{
    return amount_of(doc_path(node, "status.allocatable"));
}

bool usage_count_of(const struct doc *resources, const char *name, int64_t *ret)
{
    struct quantity q;

    if (!quantity_read(doc_text(doc_get(resources, name)), &q))
        return false;
    *ret = quantity_value(&q);
    return true;
}

bool usage_node_ready(const struct doc *node)
{
    doc_foreach (doc_path(node, "status.conditions"), c) {
        if (str_is(doc_str(doc_get(c, "type")), "Ready"))
            return str_is(doc_str(doc_get(c, "status")), "True");
    }
    return false;
}

bool usage_pod_port(const struct doc *pod, size_t i, uint16_t *ret, bool *ret_udp)
{
    doc_foreach (doc_path(pod, "spec.containers"), c) {
        doc_foreach (doc_get(c, "ports"), p) {
            int64_t port = doc_int_or(doc_get(p, "hostPort"), 0);

            if (port <= 0 || port > UINT16_MAX || i-- > 0)
                continue;
            *ret = (uint16_t)port;
            *ret_udp = str_is(doc_str(doc_get(p, "protocol")), "UDP");
            return true;
        }
    }
    return false;
}
