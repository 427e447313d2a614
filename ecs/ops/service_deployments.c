#include "ecs/ops/services.h"

#include "base/limits.h"
#include "base/random.h"
#include "ecs/map/fault.h"
#include "ecs/ops/names.h"

#include <stdlib.h>

#define DESCRIBE_MAX 20

/* --- what follows a service --- */

struct following {
    const struct doc *service;
    int64_t now_s;
    struct ecs_store *store; /* follow_dropped */
    const char *ns;
};

static int follow_one(void *ctx, struct arena *a, struct doc *sd, struct err *err)
{
    const struct following *f = ctx;

    return service_deployment_follow(a, sd, f->service, f->now_s);
}

static int follow_deployment(struct ecs_store *s, struct arena *a, struct following *f, const struct doc *deployment,
                             struct err *err)
{
    const char *ns = arena_str(a, doc_str(doc_path(f->service, "metadata.namespace"))).p, *name;
    struct service_x x;

    service_x_get(deployment, &x);
    if (!x.service_deployment.n)
        return 0;
    name = arena_str(a, x.service_deployment).p;
    if (ecs_store_modify(s, a, ECS_SERVICE_DEPLOYMENT, ns, name, follow_one, f, NULL, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND || x.is_rollback) /* a rollback belongs to what it rolls back */
        return -1;
    err_clear(err);
    struct doc *sd = service_deployment_new(a, f->service, deployment, NULL);
    (void)service_deployment_follow(a, sd, f->service, f->now_s);
    return ecs_store_create(s, a, ECS_SERVICE_DEPLOYMENT, sd, NULL, err);
}

static int follow_unended(void *ctx, const struct doc *sd, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct following *f = ctx;

    if (!str_eq(doc_str(doc_path(sd, "spec.serviceName")), service_name(f->service)) || service_deployment_ended(sd))
        return 0;
    return ecs_store_modify(f->store, a, ECS_SERVICE_DEPLOYMENT, f->ns, ecs_object_name(sd, a), follow_one, f, NULL,
                            err);
}

/* Those that the service does not name any more, because nothing was started of them. */
static int follow_dropped(struct ecs_store *s, struct arena *a, struct following *f, struct err *err)
{
    const char *name = arena_printf(a, "\"" STR_FMT "\"", STR_ARG(service_name(f->service)));

    f->store = s;
    f->ns = arena_str(a, doc_str(doc_path(f->service, "metadata.namespace"))).p;
    return ecs_store_each(s, ECS_SERVICE_DEPLOYMENT, f->ns, name, follow_unended, f, err);
}

/* Somebody else has just written or deleted it: theirs stays. */
static int unless_raced(int r, struct err *err)
{
    if (r == 0 || (err->code != ERR_CONFLICT && err->code != ERR_ALREADY_EXISTS && err->code != ERR_NOT_FOUND))
        return r;
    err_clear(err);
    return 0;
}

int ecs_follow_service_deployments(struct ecs_store *s, struct arena *a, const struct doc *service, int64_t now_s,
                                   struct err *err)
{
    struct following f = {.service = service, .now_s = now_s};

