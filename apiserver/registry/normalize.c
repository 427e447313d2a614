#include "apiserver/registry/normalize.h"

#include "base/limits.h"
#include "base/parse.h"

/* stringData is data in clear, and wins over it. */
static void secret(struct arena *a, struct doc *obj)
{
    struct doc *from = doc_remove(obj, "stringData");
    struct doc *data = doc_count(from) ? doc_need_object(a, obj, "data") : NULL;
    doc_foreach (from, s) {
        _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_BODY * 2);
        struct str value = doc_str(s);
        base64_encode(&b, value.p, value.n);
        struct doc *text = doc_string_copy(a, buf_str(&b));
        if (data && text)
            doc_set_str(data, doc_key(s), text);
    }
    if (data)
        doc_sort_members(data, false);
}

/* serviceAccount is the old name of serviceAccountName. */
static void pod_spec(struct arena *a, struct doc *spec)
{
    if (!doc_is(spec, DOC_OBJECT))
        return;
    struct str name = doc_str(doc_get(spec, "serviceAccountName"));
    if (!name.n)
        name = doc_str(doc_get(spec, "serviceAccount"));
    if (!name.n)
        return;
    doc_set(spec, "serviceAccountName", doc_string(a, name));
    doc_set(spec, "serviceAccount", doc_string(a, name));
}

/* podIP is podIPs[0]; the list is what counts when both are there. */
static void first_of(struct arena *a, struct doc *obj, const char *one, const char *list, const char *member)
{
    struct doc *all = doc_get(obj, list);
    struct str value = doc_str(doc_get(obj, one));
    if (doc_count(all)) {
        struct doc *first = doc_at(all, 0);
        struct str text = member ? doc_str(doc_get(first, member)) : doc_str(first);
        if (text.n)
            doc_set(obj, one, doc_string(a, text));
        return;
    }
    if (!value.n)
        return;
    struct doc *array = doc_array(a), *text = doc_string(a, value), *item = member ? doc_object(a) : text;
    if (!array || !text || !item)
        return;
    if (member)
        doc_set(item, member, text);
    doc_append(array, item);
    doc_set(obj, list, array);
}

static void pod(struct arena *a, struct doc *obj)
{
    struct doc *status = doc_get(obj, "status");
    pod_spec(a, doc_get(obj, "spec"));
    if (doc_is(status, DOC_OBJECT))
        first_of(a, status, "podIP", "podIPs", "ip");
}

static void node(struct arena *a, struct doc *obj)
{
    struct doc *spec = doc_get(obj, "spec");
    if (doc_is(spec, DOC_OBJECT))
        first_of(a, spec, "podCIDR", "podCIDRs", NULL);
}

static const struct {
    const char *group, *resource;
    void (*fn)(struct arena *a, struct doc *obj);
    const char *template; /* path of the pod spec, where fn is NULL */
} TABLE[] = {
    {"", "secrets", secret, NULL},
    {"", "pods", pod, NULL},
    {"", "nodes", node, NULL},
    {"", "replicationcontrollers", NULL, "spec.template.spec"},
    {"", "podtemplates", NULL, "template.spec"},
    {"apps", "deployments", NULL, "spec.template.spec"},
    {"apps", "replicasets", NULL, "spec.template.spec"},
    {"apps", "statefulsets", NULL, "spec.template.spec"},
    {"apps", "daemonsets", NULL, "spec.template.spec"},
    {"batch", "jobs", NULL, "spec.template.spec"},
    {"batch", "cronjobs", NULL, "spec.jobTemplate.spec.template.spec"},
};

void normalize(const struct resource *res, struct arena *a, struct doc *obj)
{
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        if (strcmp(TABLE[i].group, res->group) != 0 || strcmp(TABLE[i].resource, res->name) != 0)
            continue;
        if (TABLE[i].fn)
            TABLE[i].fn(a, obj);
        else
            pod_spec(a, doc_path(obj, TABLE[i].template));
        return;
    }
}
