#include "kubelet/pod/ecs.h"

#include "base/parse.h"

#include <stdio.h>

#define ECS_NAMESPACE "ecs-"
#define KEY_MAX 320

static const char *annotation(const Corev1__Pod *p, const char *prefix, const char *container)
{
    char key[KEY_MAX];

    if (!p->metadata || strncmp(text_or(p->metadata->namespace_, ""), ECS_NAMESPACE, strlen(ECS_NAMESPACE)) != 0)
        return NULL;
    snprintf(key, sizeof(key), "%s.ecs.coracle.dev/%s", prefix, text_or(container, ""));
    return pod_annotation(p, key);
}

const char *ecs_user_name(const Corev1__Pod *p, const char *container)
{
    const char *name = annotation(p, "user", container);

    return text_empty(name) || strcmp(name, "root") == 0 ? NULL : name;
}

int64_t ecs_stop_grace(const Corev1__Pod *p, const char *container, int64_t pod_grace_s)
{
    const char *own = annotation(p, "stop-timeout", container);
    int64_t s;

    /* 0 kills at once; the runtime is given the shortest time that it takes for one. */
    if (!own || !parse_range(str_of(own), 0, 24 * 3600, &s))
        return pod_grace_s;
    return MIN_OF(MAX_OF(s, 1), pod_grace_s);
}

int64_t ecs_restart_after(const Corev1__Pod *p, const char *container)
{
    const char *text = annotation(p, "restart-after", container);
    int64_t s;

    return text && parse_range(str_of(text), 0, 24 * 3600, &s) ? s : 0;
}

bool ecs_may_fail(const Corev1__Pod *p, const char *container)
{
    return text_is(annotation(p, "may-fail", container), "true");
}
