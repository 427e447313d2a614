/* The end of a namespace: everything in it is deleted, then its finalizer goes. */
#include "api/resources.h"
#include "base/limits.h"
#include "controllers/controller.h"
#include "controllers/gc/kinds.h"

#define RETRY_MIN_NS NS_PER_S
#define RETRY_MAX_NS (30 * NS_PER_S)
#define FINALIZER "kubernetes"

struct ns_controller {
    struct controller base;
    struct informer *namespaces;
    struct all_kinds *kinds;
};

/* What was found still to be there. */
struct rest {
    struct buf resources, finalizers, failures; /* texts, joined by ", " */
    int64_t wait_s;                             /* longest grace period seen */
    bool any;
};

static void join(struct buf *b)
{
    if (b->len)
        buf_puts(b, ", ");
}

/* --- content --- */

/* Pods stop with grace: how long may it take? */
static int64_t grace_of(const struct kube_object *o)
{
    if (o->meta->has_deletiongraceperiodseconds)
        return o->meta->deletiongraceperiodseconds;
    return 0;
}

static void note_finalizers(struct rest *rest, const struct kube_kind *k, const struct kube_objects *left)
{
    kube_objects_foreach(left, o) for (size_t i = 0; i < o->meta->n_finalizers; i++)
    {
        const char *name = kstr(o->meta->finalizers[i]);
        if (strstr(buf_str(&rest->finalizers).p, name))
            continue;
        int n = 0;
        kube_objects_foreach(left, other) n += meta_has_finalizer(other->meta, name);
        join(&rest->finalizers);
        buf_printf(&rest->finalizers, "%s in %d resource instances", name, n);
    }
}

/* Deletes all of one kind; what stays is noted. */
static int empty_kind(struct ns_controller *c, const char *ns, const struct kube_kind *k, struct rest *rest,
                      struct err *err)
{
    _cleanup_(kube_objects_releasep) struct kube_objects before = {0}, after = {0};
    struct kube_delete_options o = KUBE_DELETE_INIT;
    struct kube_list_options in = {.ns = ns};
    struct kube_client *client = c->base.env.client;

    if (kube_list(client, k, &in, &before, NULL, err) < 0)
        return -1;
    if (!before.n)
        return 0;
    o.propagation = "Background";
    if (kube_delete_collection(client, k, ns, NULL, &o, err) < 0 || kube_list(client, k, &in, &after, NULL, err) < 0)
        return -1;
    if (!after.n)
        return 0;
    rest->any = true;
    join(&rest->resources);
    buf_printf(&rest->resources, "%s.%s has %zu resource instances", k->resource, k->group, after.n);
    note_finalizers(rest, k, &after);
    kube_objects_foreach(&after, obj) rest->wait_s = MAX_OF(rest->wait_s, grace_of(obj));
    return 0;
}

static bool is_pods(const struct kube_kind *k)
{
    return !*k->group && strcmp(k->resource, "pods") == 0;
}

/* Pods first: they may use what else is there, to the end. */
static void empty_namespace(struct ns_controller *c, const char *ns, struct rest *rest)
{
    for (int pods = 1; pods >= 0 && !rest->any; pods--)
        for (size_t i = 0; i < all_kinds_count(c->kinds); i++) {
            const struct kube_kind *k = all_kinds_metadata(c->kinds, all_kinds_at(c->kinds, i));
            struct err err = ERR_INIT;
            if (!k->namespaced || is_pods(k) != (pods != 0))
                continue;
            if (empty_kind(c, ns, k, rest, &err) < 0 && err.code != ERR_NOT_FOUND &&
                err.code != ERR_METHOD_NOT_ALLOWED) {
                join(&rest->failures);
                buf_puts(&rest->failures, err.msg);
                rest->any = true;
            }
        }
}

/* --- the namespace object --- */

struct ns_condition {
    const char *type;
    bool bad;
    const char *good_reason, *good_message, *bad_reason, *bad_format;
    const struct buf *detail;
};

static int write_conditions(struct ns_controller *c, const struct kube_object *o, const struct rest *rest,
                            struct err *err)
{
    static const struct buf none = BUF_INIT(0);
    const struct ns_condition rows[] = {
        {"NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered", "All resources successfully discovered",
         NULL, NULL, &none},
        {"NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
         "All legacy kube types successfully parsed", NULL, NULL, &none},
        {"NamespaceDeletionContentFailure", rest->failures.len > 0, "ContentDeleted",
         "All content successfully deleted, may be waiting on finalization", "ContentDeletionFailed",
         "Failed to delete all resource types, ", &rest->failures},
        {"NamespaceContentRemaining", rest->resources.len > 0, "ContentRemoved", "All content successfully removed",
         "SomeResourcesRemain", "Some resources are remaining: ", &rest->resources},
        {"NamespaceFinalizersRemaining", rest->finalizers.len > 0, "ContentHasNoFinalizers",
         "All content-preserving finalizers finished", "SomeFinalizersRemain",
         "Some content in the namespace has finalizers remaining: ", &rest->finalizers},
    };
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    const Corev1__NamespaceStatus *old = kube_namespace(o)->status;
    Corev1__Namespace ns = *kube_namespace(o);
    Corev1__NamespaceStatus st = COREV1__NAMESPACE_STATUS__INIT;
    Corev1__NamespaceCondition *list[ARRAY_LEN(rows)];
    bool changed = !old || old->n_conditions != ARRAY_LEN(rows);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct ns_condition *row = &rows[i];
        Corev1__NamespaceCondition *x = list[i] = arena_new_of(a, Corev1__NamespaceCondition);
        corev1__namespace_condition__init(x);
        x->type = (char *)row->type;
        x->status = (char *)(row->bad ? "True" : "False");
        x->reason = (char *)(row->bad ? row->bad_reason : row->good_reason);
        x->message = row->bad ? arena_printf(a, "%s%s", row->bad_format, row->detail->data) : (char *)row->good_message;
        x->lasttransitiontime = arena_new_of(a, Metav1__Time);
        time_set(x->lasttransitiontime, now_wall());
        for (size_t j = 0; old && j < old->n_conditions; j++) {
            const Corev1__NamespaceCondition *y = old->conditions[j];
            if (strcmp(kstr(y->type), x->type) != 0)
                continue;
            if (strcmp(kstr(y->status), x->status) == 0)
                x->lasttransitiontime = y->lasttransitiontime;
            changed |= strcmp(kstr(y->status), x->status) != 0 || strcmp(kstr(y->message), x->message) != 0;
        }
    }
    if (!changed)
        return 0;
    st.phase = (char *)"Terminating";
    st.n_conditions = ARRAY_LEN(rows), st.conditions = list;
    ns.status = &st;
    return kube_update_status(c->base.env.client, &kube_namespaces, &ns.base, NULL, err);
}

