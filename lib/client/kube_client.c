#include "kube_client.h"

#include "api/json.h"
#include "base/limits.h"
#include "client/meta.h"
#include "client/rest.h"
#include "client/wire.h"

#define REST_JSON "application/json"

/* One object from an answer's body. */
static int decode_one(const struct kube_kind *k, struct str body, struct kube_object **ret, struct err *err)
{
    struct wire_envelope e;

    if (!wire_open(body, &e))
        return err_set(err, ERR_BAD_GATEWAY, "%s: the answer is not protobuf", k->kind);
    return kube_object_decode(k, e.raw, ret, err);
}

static void response_releasep(struct http_client_response *r)
{
    http_client_response_release(r);
}

/* A request whose answer is an object of kind k (or, ret NULL, anything). */
static int object_call(struct kube_client *c, const struct kube_kind *k, const struct rest_request *r,
                       struct kube_object **ret, struct err *err)
{
    _cleanup_(response_releasep) struct http_client_response resp = {0};

    if (rest_call(c, r, &resp, err) < 0)
        return -1;
    return ret ? decode_one(k, buf_str(&resp.body), ret, err) : 0;
}

/* A request path, checked. */
static int path_of(struct buf *path, const struct kube_kind *k, const char *ns, const char *name, const char *sub,
                   struct err *err)
{
    rest_path(path, k, ns, name, sub);
    return buf_ok(path) ? 0 : err_set(err, ERR_BAD_REQUEST, "%s: name too long", k->kind);
}

int kube_get(struct kube_client *c, const struct kube_kind *k, const char *ns, const char *name,
             struct kube_object **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);

    if (path_of(&path, k, ns, name, NULL, err) < 0)
        return -1;
    struct rest_request r = {.method = "GET", .path = path.data, .accept = rest_accept(k, false, false)};
    return object_call(c, k, &r, ret, err);
}

/* --- lists --- */

struct page {
    char *revision, *next; /* malloc'd */
};

static int decode_list_meta(struct str raw, struct page *p, struct err *err)
{
    Metav1__ListMeta *m = metav1__list_meta__unpack(NULL, raw.n, (const uint8_t *)raw.p);

    if (!m)
        return err_set(err, ERR_BAD_GATEWAY, "broken metadata of a list");
    free(p->revision);
    p->revision = xstrdup(kstr(m->resourceversion));
    p->next = *kstr(m->continue_) ? xstrdup(m->continue_) : NULL;
    metav1__list_meta__free_unpacked(m, NULL);
    return 0;
}

/* A list is {1: ListMeta, 2: items}, whatever its kind: items are decoded one by one, each into memory of its own. */
static int decode_list(const struct kube_kind *k, struct str body, struct kube_objects *ret, struct page *p,
                       struct err *err)
{
    struct wire_envelope e;
    struct wire_field f;
    int r;

    if (!wire_open(body, &e))
        return err_set(err, ERR_BAD_GATEWAY, "%sList: the answer is not protobuf", k->kind);
    while ((r = wire_next_field(&e.raw, &f)) > 0) {
        struct kube_object *o;
        if (f.number == 1 && decode_list_meta(f.bytes, p, err) < 0)
            return -1;
        if (f.number != 2)
            continue;
        if (kube_object_decode(k, f.bytes, &o, err) < 0)
            return -1;
        kube_objects_push(ret, o);
    }
    return r < 0 ? err_set(err, ERR_BAD_GATEWAY, "%sList: broken protobuf", k->kind) : 0;
}

static int list_page(struct kube_client *c, const struct kube_kind *k, const struct kube_list_options *o, int64_t limit,
                     struct kube_objects *ret, struct page *p, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);
    _cleanup_(response_releasep) struct http_client_response resp = {0};
    _cleanup_(freep) char *next = TAKE(p->next);

    rest_path(&path, k, o->ns, NULL, NULL);
    rest_query(&path, "labelSelector", o->label_selector);
    rest_query(&path, "fieldSelector", o->field_selector);
    if (limit > 0)
        rest_query_int(&path, "limit", limit);
    rest_query(&path, "continue", next);
    if (!next) /* the token says which revision */
        rest_query(&path, "resourceVersion", o->resource_version);
    if (!buf_ok(&path))
        return err_set(err, ERR_BAD_REQUEST, "selector too long");
    struct rest_request r = {.method = "GET", .path = path.data, .accept = rest_accept(k, true, false)};
    if (rest_call(c, &r, &resp, err) < 0)
        return -1;
    return decode_list(k, buf_str(&resp.body), ret, p, err);
}

