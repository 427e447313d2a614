/*
 * registry.h - the plugins' functions, one file a plugin, and their table.
 */
#ifndef SCHEDULER_PLUGINS_REGISTRY_H
#define SCHEDULER_PLUGINS_REGISTRY_H

#include "scheduler/framework.h"

enum verdict node_unschedulable_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r);
enum verdict node_name_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r);

enum verdict taint_toleration_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r);
bool taint_toleration_prescore(struct cycle *c, struct sched_node *const *nodes, size_t n);
int64_t taint_toleration_score(const struct cycle *c, const struct sched_node *n);
void taint_toleration_normalize(const struct cycle *c, struct sched_node *const *nodes, int64_t *scores, size_t n);
/* Does one of the pod's tolerations tolerate the taint? */
bool tolerates(const Corev1__PodSpec *spec, const char *key, const char *value, const char *effect);

enum prefilter node_affinity_prefilter(struct cycle *c, const char **ret_message);
enum verdict node_affinity_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r);
bool node_affinity_prescore(struct cycle *c, struct sched_node *const *nodes, size_t n);
int64_t node_affinity_score(const struct cycle *c, const struct sched_node *n);
void node_affinity_normalize(const struct cycle *c, struct sched_node *const *nodes, int64_t *scores, size_t n);
/* nodeSelector and required node affinity. */
bool node_affinity_matches(const Corev1__PodSpec *spec, const struct sched_node *n);

enum prefilter node_ports_prefilter(struct cycle *c, const char **ret_message);
enum verdict node_ports_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r);

enum verdict resources_fit_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r);
int64_t resources_fit_score(const struct cycle *c, const struct sched_node *n);
int64_t balanced_allocation_score(const struct cycle *c, const struct sched_node *n);

enum prefilter topology_spread_prefilter(struct cycle *c, const char **ret_message);
enum verdict topology_spread_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r);
bool topology_spread_prescore(struct cycle *c, struct sched_node *const *nodes, size_t n);
int64_t topology_spread_score(const struct cycle *c, const struct sched_node *n);
void topology_spread_normalize(const struct cycle *c, struct sched_node *const *nodes, int64_t *scores, size_t n);

enum prefilter inter_pod_affinity_prefilter(struct cycle *c, const char **ret_message);
enum verdict inter_pod_affinity_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r);
bool inter_pod_affinity_prescore(struct cycle *c, struct sched_node *const *nodes, size_t n);
int64_t inter_pod_affinity_score(const struct cycle *c, const struct sched_node *n);
void inter_pod_affinity_normalize(const struct cycle *c, struct sched_node *const *nodes, int64_t *scores, size_t n);

#endif
