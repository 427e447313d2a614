#include "ecs/ops/services.h"

#include "api/json.h"
#include "base/limits.h"
#include "base/random.h"
#include "ecs/map/fault.h"
#include "ecs/map/service_rules.h"
#include "ecs/ops/names.h"
#include "ecs/ops/new_task.h"

#define DESCRIBE_MAX 10
#define TRIES 8 /* against others that create, delete and change the same service */

/* --- finding --- */

int ecs_find_service(struct aws_call *c, const struct ecs_cluster *cluster, struct str name_or_arn, struct doc **ret,
                     struct err *err)
{
    struct str name = ecs_name_of(name_or_arn, "service");
    const char *slash = memchr(name.p, '/', name.n);

    if (slash) { /* service/CLUSTER/NAME; the old form has no cluster */
        struct str of = str_n(name.p, (size_t)(slash - name.p));
        if (!str_is(of, cluster->name))
            return aws_error(c, ECS_INVALID, "Identifier is for cluster " STR_FMT ". Your cluster is %s", STR_ARG(of),
                             cluster->name);
        name = str_from(name, of.n + 1);
    }
    if (!ecs_valid_name(name, 255))
        return 1;
    return ecs_store_find(store_of(c), c->arena, ECS_SERVICE, cluster->ns, ecs_object_label(c->arena, "", name), ret,
                          err);
}

/* --- creating and updating --- */

struct change { /* what CreateService or UpdateService wants */
    struct aws_call *call;
    struct ecs_cluster cluster;
    struct doc *definition; /* object */
    struct ecs_launch launch;
    struct service_ids ids;
    struct doc *revision; /* object: written, but no service has it yet */
    struct doc *former;   /* what was PRIMARY before */
    bool deployed;
};

static void new_ids(struct change *ch)
{
    uint64_t random[4];

    random_bytes(random, sizeof(random));
    service_ids_from(random, &ch->ids);
}

static struct service_wish wish_of(const struct change *ch)
{
    const struct aws_call *c = ch->call;

    return (struct service_wish){.region = c->region,
                                 .account = c->account_id,
                                 .cluster = ch->cluster.name,
                                 .caller = c->principal.arn,
                                 .now_s = c->now_s,
                                 .definition = doc_get(ch->definition, "spec"),
                                 .launch_type = ch->launch.launch_type,
                                 .runs_on = ch->launch.runs_on,
                                 .strategy = ch->launch.strategy};
}

/* must_be_active: not for the definition that a service has already. */
static int find_definition(struct change *ch, struct str name, bool must_be_active, struct err *err)
{
    int found = ecs_find_task_definition(ch->call, name, &ch->definition, err);

    if (found < 0)
        return -1;
    if (found > 0)
        return aws_error(ch->call, ECS_CLIENT, "TaskDefinition not found.");
    if (must_be_active && !str_is(doc_str(doc_path(ch->definition, "status.status")), "ACTIVE"))
        return aws_error(ch->call, ECS_CLIENT, "TaskDefinition is inactive");
    return 0;
}

/* Deletes the revision that was written for a change which has not come about. What is in the way of that is not
 * told: it would hide the reason. */
static void drop_revision(struct change *ch)
{
    struct err ignored = ERR_INIT;

    if (!ch->revision)
        return;
    if (ecs_store_delete(store_of(ch->call), ECS_SERVICE_REVISION, ch->cluster.ns,
                         ecs_object_name(ch->revision, ch->call->arena), &ignored) < 0)
        err_clear(&ignored);
    ch->revision = NULL;
}

/* Writes the revision of the service's new spec. A try before this one may have written the same already. */
static int write_revision(struct change *ch, struct doc *service, struct err *err)
{
    struct arena *a = ch->call->arena;
    struct doc *r =
        service_revision_new(a, service, doc_get(ch->definition, "spec"), ch->ids.revision, ch->call->now_s);

    if (ch->revision && doc_equal(doc_get(r, "spec"), doc_get(ch->revision, "spec")))
        return 0;
    if (ch->revision) {
        drop_revision(ch);
        new_ids(ch);
        r = service_revision_new(a, service, doc_get(ch->definition, "spec"), ch->ids.revision, ch->call->now_s);
    }
    return ecs_store_create(store_of(ch->call), a, ECS_SERVICE_REVISION, r, &ch->revision, err);
}