static int list_pages(struct kube_client *c, const struct kube_kind *k, const struct kube_list_options *o,
                      int64_t limit, struct kube_objects *ret, char **ret_revision, bool *ret_several, struct err *err)
{
    struct page p = {0};
    int r;

    *ret_several = false;
    while ((r = list_page(c, k, o, limit, ret, &p, err)) == 0 && p.next)
        *ret_several = true;
    free(p.next);
    if (r == 0)
        *ret_revision = TAKE(p.revision);
    free(p.revision);
    return r;
}

int kube_list(struct kube_client *c, const struct kube_kind *k, const struct kube_list_options *o,
              struct kube_objects *ret, char **ret_revision, struct err *err)
{
    static const struct kube_list_options all = {0};
    _cleanup_(kube_objects_releasep) struct kube_objects got = {0};
    _cleanup_(freep) char *revision = NULL;
    bool several;

    o = o ? o : &all;
    bool any = o->resource_version && strcmp(o->resource_version, "0") == 0;
    int r = list_pages(c, k, o, any ? 0 : o->page ? o->page : LIMIT_LIST_PAGE, &got, &revision, &several, err);
    if (r < 0 && several && (err->code == ERR_EXPIRED || err->code == ERR_GONE)) {
        /* the revision was compacted between two pages: everything in one answer, as upstream's pager does */
        kube_objects_release(&got);
        err_clear(err);
        r = list_pages(c, k, o, 0, &got, &revision, &several, err);
    }
    if (r < 0)
        return err_wrap(err, "list %s", k->resource);
    for (size_t i = 0; i < got.n; i++)
        kube_objects_push(ret, got.v[i]);
    got.n = 0;
    if (ret_revision)
        *ret_revision = TAKE(revision);
    return 0;
}

/* --- writes --- */

static int seal(struct buf *body, const char *api_version, const char *kind, const ProtobufCMessage *msg,
                struct err *err)
{
    size_t n = protobuf_c_message_get_packed_size(msg);

    if (n > LIMIT_BODY)
        return err_set(err, ERR_TOO_LARGE, "%s of %zu bytes", kind, n);
    _cleanup_(freep) uint8_t *raw = xmalloc(n);
    protobuf_c_message_pack(msg, raw);
    wire_seal(body, api_version, kind, str_n((char *)raw, n));
    return buf_ok(body) ? 0 : err_set(err, ERR_TOO_LARGE, "%s of %zu bytes", kind, n);
}

/* Sends msg (of the given type) to a path of kind k. */
static int send(struct kube_client *c, const char *method, const struct kube_kind *k, const struct buf *path,
                const char *api_version, const char *kind, const ProtobufCMessage *msg, struct kube_object **ret,
                struct err *err)
{
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(LIMIT_BODY + KIB);

    if (seal(&body, api_version, kind, msg, err) < 0)
        return -1;
    struct rest_request r = {
        .method = method, .path = path->data, .content_type = REST_PROTOBUF, .body = buf_str(&body)};
    return object_call(c, k, &r, ret, err);
}

int kube_create(struct kube_client *c, const struct kube_kind *k, const char *ns, const ProtobufCMessage *msg,
                struct kube_object **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);
    char gv[128];

    if (path_of(&path, k, ns, NULL, NULL, err) < 0)
        return -1;
    return send(c, "POST", k, &path, rest_group_version(k, gv), k->kind, msg, ret, err);
}

static const Metav1__ObjectMeta *meta_of(const struct kube_kind *k, const ProtobufCMessage *msg)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(k->desc, 1);
    return msg->descriptor == k->desc && f ? *(Metav1__ObjectMeta *const *)(const void *)((const char *)msg + f->offset)
                                           : NULL;
}

