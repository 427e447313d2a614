#include "apiserver/apiextensions/custom.h"

#include "api/json.h"
#include "apiserver/registry/meta.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/parse.h"
#include "net/crypto.h"

#define LIMIT_CRD_ARENA (64 * MIB)
#define VERBS                                                                                                          \
    (VERB_GET | VERB_LIST | VERB_WATCH | VERB_CREATE | VERB_UPDATE | VERB_PATCH | VERB_DELETE | VERB_DELETECOLLECTION)

struct builder {
    struct arena *a;
    struct err *err;
    struct custom_crd *crd;
    const struct doc *spec, *names;
};

static const char *text_of(struct builder *b, struct str s)
{
    const char *t = arena_strndup(b->a, s.p, s.n);
    return t ? t : "";
}

static const char *member(struct builder *b, const struct doc *d, const char *key)
{
    return text_of(b, doc_str(doc_get(d, key)));
}

static const char *joined(struct builder *b, const struct doc *list)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(LIMIT_URL);
    doc_foreach (list, s) {
        if (out.len)
            buf_putc(&out, ',');
        buf_str_add(&out, doc_str(s));
    }
    return text_of(b, buf_str(&out));
}

static const char *storage_hash(struct builder *b, const char *kind)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(64);
    uint8_t digest[SHA256_LEN];
    char *text = arena_printf(b->a, STR_FMT "/%s/%s", STR_ARG(b->crd->group), b->crd->storage_version, kind);
    if (!text)
        return NULL;
    crypto_sha256(text, strlen(text), digest);
    base64_encode(&out, digest, 8);
    return text_of(b, buf_str(&out));
}

/* --- subresources ------------------------------------------------------------------------------------------------ */

static int path_member(struct builder *b, const struct doc *d, const char *key, const struct jsonpath **ret)
{
    struct str s = doc_str(doc_get(d, key));
    return s.n ? jsonpath_compile(b->a, s, ret, b->err) : 0;
}

static int subresources(struct builder *b, const struct doc *version, struct custom *c)
{
    const struct doc *subs = doc_get(version, "subresources"), *scale = doc_get(subs, "scale");
    c->has_status = doc_is(doc_get(subs, "status"), DOC_OBJECT);
    c->has_scale = doc_is(scale, DOC_OBJECT);
    if (c->has_status)
        c->subs[c->res.n_subs++] =
            (struct resource_sub){.name = "status", .kind = c->res.kind, .verbs = VERB_GET | VERB_PATCH | VERB_UPDATE};
    if (c->has_scale) {
        c->subs[c->res.n_subs++] = (struct resource_sub){.name = "scale",
                                                         .kind_group = "autoscaling",
                                                         .kind_version = "v1",
                                                         .kind = "Scale",
                                                         .verbs = VERB_GET | VERB_PATCH | VERB_UPDATE};
        if (path_member(b, scale, "specReplicasPath", &c->scale_spec) < 0 ||
            path_member(b, scale, "statusReplicasPath", &c->scale_status) < 0 ||
            path_member(b, scale, "labelSelectorPath", &c->scale_selector) < 0)
            return -1;
        if (!c->scale_spec || !c->scale_status)
            return err_set(b->err, ERR_BAD_REQUEST, "the paths of the scale subresource are missing");
    }
    c->res.subs = c->subs;
    return 0;
}

/* --- columns ----------------------------------------------------------------------------------------------------- */

#define NAME_HELP                                                                                                      \
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow "  \
    "a client to request the generation of an appropriate name automatically. Name is primarily intended for "         \
    "creation idempotence and configuration definition. Cannot be updated. More info: "                                \
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
#define CREATED_HELP                                                                                                   \
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not "           \
    "guaranteed "                                                                                                      \
    "to be set in happens-before order across separate operations. Clients may not set this value. It is represented " \
    "in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: "                \
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"

static const struct printer_column NAME_COLUMN = {"Name", "string", "name", NAME_HELP, 0};
static const struct printer_column AGE_COLUMN = {"Age", "date", "", CREATED_HELP, 0};

