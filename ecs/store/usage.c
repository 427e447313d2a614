#include "ecs/store/usage_index.h"

#include "base/clock.h"
#include "base/limits.h"

#include <stdlib.h>

/* --- nodes --- */

static struct usage_node *need_node(struct ecs_usage *u, struct str name)
{
    struct usage_node *n = map_get(&u->nodes, name);

    if (!n) {
        n = xcalloc(1, sizeof(*n));
        n->name = str_dup(name);
        list_init(&n->loads);
        map_set(&u->nodes, name, n);
    }
    return n;
}

static void drop_node(struct ecs_usage *u, struct usage_node *n)
{
    if (!n->known && list_empty(&n->loads))
        map_del(&u->nodes, str_of(n->name));
}

static void free_node(void *p)
{
    struct usage_node *n = p;

    free(n->name);
    free(n);
}

static int64_t units_of(int64_t milli, int64_t round)
{
    return (milli * 1024 + round) / 1000;
}

struct ecs_size usage_size_of(const struct usage_node *n)
{
    return (struct ecs_size){units_of(n->has.milli, 0), n->has.bytes / (int64_t)MIB};
}

struct ecs_size usage_left_on(const struct usage_node *n)
{
    struct ecs_size s = usage_size_of(n);

    s.cpu -= n->tasks.cpu + units_of(n->pods.milli, 999);
    s.memory -= n->tasks.memory + (n->pods.bytes + (int64_t)MIB - 1) / (int64_t)MIB;
    return s;
}

static void put_node(struct ecs_usage *u, const struct doc *o)
{
    struct usage_node *n = need_node(u, doc_str(doc_path(o, "metadata.name")));
    int64_t pods = 0;

    n->known = true;
    n->ready = usage_node_ready(o);
    n->schedulable = !doc_true(doc_path(o, "spec.unschedulable"));
    n->has = usage_allocatable(o);
    n->pods_max = usage_count_of(doc_path(o, "status.allocatable"), "pods", &pods) ? pods : 0;
}

static void remove_node(struct ecs_usage *u, struct str name)
{
    struct usage_node *n = map_get(&u->nodes, name);

    if (!n)
        return;
    n->known = n->ready = false;
    n->has = (struct usage_amount){0};
    drop_node(u, n);
}

/* --- namespaces --- */

void usage_unref_facts(void *p)
{
    struct usage_facts *f = p;

    if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(f);
}

static struct usage_space *need_space(struct ecs_usage *u, struct str ns)
{
    struct usage_space *s = map_get(&u->spaces, ns);

    if (!s) {
        s = xcalloc(1, sizeof(*s));
        s->ns = str_dup(ns);
        map_init(&s->instances, usage_unref_facts);
        map_set(&u->spaces, ns, s);
    }
    return s;
}

static void drop_space(struct ecs_usage *u, struct usage_space *s)
{
    if (s->tasks == 0 && s->instances.n == 0)
        map_del(&u->spaces, str_of(s->ns));
}

static void free_space(void *p)
{
    struct usage_space *s = p;

    map_release(&s->instances);
    free(s->ns);
    free(s);
}

/* --- instances --- */

/* Takes the next bytes of *at. */
static struct str keep(char **at, struct str s)
{
    char *p = *at;

    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    *at += s.n + 1;
    return str_n(p, s.n);
}

static struct usage_facts *facts_of(const struct doc *o)
{
    static const char *const paths[] = {"metadata.name",
                                        "spec.node",
                                        "status.containerInstanceArn",
                                        "status.ec2InstanceId",
                                        "status.status",
                                        "status.capacityProviderName",
                                        "status.versionInfo.agentVersion"};
    const struct doc *attributes = doc_path(o, "status.attributes");
    size_t n = doc_count(attributes), bytes = sizeof(struct usage_facts) + n * sizeof(struct placement_attribute);

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        bytes += doc_str(doc_path(o, paths[i])).n + 1;
    doc_foreach (attributes, at)
        bytes += doc_str(doc_get(at, "name")).n + doc_str(doc_get(at, "value")).n + 2;
    char at_text[RFC3339_MAX];
    format_rfc3339(at_text, doc_int_or(doc_path(o, "status.registeredAt"), 0) * NS_PER_S, 0);
    bytes += strlen(at_text) + 1;
    struct usage_facts *f = xcalloc(1, bytes);
    char *room = (char *)&f->attributes[n];
    struct str *const to[] = {
        &f->name, &f->node, &f->arn, &f->ec2_instance_id, &f->status, &f->capacity_provider, &f->agent_version};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        *to[i] = keep(&room, doc_str(doc_path(o, paths[i])));
    doc_foreach (attributes, at) {
        struct placement_attribute *v = &f->attributes[f->n++];
        v->name = keep(&room, doc_str(doc_get(at, "name")));
        v->value = keep(&room, doc_str(doc_get(at, "value")));
    }
    f->registered_at = keep(&room, str_of(at_text));
    f->registered = doc_true(doc_path(o, "spec.registered"));
    f->refs = 1;
    return f;
}