int kube_update(struct kube_client *c, const struct kube_kind *k, const char *sub, const ProtobufCMessage *msg,
                struct kube_object **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);
    const Metav1__ObjectMeta *m = meta_of(k, msg);
    char gv[128];

    if (!m)
        return err_set(err, ERR_BAD_REQUEST, "update of a %s without metadata", k->kind);
    if (path_of(&path, k, m->namespace_, m->name, sub, err) < 0)
        return -1;
    return send(c, "PUT", k, &path, rest_group_version(k, gv), k->kind, msg, ret, err);
}

int kube_patch(struct kube_client *c, const struct kube_kind *k, const char *ns, const char *name, const char *sub,
               enum kube_patch type, struct str body, struct kube_object **ret, struct err *err)
{
    static const char *const types[] = {"application/json-patch+json", "application/merge-patch+json",
                                        "application/strategic-merge-patch+json"};
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);

    if (path_of(&path, k, ns, name, sub, err) < 0)
        return -1;
    struct rest_request r = {.method = "PATCH",
                             .path = path.data,
                             .content_type = types[type],
                             .body = body,
                             .accept = rest_accept(k, false, false)};
    return object_call(c, k, &r, ret, err);
}

static void put_member(struct buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    buf_putc(b, ',');
    json_write_string(b, str_of(name));
    buf_putc(b, ':');
    json_write_string(b, str_of(value));
}

/* DeleteOptions travel as JSON: small, and every server reads it. */
static void put_delete_options(struct buf *b, const struct kube_delete_options *o)
{
    buf_puts(b, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\"");
    if (o->grace_period_s >= 0)
        buf_printf(b, ",\"gracePeriodSeconds\":%lld", (long long)o->grace_period_s);
    put_member(b, "propagationPolicy", o->propagation);
    if (o->uid || o->resource_version) {
        size_t at = b->len;
        buf_puts(b, ",\"preconditions\":");
        at = b->len;
        put_member(b, "uid", o->uid);
        put_member(b, "resourceVersion", o->resource_version);
        b->data[at] = '{'; /* instead of the first comma */
        buf_putc(b, '}');
    }
    buf_putc(b, '}');
}

static const struct kube_delete_options delete_default = KUBE_DELETE_INIT;

static int delete_at(struct kube_client *c, const struct kube_kind *k, const char *path,
                     const struct kube_delete_options *o, struct err *err)
{
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(4 * KIB);

    put_delete_options(&body, o ? o : &delete_default);
    struct rest_request r = {.method = "DELETE",
                             .path = path,
                             .accept = REST_PROTOBUF "," REST_JSON, /* custom resources have no protobuf */
                             .content_type = REST_JSON,
                             .body = buf_str(&body)};
    return object_call(c, k, &r, NULL, err);
}

int kube_delete(struct kube_client *c, const struct kube_kind *k, const char *ns, const char *name,
                const struct kube_delete_options *o, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);

    if (!*kstr(name))
        return err_set(err, ERR_BAD_REQUEST, "delete of a %s without name", k->kind);
    if (path_of(&path, k, ns, name, NULL, err) < 0)
        return -1;
    return delete_at(c, k, path.data, o, err);
}

int kube_delete_collection(struct kube_client *c, const struct kube_kind *k, const char *ns, const char *label_selector,
                           const struct kube_delete_options *o, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);

    rest_path(&path, k, ns, NULL, NULL);
    rest_query(&path, "labelSelector", label_selector);
    if (!buf_ok(&path))
        return err_set(err, ERR_BAD_REQUEST, "selector too long");
    return delete_at(c, k, path.data, o, err);
}

