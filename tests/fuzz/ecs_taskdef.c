/*
 * Task definitions, of types that the wire would not let pass too: what is taken stays as it is when it is registered
 * again, becomes a pod in which no path is mounted twice, and its ulimits are what the wrapper of the runtime reads.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/json.h"
#include "base/limits.h"
#include "ecs/map/pod.h"
#include "ecs/map/taskdef.h"
#include "oci/rlimits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_mounts(const struct doc *container)
{
    const struct doc *mounts = doc_get(container, "volumeMounts");

    doc_foreach (mounts, m) {
        doc_foreach (mounts, other) {
            if (m != other && doc_equal(doc_get(m, "mountPath"), doc_get(other, "mountPath")))
                abort();
        }
    }
}

static void check_limits(struct arena *a, const struct doc *pod, const struct doc *container)
{
    struct doc *config = doc_object(a), *annotations = doc_clone(a, doc_path(pod, "metadata.annotations"), true);
    struct err err = ERR_INIT;
    bool changed;

    doc_set(annotations, "io.kubernetes.cri.container-name", doc_string(a, doc_str(doc_get(container, "name"))));
    doc_set(annotations, "io.kubernetes.cri.sandbox-namespace", doc_string(a, STR("ecs-x")));
    doc_set(config, "annotations", annotations);
    if (oci_apply_rlimits(a, config, &changed, &err) < 0 && !arena_overflow(a))
        abort();
}

static void check_pod(struct arena *a, const struct doc *td)
{
    struct pod_task task = {.cluster = "c",
                            .namespace = "ecs-c",
                            .task_id = "id",
                            .task_arn = "arn",
                            .service = "",
                            .deployment = "",
                            .node = ""};
    struct err err = ERR_INIT;
    struct pod_port *ports;
    struct ecs_size sum;
    struct doc *pod;

    if (taskdef_size(td, NULL, &sum, &err) < 0 || pod_ports(a, td, &ports, &task.n_ports, &err) < 0)
        return;
    task.ports = ports;
    if (pod_build(a, td, &task, &pod, &err) < 0)
        return;
    size_t n = doc_count(doc_path(pod, "spec.containers")) + doc_count(doc_path(pod, "spec.initContainers"));
    if (n != doc_count(doc_get(td, "containerDefinitions")))
        abort();
    doc_foreach (doc_path(pod, "spec.containers"), k) {
        check_mounts(k);
        check_limits(a, pod, k);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    struct err err = ERR_INIT;
    struct doc *input, *once, *twice;

    if (json_parse(a, str_n((const char *)data, size), NULL, &input, &err) < 0 ||
        taskdef_normalise(a, input, &once, &err) < 0)
        return 0;
    if (taskdef_normalise(a, once, &twice, &err) < 0 || !doc_equal(once, twice)) {
        if (!arena_overflow(a))
            abort();
        return 0;
    }
    check_pod(a, once);
    return 0;
}