static void remove_instance(struct ecs_usage *u, struct str ns, struct str name)
{
    struct usage_space *s = map_get(&u->spaces, ns);

    if (s) {
        map_del(&s->instances, name);
        drop_space(u, s);
    }
}

/* --- loads --- */

static void detach(struct ecs_usage *u, struct usage_load *l)
{
    struct usage_node *n = l->node;

    if (!n)
        return;
    if (l->by_task) {
        n->tasks.cpu -= l->task.size.cpu;
        n->tasks.memory -= l->task.size.memory;
    } else {
        n->pods.milli -= l->pod.amount.milli;
        n->pods.bytes -= l->pod.amount.bytes;
    }
    n->n--;
    l->node = NULL;
    list_remove(&l->link);
    drop_node(u, n);
}

static void attach(struct ecs_usage *u, struct usage_load *l)
{
    struct usage_node *n;

    l->by_task = l->task.known && l->task.live && l->task.node;
    if (!l->by_task && !(l->pod.known && l->pod.live && l->pod.node))
        return;
    n = need_node(u, str_of(l->by_task ? l->task.node : l->pod.node));
    if (l->by_task) {
        n->tasks.cpu += l->task.size.cpu;
        n->tasks.memory += l->task.size.memory;
    } else {
        n->pods.milli += l->pod.amount.milli;
        n->pods.bytes += l->pod.amount.bytes;
    }
    n->n++;
    l->node = n;
    list_push(&n->loads, &l->link);
}

static void count_phase(struct usage_load *l, int64_t by)
{
    struct ecs_task_counts *n = &l->space->counts;

    n->live += l->task.live ? by : 0;
    if (l->task.phase == PHASE_RUNNING) {
        n->running += by;
        n->of[l->task.launch].running += by;
    } else if (l->task.phase == PHASE_PENDING) {
        n->pending += by;
        n->of[l->task.launch].pending += by;
    }
}

static void clear_task(struct ecs_usage *u, struct usage_load *l)
{
    if (!l->task.known)
        return;
    count_phase(l, -1);
    l->space->tasks--;
    drop_space(u, l->space);
    free(l->task.node);
    free(l->task.group);
    free(l->task.ports.v);
    memset(&l->task, 0, sizeof(l->task));
    l->space = NULL;
}

static void clear_pod(struct usage_load *l)
{
    free(l->pod.node);
    free(l->pod.ports.v);
    memset(&l->pod, 0, sizeof(l->pod));
}

static void free_load(void *p)
{
    struct usage_load *l = p;

    free(l->task.node);
    free(l->task.group);
    free(l->task.ports.v);
    clear_pod(l);
    free(l);
}

struct key {
    char text[512];
    size_t n;
};

/* Names of objects are 253 bytes at most, of namespaces 63. */
static struct str key_of(struct key *k, char type, struct str ns, struct str name)
{
    if (ns.n + name.n + 4 > sizeof(k->text))
        return STR("");
    char *at = k->text;
    *at++ = type;
    *at++ = '/';
    (void)keep(&at, ns);
    at[-1] = '/';
    (void)keep(&at, name);
    return str_n(k->text, (size_t)(at - k->text) - 1);
}

static struct usage_load *need_load(struct ecs_usage *u, struct str key)
{
    struct usage_load *l = map_get(&u->loads, key);

    if (!l) {
        l = xcalloc(1, sizeof(*l));
        list_init(&l->link);
        map_set(&u->loads, key, l);
    }
    return l;
}

enum ecs_launch_kind ecs_launch_kind_of(struct str launch_type)
{
    return str_is(launch_type, "FARGATE")    ? ECS_LAUNCH_FARGATE
           : str_is(launch_type, "EXTERNAL") ? ECS_LAUNCH_EXTERNAL
                                             : ECS_LAUNCH_EC2;
}

