#include "kubelet/worker/pull_auth.h"

#include "api/doc.h"
#include "api/json.h"
#include "base/limits.h"
#include "base/parse.h"

static struct str registry_of(const char *image)
{
    const char *slash = strchr(image, '/');
    return str_n(image, slash ? (size_t)(slash - image) : strlen(image));
}

/* Entries are "host", "https://host/v1/" and the like. */
static bool names_registry(struct str entry, struct str registry)
{
    if (str_starts(entry, STR("https://")))
        entry = str_from(entry, 8);
    else if (str_starts(entry, STR("http://")))
        entry = str_from(entry, 7);
    const char *slash = entry.n ? memchr(entry.p, '/', entry.n) : NULL;
    if (slash)
        entry.n = (size_t)(slash - entry.p);
    return str_eq(entry, registry) || (str_is(entry, "index.docker.io") && str_is(registry, "docker.io"));
}

/* username and password, or both in "auth": base64 of "name:password". */
static bool take(const struct doc *entry, struct str registry, struct pull_auth *ret)
{
    struct str name = doc_str(doc_get(entry, "username")), password = doc_str(doc_get(entry, "password"));
    struct str auth = doc_str(doc_get(entry, "auth"));
    _cleanup_(buf_releasep) struct buf plain = BUF_INIT(LIMIT_HEADER_BYTES);
    if (!name.n && auth.n && base64_decode(&plain, auth)) {
        struct str rest = buf_str(&plain);
        if (str_split(&rest, ':', &name))
            password = rest.p ? rest : STR("");
    }
    if (!name.n)
        return false;
    ret->name = str_dup(name);
    ret->password = str_dup(password);
    ret->server = xasprintf("https://" STR_FMT, STR_ARG(registry));
    if (plain.data)
        explicit_bzero(plain.data, plain.len);
    return true;
}

bool pull_auth_parse(struct str config, struct str registry, struct pull_auth *ret)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct err ignored = ERR_INIT;
    struct doc *d;
    if (json_parse(a, config, NULL, &d, &ignored) < 0)
        return false;
    doc_foreach (doc_get(d, "auths"), it) {
        if (names_registry(doc_key(it), registry) && take(it, registry, ret))
            return true;
    }
    return false;
}

void pull_auth_find(struct kubelet *k, const Corev1__Pod *pod, const char *image, struct pull_auth *ret)
{
    for (size_t i = 0; i < pod->spec->n_imagepullsecrets; i++) {
        _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
        struct err err = ERR_INIT;
        const char *name = text_or(pod->spec->imagepullsecrets[i]->name, "");
        if (k->objects.secret(k->objects.ctx, pod->metadata->namespace_, name, &o, &err) < 0) {
            kubelet_event(k, pod, NULL, false, EVENT_WARNING, "FailedToRetrieveImagePullSecret",
                          "Unable to retrieve some image pull secrets (%s); attempting to pull the image may not "
                          "succeed.",
                          name);
            continue;
        }
        const Corev1__Secret *s = kube_secret(o);
        for (size_t n = 0; n < s->n_data; n++) {
            struct str text = str_n((const char *)s->data[n]->value.data, s->data[n]->value.len);
            if (text_is(s->data[n]->key, ".dockerconfigjson") && pull_auth_parse(text, registry_of(image), ret))
                return;
        }
    }
}

void pull_auth_release(struct pull_auth *a)
{
    if (a->password)
        explicit_bzero(a->password, strlen(a->password));
    free(a->name);
    free(a->password);
    free(a->server);
    *a = (struct pull_auth){0};
}
