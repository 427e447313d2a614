#include "cache.h"

#include "client/meta.h"

void cache_init(struct cache *c)
{
    *c = (struct cache){0};
    map_init(&c->pods, NULL);
    map_init(&c->node_map, NULL);
    map_init(&c->owners, NULL);
    map_init(&c->zones, NULL);
}

/* --- pods --- */

static void collect_ports(struct sched_pod *p)
{
    const Corev1__PodSpec *spec = p->pod->spec;
    size_t n = 0;

    for (size_t i = 0; i < spec->n_containers; i++)
        n += spec->containers[i]->n_ports;
    for (size_t i = 0; i < spec->n_initcontainers; i++)
        n += spec->initcontainers[i]->n_ports;
    p->ports = n ? xcalloc(n, sizeof(*p->ports)) : NULL;
    p->n_ports = 0;
    for (size_t i = 0; i < spec->n_containers + spec->n_initcontainers; i++) {
        bool init = i >= spec->n_containers;
        const Corev1__Container *c = init ? spec->initcontainers[i - spec->n_containers] : spec->containers[i];
        if (init && strcmp(kstr(c->restartpolicy), "Always") != 0)
            continue;
        for (size_t j = 0; j < c->n_ports; j++) {
            const Corev1__ContainerPort *port = c->ports[j];
            if (port->has_hostport && port->hostport > 0)
                p->ports[p->n_ports++] =
                    (struct host_port){port->hostip && *port->hostip ? port->hostip : "0.0.0.0",
                                       port->protocol && *port->protocol ? port->protocol : "TCP", port->hostport};
        }
    }
}

/* --- owners --- */

static void drop_owner(struct cache *c, struct owner *o)
{
    if (!o || --o->n_pods)
        return;
    map_del(&c->owners, str_of(o->uid));
    free(o->placed);
    free(o->uid);
    free(o);
}

static struct owner *need_owner(struct cache *c, const char *uid)
{
    struct owner *o = map_gets(&c->owners, uid);

    if (!o) {
        o = xcalloc(1, sizeof(*o));
        o->uid = xstrdup(uid);
        map_set(&c->owners, str_of(uid), o);
    }
    o->n_pods++;
    return o;
}

static void owner_gains(struct owner *o, struct sched_pod *p)
{
    if (o->n_placed == o->cap_placed) {
        o->cap_placed = o->cap_placed ? o->cap_placed * 2 : 8;
        o->placed = xrealloc(o->placed, o->cap_placed * sizeof(struct sched_pod *));
    }
    p->owner_at = o->n_placed;
    o->placed[o->n_placed++] = p;
}

static void owner_loses(struct owner *o, struct sched_pod *p)
{
    o->placed[p->owner_at] = o->placed[--o->n_placed];
    o->placed[p->owner_at]->owner_at = p->owner_at;
}

static void compile_pod(struct cache *c, struct sched_pod *p, struct kube_object *o)
{
    static const Corev1__PodSpec no_spec = COREV1__POD_SPEC__INIT;
    const Corev1__Pod *pod = kube_pod(o);
    const Corev1__PodSpec *spec = pod->spec ? pod->spec : &no_spec;
    const Metav1__OwnerReference *controller = meta_controller(o->meta);
    struct owner *old_owner = p->owner;

    resources_release(&p->request);
    free(p->ports);
    p->ports = NULL;
    p->n_ports = 0;
    struct kube_object *old = p->obj;
    p->obj = kube_object_ref(o);
    p->pod = pod;
    kube_object_unref(old);
    pod_request(spec, &c->names, &p->request, &p->nonzero_cpu, &p->nonzero_memory);
    if (pod->spec)
        collect_ports(p);
    p->priority = spec->has_priority ? spec->priority : 0;
    p->owner = controller && *kstr(controller->uid) ? need_owner(c, controller->uid) : NULL;
    drop_owner(c, old_owner);
    p->has_affinity = spec->affinity && spec->affinity->podaffinity;
    p->has_anti_affinity = spec->affinity && spec->affinity->podantiaffinity;
}