static enum usage_phase phase_of(struct str status)
{
    if (str_is(status, "RUNNING"))
        return PHASE_RUNNING;
    return str_is(status, "PROVISIONING") || str_is(status, "PENDING") || str_is(status, "ACTIVATING") ? PHASE_PENDING
                                                                                                       : PHASE_NONE;
}

/* awsvpc: its ports are not the host's. */
static bool has_own_address(const struct doc *task)
{
    doc_foreach (doc_path(task, "status.attachments"), at)
        if (str_is(doc_str(doc_get(at, "type")), "ElasticNetworkInterface"))
            return true;
    return false;
}

static void put_task(struct ecs_usage *u, struct usage_load *l, const struct doc *o)
{
    const struct doc *spec = doc_get(o, "spec"), *ports = doc_get(spec, "ports");
    struct str status = doc_str(doc_path(o, "status.lastStatus")), node = doc_str(doc_get(spec, "node"));

    clear_task(u, l);
    l->space = need_space(u, doc_str(doc_path(o, "metadata.namespace")));
    l->space->tasks++;
    l->task.known = true;
    l->task.live = !str_is(status, "STOPPED");
    l->task.phase = phase_of(status);
    l->task.launch = ecs_launch_kind_of(doc_str(doc_path(o, "status.launchType")));
    count_phase(l, 1);
    if (!l->task.live)
        return;
    l->task.node = node.n && doc_str(doc_get(spec, "instance")).n ? str_dup(node) : NULL;
    l->task.group = str_dup(doc_str(doc_path(o, "status.group")));
    l->task.size.cpu = doc_int_or(doc_path(spec, "size.cpu"), 0);
    l->task.size.memory = doc_int_or(doc_path(spec, "size.memory"), 0);
    if (has_own_address(o))
        return;
    l->task.ports.v = doc_count(ports) ? xcalloc(doc_count(ports), sizeof(*l->task.ports.v)) : NULL;
    doc_foreach (ports, p)
        l->task.ports.v[l->task.ports.n++] = (struct placement_port){(uint16_t)doc_int_or(doc_get(p, "hostPort"), 0),
                                                                     str_is(doc_str(doc_get(p, "protocol")), "udp")};
}

static void put_pod(struct usage_load *l, const struct doc *o)
{
    struct str node = doc_str(doc_path(o, "spec.nodeName"));
    struct placement_port p;

    clear_pod(l);
    l->pod.known = true;
    l->pod.live = !usage_pod_ended(o);
    if (!l->pod.live || !node.n)
        return;
    l->pod.node = str_dup(node);
    l->pod.amount = usage_of_pod(o);
    while (usage_pod_port(o, l->pod.ports.n, &p.port, &p.udp)) {
        l->pod.ports.v = xrealloc(l->pod.ports.v, (l->pod.ports.n + 1) * sizeof(p));
        l->pod.ports.v[l->pod.ports.n++] = p;
    }
}

static void put_load(struct ecs_usage *u, enum ecs_kind_id k, const struct doc *o)
{
    struct key key;
    struct usage_load *l =
        need_load(u, key_of(&key, k == ECS_FOREIGN_POD ? 'p' : 't', doc_str(doc_path(o, "metadata.namespace")),
                            doc_str(doc_path(o, "metadata.name"))));

    detach(u, l);
    if (k == ECS_TASK)
        put_task(u, l, o);
    else
        put_pod(l, o);
    attach(u, l);
}

static void remove_load(struct ecs_usage *u, enum ecs_kind_id k, struct str ns, struct str name)
{
    struct key key;
    struct str text = key_of(&key, k == ECS_FOREIGN_POD ? 'p' : 't', ns, name);
    struct usage_load *l = map_get(&u->loads, text);

    if (!l)
        return;
    detach(u, l);
    if (k == ECS_TASK)
        clear_task(u, l);
    else
        clear_pod(l);
    attach(u, l);
    if (!l->task.known && !l->pod.known)
        map_del(&u->loads, text);
}

/* --- claims --- */

static bool port_is_free(const struct usage_node *n, struct placement_port want)
{
    list_foreach (&n->loads, struct usage_load, l, link) {
        const struct usage_ports *have = usage_ports_of(l);
        for (size_t i = 0; i < have->n; i++)
            if (have->v[i].port == want.port && have->v[i].udp == want.udp)
                return false;
    }
    return true;
}

