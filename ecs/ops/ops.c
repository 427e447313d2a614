#include "ecs/ops/ops.h"

#include "ecs/map/fault.h"
#include "ecs/ops/names.h"

#include <stdio.h>

const struct aws_operation ecs_operations[] = {
    {"ecs", "CreateCluster", ecs_create_cluster},
    {"ecs", "DeleteCluster", ecs_delete_cluster},
    {"ecs", "DescribeClusters", ecs_describe_clusters},
    {"ecs", "ListClusters", ecs_list_clusters},
    {"ecs", "PutClusterCapacityProviders", ecs_put_cluster_capacity_providers},
    {"ecs", "UpdateCluster", ecs_update_cluster},
    {"ecs", "UpdateClusterSettings", ecs_update_cluster_settings},
    {"ecs", "CreateCapacityProvider", ecs_create_capacity_provider},
    {"ecs", "DeleteCapacityProvider", ecs_delete_capacity_provider},
    {"ecs", "DescribeCapacityProviders", ecs_describe_capacity_providers},
    {"ecs", "UpdateCapacityProvider", ecs_update_capacity_provider},
    {"ecs", "DeleteAccountSetting", ecs_delete_account_setting},
    {"ecs", "ListAccountSettings", ecs_list_account_settings},
    {"ecs", "PutAccountSetting", ecs_put_account_setting},
    {"ecs", "PutAccountSettingDefault", ecs_put_account_setting_default},
    {"ecs", "ListTagsForResource", ecs_list_tags_for_resource},
    {"ecs", "TagResource", ecs_tag_resource},
    {"ecs", "UntagResource", ecs_untag_resource},
    {"ecs", "ContinueServiceDeployment", ecs_continue_service_deployment},
    {"ecs", "DescribeServiceDeployments", ecs_describe_service_deployments},
    {"ecs", "DescribeServiceRevisions", ecs_describe_service_revisions},
    {"ecs", "ListServiceDeployments", ecs_list_service_deployments},
    {"ecs", "StopServiceDeployment", ecs_stop_service_deployment},
    {"ecs", "CreateService", ecs_create_service},
    {"ecs", "DeleteService", ecs_delete_service},
    {"ecs", "DescribeServices", ecs_describe_services},
    {"ecs", "ListServices", ecs_list_services},
    {"ecs", "ListServicesByNamespace", ecs_list_services_by_namespace},
    {"ecs", "UpdateService", ecs_update_service},
    {"ecs", "DeleteTaskDefinitions", ecs_delete_task_definitions},
    {"ecs", "DeregisterTaskDefinition", ecs_deregister_task_definition},
    {"ecs", "DescribeTaskDefinition", ecs_describe_task_definition},
    {"ecs", "ListTaskDefinitionFamilies", ecs_list_task_definition_families},
    {"ecs", "ListTaskDefinitions", ecs_list_task_definitions},
    {"ecs", "RegisterTaskDefinition", ecs_register_task_definition},
    {"ecs", "DescribeTasks", ecs_describe_tasks},
    {"ecs", "ListTasks", ecs_list_tasks},
    {"ecs", "RunTask", ecs_run_task},
    {"ecs", "StopTask", ecs_stop_task},
};
const size_t ecs_operations_n = ARRAY_LEN(ecs_operations);