struct sched_pod *cache_pod(const struct cache *c, struct str key)
{
    return map_get(&c->pods, key);
}

struct sched_pod *cache_set_pod(struct cache *c, struct kube_object *o)
{
    struct sched_pod *p = cache_pod(c, o->key);
    const char *node = NULL;

    if (!p) {
        p = xcalloc(1, sizeof(*p));
        map_set(&c->pods, o->key, p);
    } else if (p->node) { /* its node counts what it asks for: off, and on again */
        node = p->node->name;
        _cleanup_(freep) char *name = xstrdup(node);
        cache_unassign(c, p);
        compile_pod(c, p, o);
        cache_assign(c, p, name);
        return p;
    }
    compile_pod(c, p, o);
    return p;
}

static void free_pod(struct cache *c, struct sched_pod *p)
{
    drop_owner(c, p->owner);
    resources_release(&p->request);
    free(p->ports);
    kube_object_unref(p->obj);
    free(p);
}

void cache_remove_pod(struct cache *c, struct sched_pod *p)
{
    cache_unassign(c, p);
    map_del(&c->pods, p->obj->key);
    free_pod(c, p);
}

bool pod_terminating(const struct sched_pod *p)
{
    return p->obj->meta->deletiontimestamp != NULL;
}

/* --- nodes --- */

static struct sched_node *need_node(struct cache *c, const char *name)
{
    struct sched_node *n = map_gets(&c->node_map, name);

    if (!n) {
        n = xcalloc(1, sizeof(*n));
        n->name = xstrdup(name);
        map_set(&c->node_map, str_of(name), n);
    }
    return n;
}

static void free_node(struct sched_node *n)
{
    resources_release(&n->allocatable);
    resources_release(&n->requested);
    kube_object_unref(n->obj);
    free(n->pods);
    free(n->name);
    free(n);
}

/* A node that is not known and has no pods left is forgotten. */
static void drop_ghost(struct cache *c, struct sched_node *n)
{
    if (n->obj || n->n_pods)
        return;
    map_del(&c->node_map, str_of(n->name));
    free_node(n);
}

static bool labels_equal(const Metav1__ObjectMeta *a, const Metav1__ObjectMeta *b)
{
    if (a->n_labels != b->n_labels)
        return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        const char *other = meta_label(b, kstr(a->labels[i]->key));
        if (!other || strcmp(other, kstr(a->labels[i]->value)) != 0)
            return false;
    }
    return true;
}

static bool taints_equal(const Corev1__NodeSpec *a, const Corev1__NodeSpec *b)
{
    if (!a || !b)
        return a == b;
    if (a->n_taints != b->n_taints ||
        (a->has_unschedulable && a->unschedulable) != (b->has_unschedulable && b->unschedulable))
        return false;
    for (size_t i = 0; i < a->n_taints; i++)
        if (strcmp(kstr(a->taints[i]->key), kstr(b->taints[i]->key)) != 0 ||
            strcmp(kstr(a->taints[i]->value), kstr(b->taints[i]->value)) != 0 ||
            strcmp(kstr(a->taints[i]->effect), kstr(b->taints[i]->effect)) != 0)
            return false;
    return true;
}

static size_t zone_number(struct cache *c, const Metav1__ObjectMeta *m)
{
    const char *zone = meta_label(m, "topology.kubernetes.io/zone");

    if (!zone)
        return 0;
    if (!map_has(&c->zones, str_of(zone)) && c->zones.n < ZONES_MAX)
        map_set(&c->zones, str_of(zone), (void *)(uintptr_t)(c->zones.n + 1));
    return (size_t)(uintptr_t)map_gets(&c->zones, zone);
}

