/*
 * kinds.h - the kinds that our programs work with, one row each.
 *
 * A row gives `kube_pods` (the struct kube_kind to pass to requests and informers) and `kube_pod(obj)` (the typed
 * message of an object). A kind that is missing here: add its row.
 */
#ifndef CLIENT_KINDS_H
#define CLIENT_KINDS_H

#include "client/object.h"
#include "client/protos.h"

/* X(plural, singular, group, version, resource, Kind, namespaced, C type, C prefix of its functions) */
#define KUBE_KINDS(X)                                                                                                  \
    X(pods, pod, "", "v1", "pods", "Pod", true, Corev1__Pod, corev1__pod)                                              \
    X(nodes, node, "", "v1", "nodes", "Node", false, Corev1__Node, corev1__node)                                       \
    X(services, service, "", "v1", "services", "Service", true, Corev1__Service, corev1__service)                      \
    X(endpoints, endpoint, "", "v1", "endpoints", "Endpoints", true, Corev1__Endpoints, corev1__endpoints)             \
    X(namespaces, namespace, "", "v1", "namespaces", "Namespace", false, Corev1__Namespace, corev1__namespace)         \
    X(config_maps, config_map, "", "v1", "configmaps", "ConfigMap", true, Corev1__ConfigMap, corev1__config_map)       \
    X(secrets, secret, "", "v1", "secrets", "Secret", true, Corev1__Secret, corev1__secret)                            \
    X(events, event, "", "v1", "events", "Event", true, Corev1__Event, corev1__event)                                  \
    X(service_accounts, service_account, "", "v1", "serviceaccounts", "ServiceAccount", true, Corev1__ServiceAccount,  \
      corev1__service_account)                                                                                         \
    X(persistent_volumes, persistent_volume, "", "v1", "persistentvolumes", "PersistentVolume", false,                 \
      Corev1__PersistentVolume, corev1__persistent_volume)                                                             \
    X(persistent_volume_claims, persistent_volume_claim, "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim",  \
      true, Corev1__PersistentVolumeClaim, corev1__persistent_volume_claim)                                            \
    X(replication_controllers, replication_controller, "", "v1", "replicationcontrollers", "ReplicationController",    \
      true, Corev1__ReplicationController, corev1__replication_controller)                                             \
    X(deployments, deployment, "apps", "v1", "deployments", "Deployment", true, Appsv1__Deployment,                    \
      appsv1__deployment)                                                                                              \
    X(replica_sets, replica_set, "apps", "v1", "replicasets", "ReplicaSet", true, Appsv1__ReplicaSet,                  \
      appsv1__replica_set)                                                                                             \
    X(stateful_sets, stateful_set, "apps", "v1", "statefulsets", "StatefulSet", true, Appsv1__StatefulSet,             \
      appsv1__stateful_set)                                                                                            \
    X(daemon_sets, daemon_set, "apps", "v1", "daemonsets", "DaemonSet", true, Appsv1__DaemonSet, appsv1__daemon_set)   \
    X(leases, lease, "coordination.k8s.io", "v1", "leases", "Lease", true, Coordinationv1__Lease,                      \
      coordinationv1__lease)                                                                                           \
    X(endpoint_slices, endpoint_slice, "discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true,              \
      Discoveryv1__EndpointSlice, discoveryv1__endpoint_slice)                                                         \
    X(priority_classes, priority_class, "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", false,          \
      Schedulingv1__PriorityClass, schedulingv1__priority_class)                                                       \
    X(runtime_classes, runtime_class, "node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", false,                    \
      Nodev1__RuntimeClass, nodev1__runtime_class)                                                                     \
    X(cluster_roles, cluster_role, "rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false,            \
      Rbacv1__ClusterRole, rbacv1__cluster_role)

/* Typed accessors: abort when the object is of another kind. */
#define X(plural, singular, group, version, resource, kind, namespaced, Type, prefix)                                  \
    extern const struct kube_kind kube_##plural;                                                                       \
    static inline const Type *kube_##singular(const struct kube_object *o)                                             \
    {                                                                                                                  \
        return (const Type *)kube_object_msg(o, &prefix##__descriptor);                                                \
    }
KUBE_KINDS(X)
#undef X

#endif
