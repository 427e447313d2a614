#include "controllers/endpoints/rules.h"

#include "client/meta.h"
#include "controllers/pods.h"

bool service_has_selector(const Corev1__Service *svc)
{
    return svc->spec && svc->spec->n_selector > 0 && strcmp(kstr(svc->spec->type), "ExternalName") != 0;
}

bool service_selects(const Corev1__Service *svc, const Metav1__ObjectMeta *pod)
{
    if (!service_has_selector(svc))
        return false;
    for (size_t i = 0; i < svc->spec->n_selector; i++) {
        const char *v = meta_label(pod, kstr(svc->spec->selector[i]->key));
        if (!v || strcmp(v, kstr(svc->spec->selector[i]->value)) != 0)
            return false;
    }
    return true;
}

bool service_is_headless(const Corev1__Service *svc)
{
    return strcmp(kstr(svc->spec->clusterip), "None") == 0;
}

bool pod_is_endpoint(const Corev1__Pod *pod, bool terminating)
{
    if (pod_is_finished(pod) || !pod->status || (!*kstr(pod->status->podip) && !pod->status->n_podips))
        return false;
    return terminating || !pod->metadata->deletiontimestamp;
}

/* The number that a pod's container gives the name; 0 when none does. */
static int32_t named_port(const Corev1__Pod *pod, const char *name, const char *protocol)
{
    for (size_t i = 0; i < pod->spec->n_containers; i++) {
        const Corev1__Container *c = pod->spec->containers[i];
        for (size_t j = 0; j < c->n_ports; j++) {
            const char *p = *kstr(c->ports[j]->protocol) ? c->ports[j]->protocol : "TCP";
            if (strcmp(kstr(c->ports[j]->name), name) == 0 && strcmp(p, protocol) == 0)
                return c->ports[j]->containerport;
        }
    }
    return 0;
}

size_t resolve_ports(const Corev1__Service *svc, const Corev1__Pod *pod, struct port *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < svc->spec->n_ports; i++) {
        const Corev1__ServicePort *sp = svc->spec->ports[i];
        const char *protocol = *kstr(sp->protocol) ? sp->protocol : "TCP";
        int32_t number = sp->port;
        if (sp->targetport && sp->targetport->type == 1)
            number = named_port(pod, kstr(sp->targetport->strval), protocol);
        else if (sp->targetport && sp->targetport->intval)
            number = sp->targetport->intval;
        if (number)
            ret[n++] = (struct port){kstr(sp->name), protocol, sp->appprotocol, number};
    }
    return n;
}

const char *pod_address(const Corev1__Pod *pod, const char *family)
{
    bool six = strcmp(family, "IPv6") == 0;

    for (size_t i = 0; i < pod->status->n_podips; i++) {
        const char *ip = kstr(pod->status->podips[i]->ip);
        if (*ip && (strchr(ip, ':') != NULL) == six)
            return ip;
    }
    const char *ip = kstr(pod->status->podip);
    return *ip && (strchr(ip, ':') != NULL) == six ? ip : NULL;
}

static Corev1__ObjectReference *reference_to(struct arena *a, const Corev1__Pod *pod)
{
    Corev1__ObjectReference *r = arena_new_of(a, Corev1__ObjectReference);

    corev1__object_reference__init(r);
    r->kind = (char *)"Pod";
    r->namespace_ = pod->metadata->namespace_;
    r->name = pod->metadata->name;
    r->uid = pod->metadata->uid;
    return r;
}

/* A pod that asks for a name of its own in the Service's domain. */
static char *hostname_in(const Corev1__Service *svc, const Corev1__Pod *pod)
{
    bool has = *kstr(pod->spec->hostname) && strcmp(kstr(pod->spec->subdomain), kstr(svc->metadata->name)) == 0;
    return has ? pod->spec->hostname : NULL;
}

Discoveryv1__Endpoint *endpoint_of(struct arena *a, const Corev1__Service *svc, const Corev1__Pod *pod,
                                   const char *address, const struct node_zone *nodes)
{
    Discoveryv1__Endpoint *e = arena_new_of(a, Discoveryv1__Endpoint);
    Discoveryv1__EndpointConditions *c = arena_new_of(a, Discoveryv1__EndpointConditions);
    const char *node = kstr(pod->spec->nodename);
    bool serving = pod_is_ready(pod), terminating = pod->metadata->deletiontimestamp != NULL;

    discoveryv1__endpoint__init(e);
    discoveryv1__endpoint_conditions__init(c);
    c->has_ready = c->has_serving = c->has_terminating = true;
    c->serving = serving;
    c->terminating = terminating;
    c->ready = svc->spec->publishnotreadyaddresses || (serving && !terminating);
    e->conditions = c;
    e->n_addresses = 1;
    e->addresses = arena_calloc(a, 1, sizeof(char *));
    e->addresses[0] = (char *)address;
    e->targetref = reference_to(a, pod);
    e->hostname = hostname_in(svc, pod);
    if (*node) {
        e->nodename = pod->spec->nodename;
        e->zone = (char *)nodes->zone(nodes->ctx, node);
    }
    return e;
}

