/*
 * ops.h - the operations of ECS, and what they share: names, ARNs, clusters, lists in pages.
 *
 * The handlers of ecs_operations get a struct ecs as call->context. Each reads and writes through ecs/store; a rule
 * without I/O stands in ecs/map or in names.h.
 */
#ifndef ECS_OPS_OPS_H
#define ECS_OPS_OPS_H

#include "ecs/map/capacity.h"
#include "ecs/store/store.h"
#include "ecs/wire/operation.h"

struct ecs {
    struct ecs_store *store;
};

extern const struct aws_operation ecs_operations[];
extern const size_t ecs_operations_n;

/* What must be there from the start: the cluster "default". */
int ecs_bootstrap(struct ecs *e, struct err *err) MUST_CHECK;

/* --- one area each --- */
int ecs_create_cluster(struct aws_call *c, struct err *err);
int ecs_describe_clusters(struct aws_call *c, struct err *err);
int ecs_list_clusters(struct aws_call *c, struct err *err);
int ecs_delete_cluster(struct aws_call *c, struct err *err);
int ecs_update_cluster(struct aws_call *c, struct err *err);
int ecs_update_cluster_settings(struct aws_call *c, struct err *err);
int ecs_put_cluster_capacity_providers(struct aws_call *c, struct err *err);

int ecs_create_capacity_provider(struct aws_call *c, struct err *err);
int ecs_update_capacity_provider(struct aws_call *c, struct err *err);
int ecs_delete_capacity_provider(struct aws_call *c, struct err *err);
int ecs_describe_capacity_providers(struct aws_call *c, struct err *err);

int ecs_put_account_setting(struct aws_call *c, struct err *err);
int ecs_put_account_setting_default(struct aws_call *c, struct err *err);
int ecs_delete_account_setting(struct aws_call *c, struct err *err);
int ecs_list_account_settings(struct aws_call *c, struct err *err);

int ecs_tag_resource(struct aws_call *c, struct err *err);
int ecs_untag_resource(struct aws_call *c, struct err *err);
int ecs_list_tags_for_resource(struct aws_call *c, struct err *err);

int ecs_register_task_definition(struct aws_call *c, struct err *err);
int ecs_describe_task_definition(struct aws_call *c, struct err *err);
int ecs_list_task_definitions(struct aws_call *c, struct err *err);
int ecs_list_task_definition_families(struct aws_call *c, struct err *err);
int ecs_deregister_task_definition(struct aws_call *c, struct err *err);
int ecs_delete_task_definitions(struct aws_call *c, struct err *err);

int ecs_create_service(struct aws_call *c, struct err *err);
int ecs_update_service(struct aws_call *c, struct err *err);
int ecs_delete_service(struct aws_call *c, struct err *err);
int ecs_describe_services(struct aws_call *c, struct err *err);
int ecs_list_services(struct aws_call *c, struct err *err);
int ecs_list_services_by_namespace(struct aws_call *c, struct err *err);

int ecs_describe_service_deployments(struct aws_call *c, struct err *err);
int ecs_describe_service_revisions(struct aws_call *c, struct err *err);
int ecs_list_service_deployments(struct aws_call *c, struct err *err);
int ecs_stop_service_deployment(struct aws_call *c, struct err *err);
int ecs_continue_service_deployment(struct aws_call *c, struct err *err);

int ecs_run_task(struct aws_call *c, struct err *err);
int ecs_describe_tasks(struct aws_call *c, struct err *err);
int ecs_list_tasks(struct aws_call *c, struct err *err);
int ecs_stop_task(struct aws_call *c, struct err *err);
int ecs_start_task(struct aws_call *c, struct err *err);
int ecs_get_task_protection(struct aws_call *c, struct err *err);
int ecs_update_task_protection(struct aws_call *c, struct err *err);

int ecs_register_container_instance(struct aws_call *c, struct err *err);
int ecs_deregister_container_instance(struct aws_call *c, struct err *err);
int ecs_describe_container_instances(struct aws_call *c, struct err *err);
int ecs_list_container_instances(struct aws_call *c, struct err *err);
int ecs_update_container_instances_state(struct aws_call *c, struct err *err);
int ecs_update_container_agent(struct aws_call *c, struct err *err);

int ecs_put_attributes(struct aws_call *c, struct err *err);
int ecs_delete_attributes(struct aws_call *c, struct err *err);
int ecs_list_attributes(struct aws_call *c, struct err *err);

