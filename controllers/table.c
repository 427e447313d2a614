#include "controllers/controller.h"

/* In upstream's order of start where it matters to nobody. */
const struct controller_def *const controller_table[] = {
    &namespace_controller,
    &serviceaccount_controller,
    &root_ca_controller,
    &replicaset_controller,
    &deployment_controller,
    &endpoints_controller,
    &endpointslice_controller,
    &node_lifecycle_controller,
    &taint_eviction_controller,
    &pod_gc_controller,
    &garbage_collector,
    &clusterrole_aggregation_controller,
    NULL,
};