    doc_foreach (service_deployments(service), d)
        if (unless_raced(follow_deployment(s, a, &f, d, err), err) < 0)
            return -1;
    return unless_raced(follow_dropped(s, a, &f, err), err);
}

/* --- an end to history --- */

/* Of a service, oldest first. */
struct history {
    struct doc **v;
    size_t n;
};

static int64_t created_at(const struct doc *o)
{
    int64_t at = doc_int_or(doc_path(o, "spec.createdAt"), 0); /* a revision's */

    return at ? at : doc_int_or(doc_path(o, "status.createdAt"), 0);
}

static int by_age(const void *x, const void *y)
{
    const struct doc *a = *(struct doc *const *)x, *b = *(struct doc *const *)y;
    int64_t t = created_at(a), u = created_at(b);

    if (t == u) { /* of one second */
        t = doc_int_or(doc_path(a, "spec.number"), 0);
        u = doc_int_or(doc_path(b, "spec.number"), 0);
    }
    return t < u ? -1 : t > u;
}

struct gathering {
    struct arena *a;
    struct str service;
    struct history h;
};

static int gather(void *ctx, const struct doc *o, struct err *err)
{
    struct gathering *g = ctx;
    size_t size = sizeof(struct doc *);

    if (!str_eq(doc_str(doc_path(o, "spec.serviceName")), g->service))
        return 0;
    if (g->h.n % 64 == 0 && !(g->h.v = arena_grow(g->a, g->h.v, g->h.n * size, (g->h.n + 64) * size)))
        return err_set(err, ERR_TOO_LARGE, "the history of a service is too long");
    g->h.v[g->h.n++] = doc_clone(g->a, o, false);
    return 0;
}

static int history_of(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, struct str service,
                      struct history *ret, struct err *err)
{
    struct gathering g = {.a = a, .service = service};
    const char *name = arena_printf(a, "\"" STR_FMT "\"", STR_ARG(service));

    if (ecs_store_each(s, k, ns, name, gather, &g, err) < 0)
        return -1;
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the history of a service is too long");
    if (g.h.n)
        qsort(g.h.v, g.h.n, sizeof(struct doc *), by_age);
    *ret = g.h;
    return 0;
}

/* Does the service still go by it? */
static bool in_use(const struct doc *service, struct str name)
{
    struct service_x x;

    if (str_eq(name, doc_str(doc_path(service, "status.lastCompletedRevision"))))
        return true;
    doc_foreach (service_deployments(service), d) {
        service_x_get(d, &x);
        if (str_eq(name, x.revision) || str_eq(name, x.service_deployment))
            return true;
    }
    return false;
}

static int trim(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const struct doc *service, size_t keep,
                struct err *err)
{
    const char *ns = arena_str(a, doc_str(doc_path(service, "metadata.namespace"))).p;
    struct history h;

    if (ecs_store_count(s, k, ns) <= keep)
        return 0;
    if (history_of(s, a, k, ns, service_name(service), &h, err) < 0)
        return -1;
    for (size_t i = 0; i + keep < h.n; i++)
        if (!in_use(service, doc_str(doc_path(h.v[i], "metadata.name"))) &&
            unless_raced(ecs_store_delete(s, k, ns, ecs_object_name(h.v[i], a), err), err) < 0)
            return -1;
    return 0;
}

int ecs_trim_service(struct ecs_store *s, struct arena *a, const struct doc *service, struct err *err)
{
    return trim(s, a, ECS_SERVICE_DEPLOYMENT, service, SERVICE_HISTORY_MAX, err) < 0 ||
                   trim(s, a, ECS_SERVICE_REVISION, service, SERVICE_HISTORY_MAX, err) < 0
               ? -1
               : 0;
}

int ecs_forget_service(struct ecs_store *s, struct arena *a, const struct doc *service, struct err *err)
{
    struct doc *gone = doc_clone(a, service, true);

    (void)doc_remove(gone, "status"); /* nothing is in use any more */
    if (trim(s, a, ECS_SERVICE_DEPLOYMENT, gone, 0, err) < 0 || trim(s, a, ECS_SERVICE_REVISION, gone, 0, err) < 0)
        return -1;
    return unless_raced(ecs_store_delete_seen(s, ECS_SERVICE, service, err), err); /* its name may be used again */
}

/* --- finding by ARN --- */

/* TYPE/CLUSTER/SERVICE/ID taken apart; false when it is no such ARN. */
struct part {
    struct str cluster, service, id;
};
static bool split_arn(struct str arn, const char *type, struct part *ret)
{
    struct str rest = str_starts(arn, STR("arn:")) ? ecs_name_of(arn, type) : STR("");

    return str_split(&rest, '/', &ret->cluster) && str_split(&rest, '/', &ret->service) &&
           str_split(&rest, '/', &ret->id) && !rest.n && ecs_valid_name(ret->cluster, 255) &&
           ecs_valid_name(ret->service, 255) && ecs_valid_name(ret->id, ECS_NAME_MAX);
}

/* 0 found, 1 not there, -1. */
static int quietly(int r, struct err *err)
{
    if (r == 0 || err->code != ERR_NOT_FOUND)
        return r;
    err_clear(err);
    return 1;
}

static int cluster_ns(struct aws_call *c, struct str name, const char **ret, struct err *err)
{
    struct doc *o;
    int r = quietly(
        ecs_store_get(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_label(c->arena, "", name), &o, err), err);

    if (r == 0)
        *ret = arena_str(c->arena, doc_str(doc_path(o, "status.namespace"))).p;
    return r;
}

/* The object of a kind that the ARN of the type means; *ret_ns its namespace. 0 found, 1 not there, -1. */
static int find_part(struct aws_call *c, enum ecs_kind_id k, const char *type, struct str arn, const char **ret_ns,
                     struct doc **ret, struct err *err)
{
    struct part p;
    int r;

