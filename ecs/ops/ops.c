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
    {"ecs", "GetTaskProtection", ecs_get_task_protection},
    {"ecs", "ListTasks", ecs_list_tasks},
    {"ecs", "RunTask", ecs_run_task},
    {"ecs", "StartTask", ecs_start_task},
    {"ecs", "StopTask", ecs_stop_task},
    {"ecs", "UpdateTaskProtection", ecs_update_task_protection},
    {"ecs", "DeregisterContainerInstance", ecs_deregister_container_instance},
    {"ecs", "DescribeContainerInstances", ecs_describe_container_instances},
    {"ecs", "ListContainerInstances", ecs_list_container_instances},
    {"ecs", "RegisterContainerInstance", ecs_register_container_instance},
    {"ecs", "UpdateContainerAgent", ecs_update_container_agent},
    {"ecs", "UpdateContainerInstancesState", ecs_update_container_instances_state},
    {"ecs", "DeleteAttributes", ecs_delete_attributes},
    {"ecs", "ListAttributes", ecs_list_attributes},
    {"ecs", "PutAttributes", ecs_put_attributes},
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

void ecs_explain(struct aws_call *c)
{
    struct ecs_cluster cluster;
    struct err ignored = ERR_INIT;

    (void)!ecs_find_cluster(c, in_str(c, "cluster"), &cluster, &ignored);
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

/* --- pages --- */

/* A token is the last item given and a check sum, in hexadecimal: it stays right when items come and go. */
static struct doc *token_of(struct arena *a, struct str last)
{
    static const char digits[] = "0123456789abcdef";
    char *t = arena_alloc(a, last.n * 2 + 1);

    for (size_t i = 0; t && i < last.n; i++) {
        t[2 * i] = digits[(unsigned char)last.p[i] >> 4];
        t[2 * i + 1] = digits[last.p[i] & 15];
    }
    return t ? doc_printf(a, "%.*s%016llx", (int)(last.n * 2), t, (unsigned long long)ecs_name_hash(last)) : NULL;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What token_of was given; false when the token is not from there. */
static bool read_token(struct arena *a, struct str token, struct str *ret)
{
    size_t n = token.n < 16 ? 0 : (token.n - 16) / 2;
    char *last = arena_alloc(a, n + 1);

    for (size_t i = 0; last && i < n; i++) {
        int high = digit(token.p[2 * i]), low = digit(token.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        last[i] = (char)(high << 4 | low);
    }
    *ret = str_n(last, n);
    return last && n > 0 && str_eq(doc_str(token_of(a, *ret)), token);
}

static struct str key_of(const struct doc *item, const char *key)
{
    return doc_str(key ? doc_get(item, key) : item);
}

/* The item behind `last`; when that one has gone meanwhile, the first that would stand behind it in the list's order.
 */
static const struct doc *behind(const struct doc *all, const char *key, struct str last)
{
    bool down = doc_count(all) && str_cmp(key_of(all->first, key), key_of(all->last, key)) > 0;

    doc_foreach (all, it)
        if (str_eq(key_of(it, key), last))
            return it->next;
    doc_foreach (all, it) {
        int r = str_cmp(key_of(it, key), last);
        if (down ? r < 0 : r > 0)
            return it;
    }
    return NULL;
}

struct paging {
    const char *member, *key; /* key NULL: the items are strings */
    int64_t usual, max;
};

static int put_page(struct aws_call *c, const struct doc *all, const struct paging *p, struct err *err)
{
    int64_t max = doc_int_or(doc_get(c->input, "maxResults"), p->usual);
    struct doc *page = doc_array(c->arena);
    const struct doc *it = doc_count(all) ? all->first : NULL;
    struct str token = in_str(c, "nextToken"), last = STR("");

    if (max < 1 || max > p->max)
        return aws_error(c, ECS_INVALID, "maxResults must be between 1 and %lld.", (long long)p->max);
    if (token.n && !read_token(c->arena, token, &last))
        return aws_error(c, ECS_INVALID, "Invalid token.");
    if (token.n)
        it = behind(all, p->key, last);
    for (; it && max > 0; it = it->next, max--) {
        last = key_of(it, p->key);
        doc_append(page, doc_clone(c->arena, it, true));
    }
    doc_set(c->output, p->member, page);
    if (it)
        doc_set(c->output, "nextToken", token_of(c->arena, last));
    return arena_overflow(c->arena) ? err_set(err, ERR_TOO_LARGE, "a page of %s", p->member) : 0;
}

int ecs_put_page(struct aws_call *c, const char *member, const struct doc *all, int64_t max_page, struct err *err)
{
    return put_page(c, all, &(struct paging){.member = member, .usual = max_page, .max = max_page}, err);
}

int ecs_put_page_by(struct aws_call *c, const char *member, const struct doc *all, const char *key, int64_t max_page,
                    struct err *err)
{
    return put_page(c, all, &(struct paging){.member = member, .key = key, .usual = max_page, .max = max_page}, err);
}

int ecs_put_page_of(struct aws_call *c, const char *member, const struct doc *all, int64_t usual, int64_t max_page,
                    struct err *err)
{
    return put_page(c, all, &(struct paging){.member = member, .usual = usual, .max = max_page}, err);
}