static int start_deployment(struct change *ch, struct doc *service, struct err *err)
{
    struct arena *a = ch->call->arena;

    if (write_revision(ch, service, err) < 0)
        return -1;
    ch->former = service_primary(service) ? doc_clone(a, service_primary(service), true) : NULL;
    ch->deployed = service_deploy(a, service, doc_get(ch->revision, "spec"), &ch->ids, ch->call->now_s);
    if (!ch->deployed)
        return aws_error(ch->call, ECS_INVALID,
                         "The service has too many deployments in progress. Wait until they end and try again.");
    return 0;
}

/* After the service is written: what only follows from it. An error here does not undo the call, and the controller
 * does it again. */
static void follow(struct change *ch, struct doc *service)
{
    struct arena *a = ch->call->arena;
    struct ecs_store *s = store_of(ch->call);
    struct err ignored = ERR_INIT;
    struct doc *sd = service_deployment_new(a, service, service_primary(service), ch->former);

    if (ecs_store_create(s, a, ECS_SERVICE_DEPLOYMENT, sd, NULL, &ignored) < 0)
        err_clear(&ignored);
    if (ecs_follow_service_deployments(s, a, service, ch->call->now_s, &ignored) < 0)
        err_clear(&ignored);
    if (ecs_trim_service(s, a, service, &ignored) < 0)
        err_clear(&ignored);
}

static void show(struct aws_call *c, const struct doc *service, bool tags)
{
    doc_set(c->output, "service", service_view(c->arena, service, tags));
}

/* --- CreateService --- */

/* What tells a request from another one. */
static struct str request_of(struct aws_call *c)
{
    struct doc *input = doc_clone(c->arena, c->input, true);
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(2 * MIB);

    doc_sort_members(input, true);
    json_write(&b, input);
    return str_of(ecs_task_id_of(c->arena, buf_str(&b)));
}

/* A DAEMON service takes no part in the cluster's default strategy. */
static int find_launch(struct change *ch, struct err *err)
{
    struct aws_call *c = ch->call;

    if (!str_is(in_str(c, "schedulingStrategy"), "DAEMON") || in_str(c, "launchType").n ||
        doc_count(doc_get(c->input, "capacityProviderStrategy")))
        return ecs_find_launch(c, &ch->cluster, &ch->launch, err);
    ch->launch = (struct ecs_launch){.launch_type = STR("EC2"), .runs_on = STR("EC2")};
    return 0;
}

static int prepare(struct change *ch, struct doc **ret_spec, struct err *err)
{
    struct aws_call *c = ch->call;
    struct doc *tags;

    if (!in_str(c, "taskDefinition").n)
        return aws_error(c, ECS_INVALID, "TaskDefinition can not be blank.");
    if (ecs_input_tags(c, &tags, err) < 0)
        return -1;
    if (find_definition(ch, in_str(c, "taskDefinition"), true, err) < 0 || find_launch(ch, err) < 0)
        return -1;
    struct service_wish w = wish_of(ch);
    if (service_spec_create(c->arena, c->input, &w, ret_spec, err) < 0)
        return ecs_pass(c, err);
    doc_set(*ret_spec, "request", doc_string(c->arena, request_of(c)));
    return 0;
}

/* A name that is taken: 0 = the call was made before, 1 = the name is free again, -1. */
static int check_taken(struct change *ch, const struct doc *service, const struct doc *spec)
{
    struct aws_call *c = ch->call;
    struct str request = doc_str(doc_path(service, "spec.request"));

    if (str_is(service_status(service), "INACTIVE"))
        return 1;
    if (str_is(service_status(service), "DRAINING"))
        return aws_error(c, ECS_INVALID, "Unable to Start a service that is still Draining.");
    if (!str_eq(request, doc_str(doc_get(spec, "request"))) &&
        !service_spec_same(c->arena, doc_get(service, "spec"), spec))
        return aws_error(c, ECS_INVALID, "Creation of service was not idempotent.");
    return 0;
}

/* As a new object, or in the place of an INACTIVE one. ERR_ALREADY_EXISTS, ERR_CONFLICT: somebody else was faster. */
static int put_service(struct change *ch, struct doc *spec, struct doc *old, struct doc **ret, struct err *err)
{
    struct aws_call *c = ch->call;
    struct arena *a = c->arena;
    struct doc *o = service_new(a, ch->cluster.ns, ecs_object_label(a, "", in_str(c, "serviceName")), spec);

    ch->deployed = false;
    if (old)
        service_succeed(a, o, old);
    if (start_deployment(ch, o, err) < 0)
        return -1;
    if (!old)
        return ecs_store_create(store_of(c), a, ECS_SERVICE, o, ret, err);
    doc_set(old, "spec", doc_remove(o, "spec"));
    doc_set(old, "status", doc_remove(o, "status"));
    return ecs_store_update(store_of(c), a, ECS_SERVICE, old, ret, err);
}

