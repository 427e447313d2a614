/*
 * controller.h - what every controller is: informers whose handlers put keys on a queue, workers that run sync(key),
 * and a table row.
 *
 * Life: make (asks for informers, adds handlers; nothing runs yet) -> the informers are started and synced ->
 * controller_start (workers, ticks)
 * -> controller_end (queue shut, threads joined) -> the informers end -> unmake. Handlers run on informer threads and
 * only put keys on the queue. sync is straight-line code that may block in requests; the same key is never synced by
 * two workers at a time.
 */
#ifndef CONTROLLERS_CONTROLLER_H
#define CONTROLLERS_CONTROLLER_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/flags.h"
#include "client/informer.h"
#include "client/meta.h"
#include "client/recorder.h"
#include "client/component.h"
#include "client/workqueue.h"

#include <pthread.h>

/* The flags' values. */
struct controllers_options {
    const char *kubeconfig, *master;
    struct leader_election election;
    struct flag_list controllers;
    bool use_service_account_credentials;
    const char *root_ca_file, *service_account_key_file;
    int64_t deployment_syncs, replicaset_syncs, gc_syncs, namespace_syncs, endpoint_syncs, endpointslice_syncs,
        one_sync;
    int64_t max_endpoints_per_slice;
    int64_t node_monitor_period, node_monitor_grace, node_startup_grace;
    const char *node_eviction_rate; /* nodes a second */
    int64_t node_syncs, taint_syncs;
    int64_t terminated_pod_threshold;
    char *root_ca_pem; /* the content of root_ca_file, NULL without one */
};

struct controller_env {
    struct kube_client *client; /* with the controller's identity; writes go through it */
    struct informer_factory *informers;
    const struct controllers_options *options;
    struct stop *stop;
};

struct controller;

struct controller_def {
    const char *name, *alias; /* as --controllers takes them */
    const char *account;      /* service account in kube-system */
    const char *component;    /* source of its events; NULL = it makes none */
    size_t workers;           /* offset of the number in struct controllers_options */
    struct controller *(*make)(const struct controller_env *env); /* NULL: it has nothing to do (a flag is missing) */
    sync_fn *sync;
    void (*tick)(struct controller *c); /* runs every tick_ns on a thread of its own; NULL = none */
    int64_t tick_ns;
    void (*unmake)(struct controller *c); /* frees what make allocated, the struct too */
};

extern const struct controller_def *const controller_table[]; /* ends with NULL */

/* The first member of every controller's struct. */
struct controller {
    const struct controller_def *def;
    struct controller_env env;
    struct workqueue *queue; /* there from make on */
    struct recorder *recorder;
    struct workers *workers;
    pthread_t ticker;
    bool ticking;
};

/* For make: allocates `size` bytes (a struct that starts with struct controller) with queue and recorder. */
void *controller_alloc(size_t size, const struct controller_def *def, const struct controller_env *env);
void controller_start(struct controller *c);
void controller_end(struct controller *c);
void controller_free(struct controller *c); /* the end of unmake */

/* The usual handlers: the object's key goes on the queue of ctx (a struct controller). */
void controller_enqueue(void *ctx, struct kube_object *o);
void controller_enqueue_update(void *ctx, struct kube_object *old, struct kube_object *o);
void controller_watch(struct controller *c, struct informer *i); /* add, update and delete with the two above */

/* Is the controller in --controllers ("*", "-name", "name" or alias; all when the list is empty)? */
bool controller_enabled(const struct flag_list *list, const struct controller_def *def);

/* Memory of one sync round. */
#define SYNC_ARENA ((size_t)256 * 1024 * 1024)
/* Gives a reference to the arena: it is dropped with it. */
struct kube_object *sync_keep(struct arena *a, struct kube_object *o);
static inline int64_t now_wall(void)
{
    return clock_wall(&clock_system);
}

/* The rows. */
extern const struct controller_def replicaset_controller, deployment_controller, endpoints_controller,
    endpointslice_controller, serviceaccount_controller, root_ca_controller, namespace_controller, garbage_collector,
    node_lifecycle_controller, taint_eviction_controller, pod_gc_controller, clusterrole_aggregation_controller;

#endif
