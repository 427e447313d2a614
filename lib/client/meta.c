#include "meta.h"

const char *meta_label(const Metav1__ObjectMeta *m, const char *key)
{
    for (size_t i = 0; i < m->n_labels; i++)
        if (strcmp(kstr(m->labels[i]->key), key) == 0)
            return kstr(m->labels[i]->value);
    return NULL;
}

const char *meta_annotation(const Metav1__ObjectMeta *m, const char *key)
{
    for (size_t i = 0; i < m->n_annotations; i++)
        if (strcmp(kstr(m->annotations[i]->key), key) == 0)
            return kstr(m->annotations[i]->value);
    return NULL;
}

bool meta_has_finalizer(const Metav1__ObjectMeta *m, const char *name)
{
    for (size_t i = 0; i < m->n_finalizers; i++)
        if (strcmp(kstr(m->finalizers[i]), name) == 0)
            return true;
    return false;
}

const Metav1__OwnerReference *meta_controller(const Metav1__ObjectMeta *m)
{
    for (size_t i = 0; i < m->n_ownerreferences; i++)
        if (m->ownerreferences[i]->has_controller && m->ownerreferences[i]->controller)
            return m->ownerreferences[i];
    return NULL;
}

bool meta_controlled_by(const Metav1__ObjectMeta *m, const char *uid)
{
    const Metav1__OwnerReference *r = meta_controller(m);
    return r && strcmp(kstr(r->uid), uid) == 0;
}

bool selector_empty(const Metav1__LabelSelector *s)
{
    return s && !s->n_matchlabels && !s->n_matchexpressions;
}

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_DOES_NOT_EXIST, OP_BAD };

static enum op operator_of(const Metav1__LabelSelectorRequirement *r)
{
    static const char *const names[] = {"In", "NotIn", "Exists", "DoesNotExist"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(kstr(r->operator_), names[i]) == 0)
            return (enum op)i;
    return OP_BAD;
}

static bool requirement_valid(const Metav1__LabelSelectorRequirement *r)
{
    enum op op = operator_of(r);
    bool wants_values = op == OP_IN || op == OP_NOT_IN;

    return op != OP_BAD && (r->n_values > 0) == wants_values && *kstr(r->key);
}

bool selector_valid(const Metav1__LabelSelector *s)
{
    for (size_t i = 0; s && i < s->n_matchexpressions; i++)
        if (!requirement_valid(s->matchexpressions[i]))
            return false;
    return true;
}

static bool requirement_matches(const Metav1__LabelSelectorRequirement *r, const Metav1__ObjectMeta *m)
{
    const char *value = meta_label(m, kstr(r->key));
    bool among = false;

    if (!requirement_valid(r))
        return false;
    for (size_t i = 0; value && i < r->n_values; i++)
        among |= strcmp(kstr(r->values[i]), value) == 0;
    switch (operator_of(r)) {
    case OP_IN:
        return among;
    case OP_NOT_IN:
        return !among;
    case OP_EXISTS:
        return value != NULL;
    case OP_DOES_NOT_EXIST:
        return value == NULL;
    case OP_BAD:
        break;
    }
    return false;
}

bool selector_matches(const Metav1__LabelSelector *s, const Metav1__ObjectMeta *m)
{
    if (!s)
        return false;
    for (size_t i = 0; i < s->n_matchlabels; i++) {
        const char *v = meta_label(m, kstr(s->matchlabels[i]->key));
        if (!v || strcmp(v, kstr(s->matchlabels[i]->value)) != 0)
            return false;
    }
    for (size_t i = 0; i < s->n_matchexpressions; i++)
        if (!requirement_matches(s->matchexpressions[i], m))
            return false;
    return true;
}

int64_t time_ns(const Metav1__Time *t)
{
    return t ? t->seconds * NS_PER_S + t->nanos : 0;
}

int64_t microtime_ns(const Metav1__MicroTime *t)
{
    return t ? t->seconds * NS_PER_S + t->nanos : 0;
}

void time_set(Metav1__Time *t, int64_t wall_ns)
{
    *t = (Metav1__Time)METAV1__TIME__INIT;
    t->has_seconds = t->has_nanos = true;
    t->seconds = wall_ns / NS_PER_S;
}

void microtime_set(Metav1__MicroTime *t, int64_t wall_ns)
{
    *t = (Metav1__MicroTime)METAV1__MICRO_TIME__INIT;
    t->has_seconds = t->has_nanos = true;
    t->seconds = wall_ns / NS_PER_S;
    t->nanos = (int32_t)(wall_ns % NS_PER_S / 1000 * 1000);
}

void key_split(struct str key, char **ret_ns, char **ret_name)
{
    char *block = xmalloc(key.n + 2);
    const char *slash = memchr(key.p, '/', key.n);
    size_t ns_len = slash ? (size_t)(slash - key.p) : 0, skip = slash ? ns_len + 1 : 0;

    memcpy(block, key.p, ns_len);
    block[ns_len] = '\0';
    memcpy(block + ns_len + 1, key.p + skip, key.n - skip);
    block[ns_len + 1 + key.n - skip] = '\0';
    *ret_ns = block;
    *ret_name = block + ns_len + 1;
}
