/* Sharing the endpoints of a Service out to slices, with as few writes as may be. */
#include "controllers/claim.h"
#include "controllers/deployment/rules.h" /* message_equal */
#include "controllers/endpoints/rules.h"

#include "client/meta.h"

#define SERVICE_NAME "kubernetes.io/service-name"
#define MANAGED_BY "endpointslice.kubernetes.io/managed-by"
#define MANAGER "endpointslice-controller.k8s.io"
#define HEADLESS "service.kubernetes.io/headless"

typedef Discoveryv1__EndpointSlice slice;

/* Endpoints that are wanted with the same ports. */
struct group {
    struct port *ports;
    size_t n_ports;
    Discoveryv1__Endpoint **endpoints;
    bool *placed;
    size_t n;
};

struct work {
    struct arena *a;
    const struct kube_object *o;
    const Corev1__Service *svc;
    const char *family;
    size_t max;
    struct group *groups;
    size_t n_groups;
    struct slice_plan *plan;
};

/* --- what is wanted --- */

static int compare_ports(const void *x, const void *y)
{
    const struct port *a = x, *b = y;
    int r = strcmp(a->name, b->name);
    return r ? r : a->number != b->number ? a->number - b->number : strcmp(a->protocol, b->protocol);
}

static bool same_ports(const struct group *g, const struct port *ports, size_t n)
{
    for (size_t i = 0; i < n && g->n_ports == n; i++)
        if (compare_ports(&g->ports[i], &ports[i]) != 0 ||
            strcmp(kstr(g->ports[i].app_protocol), kstr(ports[i].app_protocol)) != 0)
            return false;
    return g->n_ports == n;
}

static struct group *group_of(struct work *w, struct port *ports, size_t n, size_t max_pods)
{
    for (size_t i = 0; i < w->n_groups; i++)
        if (same_ports(&w->groups[i], ports, n))
            return &w->groups[i];
    struct group *g = &w->groups[w->n_groups++];
    *g = (struct group){.ports = ports,
                        .n_ports = n,
                        .endpoints = arena_calloc(w->a, max_pods + 1, sizeof(g->endpoints[0])),
                        .placed = arena_calloc(w->a, max_pods + 1, sizeof(bool))};
    return g;
}

static void collect(struct work *w, const struct kube_objects *pods, const struct node_zone *nodes)
{
    w->groups = arena_calloc(w->a, pods->n + 1, sizeof(*w->groups));
    kube_objects_foreach(pods, o)
    {
        const Corev1__Pod *pod = kube_pod(o);
        const char *ip = pod_is_endpoint(pod, true) ? pod_address(pod, w->family) : NULL;
        if (!ip)
            continue;
        struct port *ports = arena_calloc(w->a, w->svc->spec->n_ports + 1, sizeof(*ports));
        size_t n = resolve_ports(w->svc, pod, ports);
        qsort(ports, n, sizeof(*ports), compare_ports);
        struct group *g = group_of(w, ports, n, pods->n);
        g->endpoints[g->n++] = endpoint_of(w->a, w->svc, pod, ip, nodes);
    }
    if (!w->n_groups) /* an empty slice says that the Service is known and has nobody behind it */
        group_of(w, arena_calloc(w->a, 1, sizeof(struct port)), 0, 0);
}

/* --- slices as objects --- */

static Discoveryv1__EndpointPort **slice_ports(struct arena *a, const struct group *g)
{
    Discoveryv1__EndpointPort **list = arena_calloc(a, g->n_ports + 1, sizeof(*list));

    for (size_t i = 0; i < g->n_ports; i++) {
        list[i] = arena_new_of(a, Discoveryv1__EndpointPort);
        discoveryv1__endpoint_port__init(list[i]);
        list[i]->name = (char *)g->ports[i].name;
        list[i]->has_port = true;
        list[i]->port = g->ports[i].number;
        list[i]->protocol = (char *)g->ports[i].protocol;
        list[i]->appprotocol = (char *)g->ports[i].app_protocol;
    }
    return list;
}

