/* The resources that ask: who is this token, may they do that. Nothing is stored. */
#include "apiserver/auth/reviews.h"

#include "api/json.h"
#include "apiserver/http/body.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/subresources.h"
#include "apiserver/http/table.h"
#include "apiserver/http/write.h"
#include "apiserver/storage/storage.h"

static int token(struct request *r, const struct doc *in, struct doc **ret, struct err *err)
{
    return review_token(r->server->authn, r->arena, in, ret, err);
}
static int subject_access(struct request *r, const struct doc *in, struct doc **ret, struct err *err)
{
    return review_subject_access(r->server->authorizer, r->arena, in, ret, err);
}
static int local_access(struct request *r, const struct doc *in, struct doc **ret, struct err *err)
{
    return review_local_subject_access(r->server->authorizer, r->arena, r->info.ns, in, ret, err);
}
static int self_access(struct request *r, const struct doc *in, struct doc **ret, struct err *err)
{
    return review_self_subject_access(r->server->authorizer, r->arena, r->user, in, ret, err);
}
static int self_rules(struct request *r, const struct doc *in, struct doc **ret, struct err *err)
{
    return review_self_subject_rules(r->server->authorizer, r->arena, r->user, in, ret, err);
}
static int self_subject(struct request *r, const struct doc *in, struct doc **ret, struct err *err)
{
    return review_self_subject(r->arena, r->user, in, ret, err);
}

static const struct {
    const char *resource;
    int (*review)(struct request *r, const struct doc *in, struct doc **ret, struct err *err);
} REVIEWS[] = {
    {"tokenreviews", token},
    {"subjectaccessreviews", subject_access},
    {"localsubjectaccessreviews", local_access},
    {"selfsubjectaccessreviews", self_access},
    {"selfsubjectrulesreviews", self_rules},
    {"selfsubjectreviews", self_subject},
};

int review_create(struct request *r, struct err *err)
{
    struct doc *in = NULL, *out = NULL;
    struct body_kind want = body_kind_of(r);
    if (write_check(r, err) < 0 || body_object(r, &want, &in, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(REVIEWS); i++) {
        if (strcmp(REVIEWS[i].resource, r->res->name) != 0)
            continue;
        if (REVIEWS[i].review(r, in, &out, err) < 0)
            return -1;
        if (r->accept.shape == SHAPE_TABLE)
            return table_respond_object(r, 201, out, err);
        return respond_doc(r, 201, out, err);
    }
    return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
}

/* --- componentstatuses: deprecated upstream, still asked for ---------------------------------------------------- */

static struct doc *component(struct arena *a, struct str name, bool healthy)
{
    struct doc *d = doc_object(a), *meta = doc_object(a), *list = doc_array(a), *c = doc_object(a);
    doc_set(d, "kind", doc_string(a, STR("ComponentStatus")));
    doc_set(d, "apiVersion", doc_string(a, STR("v1")));
    doc_set(meta, "name", doc_string(a, name));
    doc_set(d, "metadata", meta);
    doc_set(c, "type", doc_string(a, STR("Healthy")));
    doc_set(c, "status", doc_string(a, healthy ? STR("True") : STR("False")));
    doc_set(c, healthy ? "message" : "error", doc_string(a, healthy ? STR("ok") : STR("etcd does not answer")));
    doc_append(list, c);
    doc_set(d, "conditions", list);
    return d;
}

int component_statuses(struct request *r, struct err *err)
{
    struct err ping = ERR_INIT;
    bool list = str_is(r->info.verb, "list");
    if (negotiate_accept(http_header(r->http, "accept"), NEGOTIATE_PLAIN, &r->accept, err) < 0)
        return -1;
    if (!list && !str_is(r->info.name, "etcd-0"))
        return err_set(err, ERR_NOT_FOUND, "componentstatuses \"" STR_FMT "\" not found", STR_ARG(r->info.name));
    struct doc *etcd = component(r->arena, STR("etcd-0"), storage_ping(r->server->storage, 2000, &ping) == 0);
    doc_warn(&r->warnings, "v1 ComponentStatus is deprecated in v1.19+");
    if (!list)
        return respond_doc(r, 200, etcd, err);
    struct doc *d = doc_object(r->arena), *items = doc_array(r->arena);
    doc_set(d, "kind", doc_string(r->arena, STR("ComponentStatusList")));
    doc_set(d, "apiVersion", doc_string(r->arena, STR("v1")));
    doc_set(d, "metadata", doc_object(r->arena));
    doc_append(items, etcd);
    doc_set(d, "items", items);
    return respond_doc(r, 200, d, err);
}
