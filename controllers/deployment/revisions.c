/* The newest replica set: finding it, making it, and numbering revisions. */
#include "controllers/claim.h"
#include "controllers/deployment/round.h"

static void *pointer_array(struct arena *a, void *p)
{
    void **list = arena_calloc(a, 1, sizeof(*list));
    list[0] = p;
    return list;
}

/* The set whose template is the deployment's; of several the oldest, so that everybody agrees which. */
static struct rset *find_newest(const struct round *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->sets[i].rs->spec && r->sets[i].rs->spec->template_ &&
            template_equal(r->sets[i].rs->spec->template_, r->d->spec->template_))
            return &r->sets[i];
    return NULL;
}

static int64_t max_old_revision(const struct round *r)
{
    int64_t max = 0;
    for (size_t i = 0; i < r->n; i++)
        if (&r->sets[i] != r->newest)
            max = MAX_OF(max, revision_of(r->sets[i].o->meta));
    return max;
}

/* Brings the deployment's own revision annotation and the first Progressing condition up to date. */
static int tell_revision(struct round *r, const char *revision, const char *reason, const char *message,
                         struct err *err)
{
    bool write = annotation_set(r->a, r->d->metadata, REVISION, revision);

    if (message && dep_has_deadline(r->d)) {
        condition_set(r->a, round_own_status(r), "Progressing", "True", reason, message, now_wall());
        write = true;
    }
    return write ? round_write_status(r, err) : 0;
}

static int update_existing(struct round *r, int64_t revision, struct err *err)
{
    struct rset *s = r->newest;
    Appsv1__ReplicaSet rs = *s->rs;
    Appsv1__ReplicaSetSpec spec = *s->rs->spec;
    Metav1__ObjectMeta meta = *s->o->meta;
    struct kube_object *got;

    bool annotated = annotate_new_set(r->a, r->d->metadata, &meta, revision);
    bool min_ready = spec.minreadyseconds != r->d->spec->minreadyseconds;
    if (annotated || min_ready) {
        spec.has_minreadyseconds = true;
        spec.minreadyseconds = r->d->spec->minreadyseconds;
        rs.metadata = &meta, rs.spec = &spec;
        if (kube_update(r->c->base.env.client, &kube_replica_sets, "", &rs.base, &got, err) < 0)
            return -1;
        *s = (struct rset){sync_keep(r->a, got), kube_replica_set(got)};
        return 0; /* the change brings the next round */
    }
    bool first = dep_has_deadline(r->d) && !dep_condition(r->d->status, "Progressing");
    const char *message = first ? arena_printf(r->a, "Found new replica set \"%s\"", s->o->meta->name) : NULL;
    const char *own = meta_annotation(s->o->meta, REVISION);
    return tell_revision(r, own ? own : "", "FoundNewReplicaSet", message, err);
}

/* --- making it --- */

static Metav1__LabelSelector *selector_with_hash(struct arena *a, const Metav1__LabelSelector *from, const char *hash)
{
    typedef Metav1__LabelSelector__MatchLabelsEntry entry;
    Metav1__LabelSelector *s = KUBE_COPY(a, Metav1__LabelSelector, from);
    entry **list = arena_calloc(a, from->n_matchlabels + 1, sizeof(entry *)), *e = arena_new_of(a, entry);

    metav1__label_selector__match_labels_entry__init(e);
    e->key = (char *)TEMPLATE_HASH;
    e->value = (char *)hash;
    for (size_t i = 0; i < from->n_matchlabels; i++)
        list[i] = from->matchlabels[i];
    list[from->n_matchlabels] = e;
    s->matchlabels = list;
    s->n_matchlabels++;
    return s;
}

static int32_t total_replicas(const struct round *r)
{
    int32_t total = 0;
    for (size_t i = 0; i < r->n; i++)
        total += rs_replicas(r->sets[i].rs);
    return total;
}

