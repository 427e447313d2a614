#include "controllers/claim.h"

#include "api/json.h"
#include "base/limits.h"

#include <stdio.h>

enum claim claim_decide(const struct claim_owner *c, const struct kube_object *o)
{
    const Metav1__OwnerReference *r = meta_controller(o->meta);
    const char *uid = kstr(c->owner->meta->uid);
    bool matches = selector_matches(c->selector, o->meta);

    if (r && strcmp(kstr(r->uid), uid) != 0)
        return CLAIM_NO; /* somebody else's */
    if (r)
        return matches ? CLAIM_OWNED : meta_deleting(c->owner->meta) ? CLAIM_NO : CLAIM_RELEASE;
    if (!matches || meta_deleting(c->owner->meta) || meta_deleting(o->meta))
        return CLAIM_NO;
    return CLAIM_ADOPT;
}

void owner_reference(const struct kube_object *owner, char api_version[128], Metav1__OwnerReference *ret)
{
    const struct kube_kind *k = owner->kind;

    snprintf(api_version, 128, "%s%s%s", k->group, *k->group ? "/" : "", k->version);
    *ret = (Metav1__OwnerReference)METAV1__OWNER_REFERENCE__INIT;
    ret->apiversion = api_version;
    ret->kind = (char *)k->kind;
    ret->name = owner->meta->name;
    ret->uid = owner->meta->uid;
    ret->has_controller = ret->controller = true;
    ret->has_blockownerdeletion = ret->blockownerdeletion = true;
}

static void put_string(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, ",\"%s\":", name);
    json_write_string(b, str_of(value));
}

/* The object's uid in a patch makes it fail when another object has come to bear the name. */
static void end_patch(struct buf *b, const struct kube_object *o)
{
    buf_puts(b, "}]");
    put_string(b, "uid", o->meta->uid);
    buf_puts(b, "}}");
}

static int adopt(const struct claim_owner *c, const struct kube_object *o, struct kube_object **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(16 * KIB);
    Metav1__OwnerReference r;
    char gv[128];

    owner_reference(c->owner, gv, &r);
    buf_printf(
        &b,
        "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"%s\",\"controller\":true,\"blockOwnerDeletion\":true",
        gv);
    put_string(&b, "kind", r.kind);
    put_string(&b, "name", r.name);
    put_string(&b, "uid", r.uid);
    end_patch(&b, o);
    return kube_patch(c->client, o->kind, o->meta->namespace_, o->meta->name, "", KUBE_PATCH_STRATEGIC, buf_str(&b),
                      ret, err);
}

static int release(const struct claim_owner *c, const struct kube_object *o, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(16 * KIB);

    buf_puts(&b, "{\"metadata\":{\"ownerReferences\":[{\"$patch\":\"delete\"");
    put_string(&b, "uid", c->owner->meta->uid);
    end_patch(&b, o);
    int r = kube_patch(c->client, o->kind, o->meta->namespace_, o->meta->name, "", KUBE_PATCH_STRATEGIC, buf_str(&b),
                       NULL, err);
    if (r < 0 && (err->code == ERR_NOT_FOUND || err->code == ERR_INVALID)) {
        err_clear(err); /* gone, or no longer the object we knew: there is nothing to let go */
        return 0;
    }
    return r;
}

static int may_adopt(const struct claim_owner *c, struct err *err)
{
    _cleanup_(kube_object_unrefp) struct kube_object *fresh = NULL;
    const Metav1__ObjectMeta *m = c->owner->meta;

    if (kube_get(c->client, c->owner->kind, m->namespace_, m->name, &fresh, err) < 0)
        return err_wrap(err, "can't adopt");
    if (strcmp(kstr(fresh->meta->uid), kstr(m->uid)) != 0)
        return err_set(err, ERR_CONFLICT, "original %s %s is gone", c->owner->kind->kind, c->owner->key.p);
    if (meta_deleting(fresh->meta))
        return err_set(err, ERR_CONFLICT, "%s %s has just been deleted", c->owner->kind->kind, c->owner->key.p);
    return 0;
}

int claim_all(const struct claim_owner *c, const struct kube_objects *candidates, struct kube_objects *ret,
              struct err *err)
{
    bool checked = false;

    kube_objects_foreach(candidates, o)
    {
        struct kube_object *adopted;
        switch (claim_decide(c, o)) {
        case CLAIM_NO:
            break;
        case CLAIM_OWNED:
            kube_objects_push(ret, kube_object_ref(o));
            break;
        case CLAIM_RELEASE:
            if (release(c, o, err) < 0)
                return -1;
            break;
        case CLAIM_ADOPT:
            if (!checked && may_adopt(c, err) < 0)
                return -1;
            checked = true;
            if (adopt(c, o, &adopted, err) == 0)
                kube_objects_push(ret, adopted);
            else if (err->code != ERR_NOT_FOUND)
                return -1;
            else
                err_clear(err);
            break;
        }
    }
    return 0;
}
