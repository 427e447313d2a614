/*
 * rules.h - the arithmetic and the conditions of rollouts, as upstream's deployment controller has them. Pure.
 */
#ifndef CONTROLLERS_DEPLOYMENT_RULES_H
#define CONTROLLERS_DEPLOYMENT_RULES_H

#include "base/arena.h"
#include "client/kinds.h"
#include "client/meta.h"
#include "controllers/replicaset.h"

#define REVISION "deployment.kubernetes.io/revision"
#define REVISION_HISTORY "deployment.kubernetes.io/revision-history"
#define DESIRED_REPLICAS "deployment.kubernetes.io/desired-replicas"
#define MAX_REPLICAS "deployment.kubernetes.io/max-replicas"
#define TEMPLATE_HASH "pod-template-hash"

/* --- the deployment's numbers --- */
int32_t dep_replicas(const Appsv1__Deployment *d);
bool dep_is_rolling(const Appsv1__Deployment *d);
int32_t dep_max_surge(const Appsv1__Deployment *d);       /* 0 unless rolling */
int32_t dep_max_unavailable(const Appsv1__Deployment *d); /* at most replicas; 0 unless rolling */
bool dep_has_deadline(const Appsv1__Deployment *d);
/* maxSurge rounds up, maxUnavailable down; when both come to 0, one may be unavailable, or nothing could ever move. */
void resolve_fenceposts(const Intstr__IntOrString *surge, const Intstr__IntOrString *unavailable, int32_t desired,
                        int32_t *ret_surge, int32_t *ret_unavailable);

/* --- plans. A replica set as the plans see it; they write the size it should get to `to`. --- */
struct rs_size {
    int32_t replicas, available;
    int32_t max_before; /* max-replicas annotation; 0 = none */
    int32_t to;
};
/* How large the new set may be now. `total` = replicas of all sets together. */
int32_t new_set_size(const Appsv1__Deployment *d, int32_t total, int32_t new_replicas);
/* Old sets in order of creation: first those whose pods do not run anyway, then as many as availability allows. True =
 * something shrinks. */
bool shrink_old_sets(const Appsv1__Deployment *d, struct rs_size *old, size_t n, int32_t new_replicas,
                     int32_t new_available);
/* A deployment scaled in the middle of a rollout: shares the change among the sets in proportion. In the order of
 * by_size. */
void scale_in_proportion(const Appsv1__Deployment *d, struct rs_size *sets, size_t n);

/* --- templates --- */
/* Equal but for the pod-template-hash label; map entries in any order. */
bool template_equal(const Corev1__PodTemplateSpec *a, const Corev1__PodTemplateSpec *b);
/* The hash as it stands in names and labels; collision NULL = none yet. */
char *template_hash(struct arena *a, const Corev1__PodTemplateSpec *t, const int32_t *collision);
bool message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);

/* --- annotations of replica sets --- */
int64_t revision_of(const Metav1__ObjectMeta *m); /* 0 when there is none */
bool annotation_int(const Metav1__ObjectMeta *m, const char *key, int32_t *ret);
/* In m, a shallow copy in the arena: true when something changed. */
bool annotation_set(struct arena *a, Metav1__ObjectMeta *m, const char *key, const char *value);
bool label_set(struct arena *a, Metav1__ObjectMeta *m, const char *key, const char *value);
/* Copies the deployment's annotations, sets the revision and keeps the history of earlier ones. */
bool annotate_new_set(struct arena *a, const Metav1__ObjectMeta *deployment, Metav1__ObjectMeta *rs, int64_t revision);
bool annotate_sizes(struct arena *a, const Appsv1__Deployment *d, Metav1__ObjectMeta *rs);

/* --- status and conditions. Statuses are copies in the arena that may be changed. --- */
typedef Appsv1__DeploymentStatus dep_status;
const Appsv1__DeploymentCondition *dep_condition(const dep_status *s, const char *type);
/* As upstream's SetDeploymentCondition: nothing when status and reason are what they were; the transition time stays
 * when the status does. */
void condition_set(struct arena *a, dep_status *s, const char *type, const char *status, const char *reason,
                   const char *message, int64_t now);
void condition_remove(struct arena *a, dep_status *s, const char *type);
dep_status *dep_status_of(struct arena *a, const Appsv1__Deployment *d, const Appsv1__ReplicaSet *const *sets, size_t n,
                          const Appsv1__ReplicaSet *newest /* or NULL */, int64_t now);
/* Adds what the rollout's progress means for the conditions. */
void rollout_conditions(struct arena *a, const Appsv1__Deployment *d, dep_status *s,
                        const Appsv1__ReplicaSet *const *sets, size_t n, const Appsv1__ReplicaSet *newest, int64_t now);
bool dep_status_equal(const dep_status *a, const dep_status *b);
bool dep_complete(const Appsv1__Deployment *d, const dep_status *s);
bool dep_timed_out(const Appsv1__Deployment *d, const dep_status *s, int64_t now);
/* When a rollout that hangs must be looked at again: ns from now, -1 = not. */
int64_t dep_check_after(const Appsv1__Deployment *d, const dep_status *s, int64_t now);

#endif
