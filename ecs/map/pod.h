/*
 * pod.h - a task as a Pod: the task definition, RunTask's overrides and who the task is -> the document to create.
 *
 * Pure. The pod has restartPolicy Never, one container for each container definition, and the name of the task's id.
 *
 * dependsOn: a container that others await with COMPLETE or SUCCESS becomes an init container (they run one after the
 * other in the order of their dependencies; one that fails ends the task, unless all await it with COMPLETE and the
 * kubelet knows MAY_FAIL). A container
 * that is awaited with HEALTHY, or that such a container awaits with START, becomes an init container with
 * restartPolicy Always (a sidecar; with HEALTHY it has a startup probe); a restart of it counts as its exit (status.h).
 * START between the others is the order of the containers in the pod, in which the kubelet starts them. taskdef.h
 * refuses what does not fit this. The conditions stand in the annotation ecs.coracle.dev/depends-on as JSON.
 *
 * "$(" in commands and environment is escaped, so that Kubernetes expands nothing that ECS would not.
 */
#ifndef ECS_MAP_POD_H
#define ECS_MAP_POD_H

#include "api/doc.h"

#define ECS_LABEL "ecs.coracle.dev/" /* + cluster, task, family, revision, service, deployment */

/* Annotations of pods, each followed by the container's name in the pod. kubelet/pod/ecs.h and kubelet/oci have the
 * other side; elsewhere a user by name does not start (runAsNonRoot), ulimits stay the runtime's, each container gets
 * the grace of the longest stopTimeout, a container with a restartPolicy is started again however short it ran (and not
 * at all before Kubernetes 1.35), and an init container that fails ends the task. */
#define POD_USER "user.ecs.coracle.dev/"                   /* name of the image's /etc/passwd */
#define POD_ULIMITS "ulimits.ecs.coracle.dev/"             /* nofile=1024:2048,core=0:unlimited */
#define POD_STOP_TIMEOUT "stop-timeout.ecs.coracle.dev/"   /* seconds */
#define POD_RESTART_AFTER "restart-after.ecs.coracle.dev/" /* seconds: what ran for less is not started again */
#define POD_MAY_FAIL "may-fail.ecs.coracle.dev/"           /* true: an init container whose failure is none */

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
    const struct doc *overrides;      /* TaskOverride or NULL */
    const struct pod_port *ports;     /* from pod_ports, chosen */
    size_t n_ports;
};
/* The name of a container, volume or secret in the pod: as it is when it is a DNS label, else its letters in lower case
 * with a hash. In the arena. */
struct str pod_name(struct arena *a, struct str name);
/* A label's value: characters that labels may not have are replaced by '-', 63 at most ("ecs-svc-123"). */
struct str pod_label_value(struct arena *a, struct str value);

int pod_build(struct arena *a, const struct doc *taskdef, const struct pod_task *task, struct doc **ret,
              struct err *err) MUST_CHECK;

#endif