static Appsv1__ReplicaSet *design(struct round *r, int64_t revision)
{
    struct arena *a = r->a;
    const Appsv1__Deployment *d = r->d;
    const char *hash = template_hash(a, d->spec->template_,
                                     d->status && d->status->has_collisioncount ? &d->status->collisioncount : NULL);
    Corev1__PodTemplateSpec *t = KUBE_COPY(a, Corev1__PodTemplateSpec, d->spec->template_);
    Appsv1__ReplicaSet *rs = arena_new_of(a, Appsv1__ReplicaSet);
    Metav1__ObjectMeta *m = arena_new_of(a, Metav1__ObjectMeta), *tm = arena_new_of(a, Metav1__ObjectMeta);
    Metav1__OwnerReference *owner = arena_new_of(a, Metav1__OwnerReference);

    metav1__object_meta__init(tm);
    if (t->metadata)
        *tm = *t->metadata;
    t->metadata = tm;
    label_set(a, tm, TEMPLATE_HASH, hash);
    metav1__object_meta__init(m);
    m->namespace_ = d->metadata->namespace_;
    m->name = arena_printf(a, "%s-%s", d->metadata->name, hash);
    m->labels = tm->labels, m->n_labels = tm->n_labels;
    owner_reference(r->o, arena_calloc(a, 1, 128), owner);
    m->n_ownerreferences = 1;
    m->ownerreferences = pointer_array(a, owner);
    appsv1__replica_set__init(rs);
    rs->metadata = m;
    rs->spec = arena_new_of(a, Appsv1__ReplicaSetSpec);
    appsv1__replica_set_spec__init(rs->spec);
    rs->spec->has_replicas = rs->spec->has_minreadyseconds = true;
    rs->spec->replicas = new_set_size(d, total_replicas(r), 0);
    rs->spec->minreadyseconds = d->spec->minreadyseconds;
    rs->spec->selector = selector_with_hash(a, d->spec->selector, hash);
    rs->spec->template_ = t;
    annotate_new_set(a, d->metadata, m, revision);
    annotate_sizes(a, d, m);
    return rs;
}

/* The name is taken: by our own set (an earlier round's, not yet seen), or by another template with the same hash. */
static int resolve_collision(struct round *r, const Appsv1__ReplicaSet *wanted, struct kube_object **ret,
                             struct err *err)
{
    const Metav1__ObjectMeta *m = wanted->metadata;
    struct kube_object *there;
    struct err first = *err;

    err_clear(err);
    if (kube_get(r->c->base.env.client, &kube_replica_sets, m->namespace_, m->name, &there, err) < 0)
        return -1;
    sync_keep(r->a, there);
    if (meta_controlled_by(there->meta, kstr(r->d->metadata->uid)) &&
        template_equal(kube_replica_set(there)->spec->template_, r->d->spec->template_)) {
        *ret = there;
        return 0;
    }
    dep_status *s = round_own_status(r);
    s->collisioncount = s->has_collisioncount ? s->collisioncount + 1 : 1;
    s->has_collisioncount = true;
    if (round_write_status(r, err) == 0)
        *err = first; /* the next round tries another hash */
    return -1;
}

static int tell_failure(struct round *r, const Appsv1__ReplicaSet *wanted, struct err *err)
{
    struct err ignored = ERR_INIT;
    const char *message =
        arena_printf(r->a, "Failed to create new replica set \"%s\": %s", wanted->metadata->name, err->msg);

    if (err->code == ERR_FORBIDDEN && strstr(err->msg, "because it is being terminated"))
        return -1;
    if (dep_has_deadline(r->d)) {
        condition_set(r->a, round_own_status(r), "Progressing", "False", "ReplicaSetCreateError", message, now_wall());
        (void)!round_write_status(r, &ignored); /* the creation's error is the one to report */
    }
    recorder_event(r->c->base.recorder, r->o, EVENT_WARNING, "ReplicaSetCreateError", "%s", message);
    return -1;
}

static int create_newest(struct round *r, int64_t revision, struct err *err)
{
    const Appsv1__ReplicaSet *wanted = design(r, revision);
    struct kube_object *got = NULL;
    bool created = kube_create(r->c->base.env.client, &kube_replica_sets, r->d->metadata->namespace_, &wanted->base,
                               &got, err) == 0;

    if (created)
        sync_keep(r->a, got);
    else if (err->code == ERR_ALREADY_EXISTS ? resolve_collision(r, wanted, &got, err) < 0
                                             : tell_failure(r, wanted, err) < 0)
        return -1;
    r->newest = &r->sets[r->n++];
    *r->newest = (struct rset){got, kube_replica_set(got)};
    if (created && wanted->spec->replicas > 0)
        recorder_event(r->c->base.recorder, r->o, EVENT_NORMAL, "ScalingReplicaSet",
                       "Scaled up replica set %s from 0 to %d", got->meta->name, wanted->spec->replicas);
    const char *message = created ? arena_printf(r->a, "Created new replica set \"%s\"", got->meta->name) : NULL;
    return tell_revision(r, arena_printf(r->a, "%lld", (long long)revision), "NewReplicaSetCreated", message, err);
}

int round_find_newest(struct round *r, bool create, struct err *err)
{
    r->newest = find_newest(r);
    int64_t revision = max_old_revision(r) + 1;
    if (r->newest)
        return update_existing(r, revision, err);
    return create ? create_newest(r, revision, err) : 0;
}