/* --- Endpoints --- */

struct group { /* pods with the same ports */
    struct port *ports;
    size_t n_ports;
    Corev1__EndpointSubset *subset;
};

static int compare_ports(const void *x, const void *y)
{
    const struct port *a = x, *b = y;
    int r = strcmp(a->name, b->name);
    if (!r)
        r = a->number - b->number;
    return r ? r : strcmp(a->protocol, b->protocol);
}

static bool same_ports(const struct port *a, size_t n, const struct port *b, size_t m)
{
    if (n != m)
        return false;
    for (size_t i = 0; i < n; i++)
        if (compare_ports(&a[i], &b[i]) != 0 || strcmp(kstr(a[i].app_protocol), kstr(b[i].app_protocol)) != 0)
            return false;
    return true;
}

static int compare_addresses(const void *x, const void *y)
{
    const Corev1__EndpointAddress *a = *(Corev1__EndpointAddress *const *)x, *b = *(Corev1__EndpointAddress *const *)y;
    return strcmp(a->ip, b->ip);
}

static Corev1__EndpointSubset *subset_new(struct arena *a, const struct port *ports, size_t n, size_t max_pods)
{
    Corev1__EndpointSubset *s = arena_new_of(a, Corev1__EndpointSubset);

    corev1__endpoint_subset__init(s);
    s->addresses = arena_calloc(a, max_pods, sizeof(s->addresses[0]));
    s->notreadyaddresses = arena_calloc(a, max_pods, sizeof(s->notreadyaddresses[0]));
    s->ports = arena_calloc(a, n + 1, sizeof(s->ports[0]));
    s->n_ports = n;
    for (size_t i = 0; i < n; i++) {
        Corev1__EndpointPort *p = s->ports[i] = arena_new_of(a, Corev1__EndpointPort);
        corev1__endpoint_port__init(p);
        p->name = *ports[i].name ? (char *)ports[i].name : NULL;
        p->has_port = true;
        p->port = ports[i].number;
        p->protocol = (char *)ports[i].protocol;
        p->appprotocol = (char *)ports[i].app_protocol;
    }
    return s;
}

static void add_address(struct arena *a, Corev1__EndpointSubset *s, const Corev1__Service *svc, const Corev1__Pod *pod,
                        const char *ip)
{
    Corev1__EndpointAddress *x = arena_new_of(a, Corev1__EndpointAddress);

    corev1__endpoint_address__init(x);
    x->ip = (char *)ip;
    x->nodename = *kstr(pod->spec->nodename) ? pod->spec->nodename : NULL;
    x->targetref = reference_to(a, pod);
    x->hostname = hostname_in(svc, pod);
    if (svc->spec->publishnotreadyaddresses || pod_is_ready(pod))
        s->addresses[s->n_addresses++] = x;
    else
        s->notreadyaddresses[s->n_notreadyaddresses++] = x;
}

void subsets_of(struct arena *a, const Corev1__Service *svc, const struct kube_objects *pods, Corev1__Endpoints *into)
{
    struct group *groups = arena_calloc(a, pods->n + 1, sizeof(*groups));
    const char *family = svc->spec->n_ipfamilies ? svc->spec->ipfamilies[0] : "IPv4";
    size_t n = 0;

    kube_objects_foreach(pods, o)
    {
        const Corev1__Pod *pod = kube_pod(o);
        const char *ip = pod_is_endpoint(pod, svc->spec->publishnotreadyaddresses) ? pod_address(pod, family) : NULL;
        if (!ip)
            continue;
        struct port *ports = arena_calloc(a, svc->spec->n_ports + 1, sizeof(*ports));
        size_t n_ports = resolve_ports(svc, pod, ports), g = 0;
        if (n_ports == 0 && !(service_is_headless(svc) && svc->spec->n_ports == 0))
            continue;
        qsort(ports, n_ports, sizeof(*ports), compare_ports);
        while (g < n && !same_ports(groups[g].ports, groups[g].n_ports, ports, n_ports))
            g++;
        if (g == n)
            groups[n++] = (struct group){ports, n_ports, subset_new(a, ports, n_ports, pods->n)};
        add_address(a, groups[g].subset, svc, pod, ip);
    }
    into->subsets = arena_calloc(a, n + 1, sizeof(into->subsets[0]));
    into->n_subsets = n;
    for (size_t g = 0; g < n; g++) {
        Corev1__EndpointSubset *s = into->subsets[g] = groups[g].subset;
        qsort(s->addresses, s->n_addresses, sizeof(s->addresses[0]), compare_addresses);
        qsort(s->notreadyaddresses, s->n_notreadyaddresses, sizeof(s->notreadyaddresses[0]), compare_addresses);
    }
}