int kube_bind_pod(struct kube_client *c, const char *ns, const char *pod, const char *uid, const char *node,
                  struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    Corev1__ObjectReference target = COREV1__OBJECT_REFERENCE__INIT;
    Corev1__Binding b = COREV1__BINDING__INIT;

    m.name = (char *)pod, m.namespace_ = (char *)ns, m.uid = (char *)uid;
    target.kind = "Node", target.name = (char *)node;
    b.metadata = &m, b.target = &target;
    if (path_of(&path, &kube_pods, ns, pod, "binding", err) < 0)
        return -1;
    return send(c, "POST", &kube_pods, &path, "v1", "Binding", &b.base, NULL, err);
}

int kube_evict_pod(struct kube_client *c, const char *ns, const char *pod, const struct kube_delete_options *o,
                   struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    Metav1__DeleteOptions d = METAV1__DELETE_OPTIONS__INIT;
    Metav1__Preconditions pre = METAV1__PRECONDITIONS__INIT;
    Policyv1__Eviction e = POLICYV1__EVICTION__INIT;

    m.name = (char *)pod, m.namespace_ = (char *)ns;
    e.metadata = &m;
    if (o) {
        d.has_graceperiodseconds = o->grace_period_s >= 0;
        d.graceperiodseconds = o->grace_period_s;
        d.propagationpolicy = (char *)o->propagation;
        pre.uid = (char *)o->uid, pre.resourceversion = (char *)o->resource_version;
        d.preconditions = o->uid || o->resource_version ? &pre : NULL;
        e.deleteoptions = &d;
    }
    if (path_of(&path, &kube_pods, ns, pod, "eviction", err) < 0)
        return -1;
    return send(c, "POST", &kube_pods, &path, "policy/v1", "Eviction", &e.base, NULL, err);
}

static const struct kube_kind token_requests = {.group = "authentication.k8s.io",
                                                .version = "v1",
                                                .resource = "tokenrequests",
                                                .kind = "TokenRequest",
                                                .namespaced = true,
                                                .desc = &authenticationv1__token_request__descriptor};

int kube_token(struct kube_client *c, const struct kube_token_request *q, char **ret_token, int64_t *ret_expires_ns,
               struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    Authenticationv1__TokenRequest t = AUTHENTICATIONV1__TOKEN_REQUEST__INIT;
    Authenticationv1__TokenRequestSpec spec = AUTHENTICATIONV1__TOKEN_REQUEST_SPEC__INIT;
    Authenticationv1__BoundObjectReference bound = AUTHENTICATIONV1__BOUND_OBJECT_REFERENCE__INIT;

    spec.n_audiences = q->n_audiences;
    spec.audiences = (char **)q->audiences;
    spec.has_expirationseconds = true;
    spec.expirationseconds = q->expiration_s ? q->expiration_s : 3600;
    bound.kind = "Pod", bound.apiversion = "v1", bound.name = (char *)q->pod, bound.uid = (char *)q->pod_uid;
    spec.boundobjectref = q->pod ? &bound : NULL;
    t.spec = &spec;
    if (path_of(&path, &kube_service_accounts, q->ns, q->service_account, "token", err) < 0 ||
        send(c, "POST", &token_requests, &path, "authentication.k8s.io/v1", "TokenRequest", &t.base, &o, err) < 0)
        return -1;
    const Authenticationv1__TokenRequest *got = kube_object_msg(o, token_requests.desc);
    if (!got->status || !*kstr(got->status->token))
        return err_set(err, ERR_BAD_GATEWAY, "the server answered without a token");
    *ret_token = xstrdup(got->status->token);
    *ret_expires_ns = time_ns(got->status->expirationtimestamp);
    return 0;
}

int kube_raw(struct kube_client *c, const char *method, const char *path, const char *content_type, struct str body,
             const char *accept, struct buf *ret, struct err *err)
{
    _cleanup_(response_releasep) struct http_client_response resp = {0};
    struct rest_request r = {.method = method,
                             .path = path,
                             .content_type = content_type,
                             .body = body,
                             .accept = accept ? accept : REST_JSON,
                             .max_response = ret->max};

    if (rest_call(c, &r, &resp, err) < 0)
        return -1;
    buf_str_add(ret, buf_str(&resp.body));
    return buf_ok(ret) ? 0 : err_set(err, ERR_TOO_LARGE, "answer of %zu bytes", resp.body.len);
}
