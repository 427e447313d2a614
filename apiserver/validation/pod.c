/*
 * Pods: create, update, status, ephemeral containers, binding.
 */
#include "apiserver/validation/kinds.h"
#include "apiserver/validation/pod_internal.h"

#include "api/json.h"

#define MIRROR "kubernetes.io/config.mirror"
#define APPARMOR_PREFIX "container.apparmor.security.beta.kubernetes.io/"
#define DIFF_MAX ((size_t)16 << 10)
#define DIFF_LINES_MAX 2000

static void check_images(errors *e, path_t p, const struct doc *list)
{
    V_EACH (list, ctr) {
        struct str image = v_str(ctr.at, "image");
        if (str_trim(image).n != image.n)
            field_invalid_str(e, FIELD(FIELD_AT(p, ctr.i), "image"), image,
                              "must not have leading or trailing whitespace");
    }
}

/* A projected token is for the pod's account; without one there is nothing to ask for. */
static void check_tokens_need_account(errors *e, path_t p, const struct doc *spec)
{
    if (v_str(spec, "serviceAccountName").n)
        return;
    V_EACH (v_get(spec, "volumes"), vol) {
        path_t sources = FIELD(FIELD(FIELD_AT(FIELD(p, "volumes"), vol.i), "projected"), "sources");
        V_EACH (v_get(v_get(vol.at, "projected"), "sources"), src) {
            if (v_get(src.at, "serviceAccountToken"))
                field_forbidden(e, FIELD(FIELD_AT(sources, src.i), "serviceAccountToken"),
                                "must not be specified when serviceAccountName is not set");
        }
    }
}

static void check_meta_and_spec(struct kind_check *k)
{
    const struct doc *meta = v_get(k->obj, "metadata"), *spec = v_get(k->obj, "spec");
    path_t p = FIELD(NULL, "spec");
    struct pod_check c = {.e = k->e,
                          .arena = k->e->arena,
                          .spec = spec,
                          .meta = meta,
                          .is_pod = true,
                          .forbid_privileged = k->req->forbid_privileged};
    v_pod_annotations(k->e, FIELD(FIELD(NULL, "metadata"), "annotations"), v_get(meta, "annotations"), spec);
    v_pod_spec(&c, p);
    check_tokens_need_account(k->e, p, spec);
    check_images(k->e, FIELD(p, "containers"), v_get(spec, "containers"));
    check_images(k->e, FIELD(p, "initContainers"), v_get(spec, "initContainers"));
}

void validate_pod(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec");
    path_t p = FIELD(NULL, "spec");
    check_meta_and_spec(k);
    if (doc_count(v_get(spec, "ephemeralContainers")))
        field_forbidden(k->e, FIELD(p, "ephemeralContainers"), "cannot be set on create");
    if (v_str(spec, "nodeName").n && doc_count(v_get(spec, "schedulingGates")))
        field_forbidden(k->e, FIELD(p, "nodeName"), "cannot be set until all schedulingGates have been cleared");
}

/* --- update --- */

static void check_annotation_updates(errors *e, path_t p, const struct doc *now, const struct doc *old)
{
    doc_foreach (old, it) {
        struct str key = doc_key(it);
        const struct doc *same = now ? doc_get_str(now, key) : NULL;
        if (same && doc_equal(same, it))
            continue;
        if (str_starts(key, STR(APPARMOR_PREFIX)))
            field_forbidden(e, FIELD_KEY(p, key), "may not remove or update AppArmor annotations");
        if (str_is(key, MIRROR))
            field_forbidden(e, FIELD_KEY(p, key), "may not remove or update mirror pod annotation");
    }
    doc_foreach (now, it) {
        struct str key = doc_key(it);
        if (old && doc_get_str(old, key))
            continue;
        if (str_starts(key, STR(APPARMOR_PREFIX)))
            field_forbidden(e, FIELD_KEY(p, key), "may not add AppArmor annotations");
        if (str_is(key, MIRROR))
            field_forbidden(e, FIELD_KEY(p, key), "may not add mirror pod annotation");
    }
}