static int finalize(struct ns_controller *c, const struct kube_object *o, struct err *err)
{
    Corev1__Namespace ns = *kube_namespace(o);
    Corev1__NamespaceSpec spec = COREV1__NAMESPACE_SPEC__INIT;
    _cleanup_(freep) char **kept = xcalloc(ns.spec->n_finalizers, sizeof(*kept));

    for (size_t i = 0; i < ns.spec->n_finalizers; i++)
        if (strcmp(kstr(ns.spec->finalizers[i]), FINALIZER) != 0)
            kept[spec.n_finalizers++] = ns.spec->finalizers[i];
    spec.finalizers = kept;
    ns.spec = &spec;
    return kube_update(c->base.env.client, &kube_namespaces, "finalize", &ns.base, NULL, err);
}

static bool is_ours(const struct kube_object *o)
{
    const Corev1__Namespace *ns = kube_namespace(o);

    for (size_t i = 0; ns->spec && i < ns->spec->n_finalizers; i++)
        if (strcmp(kstr(ns->spec->finalizers[i]), FINALIZER) == 0)
            return true;
    return false;
}

/* Soon at first; seldom when somebody's finalizer has held it for long. Half the time that pods may take, at most. */
static int64_t next_look(const struct rest *rest, int64_t age)
{
    int64_t patience = MAX_OF(RETRY_MIN_NS, MIN_OF(age / 4, RETRY_MAX_NS));
    return MAX_OF(patience, MIN_OF(rest->wait_s * NS_PER_S / 2, RETRY_MAX_NS / 2));
}

static int end_namespace(struct ns_controller *c, const struct kube_object *o, struct rest *rest, struct err *err)
{
    /* Without the custom kinds something could be left behind for good. */
    if (all_kinds_refresh(c->kinds, c->base.env.client, err) < 0)
        return -1;
    empty_namespace(c, o->meta->name, rest);
    if (!rest->any)
        return finalize(c, o, err);
    workqueue_add_after(c->base.queue, o->key, next_look(rest, now_wall() - time_ns(o->meta->deletiontimestamp)));
    return write_conditions(c, o, rest, err);
}

static int sync_namespace(void *ctx, struct str key, struct err *err)
{
    struct ns_controller *c = ctx;
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    struct rest rest = {
        .resources = BUF_INIT(16 * KIB), .finalizers = BUF_INIT(16 * KIB), .failures = BUF_INIT(16 * KIB)};

    if (kube_get(c->base.env.client, &kube_namespaces, NULL, key.p, &o, err) < 0) {
        if (err->code != ERR_NOT_FOUND)
            return -1;
        err_clear(err);
        return 0;
    }
    if (!meta_deleting(o->meta) || !is_ours(o))
        return 0;
    int r = end_namespace(c, o, &rest, err);
    buf_release(&rest.resources);
    buf_release(&rest.finalizers);
    buf_release(&rest.failures);
    if (r < 0 && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        return 0;
    }
    return r;
}

/* --- wiring --- */

static void changed(void *ctx, struct kube_object *o)
{
    if (meta_deleting(o->meta))
        controller_enqueue(ctx, o);
}

/* The status that we write ourselves is no reason to look at once again. */
static void updated(void *ctx, struct kube_object *old, struct kube_object *o)
{
    if (!meta_deleting(old->meta))
        changed(ctx, o);
}

static struct controller *make(const struct controller_env *env)
{
    struct ns_controller *c = controller_alloc(sizeof(*c), &namespace_controller, env);
    struct informer_handler h = {c, changed, updated, NULL};

    c->kinds = all_kinds_new(VERB_LIST | VERB_DELETE | VERB_DELETECOLLECTION);
    c->namespaces = informer_of(env->informers, &kube_namespaces, NULL);
    informer_add_handler(c->namespaces, &h);
    return &c->base;
}

static void unmake(struct controller *base)
{
    struct ns_controller *c = (struct ns_controller *)base;

    all_kinds_free(c->kinds);
    controller_free(base);
}

const struct controller_def namespace_controller = {
    .name = "namespace-controller",
    .alias = "namespace",
    .account = "namespace-controller",
    .workers = offsetof(struct controllers_options, namespace_syncs),
    .make = make,
    .sync = sync_namespace,
    .unmake = unmake,
};
