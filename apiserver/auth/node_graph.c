#include "apiserver/auth/node_graph.h"

static bool named(const struct doc *ref, const char *field, struct str name)
{
    return str_eq(doc_str(doc_get(ref, field)), name);
}

/* --- containers --- */

static bool container_uses(const struct doc *container, const char *key_ref, const char *from_ref, struct str name)
{
    doc_foreach (doc_get(container, "env"), var) {
        if (named(doc_get(doc_get(var, "valueFrom"), key_ref), "name", name))
            return true;
    }
    doc_foreach (doc_get(container, "envFrom"), from) {
        if (named(doc_get(from, from_ref), "name", name))
            return true;
    }
    return false;
}

static bool any_container_uses(const struct doc *spec, const char *key_ref, const char *from_ref, struct str name)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        doc_foreach (doc_get(spec, lists[i]), container) {
            if (container_uses(container, key_ref, from_ref, name))
                return true;
        }
    return false;
}

/* --- volumes --- */

static bool projects(const struct doc *volume, const char *source, struct str name)
{
    doc_foreach (doc_path(volume, "projected.sources"), it) {
        if (named(doc_get(it, source), "name", name))
            return true;
    }
    return false;
}

/* A volume names secrets in several ways; which one depends on its source alone. */
static bool volume_uses_secret(const struct doc *volume, struct str name)
{
    static const char *const refs[] = {"secretRef", "nodePublishSecretRef"};
    doc_foreach (volume, source) {
        if (!doc_is(source, DOC_OBJECT))
            continue;
        if (named(source, "secretName", name))
            return true;
        for (size_t i = 0; i < ARRAY_LEN(refs); i++)
            if (named(doc_get(source, refs[i]), "name", name))
                return true;
    }
    return projects(volume, "secret", name);
}

static bool volume_uses_claim(const struct doc *volume, struct str pod, struct str name)
{
    struct str own = doc_str(doc_get(volume, "name"));
    if (named(doc_get(volume, "persistentVolumeClaim"), "claimName", name))
        return true;
    /* the claim of an ephemeral volume is POD-VOLUME */
    return doc_get(volume, "ephemeral") && name.n == pod.n + 1 + own.n && str_starts(name, pod) &&
           name.p[pod.n] == '-' && str_ends(name, own);
}

/* --- the rules --- */

static bool uses_secret(const struct doc *pod, struct str name)
{
    const struct doc *spec = doc_get(pod, "spec");
    doc_foreach (doc_get(spec, "imagePullSecrets"), ref) {
        if (named(ref, "name", name))
            return true;
    }
    doc_foreach (doc_get(spec, "volumes"), volume) {
        if (volume_uses_secret(volume, name))
            return true;
    }
    return any_container_uses(spec, "secretKeyRef", "secretRef", name);
}

static bool uses_config_map(const struct doc *pod, struct str name)
{
    const struct doc *spec = doc_get(pod, "spec");
    doc_foreach (doc_get(spec, "volumes"), volume) {
        if (named(doc_get(volume, "configMap"), "name", name) || projects(volume, "configMap", name))
            return true;
    }
    return any_container_uses(spec, "configMapKeyRef", "configMapRef", name);
}

static bool uses_claim(const struct doc *pod, struct str name)
{
    doc_foreach (doc_path(pod, "spec.volumes"), volume) {
        if (volume_uses_claim(volume, doc_str(doc_path(pod, "metadata.name")), name))
            return true;
    }
    return false;
}

static bool uses_account(const struct doc *pod, struct str name)
{
    return named(doc_get(pod, "spec"), "serviceAccountName", name);
}

bool node_graph_pod_uses(const struct doc *pod, const char *resource, struct str name)
{
    static const struct {
        const char *resource;
        bool (*uses)(const struct doc *pod, struct str name);
    } rules[] = {
        {"secrets", uses_secret},
        {"configmaps", uses_config_map},
        {"persistentvolumeclaims", uses_claim},
        {"serviceaccounts", uses_account},
    };
    for (size_t i = 0; name.n && i < ARRAY_LEN(rules); i++)
        if (strcmp(rules[i].resource, resource) == 0)
            return rules[i].uses(pod, name);
    return false;
}