static bool ports_match(struct arena *a, const slice *s, const struct group *g)
{
    struct port *ports = arena_calloc(a, s->n_ports + 1, sizeof(*ports));

    for (size_t i = 0; i < s->n_ports; i++)
        ports[i] = (struct port){kstr(s->ports[i]->name), kstr(s->ports[i]->protocol),
                                 *kstr(s->ports[i]->appprotocol) ? s->ports[i]->appprotocol : NULL, s->ports[i]->port};
    qsort(ports, s->n_ports, sizeof(*ports), compare_ports);
    return same_ports(g, ports, s->n_ports);
}

/* Labels of the Service, and our own; true when that is not what m has. */
static bool set_labels(struct work *w, Metav1__ObjectMeta *m)
{
    static const char *const own[] = {SERVICE_NAME, MANAGED_BY, HEADLESS};
    Metav1__ObjectMeta want = METAV1__OBJECT_META__INIT;
    const Metav1__ObjectMeta *svc = w->o->meta;

    for (size_t i = 0; i < svc->n_labels; i++) {
        bool reserved = false;
        for (size_t j = 0; j < ARRAY_LEN(own); j++)
            reserved |= strcmp(kstr(svc->labels[i]->key), own[j]) == 0;
        if (!reserved)
            label_set(w->a, &want, kstr(svc->labels[i]->key), kstr(svc->labels[i]->value));
    }
    label_set(w->a, &want, SERVICE_NAME, svc->name);
    label_set(w->a, &want, MANAGED_BY, MANAGER);
    if (service_is_headless(w->svc))
        label_set(w->a, &want, HEADLESS, "");
    bool same = want.n_labels == m->n_labels;
    for (size_t i = 0; same && i < want.n_labels; i++) {
        const char *v = meta_label(m, want.labels[i]->key);
        same = v && strcmp(v, want.labels[i]->value) == 0;
    }
    m->labels = want.labels;
    m->n_labels = want.n_labels;
    return !same;
}

static slice *slice_new(struct work *w, const struct group *g)
{
    slice *s = arena_new_of(w->a, slice);
    Metav1__ObjectMeta *m = arena_new_of(w->a, Metav1__ObjectMeta);
    Metav1__OwnerReference *r = arena_new_of(w->a, Metav1__OwnerReference);

    metav1__object_meta__init(m);
    m->namespace_ = w->o->meta->namespace_;
    m->generatename = arena_printf(w->a, "%s-", w->o->meta->name);
    set_labels(w, m);
    owner_reference(w->o, arena_calloc(w->a, 1, 128), r);
    m->n_ownerreferences = 1;
    m->ownerreferences = arena_calloc(w->a, 1, sizeof(m->ownerreferences[0]));
    m->ownerreferences[0] = r;
    discoveryv1__endpoint_slice__init(s);
    s->metadata = m;
    s->addresstype = (char *)w->family;
    s->n_ports = g->n_ports;
    s->ports = slice_ports(w->a, g);
    s->endpoints = arena_calloc(w->a, w->max, sizeof(s->endpoints[0]));
    return s;
}

/* --- the plan --- */

static bool same_target(const Discoveryv1__Endpoint *a, const Discoveryv1__Endpoint *b)
{
    const char *x = a->targetref ? kstr(a->targetref->uid) : "", *y = b->targetref ? kstr(b->targetref->uid) : "";
    return strcmp(x, y) == 0 && a->n_addresses == 1 && b->n_addresses == 1 &&
           strcmp(a->addresses[0], b->addresses[0]) == 0;
}

/* A present slice with a group's ports: its endpoints that are still wanted stay where they are. */
struct kept {
    const struct kube_object *o;
    slice *s; /* a copy with room for w->max */
    bool changed;
};

static struct kept keep(struct work *w, const struct kube_object *o, struct group *g)
{
    struct kept k = {o, KUBE_COPY(w->a, slice, kube_endpoint_slice(o)), false};
    const slice *old = kube_endpoint_slice(o);

