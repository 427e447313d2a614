/* Host ports: one address, protocol and port for one pod; 0.0.0.0 is every address. */
#include "registry.h"

enum prefilter node_ports_prefilter(struct cycle *c, const char **ret_message)
{
    return c->pod->n_ports ? PREFILTER_RUN : PREFILTER_SKIP;
}

static bool is_any(const char *ip)
{
    return strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
}

static bool conflict(const struct host_port *a, const struct host_port *b)
{
    return a->port == b->port && strcmp(a->protocol, b->protocol) == 0 &&
           (is_any(a->ip) || is_any(b->ip) || strcmp(a->ip, b->ip) == 0);
}

static bool pods_conflict(const struct sched_pod *a, const struct sched_pod *b)
{
    for (size_t i = 0; i < a->n_ports; i++)
        for (size_t j = 0; j < b->n_ports; j++)
            if (conflict(&a->ports[i], &b->ports[j]))
                return true;
    return false;
}

enum verdict node_ports_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r)
{
    for (size_t i = 0; n->n_ports && i < n->n_pods; i++) {
        if (pods_conflict(c->pod, n->pods[i])) {
            reasons_add(r, "node(s) didn't have free ports for the requested pod ports");
            return REFUSED;
        }
    }
    return FITS;
}
