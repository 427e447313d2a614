/* A Service for the tests of endpoints. */
#ifndef UNIT_CONTROLLERS_SERVICE_H
#define UNIT_CONTROLLERS_SERVICE_H

#include "make.h"

static inline Corev1__Service *make_service(struct arena *a, Intstr__IntOrString *target)
{
    typedef Corev1__ServiceSpec__SelectorEntry entry;
    Corev1__Service *s = arena_new_of(a, Corev1__Service);
    Corev1__ServicePort *p = arena_new_of(a, Corev1__ServicePort);
    entry *e = arena_new_of(a, entry);

    corev1__service__init(s);
    s->metadata = make_meta(a, "default", "web");
    add_label(a, s->metadata, "team", "x");
    s->spec = arena_new_of(a, Corev1__ServiceSpec);
    corev1__service_spec__init(s->spec);
    corev1__service_spec__selector_entry__init(e);
    e->key = (char *)"app", e->value = (char *)"web";
    s->spec->selector = arena_calloc(a, 1, sizeof(e));
    s->spec->selector[0] = e;
    s->spec->n_selector = 1;
    corev1__service_port__init(p);
    p->name = (char *)"http", p->has_port = true, p->port = 80, p->targetport = target;
    s->spec->ports = arena_calloc(a, 1, sizeof(p));
    s->spec->ports[0] = p;
    s->spec->n_ports = 1;
    return s;
}

/* A pod of app=web with an address, and a port called "web" of the given number (0 = none). */
static inline Corev1__Pod *make_backend(struct arena *a, const char *name, const char *ip, int port, bool ready)
{
    Corev1__Pod *p = make_pod(a, name, "n1", "Running", ready ? 100 : 0);
    Corev1__Container *c = arena_new_of(a, Corev1__Container);
    Corev1__ContainerPort *cp = arena_new_of(a, Corev1__ContainerPort);

    add_label(a, p->metadata, "app", "web");
    p->status->podip = (char *)ip;
    corev1__container__init(c);
    corev1__container_port__init(cp);
    cp->name = (char *)"web", cp->has_containerport = true, cp->containerport = port;
    c->ports = arena_calloc(a, 1, sizeof(cp));
    c->ports[0] = cp;
    c->n_ports = port ? 1 : 0;
    p->spec->containers = arena_calloc(a, 1, sizeof(c));
    p->spec->containers[0] = c;
    p->spec->n_containers = 1;
    return p;
}

#endif