static bool check_container_updates(errors *e, path_t p, const struct doc *now, const struct doc *old)
{
    if (doc_count(now) != doc_count(old)) {
        field_forbidden(e, p, "pod updates may not add or remove containers");
        return false;
    }
    V_EACH (now, ctr) {
        struct str image = v_str(ctr.at, "image");
        if (!image.n)
            field_required(e, FIELD(FIELD_AT(p, ctr.i), "image"), "%s", "");
        if (str_trim(image).n != image.n)
            field_invalid_str(e, FIELD(FIELD_AT(p, ctr.i), "image"), image,
                              "must not have leading or trailing whitespace");
    }
    return true;
}

static void check_deadline_update(errors *e, path_t p, const struct doc *now, const struct doc *old)
{
    int64_t seconds = doc_int_or(now, 0);
    if (!now) {
        if (old)
            field_invalid(e, p, now, "must not update from a positive integer to nil value");
        return;
    }
    if (seconds < 0 || seconds > INT32_MAX)
        field_invalid_int(e, p, seconds, "must be between 0 and 2147483647, inclusive");
    else if (old && doc_int_or(old, 0) < seconds)
        field_invalid_int(e, p, seconds, "must be less than or equal to previous value");
}

static bool same_toleration(const struct doc *a, const struct doc *b)
{
    static const char *const fields[] = {"key", "operator", "value", "effect", NULL};
    for (const char *const *f = fields; *f; f++)
        if (!str_eq(v_str(a, *f), v_str(b, *f)))
            return false;
    return true;
}

static bool list_has_toleration(const struct doc *list, const struct doc *t)
{
    V_EACH (list, it) {
        if (same_toleration(it.at, t))
            return true;
    }
    return false;
}

static void check_tolerations_added(errors *e, path_t p, const struct doc *now, const struct doc *old)
{
    V_EACH (old, t) {
        if (!list_has_toleration(now, t.at)) {
            field_forbidden(e, p, "existing toleration can not be modified except its tolerationSeconds");
            return;
        }
    }
}

static bool has_gate(const struct doc *list, struct str name)
{
    V_EACH (list, g) {
        if (str_eq(v_str(g.at, "name"), name))
            return true;
    }
    return false;
}

static void check_gates_removed(errors *e, path_t p, const struct doc *now, const struct doc *old)
{
    V_EACH (now, g) {
        struct str name = v_str(g.at, "name");
        if (!has_gate(old, name))
            field_forbidden(e, FIELD(FIELD_AT(p, g.i), "name"),
                            "only deletion is allowed, but found new scheduling gate '" STR_FMT "'", STR_ARG(name));
    }
}

static void keep_field(struct arena *a, struct doc *spec, const struct doc *old, const char *field)
{
    const struct doc *was = doc_get(old, field);
    if (was)
        doc_set(spec, field, doc_clone(a, was, true));
    else
        doc_remove(spec, field);
}

static void keep_images(struct arena *a, struct doc *list, const struct doc *old)
{
    if (!doc_is(list, DOC_ARRAY) || !doc_is(old, DOC_ARRAY))
        return;
    struct doc *ctr = list->first;
    for (const struct doc *was = old->first; ctr && was; ctr = ctr->next, was = was->next)
        keep_field(a, ctr, was, "image");
}

/* A pod that waits at its gates may still have its node selection narrowed. */
static void narrow_while_gated(struct kind_check *k, struct doc *munged, const struct doc *old)
{
    path_t p = FIELD(NULL, "spec");
    const struct doc *now_sel = v_get(munged, "nodeSelector"), *old_sel = v_get(old, "nodeSelector");
    if (!doc_count(v_get(old, "schedulingGates")))
        return;
    doc_foreach (old_sel, it) {
        const struct doc *now = now_sel ? doc_get_str(now_sel, doc_key(it)) : NULL;
        if (!now || !doc_equal(now, it)) {
            field_invalid(k->e, FIELD(p, "nodeSelector"), now_sel,
                          "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
            break;
        }
    }
    keep_field(k->e->arena, munged, old, "nodeSelector");
    struct doc *affinity = doc_get(munged, "affinity");
    const struct doc *old_affinity = v_get(old, "affinity");
    if (affinity && old_affinity)
        keep_field(k->e->arena, affinity, old_affinity, "nodeAffinity");
    else if (affinity && doc_count(affinity) == 1 && v_get(affinity, "nodeAffinity"))
        doc_remove(munged, "affinity");
}

/* --- what differs, line by line, as a help to whoever reads the message --- */

struct lines {
    struct str v[DIFF_LINES_MAX];
    size_t n;
};

static struct lines *split_lines(struct arena *a, const struct doc *d)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT((size_t)4 << 20);
    struct lines *l = arena_new_of(a, struct lines);
    json_write_indent(&text, d, "  ");
    struct str rest = arena_str(a, buf_str(&text)), line;
    while (l && l->n < DIFF_LINES_MAX && rest.n && str_split(&rest, '\n', &line))
        l->v[l->n++] = line;
    return l;
}