/* --- shared --- */
static inline struct ecs *ecs_of(const struct aws_call *c)
{
    return c->context;
}
static inline struct ecs_store *store_of(const struct aws_call *c)
{
    return ecs_of(c)->store;
}
static inline struct str in_str(const struct aws_call *c, const char *member)
{
    return doc_str(doc_get(c->input, member));
}

/* arn:aws:ecs:REGION:ACCOUNT:RESOURCE as a document. */
struct doc *ecs_arn(const struct aws_call *c, const char *fmt, ...) PRINTF_FMT(2, 3);

/* The ACTIVE cluster that the call means (empty = default): its name and namespace, in the arena; else
 * ClusterNotFoundException. */
struct ecs_cluster {
    const char *name, *ns;
    struct doc *object;
};
int ecs_find_cluster(struct aws_call *c, struct str name_or_arn, struct ecs_cluster *ret, struct err *err) MUST_CHECK;

/* What the tasks of a RunTask or CreateService run on: the request's launchType, or its capacityProviderStrategy, or
 * the cluster's default strategy, else EC2. Both given, or a strategy that cannot be used: an error of the API. */
struct ecs_launch {
    struct str launch_type;     /* empty when there is a strategy */
    const struct doc *strategy; /* filled in (capacity_filled), for capacity_next; NULL when there is a launch type */
    struct str runs_on;         /* EC2, FARGATE or EXTERNAL: what its tasks' launchType is; for taskdef_check_launch */
};
int ecs_find_launch(struct aws_call *c, const struct ecs_cluster *cluster, struct ecs_launch *ret,
                    struct err *err) MUST_CHECK;
/* The strategy against the account's providers and those that are associated (an array of names; NULL: not asked):
 * UpdateService, cluster defaults. ret may be NULL. */
int ecs_check_strategy(struct aws_call *c, const struct doc *associated, const struct doc *strategy,
                       enum capacity_type *ret, struct err *err) MUST_CHECK;

/* capacityProviders and defaultCapacityProviderStrategy of a request about a cluster. */
int ecs_check_cluster_providers(struct aws_call *c, struct err *err) MUST_CHECK;
/* Does a service, or a task that has not stopped, of the namespace (NULL: of any) use the capacity provider? */
int ecs_provider_in_use(struct aws_call *c, const char *ns, struct str name, bool *ret, struct err *err) MUST_CHECK;

/* The revision that FAMILY, FAMILY:REVISION or an ARN means: FAMILY alone is the newest ACTIVE one. 0 found, 1 there is
 * none, -1. */
int ecs_find_task_definition(struct aws_call *c, struct str name, struct doc **ret, struct err *err) MUST_CHECK;

/* The task of a cluster that an id or ARN means. 0 found, 1 there is none, -1. */
int ecs_find_task(struct aws_call *c, const struct ecs_cluster *cluster, struct str id_or_arn, struct doc **ret,
                  struct err *err) MUST_CHECK;

/* {arn, reason MISSING} behind the list `failures`. */
void ecs_add_failure(struct aws_call *c, struct doc *arn, const char *reason);

/* Puts one page of all (an array of strings) into output->member, and nextToken when there are more. maxResults of the
 * input, up to max_page. */
int ecs_put_page(struct aws_call *c, const char *member, const struct doc *all, int64_t max_page,
                 struct err *err) MUST_CHECK;
/* The same of an array of objects; key is the member that tells them apart. */
int ecs_put_page_by(struct aws_call *c, const char *member, const struct doc *all, const char *key, int64_t max_page,
                    struct err *err) MUST_CHECK;

/* The tags of the input, where every operation has them: checked (tags.h), and in the arena with a value each; an empty
 * array when there are none. */
int ecs_input_tags(struct aws_call *c, struct doc **ret, struct err *err) MUST_CHECK;

/* The account setting that counts for the caller (settings.h). */
int ecs_setting_value(struct aws_call *c, const char *name, struct str *ret, struct err *err) MUST_CHECK;
/* The same where a page without maxResults is `usual` long. */
int ecs_put_page_of(struct aws_call *c, const char *member, const struct doc *all, int64_t usual, int64_t max_page,
                    struct err *err) MUST_CHECK;

/* An error of the store or of a rule that the handler hands on: the rule's fault becomes the API's error. */
int ecs_pass(struct aws_call *c, struct err *err);
/* For aws_operation_table: a call that failed because its cluster was deleted under it is told so. */
void ecs_explain(struct aws_call *c);

/* Is `what` in the array of strings? */
bool ecs_list_has(const struct doc *list, const char *what);

#endif
