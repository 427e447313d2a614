/*
 * pod_internal.h - the rules of a pod's spec, shared by pods and by every kind that has a pod template.
 */
#ifndef APISERVER_VALIDATION_POD_INTERNAL_H
#define APISERVER_VALIDATION_POD_INTERNAL_H

#include "apiserver/validation/common.h"

struct pod_check {
    errors *e;
    struct arena *arena;
    const struct doc *spec, *meta;
    bool is_pod;            /* a pod itself, not a template */
    bool forbid_privileged; /* --allow-privileged=false */
    bool has_grace;
    int64_t grace;            /* terminationGracePeriodSeconds */
    struct seen volumes;      /* names of the volumes that are in order: mounts may refer to them */
    struct seen block_claims; /* of those, the ones that are claims: devices may refer to them */
    struct seen claims;       /* resource claims */
    struct seen host_ports;   /* across all containers of one list */
};

/* --- pod_spec.c --- */
void v_pod_spec(struct pod_check *c, path_t p);
/* {labels, annotations, spec}: at p as upstream reports it; forbids ephemeral containers. */
void v_pod_template(errors *e, path_t p, const struct doc *tmpl, bool forbid_privileged);
/* The template of a kind that keeps its pods running: labels match the selector, restartPolicy Always. kind is its name
 * in the messages. */
void v_pod_template_of(errors *e, path_t p, const struct doc *tmpl, const struct doc *selector, const char *kind,
                       bool forbid_privileged);
void v_pod_annotations(errors *e, path_t p, const struct doc *annotations, const struct doc *spec);

/* --- pod_container.c --- */
void v_containers(struct pod_check *c, path_t p, const struct doc *list);
void v_init_containers(struct pod_check *c, path_t p, const struct doc *list);
void v_ephemeral_containers(struct pod_check *c, path_t p, const struct doc *list);

/* --- pod_env.c --- */
void v_env(struct pod_check *c, path_t p, const struct doc *env);
void v_env_from(struct pod_check *c, path_t p, const struct doc *list);
void v_field_ref(errors *e, path_t p, const struct doc *ref, const char *const *supported);
void v_resource_ref(errors *e, path_t p, const struct doc *ref, bool volume);

/* --- pod_probe.c --- */
void v_probes(struct pod_check *c, path_t p, const struct doc *container);
void v_lifecycle(struct pod_check *c, path_t p, const struct doc *lifecycle);

/* --- pod_volume.c --- */
void v_volumes(struct pod_check *c, path_t p, const struct doc *list);
void v_volume_mounts(struct pod_check *c, path_t p, const struct doc *container);
void v_volume_devices(struct pod_check *c, path_t p, const struct doc *container);
void v_local_path(errors *e, path_t p, struct str s); /* relative, no '..' */

/* --- pod_resources.c --- */
void v_resources(struct pod_check *c, path_t p, const struct doc *resources);
void v_pod_resources(struct pod_check *c, path_t p);

/* --- pod_security.c --- */
void v_container_security(struct pod_check *c, path_t p, const struct doc *context);
void v_pod_security(struct pod_check *c, path_t p, const struct doc *context);

/* --- pod_scheduling.c --- */
void v_affinity(errors *e, path_t p, const struct doc *affinity);
void v_tolerations(errors *e, path_t p, const struct doc *list);
void v_topology_spread(errors *e, path_t p, const struct doc *list);
void v_scheduling_gates(errors *e, path_t p, const struct doc *list);

#endif