static const char *diff_text(struct arena *a, const struct doc *old, const struct doc *now)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(DIFF_MAX);
    struct lines *x = split_lines(a, old), *y = split_lines(a, now);
    if (!x || !y)
        return "";
    size_t head = 0, tail = 0;
    while (head < x->n && head < y->n && str_eq(x->v[head], y->v[head]))
        head++;
    while (tail < x->n - head && tail < y->n - head && str_eq(x->v[x->n - 1 - tail], y->v[y->n - 1 - tail]))
        tail++;
    buf_printf(&out, "@@ -%zu,%zu +%zu,%zu @@\n", head + 1, x->n - head - tail, head + 1, y->n - head - tail);
    for (size_t i = head; i < x->n - tail; i++)
        buf_printf(&out, "-" STR_FMT "\n", STR_ARG(x->v[i]));
    for (size_t i = head; i < y->n - tail; i++)
        buf_printf(&out, "+" STR_FMT "\n", STR_ARG(y->v[i]));
    const char *text = arena_strdup(a, out.data ? out.data : "");
    return text ? text : "";
}

#define MAY_CHANGE                                                                                                     \
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"          \
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"                        \
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

static void check_rest_unchanged(struct kind_check *k, const struct doc *spec, const struct doc *old)
{
    struct arena *a = k->e->arena;
    struct doc *munged = doc_clone(a, spec, true);
    if (!munged)
        return;
    keep_images(a, doc_get(munged, "containers"), doc_get(old, "containers"));
    keep_images(a, doc_get(munged, "initContainers"), doc_get(old, "initContainers"));
    keep_field(a, munged, old, "activeDeadlineSeconds");
    keep_field(a, munged, old, "tolerations");
    narrow_while_gated(k, munged, old);
    keep_field(a, munged, old, "schedulingGates");
    if (v_int(old, "terminationGracePeriodSeconds") < 0 && v_int(spec, "terminationGracePeriodSeconds") == 1)
        keep_field(a, munged, old, "terminationGracePeriodSeconds");
    if (!v_equal(munged, old))
        field_forbidden(k->e, FIELD(NULL, "spec"), "%s\n%s", MAY_CHANGE, diff_text(a, old, munged));
}

void validate_pod_update(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec"), *old = v_get(k->old, "spec");
    const struct doc *meta = v_get(k->obj, "metadata"), *old_meta = v_get(k->old, "metadata");
    path_t p = FIELD(NULL, "spec");
    check_meta_and_spec(k);
    check_annotation_updates(k->e, FIELD(FIELD(NULL, "metadata"), "annotations"), v_get(meta, "annotations"),
                             v_get(old_meta, "annotations"));
    if (!check_container_updates(k->e, FIELD(p, "containers"), v_get(spec, "containers"), v_get(old, "containers")) ||
        !check_container_updates(k->e, FIELD(p, "initContainers"), v_get(spec, "initContainers"),
                                 v_get(old, "initContainers")))
        return;
    check_deadline_update(k->e, FIELD(p, "activeDeadlineSeconds"), v_get(spec, "activeDeadlineSeconds"),
                          v_get(old, "activeDeadlineSeconds"));
    check_tolerations_added(k->e, FIELD(p, "tolerations"), v_get(spec, "tolerations"), v_get(old, "tolerations"));
    check_gates_removed(k->e, FIELD(p, "schedulingGates"), v_get(spec, "schedulingGates"),
                        v_get(old, "schedulingGates"));
    check_rest_unchanged(k, spec, old);
}