static int columns(struct builder *b, const struct doc *version, struct custom *c)
{
    const struct doc *list = doc_get(version, "additionalPrinterColumns");
    size_t n = doc_count(list), i = 0;
    struct printer_column *v = arena_calloc(b->a, n + 2, sizeof(*v));
    const struct jsonpath **cells = arena_calloc(b->a, n + 1, sizeof(*cells));
    if (!v || !cells)
        return err_set(b->err, ERR_TOO_LARGE, "too many columns");
    v[0] = NAME_COLUMN;
    doc_foreach (list, col) {
        struct str path = doc_str(doc_get(col, "jsonPath")), help = doc_str(doc_get(col, "description"));
        if (jsonpath_compile(b->a, path, &cells[i], b->err) < 0)
            return -1;
        const char *made =
            help.n
                ? text_of(b, help)
                : arena_printf(b->a, "Custom resource definition column (in JSONPath format): " STR_FMT, STR_ARG(path));
        v[++i] = (struct printer_column){member(b, col, "name"), member(b, col, "type"), member(b, col, "format"),
                                         made ? made : "", (int)doc_int_or(doc_get(col, "priority"), 0)};
    }
    if (!n) {
        v[++i] = AGE_COLUMN;
        if (jsonpath_compile(b->a, STR(".metadata.creationTimestamp"), &cells[0], b->err) < 0)
            return -1;
    }
    c->printer = (struct printer){c->res.group, c->res.name, v, i + 1};
    c->cells = cells;
    return 0;
}

/* --- versions ---------------------------------------------------------------------------------------------------- */

static int fields(struct builder *b, const struct doc *version, struct custom *c)
{
    doc_foreach (doc_get(version, "selectableFields"), f) {
        struct str path = doc_str(doc_get(f, "jsonPath"));
        if (c->n_fields == CUSTOM_FIELDS_MAX)
            break;
        if (jsonpath_compile(b->a, path, &c->field_paths[c->n_fields], b->err) < 0)
            return -1;
        c->fields[c->n_fields++] = str_starts(path, STR(".")) ? str_from(path, 1) : path;
    }
    return 0;
}

static const char *warning_of(struct builder *b, const struct doc *version, const struct custom *c)
{
    if (!doc_true(doc_get(version, "deprecated")))
        return NULL;
    struct str own = doc_str(doc_get(version, "deprecationWarning"));
    return own.n ? text_of(b, own)
                 : arena_printf(b->a, "%s/%s %s is deprecated", c->res.group, c->res.version, c->res.kind);
}

static void fill_row(struct builder *b, const struct doc *version, struct custom *c)
{
    struct resource *r = &c->res;
    r->group = b->crd->group.p;
    r->version = member(b, version, "name");
    r->name = member(b, b->names, "plural");
    r->singular = member(b, b->names, "singular");
    r->kind = member(b, b->names, "kind");
    r->list_kind = member(b, b->names, "listKind");
    r->short_names = joined(b, doc_get(b->names, "shortNames"));
    r->categories = joined(b, doc_get(b->names, "categories"));
    r->storage_hash = storage_hash(b, r->kind);
    r->key_prefix = arena_printf(b->a, "/registry/%s/%s", r->group, r->name);
    r->storage_group = r->group;
    r->storage_version = b->crd->storage_version;
    r->verbs = VERBS;
    r->namespaced = str_is(doc_str(doc_get(b->spec, "scope")), "Namespaced");
    r->storage_json = true;
    r->custom = c;
}

static int compile_version(struct builder *b, const struct doc *version, struct custom *c)
{
    struct str name = doc_str(doc_get(version, "name"));
    c->crd = b->crd;
    c->id = hash_bytes(name.p, name.n, hash_bytes(b->crd->uid.p, b->crd->uid.n, (uint64_t)b->crd->generation));
    c->served = doc_true(doc_get(version, "served"));
    c->storage = doc_true(doc_get(version, "storage"));
    c->openapi = doc_path(version, "schema.openAPIV3Schema");
    fill_row(b, version, c);
    c->warning = warning_of(b, version, c);
    const struct doc *schema = c->openapi ? c->openapi : doc_object(b->a);
    if (!schema || structural_compile(b->a, schema, &c->schema, b->err) < 0 || subresources(b, version, c) < 0 ||
        columns(b, version, c) < 0 || fields(b, version, c) < 0)
        return err_wrap(b->err, "version %s", c->res.version);
    custom_fill_strategy(c);
    return 0;
}