struct doc *ecs_arn(const struct aws_call *c, const char *fmt, ...)
{
    char resource[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(resource, sizeof(resource), fmt, ap);
    va_end(ap);
    return doc_printf(c->arena, "arn:aws:ecs:%s:%s:%s", c->region, c->account_id, resource);
}

int ecs_pass(struct aws_call *c, struct err *err)
{
    const char *code = ecs_fault_code(err);
    return code ? aws_error(c, code, "%s", err->msg) : -1;
}

int ecs_find_cluster(struct aws_call *c, struct str name_or_arn, struct ecs_cluster *ret, struct err *err)
{
    struct str name = name_or_arn.n ? ecs_name_of(name_or_arn, "cluster") : STR("default");
    struct doc *o = NULL;

    if (!ecs_valid_name(name, 255))
        return aws_error(c, "ClusterNotFoundException", "Cluster not found.");
    if (ecs_store_get(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_label(c->arena, "", name), &o, err) < 0)
        return err->code == ERR_NOT_FOUND ? aws_error(c, "ClusterNotFoundException", "Cluster not found.") : -1;
    if (!str_is(doc_str(doc_path(o, "status.status")), "ACTIVE"))
        return aws_error(c, "ClusterNotFoundException", "The referenced cluster was inactive.");
    *ret = (struct ecs_cluster){.name = arena_str(c->arena, name).p,
                                .ns = arena_str(c->arena, doc_str(doc_path(o, "status.namespace"))).p,
                                .object = o};
    return 0;
}

void ecs_add_failure(struct aws_call *c, struct doc *arn, const char *reason)
{
    struct doc *f = doc_object(c->arena);

    doc_set(f, "arn", arn);
    doc_set(f, "reason", doc_string(c->arena, str_of(reason)));
    doc_append(doc_need_array(c->arena, c->output, "failures"), f);
}

bool ecs_list_has(const struct doc *list, const char *what)
{
    doc_foreach (list, it)
        if (str_is(doc_str(it), what))
            return true;
    return false;
}

/* A token is the last item given, in hexadecimal: it stays right when items before it come and go. */
static struct doc *token_of(struct arena *a, struct str last)
{
    static const char digits[] = "0123456789abcdef";
    char *t = arena_alloc(a, last.n * 2 + 1);

    for (size_t i = 0; t && i < last.n; i++) {
        t[2 * i] = digits[(unsigned char)last.p[i] >> 4];
        t[2 * i + 1] = digits[last.p[i] & 15];
    }
    return t ? doc_string(a, str_n(t, last.n * 2)) : NULL;
}

static struct str key_of(const struct doc *item, const char *key)
{
    return doc_str(key ? doc_get(item, key) : item);
}

static bool is_token(struct str token, struct str last)
{
    static const char digits[] = "0123456789abcdef";

    if (token.n != last.n * 2)
        return false;
    for (size_t i = 0; i < last.n; i++)
        if (token.p[2 * i] != digits[(unsigned char)last.p[i] >> 4] || token.p[2 * i + 1] != digits[last.p[i] & 15])
            return false;
    return true;
}

/* The item behind the one of the token; false when there is no such item (any more). */
static bool find_start(const struct doc *all, const char *key, struct str token, const struct doc **ret)
{
    *ret = doc_count(all) ? all->first : NULL;
    if (!token.n)
        return true;
    doc_foreach (all, it)
        if (is_token(token, key_of(it, key))) {
            *ret = it->next;
            return true;
        }
    return false;
}

int ecs_put_page(struct aws_call *c, const char *member, const struct doc *all, int64_t max_page, struct err *err)
{
    return ecs_put_page_by(c, member, all, NULL, max_page, err);
}

int ecs_put_page_by(struct aws_call *c, const char *member, const struct doc *all, const char *key, int64_t max_page,
                    struct err *err)
{
    int64_t max = doc_int_or(doc_get(c->input, "maxResults"), max_page);
    return ecs_put_page_of(c, member, all, max_page, max_page, err);
}

int ecs_put_page_of(struct aws_call *c, const char *member, const struct doc *all, int64_t usual, int64_t max_page,
                    struct err *err)
{
    int64_t max = doc_int_or(doc_get(c->input, "maxResults"), usual);
    struct doc *page = doc_array(c->arena);
    const struct doc *it;

    if (max < 1 || max > max_page)
        return aws_error(c, "InvalidParameterException", "maxResults must be between 1 and %lld.", (long long)max_page);
    if (!find_start(all, key, in_str(c, "nextToken"), &it))
        return aws_error(c, "InvalidParameterException", "Invalid token.");
    struct str last = STR("");
    for (; it && max > 0; it = it->next, max--) {
        last = key_of(it, key);
        doc_append(page, doc_clone(c->arena, it, true));
    }
    doc_set(c->output, member, page);
    if (it)
        doc_set(c->output, "nextToken", token_of(c->arena, last));
    return arena_overflow(c->arena) ? err_set(err, ERR_TOO_LARGE, "a page of %s", member) : 0;
}
