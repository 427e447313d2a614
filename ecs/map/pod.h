/*
 * pod.h - a task as a Pod: the task definition, RunTask's overrides and who the task is -> the document to create.
 *
 * Pure. The pod has restartPolicy Never, one container for each container definition, and the name of the task's id.
 *
 * dependsOn: a container that others await with COMPLETE or SUCCESS, and that is not essential and awaits nothing but
 * such containers, becomes an init container (they run one after the other, in the order of their dependencies; an init
 * container that fails ends the task also where COMPLETE would go on). HEALTHY becomes an init container with
 * restartPolicy Always and a startup probe when the awaited container has a health check and is not essential. START
 * is the order of the containers in the pod, which the kubelet starts in. Everything that is awaited otherwise is
 * refused by name. The condition of each container stands in the annotation ecs.coracle.dev/depends-on as JSON.
 */
#ifndef ECS_MAP_POD_H
#define ECS_MAP_POD_H

#include "api/doc.h"

#define ECS_LABEL "ecs.coracle.dev/" /* + cluster, task, family, revision, service, deployment */

/* One port of a container. host_port 0: the caller has still to choose one (bridge mode, hostPort 0 or absent). */
struct pod_port {
    struct str container;
    int64_t container_port, host_port;
    struct str protocol; /* tcp, udp */
};
/* The ports of a task in order; ret_ports is an array in the arena. awsvpc has none on the host: host_port is then
 * equal to container_port, and nothing is to be chosen. */
int pod_ports(struct arena *a, const struct doc *taskdef, struct pod_port **ret_ports, size_t *ret_n,
              struct err *err) MUST_CHECK;

struct pod_task {
    const char *cluster, *namespace;  /* name of the cluster; ecs-NAME */
    const char *task_id, *task_arn;   /* 32 hex digits */
    const char *service, *deployment; /* "" for a task of no service */
    const char *node;                 /* chosen by placement; "" leaves it to the scheduler */
    bool fargate;                     /* the pod gets exactly the task's size */
    const struct doc *overrides;      /* TaskOverride or NULL */
    const struct pod_port *ports;     /* from pod_ports, chosen */
    size_t n_ports;
};
int pod_build(struct arena *a, const struct doc *taskdef, const struct pod_task *task, struct doc **ret,
              struct err *err) MUST_CHECK;

#endif
