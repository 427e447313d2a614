#include "kubelet/pod/spec.h"

#include "kubelet/pod/ecs.h"

static bool rule_matches(const Corev1__ContainerRestartRule *rule, int32_t exit_code)
{
    const Corev1__ContainerRestartRuleOnExitCodes *codes = rule->exitcodes;
    bool found = false;

    if (!text_is(rule->action, "Restart") || !codes)
        return false;
    for (size_t i = 0; i < codes->n_values; i++)
        found |= codes->values[i] == exit_code;
    return text_is(codes->operator_, "In") ? found : !found;
}

bool container_restarts(const Corev1__Pod *p, const Corev1__Container *k, int32_t exit_code, int64_t ran_s)
{
    const char *policy = text_or(k->restartpolicy, text_or(p->spec->restartpolicy, "Always"));

    for (size_t i = 0; i < k->n_restartpolicyrules; i++)
        if (rule_matches(k->restartpolicyrules[i], exit_code))
            return ran_s >= ecs_restart_after(p, k->name);
    return text_is(policy, "Always") || (text_is(policy, "OnFailure") && exit_code != 0);
}

bool container_restarts_never(const Corev1__Pod *p, const Corev1__Container *k)
{
    return k->n_restartpolicyrules == 0 &&
           text_is(text_or(k->restartpolicy, text_or(p->spec->restartpolicy, "Always")), "Never");
}

const char *pod_annotation(const Corev1__Pod *p, const char *key)
{
    for (size_t i = 0; i < p->metadata->n_annotations; i++)
        if (text_is(p->metadata->annotations[i]->key, key))
            return text_or(p->metadata->annotations[i]->value, "");
    return NULL;
}

const Corev1__Container *pod_find_container(const Corev1__Pod *p, const char *name, bool *ret_init)
{
    for (size_t i = 0; i < p->spec->n_containers; i++)
        if (text_is(p->spec->containers[i]->name, name)) {
            *ret_init = false;
            return p->spec->containers[i];
        }
    for (size_t i = 0; i < p->spec->n_initcontainers; i++)
        if (text_is(p->spec->initcontainers[i]->name, name)) {
            *ret_init = true;
            return p->spec->initcontainers[i];
        }
    return NULL;
}