static struct placement_port port_of(const struct pod_port *p)
{
    return (struct placement_port){(uint16_t)p->host_port, str_is(p->protocol, "udp")};
}

static bool has_room(const struct usage_node *n, const struct ecs_claim *c)
{
    struct ecs_size left = usage_left_on(n);

    if ((c->size.cpu > 0 && c->size.cpu > left.cpu) || (c->size.memory > 0 && c->size.memory > left.memory) ||
        (n->pods_max > 0 && (int64_t)n->n >= n->pods_max))
        return false;
    for (size_t i = 0; i < c->n_ports; i++)
        if (c->ports[i].host_port > 0 && !port_is_free(n, port_of(&c->ports[i])))
            return false;
    return true;
}

static void claim(struct ecs_usage *u, struct usage_load *l, const struct ecs_claim *c)
{
    detach(u, l);
    l->space = need_space(u, c->ns);
    l->space->tasks++;
    l->task.known = l->task.live = l->task.claimed = true;
    l->task.phase = PHASE_PENDING;
    count_phase(l, 1);
    l->task.node = str_dup(c->node);
    l->task.group = str_dup(c->group);
    l->task.size = c->size;
    l->task.ports.v = c->n_ports ? xcalloc(c->n_ports, sizeof(*l->task.ports.v)) : NULL;
    for (size_t i = 0; i < c->n_ports; i++)
        l->task.ports.v[l->task.ports.n++] = port_of(&c->ports[i]);
    attach(u, l);
}

bool ecs_usage_claim(struct ecs_usage *u, const struct ecs_claim *c)
{
    struct key key;
    struct str text = key_of(&key, 't', c->ns, c->task);

    pthread_mutex_lock(&u->lock);
    const struct usage_node *n = map_get(&u->nodes, c->node);
    const struct usage_load *old = map_get(&u->loads, text);
    bool there = old && old->task.known; /* it was written before: whoever writes it now will be told */
    bool ok = there || (n && has_room(n, c));
    if (ok && !there)
        claim(u, need_load(u, text), c);
    pthread_mutex_unlock(&u->lock);
    return ok;
}

void ecs_usage_unclaim(struct ecs_usage *u, struct str ns, struct str task)
{
    struct key key;

    pthread_mutex_lock(&u->lock);
    const struct usage_load *l = map_get(&u->loads, key_of(&key, 't', ns, task));
    if (l && l->task.claimed)
        remove_load(u, ECS_TASK, ns, task);
    pthread_mutex_unlock(&u->lock);
}

/* --- what the store tells --- */

struct ecs_usage *ecs_usage_new(void)
{
    struct ecs_usage *u = xcalloc(1, sizeof(*u));

    pthread_mutex_init(&u->lock, NULL);
    map_init(&u->nodes, free_node);
    map_init(&u->spaces, free_space);
    map_init(&u->loads, free_load);
    return u;
}

struct ecs_usage *ecs_usage_free(struct ecs_usage *u)
{
    if (!u)
        return NULL;
    map_release(&u->loads);
    map_release(&u->spaces);
    map_release(&u->nodes);
    pthread_mutex_destroy(&u->lock);
    free(u);
    return NULL;
}

void ecs_usage_put(struct ecs_usage *u, enum ecs_kind_id k, const struct doc *o)
{
    pthread_mutex_lock(&u->lock);
    if (k == ECS_NODE)
        put_node(u, o);
    else if (k == ECS_CONTAINER_INSTANCE)
        map_set(&need_space(u, doc_str(doc_path(o, "metadata.namespace")))->instances,
                doc_str(doc_path(o, "metadata.name")), facts_of(o));
    else if (k == ECS_TASK || k == ECS_POD || k == ECS_FOREIGN_POD)
        put_load(u, k, o);
    pthread_mutex_unlock(&u->lock);
}

void ecs_usage_remove(struct ecs_usage *u, enum ecs_kind_id k, struct str ns, struct str name)
{
    pthread_mutex_lock(&u->lock);
    if (k == ECS_NODE)
        remove_node(u, name);
    else if (k == ECS_CONTAINER_INSTANCE)
        remove_instance(u, ns, name);
    else if (k == ECS_TASK || k == ECS_POD || k == ECS_FOREIGN_POD)
        remove_load(u, k, ns, name);
    pthread_mutex_unlock(&u->lock);
}
