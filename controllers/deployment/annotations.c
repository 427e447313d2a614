/* The annotations that replica sets of a deployment bear. */
#include "controllers/deployment/rules.h"

#include "base/limits.h"
#include "base/parse.h"

#define HISTORY_MAX 2000 /* characters */

typedef Metav1__ObjectMeta__AnnotationsEntry annotation;

int64_t revision_of(const Metav1__ObjectMeta *m)
{
    const char *v = meta_annotation(m, REVISION);
    int64_t n;
    return v && parse_int64(str_of(v), &n) ? n : 0;
}

bool annotation_int(const Metav1__ObjectMeta *m, const char *key, int32_t *ret)
{
    const char *v = meta_annotation(m, key);
    int64_t n;

    if (!v || !parse_range(str_of(v), INT32_MIN, INT32_MAX, &n))
        return false;
    *ret = (int32_t)n;
    return true;
}

static annotation *entry_new(struct arena *a, const char *key, const char *value)
{
    annotation *e = arena_new_of(a, annotation);

    metav1__object_meta__annotations_entry__init(e);
    e->key = (char *)key;
    e->value = (char *)value;
    return e;
}

bool annotation_set(struct arena *a, Metav1__ObjectMeta *m, const char *key, const char *value)
{
    const char *old = meta_annotation(m, key);

    if (old && strcmp(old, value) == 0)
        return false;
    annotation **list = arena_calloc(a, m->n_annotations + 1, sizeof(annotation *));
    size_t n = 0;
    for (size_t i = 0; i < m->n_annotations; i++)
        if (strcmp(kstr(m->annotations[i]->key), key) != 0)
            list[n++] = m->annotations[i];
    list[n++] = entry_new(a, key, value);
    m->annotations = list;
    m->n_annotations = n;
    return true;
}

bool label_set(struct arena *a, Metav1__ObjectMeta *m, const char *key, const char *value)
{
    typedef Metav1__ObjectMeta__LabelsEntry label;
    const char *old = meta_label(m, key);

    if (old && strcmp(old, value) == 0)
        return false;
    label **list = arena_calloc(a, m->n_labels + 1, sizeof(label *)), *e = arena_new_of(a, label);
    size_t n = 0;
    for (size_t i = 0; i < m->n_labels; i++)
        if (strcmp(kstr(m->labels[i]->key), key) != 0)
            list[n++] = m->labels[i];
    metav1__object_meta__labels_entry__init(e);
    e->key = (char *)key;
    e->value = (char *)value;
    list[n++] = e;
    m->labels = list;
    m->n_labels = n;
    return true;
}

/* These are the controller's own, or kubectl's notes about the deployment object itself. */
static bool is_skipped(const char *key)
{
    static const char *const skipped[] = {"kubectl.kubernetes.io/last-applied-configuration",
                                          REVISION,
                                          REVISION_HISTORY,
                                          DESIRED_REPLICAS,
                                          MAX_REPLICAS,
                                          "deprecated.deployment.rollback.to"};
    for (size_t i = 0; i < ARRAY_LEN(skipped); i++)
        if (strcmp(key, skipped[i]) == 0)
            return true;
    return false;
}

/* "1,3" + "4"; the oldest fall off when it gets too long. */
static const char *add_to_history(struct arena *a, const char *history, const char *revision)
{
    if (!history || !*history)
        return revision;
    char *text = arena_printf(a, "%s,%s", history, revision);
    while (text && strlen(text) > HISTORY_MAX) {
        char *comma = strchr(text, ',');
        if (!comma)
            break;
        text = comma + 1;
    }
    return text;
}

bool annotate_new_set(struct arena *a, const Metav1__ObjectMeta *deployment, Metav1__ObjectMeta *rs, int64_t revision)
{
    bool changed = false;

    for (size_t i = 0; i < deployment->n_annotations; i++) {
        const char *key = kstr(deployment->annotations[i]->key);
        if (!is_skipped(key))
            changed |= annotation_set(a, rs, key, kstr(deployment->annotations[i]->value));
    }
    const char *old = meta_annotation(rs, REVISION);
    int64_t old_revision = 0;
    if (old && *old && !parse_int64(str_of(old), &old_revision))
        return changed; /* somebody wrote nonsense: upstream leaves it alone too */
    if (old_revision >= revision)
        return changed;
    annotation_set(a, rs, REVISION, arena_printf(a, "%lld", (long long)revision));
    if (old && *old) /* it was new once before: a rollback */
        annotation_set(a, rs, REVISION_HISTORY, add_to_history(a, meta_annotation(rs, REVISION_HISTORY), old));
    return true;
}

bool annotate_sizes(struct arena *a, const Appsv1__Deployment *d, Metav1__ObjectMeta *rs)
{
    bool changed = annotation_set(a, rs, DESIRED_REPLICAS, arena_printf(a, "%d", dep_replicas(d)));
    return annotation_set(a, rs, MAX_REPLICAS, arena_printf(a, "%d", dep_replicas(d) + dep_max_surge(d))) || changed;
}
