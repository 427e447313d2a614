/*
 * kinds.h - the functions of the kinds with rules of their own. One file each; the table is in validation.c.
 *
 * A create function sees the new object; an update function both, metadata having been compared already.
 */
#ifndef APISERVER_VALIDATION_KINDS_H
#define APISERVER_VALIDATION_KINDS_H

#include "apiserver/validation/common.h"

struct kind_check {
    errors *e;
    const struct validation_request *req;
    const struct doc *obj, *old; /* old NULL on create */
};

void validate_pod(struct kind_check *k);
void validate_pod_update(struct kind_check *k);
void validate_pod_status(struct kind_check *k);
void validate_pod_resize(struct kind_check *k);
void validate_pod_ephemeral(struct kind_check *k);
void validate_pod_binding(struct kind_check *k);
void validate_pod_template(struct kind_check *k);
void validate_replication_controller(struct kind_check *k);
void validate_deployment(struct kind_check *k);
void validate_deployment_update(struct kind_check *k);
void validate_deployment_status(struct kind_check *k);
void validate_replica_set(struct kind_check *k);
void validate_replica_set_update(struct kind_check *k);
void validate_replica_set_status(struct kind_check *k);
void validate_daemon_set(struct kind_check *k);
void validate_daemon_set_update(struct kind_check *k);
void validate_daemon_set_status(struct kind_check *k);
void validate_stateful_set(struct kind_check *k);
void validate_stateful_set_update(struct kind_check *k);
void validate_job(struct kind_check *k);
void validate_job_update(struct kind_check *k);
void validate_cron_job(struct kind_check *k);
void validate_controller_revision(struct kind_check *k);
void validate_controller_revision_update(struct kind_check *k);
void validate_service(struct kind_check *k);
void validate_service_update(struct kind_check *k);
void validate_service_status(struct kind_check *k);
void validate_config_map(struct kind_check *k);
void validate_config_map_update(struct kind_check *k);
void validate_secret(struct kind_check *k);
void validate_secret_update(struct kind_check *k);
void validate_namespace(struct kind_check *k);
void validate_namespace_status(struct kind_check *k);
void validate_node(struct kind_check *k);
void validate_node_update(struct kind_check *k);
void validate_event(struct kind_check *k);
void validate_event_update(struct kind_check *k);
void validate_lease(struct kind_check *k);
void validate_endpoints(struct kind_check *k);
void validate_endpoint_slice(struct kind_check *k);
void validate_endpoint_slice_update(struct kind_check *k);
void validate_role(struct kind_check *k);
void validate_cluster_role(struct kind_check *k);
void validate_role_binding(struct kind_check *k);
void validate_role_binding_update(struct kind_check *k);
void validate_scale(struct kind_check *k);

#endif