static struct str names_text(struct arena *a, const struct doc *crd)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(MIB);
    const struct doc *names = doc_path(crd, "status.acceptedNames");
    if (names)
        json_write(&b, names);
    return arena_str(a, buf_str(&b));
}

static int compile_all(struct builder *b, const struct doc *crd)
{
    struct custom_crd *c = b->crd;
    const struct doc *versions = doc_get(b->spec, "versions");
    c->name = arena_str(b->a, meta_name(crd));
    c->uid = arena_str(b->a, meta_uid(crd));
    c->generation = meta_generation(crd);
    c->group = arena_str(b->a, doc_str(doc_get(b->spec, "group")));
    c->plural = arena_str(b->a, doc_str(doc_get(b->names, "plural")));
    c->accepted = names_text(b->a, crd);
    c->versions = arena_calloc(b->a, MAX_OF(doc_count(versions), (size_t)1), sizeof(*c->versions));
    doc_foreach (versions, v) {
        if (doc_true(doc_get(v, "storage")))
            c->storage_version = member(b, v, "name");
    }
    if (!c->versions || !c->storage_version)
        return err_set(b->err, ERR_BAD_REQUEST, "there is no storage version");
    doc_foreach (versions, v) {
        if (compile_version(b, v, &c->versions[c->n_versions]) < 0)
            return -1;
        c->n_versions++;
    }
    return arena_overflow(b->a) ? err_set(b->err, ERR_TOO_LARGE, "the definition needs too much memory") : 0;
}

int custom_compile(const struct doc *crd, struct custom_crd **ret, struct err *err)
{
    struct arena *a = arena_new(LIMIT_CRD_ARENA);
    struct custom_crd *c = arena_new_of(a, struct custom_crd);
    const struct doc *copy = doc_clone(a, crd, false);
    if (!c || !copy) {
        arena_free(a);
        return err_set(err, ERR_TOO_LARGE, "the definition needs too much memory");
    }
    atomic_init(&c->refs, 1);
    c->arena = a;
    pthread_mutex_init(&c->lock, NULL);
    list_init(&c->watchers);
    struct builder b = {a, err, c, doc_get(copy, "spec"), doc_path(copy, "spec.names")};
    if (compile_all(&b, copy) < 0) {
        custom_crd_unref(c);
        return -1;
    }
    *ret = c;
    return 0;
}

struct custom_crd *custom_crd_ref(struct custom_crd *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void custom_crd_unref(struct custom_crd *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&c->lock);
    arena_free(c->arena);
}

bool custom_is_of(const struct custom_crd *c, const struct doc *crd)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    return str_eq(c->uid, meta_uid(crd)) && c->generation == meta_generation(crd) &&
           str_eq(c->accepted, names_text(a, crd));
}

/* --- watches ----------------------------------------------------------------------------------------------------- */

void custom_watch_begin(const struct custom *c, struct custom_watcher *w)
{
    pthread_mutex_lock(&c->crd->lock);
    list_push(&c->crd->watchers, &w->link);
    pthread_mutex_unlock(&c->crd->lock);
}

void custom_watch_end(const struct custom *c, struct custom_watcher *w)
{
    pthread_mutex_lock(&c->crd->lock);
    list_remove(&w->link);
    pthread_mutex_unlock(&c->crd->lock);
}

void custom_retire(struct custom_crd *c)
{
    atomic_store(&c->retired, true);
    pthread_mutex_lock(&c->lock);
    list_foreach (&c->watchers, struct custom_watcher, w, link)
        w->wake(w->user);
    pthread_mutex_unlock(&c->lock);
}
