/* serviceaccounts/token, and the public documents about our tokens. */
#include "apiserver/auth/token.h"

#include "api/status.h"
#include "apiserver/http/body.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/subresources.h"
#include "apiserver/http/write.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/registry.h"

static const struct {
    const char *kind, *resource;
    bool namespaced;
} BOUND[] = {{"Pod", "pods", true}, {"Secret", "secrets", true}, {"Node", "nodes", false}};

static int check_bound(struct request *r, const struct doc *ref, const struct doc *obj, struct err *err)
{
    struct str uid = doc_str(doc_get(ref, "uid")), name = doc_str(doc_get(ref, "name"));
    if (uid.n && !str_eq(uid, meta_uid(obj)))
        return status_conflict(err, r->arena, STR(""), STR("serviceaccounts/token"), r->info.name,
                               "the UID in the bound object reference (" STR_FMT
                               ") does not match the UID in record. The object might have been deleted and then "
                               "recreated",
                               STR_ARG(uid));
    if (str_is(doc_str(doc_get(ref, "kind")), "Pod") &&
        !str_eq(doc_str(doc_path(obj, "spec.serviceAccountName")), r->info.name))
        return err_set(err, ERR_BAD_REQUEST,
                       "cannot bind token for serviceaccount \"" STR_FMT
                       "\" to pod running with different serviceaccount name.",
                       STR_ARG(r->info.name));
    (void)name;
    return 0;
}

static int load_bound(struct request *r, const struct doc *ref, struct doc **ret, struct err *err)
{
    struct str kind = doc_str(doc_get(ref, "kind"));
    for (size_t i = 0; i < ARRAY_LEN(BOUND); i++) {
        if (!str_is(kind, BOUND[i].kind))
            continue;
        struct str ns = BOUND[i].namespaced ? r->info.ns : STR("");
        if (registry_get_live(r->server->registry, r->arena, registry_resource("", BOUND[i].resource), ns,
                              doc_str(doc_get(ref, "name")), ret, err) < 0)
            return -1;
        return check_bound(r, ref, *ret, err);
    }
    *ret = NULL;
    return 0; /* sa_token_request says what is wrong with the kind */
}

/* The node that the pod runs on; NULL when there is none. */
static struct doc *node_of(struct request *r, const struct doc *pod)
{
    struct str name = doc_str(doc_path(pod, "spec.nodeName"));
    struct doc *node = NULL;
    struct err ignored = ERR_INIT;
    if (!name.n ||
        registry_get(r->server->registry, r->arena, registry_resource("", "nodes"), STR(""), name, &node, &ignored) < 0)
        return NULL;
    return node;
}

int sub_token(struct request *r, struct err *err)
{
    struct doc *request = NULL, *account = NULL, *bound = NULL, *answer = NULL;
    struct body_kind want = body_kind_of(r);
    if (!r->server->sa_tokens)
        return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    if (write_check(r, err) < 0 || body_object(r, &want, &request, err) < 0 || write_check_name(r, request, err) < 0 ||
        registry_get_live(r->server->registry, r->arena, r->res, r->info.ns, r->info.name, &account, err) < 0)
        return -1;
    const struct doc *ref = doc_path(request, "spec.boundObjectRef");
    if (doc_count(ref) && load_bound(r, ref, &bound, err) < 0)
        return -1;
    struct doc *node = bound && str_is(doc_str(doc_get(ref, "kind")), "Pod") ? node_of(r, bound) : NULL;
    if (sa_token_request(r->server->sa_tokens, r->arena, request, account, bound, node, &answer, err) < 0)
        return -1;
    r->accept.shape = SHAPE_OBJECT;
    return respond_doc(r, 201, answer, err);
}

int openid_configuration(struct request *r, struct err *err)
{
    if (!r->server->sa_tokens)
        return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    respond_json(r, 200, "application/json",
                 sa_tokens_openid_configuration(r->server->sa_tokens, r->arena, r->http->authority));
    return 0;
}

int openid_jwks(struct request *r, struct err *err)
{
    if (!r->server->sa_tokens)
        return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    respond_json(r, 200, "application/jwk-set+json", sa_tokens_jwks(r->server->sa_tokens, r->arena));
    return 0;
}