static int create(struct change *ch, struct doc *spec, struct doc **ret, struct err *err)
{
    for (int i = 0; i < TRIES; i++) {
        struct doc *old = NULL;
        int r = ecs_find_service(ch->call, &ch->cluster, in_str(ch->call, "serviceName"), &old, err);
        if (r < 0)
            return -1;
        if (r == 0 && (r = check_taken(ch, old, spec)) <= 0) {
            *ret = old;
            return r;
        }
        if (put_service(ch, doc_clone(ch->call->arena, spec, true), old, ret, err) == 0)
            return 0;
        if (err->code != ERR_ALREADY_EXISTS && err->code != ERR_CONFLICT && err->code != ERR_NOT_FOUND)
            return -1;
        ch->deployed = false;
        err_clear(err);
    }
    return err_set(err, ERR_CONFLICT, "the service comes and goes");
}

/* After the write that returned r: its records, and the answer. */
static int finish(struct change *ch, int r, struct doc *service, bool created)
{
    if (!ch->deployed) /* a write that failed may have been done: then the service needs its revision */
        drop_revision(ch);
    if (r < 0)
        return -1;
    if (ch->deployed)
        follow(ch, service);
    show(ch->call, service, created);
    return 0;
}

int ecs_create_service(struct aws_call *c, struct err *err)
{
    struct change ch = {.call = c};
    struct doc *spec, *o = NULL;

    if (!ecs_valid_name(in_str(c, "serviceName"), 255))
        return aws_error(c, ECS_INVALID, "Service name contains invalid characters.");
    if (ecs_find_cluster(c, in_str(c, "cluster"), &ch.cluster, err) < 0 || prepare(&ch, &spec, err) < 0)
        return -1;
    new_ids(&ch);
    int r = create(&ch, spec, &o, err);
    return finish(&ch, r, o, true);
}

/* --- UpdateService --- */

/* What the service runs on after the change. */
static int find_new_launch(struct change *ch, const struct doc *service, struct err *err)
{
    struct aws_call *c = ch->call;
    const struct doc *spec = doc_get(service, "spec"), *given = doc_get(c->input, "capacityProviderStrategy"),
                     *strategy = given ? given : doc_get(spec, "capacityProviderStrategy");
    struct doc *none = doc_array(c->arena), *associated = doc_path(ch->cluster.object, "spec.capacityProviders");
    struct str runs_on = service_runs_on(spec);
    enum capacity_type type;

    if (!doc_count(strategy)) { /* back to the launch type, or it has one */
        ch->launch = (struct ecs_launch){.launch_type = runs_on, .runs_on = runs_on};
        return 0;
    }
    if (given) {
        if (ecs_check_strategy(c, associated ? associated : none, given, &type, err) < 0)
            return -1;
        runs_on = type == CAPACITY_FARGATE ? STR("FARGATE") : STR("EC2");
    }
    ch->launch = (struct ecs_launch){.strategy = capacity_filled(c->arena, strategy), .runs_on = runs_on};
    return 0;
}

static int change_service(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    struct change *ch = ctx;
    struct aws_call *c = ch->call;
    struct str given = in_str(c, "taskDefinition");
    const struct doc *before = doc_get(o, "spec");
    struct doc *spec = NULL;
    bool deploys;

    ch->deployed = false;
    if (!str_is(service_status(o), "ACTIVE"))
        return aws_error(c, "ServiceNotActiveException", "Service was not ACTIVE.");
    if (find_definition(ch, given.n ? given : doc_str(doc_get(before, "taskDefinition")), given.n > 0, err) < 0 ||
        find_new_launch(ch, o, err) < 0)
        return -1;
    struct service_wish w = wish_of(ch);
    if (service_spec_update(a, before, c->input, &w, &spec, &deploys, err) < 0)
        return ecs_pass(c, err);
    if (!deploys && doc_equal(before, spec))
        return 0;
    doc_set(o, "spec", spec);
    service_set_desired(a, o, service_desired(o), c->now_s);
    return deploys && start_deployment(ch, o, err) < 0 ? -1 : 1;
}

/* The error of a service that is not there. */
static int not_found(struct aws_call *c)
{
    return aws_error(c, "ServiceNotFoundException", "Service not found.");
}