    k.s->metadata = KUBE_COPY(w->a, Metav1__ObjectMeta, o->meta);
    k.changed = set_labels(w, k.s->metadata);
    k.s->endpoints = arena_calloc(w->a, MAX_OF(w->max, old->n_endpoints), sizeof(k.s->endpoints[0]));
    k.s->n_endpoints = 0;
    for (size_t i = 0; i < old->n_endpoints; i++) {
        size_t j = 0;
        while (j < g->n && (g->placed[j] || !same_target(g->endpoints[j], old->endpoints[i])))
            j++;
        if (j == g->n || k.s->n_endpoints == w->max) {
            k.changed = true;
            continue;
        }
        g->placed[j] = true;
        k.changed |= !message_equal(&g->endpoints[j]->base, &old->endpoints[i]->base);
        k.s->endpoints[k.s->n_endpoints++] = g->endpoints[j];
    }
    return k;
}

/* Puts what has no place yet into slice s. True when something was added. */
static bool fill(struct work *w, struct group *g, slice *s)
{
    size_t before = s->n_endpoints;

    for (size_t j = 0; j < g->n && s->n_endpoints < w->max; j++)
        if (!g->placed[j]) {
            g->placed[j] = true;
            s->endpoints[s->n_endpoints++] = g->endpoints[j];
        }
    return s->n_endpoints > before;
}

static size_t unplaced(const struct group *g)
{
    size_t n = 0;
    for (size_t j = 0; j < g->n; j++)
        n += !g->placed[j];
    return n;
}

static void plan_group(struct work *w, struct group *g, struct kept *kept, size_t n)
{
    for (size_t i = 0; i < n; i++) /* slices that are written anyway come first */
        if (kept[i].changed && kept[i].s->n_endpoints)
            fill(w, g, kept[i].s);
    for (size_t i = 0; i < n && unplaced(g); i++)
        if (fill(w, g, kept[i].s))
            kept[i].changed = true;
    bool stands = false;
    for (size_t i = 0; i < n; i++) {
        bool needed = kept[i].s->n_endpoints || (g->n == 0 && !stands && w->n_groups == 1);
        if (!needed)
            w->plan->remove[w->plan->n_remove++] = kept[i].o;
        else if (kept[i].changed)
            w->plan->update[w->plan->n_update++] = kept[i].s;
        stands |= needed;
    }
    while (unplaced(g) || !stands) {
        slice *s = w->plan->create[w->plan->n_create++] = slice_new(w, g);
        fill(w, g, s);
        stands = true;
    }
}

/* A slice that would go takes over what another would be made for: one write instead of two, and watchers see a change.
 */
static void recycle(struct work *w)
{
    struct slice_plan *p = w->plan;

    while (p->n_create && p->n_remove) {
        slice *s = p->create[--p->n_create];
        const struct kube_object *old = p->remove[--p->n_remove];
        s->metadata = KUBE_COPY(w->a, Metav1__ObjectMeta, old->meta);
        set_labels(w, s->metadata);
        p->update[p->n_update++] = s;
    }
}

void plan_slices(struct arena *a, const struct kube_object *o, const struct kube_objects *pods,
                 const struct kube_objects *present, const char *family, size_t max_endpoints,
                 const struct node_zone *nodes, struct slice_plan *plan)
{
    struct work w = {.a = a, .o = o, .svc = kube_service(o), .family = family, .max = max_endpoints, .plan = plan};

    collect(&w, pods, nodes);
    *plan = (struct slice_plan){.create = arena_calloc(a, pods->n + w.n_groups + 1, sizeof(slice *)),
                                .update = arena_calloc(a, present->n + 1, sizeof(slice *)),
                                .remove = arena_calloc(a, present->n + 1, sizeof(const struct kube_object *))};
    bool *used = arena_calloc(a, present->n + 1, sizeof(bool));
    struct kept *kept = arena_calloc(a, present->n + 1, sizeof(*kept));
    for (size_t g = 0; g < w.n_groups; g++) {
        size_t n = 0;
        for (size_t i = 0; i < present->n; i++)
            if (!used[i] && ports_match(a, kube_endpoint_slice(present->v[i]), &w.groups[g])) {
                used[i] = true;
                kept[n++] = keep(&w, present->v[i], &w.groups[g]);
            }
        plan_group(&w, &w.groups[g], kept, n);
    }
    for (size_t i = 0; i < present->n; i++)
        if (!used[i])
            plan->remove[plan->n_remove++] = present->v[i];
    recycle(&w);
}