/* --- status --- */

static const struct doc *status_named(const struct doc *list, struct str name)
{
    V_EACH (list, s) {
        if (str_eq(v_str(s.at, "name"), name))
            return s.at;
    }
    return NULL;
}

/* What has ended for good does not come back to life. */
static void check_transitions(errors *e, path_t p, const struct doc *now, const struct doc *old, struct str policy)
{
    if (str_is(policy, "Always"))
        return;
    V_EACH (old, was) {
        const struct doc *ended = v_get(v_get(was.at, "state"), "terminated");
        const struct doc *is = status_named(now, v_str(was.at, "name"));
        if (!ended || !is || (v_int(ended, "exitCode") != 0 && str_is(policy, "OnFailure")))
            continue;
        if (!v_get(v_get(is, "state"), "terminated"))
            field_forbidden(e, FIELD(FIELD_AT(p, was.i), "state"), "may not be transitioned to non-terminated state");
    }
}

void validate_pod_status(struct kind_check *k)
{
    const struct doc *now = v_get(k->obj, "status"), *old = v_get(k->old, "status"), *spec = v_get(k->old, "spec");
    path_t p = FIELD(NULL, "status");
    struct str nominated = v_str(now, "nominatedNodeName");
    if (nominated.n && !str_eq(nominated, v_str(old, "nominatedNodeName"))) {
        v_name(k->e, FIELD(p, "nominatedNodeName"), nominated, name_dns1123_subdomain);
        if (v_str(spec, "nodeName").n)
            field_forbidden(k->e, FIELD(p, "nominatedNodeName"),
                            "may not be set on pods that are already bound to a node");
    }
    if (v_int(now, "observedGeneration") < 0)
        field_invalid_int(k->e, FIELD(p, "observedGeneration"), v_int(now, "observedGeneration"),
                          "must be a non-negative integer");
    V_EACH (v_get(now, "conditions"), c) {
        if (v_int(c.at, "observedGeneration") < 0)
            field_invalid_int(k->e, FIELD(FIELD_AT(FIELD(p, "conditions"), c.i), "observedGeneration"),
                              v_int(c.at, "observedGeneration"), "must be a non-negative integer");
    }
    if (v_str(old, "qosClass").n)
        v_immutable(k->e, FIELD(p, "qosClass"), v_get(now, "qosClass"), v_get(old, "qosClass"));
    /* A container with a policy of its own may be restarted where its pod is not: those are left to the kubelet. */
    bool own_policies = false;
    V_EACH (v_get(spec, "containers"), ctr) {
        own_policies |= v_get(ctr.at, "restartPolicy") != NULL;
    }
    if (!own_policies)
        check_transitions(k->e, FIELD(p, "containerStatuses"), v_get(now, "containerStatuses"),
                          v_get(old, "containerStatuses"), v_str(spec, "restartPolicy"));
}

/* --- resize: cpu and memory of containers, nothing else --- */

static bool check_same_containers(errors *e, path_t p, const struct doc *now, const struct doc *old, const char *what)
{
    if (doc_count(now) != doc_count(old)) {
        field_forbidden(e, p, "%s may not be added or removed on resize", what);
        return false;
    }
    bool same = true;
    V_EACH (now, c) {
        if (str_eq(v_str(c.at, "name"), v_str(doc_at(old, c.i), "name")))
            continue;
        field_forbidden(e, FIELD(FIELD_AT(p, c.i), "name"), "%s may not be renamed or reordered on resize", what);
        same = false;
    }
    return same;
}

static void check_not_removed(errors *e, path_t p, const struct doc *now, const struct doc *old, const char *list,
                              const char *text)
{
    const struct doc *have = v_get(v_get(now, "resources"), list);
    doc_foreach (v_get(v_get(old, "resources"), list), it) {
        if (have && doc_get_str(have, doc_key(it)))
            continue;
        field_forbidden(e, FIELD(FIELD(p, "resources"), list), "%s", text);
        return;
    }
}