unsigned cache_set_node(struct cache *c, struct kube_object *o)
{
    struct sched_node *n = need_node(c, kstr(o->meta->name));
    const Corev1__Node *node = kube_node(o);
    struct kube_object *old = n->obj;
    struct resources allocatable = {0};
    unsigned events = 0;

    if (node->status)
        resources_add_list(&allocatable, node->status->allocatable, node->status->n_allocatable, &c->names);
    if (!old) {
        events = EVENT_NODE_ADD;
        if (c->n_nodes == c->cap_nodes) {
            c->cap_nodes = c->cap_nodes ? c->cap_nodes * 2 : 16;
            c->nodes = xrealloc(c->nodes, c->cap_nodes * sizeof(struct sched_node *));
        }
        n->at = c->n_nodes;
        c->nodes[c->n_nodes++] = n;
    } else {
        events |= resources_equal(&allocatable, &n->allocatable) ? 0 : EVENT_NODE_ALLOCATABLE;
        events |= labels_equal(old->meta, o->meta) ? 0 : EVENT_NODE_LABEL;
        events |= taints_equal(n->node->spec, node->spec) ? 0 : EVENT_NODE_TAINT;
    }
    resources_release(&n->allocatable);
    n->allocatable = allocatable;
    n->obj = kube_object_ref(o);
    n->node = node;
    n->zone = zone_number(c, o->meta);
    kube_object_unref(old);
    return events;
}

void cache_remove_node(struct cache *c, struct str name)
{
    struct sched_node *n = map_get(&c->node_map, name);

    if (!n || !n->obj)
        return;
    c->nodes[n->at] = c->nodes[--c->n_nodes];
    c->nodes[n->at]->at = n->at;
    n->obj = kube_object_unref(n->obj);
    n->node = NULL;
    resources_release(&n->allocatable);
    drop_ghost(c, n);
}

const char *node_label(const struct sched_node *n, const char *key)
{
    return meta_label(n->obj->meta, key);
}

/* --- pods on nodes --- */

static void count(struct sched_node *n, const struct sched_pod *p, int sign)
{
    if (sign > 0)
        resources_add(&n->requested, &p->request);
    else
        resources_sub(&n->requested, &p->request);
    n->nonzero_cpu += sign * p->nonzero_cpu;
    n->nonzero_memory += sign * p->nonzero_memory;
    n->n_affinity += (size_t)(sign * p->has_affinity);
    n->n_anti_affinity += (size_t)(sign * p->has_anti_affinity);
    n->n_ports += (size_t)(sign * (p->n_ports > 0));
}

void cache_assign(struct cache *c, struct sched_pod *p, const char *node_name)
{
    struct sched_node *n = need_node(c, node_name);

    if (n->n_pods == n->cap_pods) {
        n->cap_pods = n->cap_pods ? n->cap_pods * 2 : 8;
        n->pods = xrealloc(n->pods, n->cap_pods * sizeof(struct sched_pod *));
    }
    p->node = n;
    p->node_at = n->n_pods;
    n->pods[n->n_pods++] = p;
    if (p->owner)
        owner_gains(p->owner, p);
    count(n, p, 1);
}

void cache_unassign(struct cache *c, struct sched_pod *p)
{
    struct sched_node *n = p->node;

    if (!n)
        return;
    n->pods[p->node_at] = n->pods[--n->n_pods];
    n->pods[p->node_at]->node_at = p->node_at;
    p->node = NULL;
    if (p->owner)
        owner_loses(p->owner, p);
    count(n, p, -1);
    drop_ghost(c, n);
}

void cache_release(struct cache *c)
{
    map_foreach (&c->pods, e)
        free_pod(c, e->value);
    map_foreach (&c->node_map, e)
        free_node(e->value);
    map_release(&c->pods);
    map_release(&c->node_map);
    map_release(&c->owners);
    map_release(&c->zones);
    free(c->nodes);
    resource_names_release(&c->names);
}