/* Changes the service that the input names. */
static int modify(struct change *ch, ecs_store_change *fn, struct doc **ret, struct err *err)
{
    struct aws_call *c = ch->call;
    int r;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &ch->cluster, err) < 0)
        return -1;
    if ((r = ecs_find_service(c, &ch->cluster, in_str(c, "service"), ret, err)) != 0)
        return r < 0 ? -1 : not_found(c);
    return ecs_store_modify(store_of(c), c->arena, ECS_SERVICE, ch->cluster.ns, ecs_object_name(*ret, c->arena), fn, ch,
                            ret, err);
}

int ecs_update_service(struct aws_call *c, struct err *err)
{
    struct change ch = {.call = c};
    struct doc *o = NULL;

    new_ids(&ch);
    int r = modify(&ch, change_service, &o, err);
    return finish(&ch, r, o, false);
}

/* --- DeleteService --- */

static int drain(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    struct change *ch = ctx;
    bool force = doc_true(doc_get(ch->call->input, "force"));

    if (str_is(service_status(o), "INACTIVE"))
        return not_found(ch->call);
    if (str_is(service_status(o), "DRAINING"))
        return 0;
    if (service_desired(o) > 0 && !force && !service_is_daemon(o))
        return aws_error(ch->call, ECS_INVALID, "The service cannot be stopped while it is scaled above 0.");
    service_drain(a, o, ch->call->now_s);
    return 1;
}

int ecs_delete_service(struct aws_call *c, struct err *err)
{
    struct change ch = {.call = c};
    struct err ignored = ERR_INIT;
    struct doc *o;

    if (modify(&ch, drain, &o, err) < 0)
        return -1;
    if (ecs_follow_service_deployments(store_of(c), c->arena, o, c->now_s, &ignored) < 0)
        err_clear(&ignored); /* the controller does it again */
    show(c, o, false);
    return 0;
}

/* --- reading --- */

int ecs_describe_services(struct aws_call *c, struct err *err)
{
    const struct doc *names = doc_get(c->input, "services");
    bool tags = ecs_list_has(doc_get(c->input, "include"), "TAGS");
    struct doc *services = doc_array(c->arena), *o;
    struct ecs_cluster cluster;

    if (!doc_count(names))
        return aws_error(c, ECS_INVALID, "Services cannot be empty.");
    if (doc_count(names) > DESCRIBE_MAX)
        return aws_error(c, ECS_INVALID, "At most %d services can be described in one call.", DESCRIBE_MAX);
    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    doc_set(c->output, "services", services);
    doc_need_array(c->arena, c->output, "failures");
    doc_foreach (names, name) {
        int r = ecs_find_service(c, &cluster, doc_str(name), &o, err);
        if (r < 0)
            return -1;
        if (r == 0)
            doc_append(services, service_view(c->arena, o, tags));
        else if (str_starts(doc_str(name), STR("arn:")))
            ecs_add_failure(c, doc_string(c->arena, doc_str(name)), "MISSING");
        else
            ecs_add_failure(c, ecs_arn(c, "service/%s/" STR_FMT, cluster.name, STR_ARG(doc_str(name))), "MISSING");
    }
    return 0;
}

/* Only ACTIVE ones: a service that drains is found by its name alone. */
static bool listed(const struct aws_call *c, const struct doc *service)
{
    static const char *const filters[] = {"launchType", "schedulingStrategy", "resourceManagementType"};

    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct str want = in_str(c, filters[i]);
        if (want.n && !str_eq(want, doc_str(doc_get(doc_get(service, "spec"), filters[i]))))
            return false;
    }
    return str_is(service_status(service), "ACTIVE");
}

int ecs_list_services(struct aws_call *c, struct err *err)
{
    struct doc *all, *arns = doc_array(c->arena);
    struct ecs_cluster cluster;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    if (ecs_store_list(store_of(c), c->arena, ECS_SERVICE, cluster.ns, &all, err) < 0)
        return -1;
    doc_foreach (all, o)
        if (listed(c, o))
            doc_append(arns, doc_string(c->arena, doc_str(doc_path(o, "spec.serviceArn"))));
    return ecs_put_page_of(c, "serviceArns", arns, 10, 100, err);
}

/* Services get into a namespace by Service Connect, which is refused: there is none. */
int ecs_list_services_by_namespace(struct aws_call *c, struct err *err)
{
    return aws_error(c, "NamespaceNotFoundException", "The namespace " STR_FMT " was not found.",
                     STR_ARG(in_str(c, "namespace")));
}