/* Gives every container back the cpu and memory it had, so that what is left to differ may not. */
static void keep_cpu_and_memory(struct arena *a, struct doc *list, const struct doc *old)
{
    static const char *const lists[] = {"requests", "limits"}, *const names[] = {"cpu", "memory"};
    const struct doc *was = doc_is(old, DOC_ARRAY) ? old->first : NULL;
    for (struct doc *ctr = doc_is(list, DOC_ARRAY) ? list->first : NULL; ctr && was; ctr = ctr->next, was = was->next) {
        struct doc *resources = doc_need_object(a, ctr, "resources");
        keep_field(a, ctr, was, "resizePolicy");
        for (size_t i = 0; resources && i < ARRAY_LEN(lists); i++) {
            struct doc *values = doc_need_object(a, resources, lists[i]);
            for (size_t k = 0; values && k < ARRAY_LEN(names); k++)
                keep_field(a, values, v_get(v_get(was, "resources"), lists[i]), names[k]);
        }
    }
}

void validate_pod_resize(struct kind_check *k)
{
    static const char *const lists[] = {"containers", "initContainers"};
    const struct doc *spec = v_get(k->obj, "spec"), *old = v_get(k->old, "spec");
    path_t p = FIELD(NULL, "spec");
    size_t before = k->e->n;
    check_meta_and_spec(k);
    if (v_get(v_get(v_get(k->old, "metadata"), "annotations"), MIRROR))
        field_forbidden(k->e, FIELD(NULL, ""), "static pods cannot be resized");
    struct doc *munged = doc_clone(k->e->arena, spec, true);
    for (size_t i = 0; munged && i < ARRAY_LEN(lists); i++) {
        const struct doc *now = v_get(spec, lists[i]), *was = v_get(old, lists[i]);
        if (!check_same_containers(k->e, FIELD(p, lists[i]), now, was, lists[i]))
            return;
        V_EACH (now, c) {
            path_t at = FIELD_AT(FIELD(p, lists[i]), c.i);
            check_not_removed(k->e, at, c.at, doc_at(was, c.i), "requests", "resource requests cannot be removed");
            check_not_removed(k->e, at, c.at, doc_at(was, c.i), "limits", "resource limits cannot be removed");
        }
        keep_cpu_and_memory(k->e->arena, doc_get(munged, lists[i]), was);
    }
    if (munged && k->e->n == before && !v_equal(munged, old))
        field_forbidden(k->e, p, "only cpu and memory resources are mutable");
}

/* --- ephemeral containers and binding --- */

static const struct doc *ephemeral_named(const struct doc *list, struct str name)
{
    return status_named(list, name);
}

void validate_pod_ephemeral(struct kind_check *k)
{
    const struct doc *now = v_get(v_get(k->obj, "spec"), "ephemeralContainers");
    const struct doc *old = v_get(v_get(k->old, "spec"), "ephemeralContainers");
    path_t p = FIELD(FIELD(NULL, "spec"), "ephemeralContainers");
    check_meta_and_spec(k);
    if (v_get(v_get(v_get(k->old, "metadata"), "annotations"), MIRROR))
        field_forbidden(k->e, FIELD(NULL, ""), "static pods do not support ephemeral containers");
    V_EACH (old, was) {
        struct str name = v_str(was.at, "name");
        const struct doc *is = ephemeral_named(now, name);
        if (!is)
            field_forbidden(k->e, p, "existing ephemeral containers \"" STR_FMT "\" may not be removed\n",
                            STR_ARG(name));
        else if (!v_equal(is, was.at))
            field_forbidden(k->e, p, "existing ephemeral containers \"" STR_FMT "\" may not be changed\n%s",
                            STR_ARG(name), diff_text(k->e->arena, was.at, is));
    }
}

void validate_pod_binding(struct kind_check *k)
{
    const struct doc *target = v_get(k->obj, "target");
    path_t p = FIELD(NULL, "target");
    struct str kind = v_str(target, "kind");
    if (kind.n && !str_is(kind, "Node"))
        V_ENUM(k->e, FIELD(p, "kind"), kind, "Node", "<empty>");
    if (!v_str(target, "name").n)
        field_required(k->e, FIELD(p, "name"), "%s", "");
}

void validate_pod_template(struct kind_check *k)
{
    v_pod_template(k->e, FIELD(NULL, "template"), v_get(k->obj, "template"), k->req->forbid_privileged);
}