    if (!split_arn(arn, type, &p))
        return 1;
    for (size_t i = 0; i < p.id.n; i++)
        if (p.id.p[i] == '_' || (p.id.p[i] >= 'A' && p.id.p[i] <= 'Z'))
            return 1; /* no id of ours */
    if ((r = cluster_ns(c, p.cluster, ret_ns, err)) != 0)
        return r;
    r = quietly(ecs_store_get(store_of(c), c->arena, k, *ret_ns, arena_str(c->arena, p.id).p, ret, err), err);
    return r != 0 ? r : str_eq(p.service, doc_str(doc_path(*ret, "spec.serviceName"))) ? 0 : 1;
}

/* A service deployment as it is now: what is written may be behind the service. */
static int bring_up(struct aws_call *c, const char *ns, struct doc *sd, struct err *err)
{
    const char *name = ecs_object_label(c->arena, "", doc_str(doc_path(sd, "spec.serviceName")));
    struct doc *service;
    int r = service_deployment_ended(sd)
                ? 1
                : quietly(ecs_store_get(store_of(c), c->arena, ECS_SERVICE, ns, name, &service, err), err);

    if (r == 0)
        (void)service_deployment_follow(c->arena, sd, service, c->now_s);
    return r < 0 ? -1 : 0;
}

/* --- reading --- */

static int check_arns(struct aws_call *c, const char *member)
{
    size_t n = doc_count(doc_get(c->input, member));

    if (n < 1 || n > DESCRIBE_MAX)
        return aws_error(c, ECS_INVALID, "%s must have 1 to %d items.", member, DESCRIBE_MAX);
    return 0;
}

int ecs_describe_service_deployments(struct aws_call *c, struct err *err)
{
    struct doc *found = doc_array(c->arena), *sd;
    const char *ns;

    if (check_arns(c, "serviceDeploymentArns") < 0)
        return -1;
    doc_set(c->output, "serviceDeployments", found);
    doc_need_array(c->arena, c->output, "failures");
    doc_foreach (doc_get(c->input, "serviceDeploymentArns"), arn) {
        int r = find_part(c, ECS_SERVICE_DEPLOYMENT, "service-deployment", doc_str(arn), &ns, &sd, err);
        if (r < 0 || (r == 0 && bring_up(c, ns, sd, err) < 0))
            return -1;
        if (r == 0)
            doc_append(found, doc_clone(c->arena, doc_get(sd, "status"), true));
        else
            ecs_add_failure(c, doc_string(c->arena, doc_str(arn)), "MISSING");
    }
    return 0;
}

int ecs_describe_service_revisions(struct aws_call *c, struct err *err)
{
    struct doc *found = doc_array(c->arena), *o;
    const char *ns;

    if (check_arns(c, "serviceRevisionArns") < 0)
        return -1;
    doc_set(c->output, "serviceRevisions", found);
    doc_need_array(c->arena, c->output, "failures");
    doc_foreach (doc_get(c->input, "serviceRevisionArns"), arn) {
        int r = find_part(c, ECS_SERVICE_REVISION, "service-revision", doc_str(arn), &ns, &o, err);
        if (r < 0)
            return -1;
        if (r > 0) {
            ecs_add_failure(c, doc_string(c->arena, doc_str(arn)), "MISSING");
            continue;
        }
        struct doc *view = doc_clone(c->arena, doc_get(o, "spec"), true);
        (void)doc_remove(view, "serviceName");
        doc_append(found, view);
    }
    return 0;
}

static struct doc *brief_of(struct arena *a, const struct doc *sd)
{
    static const char *const members[] = {"serviceDeploymentArn", "serviceArn", "clusterArn",  "startedAt", "createdAt",
                                          "finishedAt",           "status",     "statusReason"};
    const struct doc *status = doc_get(sd, "status");
    struct doc *b = doc_object(a);

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (doc_get(status, members[i]))
            doc_set(b, members[i], doc_clone(a, doc_get(status, members[i]), true));
    doc_set(b, "targetServiceRevisionArn", doc_string(a, doc_str(doc_path(status, "targetServiceRevision.arn"))));
    return b;
}

static bool deployment_listed(const struct aws_call *c, const struct doc *sd)
{
    const struct doc *statuses = doc_get(c->input, "status"), *when = doc_get(c->input, "createdAt");
    int64_t at = created_at(sd);
    double limit;

    if (doc_count(statuses) && !ecs_list_has(statuses, arena_str(c->arena, doc_str(doc_path(sd, "status.status"))).p))
        return false;
    if (doc_to_double(doc_get(when, "after"), &limit) && (double)at < limit)
        return false;
    return !doc_to_double(doc_get(when, "before"), &limit) || (double)at <= limit;
}

/* The page has ARNs; each becomes what the list shows. */
static void show_briefs(struct aws_call *c, const struct history *h)
{
    struct doc *briefs = doc_array(c->arena);

    doc_foreach (doc_get(c->output, "serviceDeployments"), arn)
        for (size_t i = 0; i < h->n; i++)
            if (str_eq(doc_str(arn), doc_str(doc_path(h->v[i], "status.serviceDeploymentArn"))))
                doc_append(briefs, brief_of(c->arena, h->v[i]));
    doc_set(c->output, "serviceDeployments", briefs);
}

int ecs_list_service_deployments(struct aws_call *c, struct err *err)
{
    struct doc *service, *arns = doc_array(c->arena);
    struct ecs_cluster cluster;
    struct history h;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    int r = ecs_find_service(c, &cluster, in_str(c, "service"), &service, err);
    if (r != 0)
        return r < 0 ? -1 : aws_error(c, "ServiceNotFoundException", "Service not found.");
    if (history_of(store_of(c), c->arena, ECS_SERVICE_DEPLOYMENT, cluster.ns, service_name(service), &h, err) < 0)
        return -1;
    for (size_t i = h.n; i > 0; i--) { /* newest first */
        if (bring_up(c, cluster.ns, h.v[i - 1], err) < 0)
            return -1;
        if (deployment_listed(c, h.v[i - 1]))
            doc_append(arns, doc_string(c->arena, doc_str(doc_path(h.v[i - 1], "status.serviceDeploymentArn"))));
    }
    if (ecs_put_page_of(c, "serviceDeployments", arns, 20, 100, err) < 0)
        return -1;
    show_briefs(c, &h);
    return 0;
}

/* --- stopping --- */

struct stopping {
    struct aws_call *call;
    struct str service_deployment;
    struct service_ids ids; /* of the rollback */
};

static int roll_back(struct stopping *st, struct doc *service, struct err *err)
{
    struct aws_call *c = st->call;
    struct str to = service_rollback_revision(service);
    const char *ns = arena_str(c->arena, doc_str(doc_path(service, "metadata.namespace"))).p;
    struct doc *revision;

    int r = to.n ? quietly(ecs_store_get(store_of(c), c->arena, ECS_SERVICE_REVISION, ns, arena_str(c->arena, to).p,
                                         &revision, err),
                           err)
                 : 1;
    if (r < 0)
        return -1;
    if (r > 0)
        return aws_error(c, ECS_INVALID,
                         "There is no earlier service revision that the service can be rolled back to.");
    if (!service_roll_back(c->arena, service, revision, &st->ids, c->now_s))
        return aws_error(c, ECS_INVALID,
                         "The service has too many deployments in progress. Wait until they end and try again.");
    return 0;
}

static int stop_primary(void *ctx, struct arena *a, struct doc *service, struct err *err)
{
    struct stopping *st = ctx;
    struct aws_call *c = st->call;
    struct doc *primary = service_primary(service);
    bool abort = str_is(in_str(c, "stopType"), "ABORT");
    struct service_x x;

    service_x_get(primary, &x);
    if (!str_is(service_status(service), "ACTIVE") || !str_eq(x.service_deployment, st->service_deployment) ||
        x.is_rollback || !str_is(doc_str(doc_get(primary, "rolloutState")), "IN_PROGRESS"))
        return aws_error(c, "ConflictException", "The service deployment is not in progress.");
    x.stopped = true;
    service_x_set(a, primary, &x);
    service_set_rollout(
        a, service, primary, "FAILED",
        doc_str(doc_printf(a, "ECS deployment " STR_FMT " was stopped.", STR_ARG(doc_str(doc_get(primary, "id"))))),
        c->now_s);
    return !abort && roll_back(st, service, err) < 0 ? -1 : 1;
}

static int find_service_deployment(struct aws_call *c, const char **ret_ns, struct doc **ret, struct err *err)
{
    int r =
        find_part(c, ECS_SERVICE_DEPLOYMENT, "service-deployment", in_str(c, "serviceDeploymentArn"), ret_ns, ret, err);

    return r > 0 ? aws_error(c, "ServiceDeploymentNotFoundException", "Service deployment not found.") : r;
}

int ecs_stop_service_deployment(struct aws_call *c, struct err *err)
{
    struct stopping st = {.call = c};
    struct err ignored = ERR_INIT;
    struct doc *sd, *service;
    uint64_t random[4];
    const char *ns;

    if (find_service_deployment(c, &ns, &sd, err) < 0)
        return -1;
    random_bytes(random, sizeof(random));
    service_ids_from(random, &st.ids);
    st.service_deployment = doc_str(doc_path(sd, "metadata.name"));
    if (ecs_store_modify(store_of(c), c->arena, ECS_SERVICE, ns,
                         ecs_object_label(c->arena, "", doc_str(doc_path(sd, "spec.serviceName"))), stop_primary, &st,
                         &service, err) < 0) {
        if (err->code != ERR_NOT_FOUND)
            return -1;
        err_clear(err);
        return aws_error(c, "ConflictException", "The service deployment is not in progress.");
    }
    if (ecs_follow_service_deployments(store_of(c), c->arena, service, c->now_s, &ignored) < 0)
        err_clear(&ignored); /* the controller does it again */
    doc_set(c->output, "serviceDeploymentArn", doc_string(c->arena, in_str(c, "serviceDeploymentArn")));
    return 0;
}

/* Only lifecycle hooks pause a deployment, and they are refused: there is nothing to continue. */
int ecs_continue_service_deployment(struct aws_call *c, struct err *err)
{
    struct doc *sd;
    const char *ns;

    if (find_service_deployment(c, &ns, &sd, err) < 0)
        return -1;
    return aws_error(c, ECS_INVALID,
                     "The service deployment is not paused at a lifecycle hook with the id " STR_FMT ".",
                     STR_ARG(in_str(c, "hookId")));
}
