/* Cells of volumes, claims and storage classes. */
#include "rules.h"

#include "base/limits.h"

static const char class_annotation[] = "volume.beta.kubernetes.io/storage-class";

static void add_mode(struct buf *out, const struct doc *modes, const char *mode, const char *word)
{
    doc_foreach (modes, m) {
        if (str_is(doc_str(m), mode)) {
            cell_add(out, str_of(word), ",");
            return;
        }
    }
}

static struct doc *modes_text(const struct cell_context *c, const struct doc *modes)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(KIB);

    add_mode(&out, modes, "ReadWriteOnce", "RWO");
    add_mode(&out, modes, "ReadOnlyMany", "ROX");
    add_mode(&out, modes, "ReadWriteMany", "RWX");
    add_mode(&out, modes, "ReadWriteOncePod", "RWOP");
    return cell_take(c, &out);
}

/* A claim shows what it is bound to: nothing before it has a volume. */
static bool is_bound_claim(const struct cell_context *c)
{
    return doc_str(doc_path(c->obj, "spec.volumeName")).n > 0;
}

struct doc *cell_access_modes(const struct cell_context *c, const char *arg)
{
    bool claim = str_is(str_of(arg), "status.accessModes");
    return modes_text(c, claim && !is_bound_claim(c) ? NULL : doc_path(c->obj, arg));
}

struct doc *cell_claim_capacity(const struct cell_context *c, const char *arg)
{
    return cell_string(c, is_bound_claim(c) ? doc_text(doc_path(c->obj, "status.capacity.storage")) : STR(""));
}

struct doc *cell_volume_phase(const struct cell_context *c, const char *arg)
{
    if (doc_str(doc_path(c->obj, "metadata.deletionTimestamp")).n)
        return cell_string(c, STR("Terminating"));
    return cell_text(c, "status.phase");
}

struct doc *cell_volume_claim(const struct cell_context *c, const char *arg)
{
    const struct doc *ref = doc_path(c->obj, "spec.claimRef");

    if (!ref)
        return cell_string(c, STR(""));
    return doc_printf(c->a, STR_FMT "/" STR_FMT, STR_ARG(doc_str(doc_get(ref, "namespace"))),
                      STR_ARG(doc_str(doc_get(ref, "name"))));
}

struct doc *cell_storage_class(const struct cell_context *c, const char *arg)
{
    const struct doc *old = doc_get(doc_path(c->obj, "metadata.annotations"), class_annotation);
    return old ? cell_string(c, doc_str(old)) : cell_text(c, "spec.storageClassName");
}

struct doc *cell_storage_class_name(const struct cell_context *c, const char *arg)
{
    const struct doc *notes = doc_path(c->obj, "metadata.annotations");
    bool is_default = str_is(doc_str(doc_get(notes, "storageclass.kubernetes.io/is-default-class")), "true") ||
                      str_is(doc_str(doc_get(notes, "storageclass.beta.kubernetes.io/is-default-class")), "true");

    if (!is_default)
        return cell_text(c, "metadata.name");
    return doc_printf(c->a, STR_FMT " (default)", STR_ARG(doc_str(doc_path(c->obj, "metadata.name"))));
}
