#include "ecs/map/instance.h"

#include "api/quantity.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"

#define LABEL "ecs.coracle.dev/"
#define LABEL_CLUSTER LABEL "cluster"
#define LABEL_PROVIDER LABEL "capacity-provider"
#define LABEL_ATTRIBUTE "attribute." LABEL
#define KUBERNETES_TAINT "node.kubernetes.io/"

/* --- what every instance can do --- */

static const char *const capabilities[] = {
    "com.amazonaws.ecs.capability.docker-remote-api.1.17",
    "com.amazonaws.ecs.capability.docker-remote-api.1.18",
    "com.amazonaws.ecs.capability.docker-remote-api.1.19",
    "com.amazonaws.ecs.capability.docker-remote-api.1.20",
    "com.amazonaws.ecs.capability.docker-remote-api.1.21",
    "com.amazonaws.ecs.capability.docker-remote-api.1.22",
    "com.amazonaws.ecs.capability.docker-remote-api.1.23",
    "com.amazonaws.ecs.capability.docker-remote-api.1.24",
    "com.amazonaws.ecs.capability.docker-remote-api.1.25",
    "com.amazonaws.ecs.capability.docker-remote-api.1.26",
    "com.amazonaws.ecs.capability.docker-remote-api.1.27",
    "com.amazonaws.ecs.capability.docker-remote-api.1.28",
    "com.amazonaws.ecs.capability.docker-remote-api.1.29",
    "com.amazonaws.ecs.capability.docker-remote-api.1.30",
    "com.amazonaws.ecs.capability.ecr-auth",
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.logging-driver.json-file",
    "com.amazonaws.ecs.capability.logging-driver.none",
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.task-iam-role",
    "com.amazonaws.ecs.capability.task-iam-role-network-host",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.container-port-range",
    "ecs.capability.container-restart-policy",
    "ecs.capability.docker-plugin.local",
    "ecs.capability.ecr-endpoint",
    "ecs.capability.env-files.s3",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.execution-role-ecr-pull",
    "ecs.capability.full-sync",
    "ecs.capability.increased-task-cpu-limit",
    "ecs.capability.pid-ipc-namespace-sharing",
    "ecs.capability.private-registry-authentication.secretsmanager",
    "ecs.capability.secrets.asm.environment-variables",
    "ecs.capability.secrets.ssm.environment-variables",
    "ecs.capability.task-cpu-mem-limit",
    "ecs.capability.task-eni",
};

bool instance_can(struct str capability)
{
    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
        if (str_is(capability, capabilities[i]))
            return true;
    }
    return false;
}

static void add_attribute(struct arena *a, struct doc *list, struct str name, struct str value)
{
    struct doc *at = doc_append(list, doc_object(a));

    doc_set(at, "name", doc_string_copy(a, name));
    if (value.n)
        doc_set(at, "value", doc_string_copy(a, value));
}

struct doc *instance_capabilities(struct arena *a)
{
    struct doc *list = doc_array(a);

    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
        add_attribute(a, list, str_of(capabilities[i]), STR(""));
    return list;
}

/* --- who it is --- */

const char *instance_id(struct arena *a, const char *cluster, struct str uid)
{
    const char *text = arena_printf(a, "%s\n" STR_FMT, cluster, STR_ARG(uid));
    struct str s = str_of(text);

    return arena_printf(a, "%016llx%016llx", (unsigned long long)hash_bytes(s.p, s.n, 1),
                        (unsigned long long)hash_bytes(s.p, s.n, 2));
}

static bool is_ec2_id(struct str s)
{
    if (!str_starts(s, STR("i-")) || (s.n != 10 && s.n != 19))
        return false;
    for (size_t i = 2; i < s.n; i++) {
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    }
    return true;
}

/* prefix and 17 digits. */
static const char *aws_id(struct arena *a, const char *prefix, struct str of)
{
    return arena_printf(a, "%s0%016llx", prefix, (unsigned long long)hash_bytes(of.p, of.n, 3));
}

const char *instance_ec2_id(struct arena *a, const struct doc *node)
{
    struct str provider = doc_str(doc_path(node, "spec.providerID"));
    const char *slash = provider.n ? memrchr(provider.p, '/', provider.n) : NULL;
    struct str last = slash ? str_from(provider, (size_t)(slash - provider.p) + 1) : provider;

    return is_ec2_id(last) ? arena_str(a, last).p : aws_id(a, "i-", doc_str(doc_path(node, "metadata.uid")));
}

static struct str label(const struct doc *node, const char *name)
{
    return doc_str(doc_get(doc_path(node, "metadata.labels"), name));
}

/* --- whose it is --- */

static bool has_foreign_taint(const struct doc *node)
{
    doc_foreach (doc_path(node, "spec.taints"), t) {
        if (!str_is(doc_str(doc_get(t, "effect")), "PreferNoSchedule") &&
            !str_starts(doc_str(doc_get(t, "key")), STR(KUBERNETES_TAINT)))
            return true;
    }
    return false;
}

bool instance_dedicated(const struct doc *node, const char *cluster)
{
    return str_is(label(node, LABEL_CLUSTER), cluster);
}

bool instance_belongs(const struct doc *node, const char *cluster)
{
    return !doc_path(node, "metadata.deletionTimestamp") && !has_foreign_taint(node) &&
           (!label(node, LABEL_CLUSTER).n || instance_dedicated(node, cluster));
}

static const struct doc *ready_condition(const struct doc *node)
{
    doc_foreach (doc_path(node, "status.conditions"), c) {
        if (str_is(doc_str(doc_get(c, "type")), "Ready"))
            return c;
    }
    return NULL;
}

static int64_t time_of(const struct doc *condition, const char *member)
{
    int64_t s;
    int32_t ns;

    return parse_rfc3339(doc_str(doc_get(condition, member)), &s, &ns) ? s : 0;
}

/* --- the object --- */

static struct str architecture(const struct doc *node)
{
    struct str s = doc_str(doc_path(node, "status.nodeInfo.architecture"));

    return str_is(s, "amd64") || !s.n ? STR("x86_64") : s;
}

/* An attribute that was registered, not put: it follows the node. */
static bool is_own(const struct doc *attribute)
{
    return str_starts(doc_str(doc_get(attribute, "name")), STR("ecs.")) || doc_true(doc_get(attribute, "registered"));
}

static struct doc *find_attribute(const struct doc *list, struct str name)
{
    doc_foreach (list, at) {
        if (str_eq(doc_str(doc_get(at, "name")), name))
            return at;
    }
    return NULL;
}

void instance_put_attribute(struct arena *a, struct doc *list, struct str name, struct str value)
{
    struct doc *at = find_attribute(list, name);

    if (at)
        doc_unlink(list, at);
    add_attribute(a, list, name, value);
}

bool instance_remove_attribute(struct doc *list, struct str name, struct str *ret_old)
{
    struct doc *at = find_attribute(list, name);

    if (!at || is_own(at))
        return false;
    *ret_old = doc_str(doc_get(at, "value"));
    return doc_unlink(list, at);
}

size_t instance_custom_attributes(const struct doc *list)
{
    size_t n = 0;

    doc_foreach (list, at)
        n += !is_own(at);
    return n;
}

static struct doc *attributes_of(struct arena *a, const struct instance_origin *from, const struct doc *old)
{
    const struct doc *info = doc_path(from->node, "status.nodeInfo");
    struct str os = doc_str(doc_get(info, "operatingSystem")), image = doc_str(doc_get(info, "osImage"));
    struct str zone = label(from->node, "topology.kubernetes.io/zone");
    struct str type = label(from->node, "node.kubernetes.io/instance-type");
    struct doc *list = doc_array(a);

    add_attribute(a, list, STR("ecs.availability-zone"), zone.n ? zone : str_of(arena_printf(a, "%sa", from->region)));
    add_attribute(a, list, STR("ecs.os-type"), os.n ? os : STR("linux"));
    add_attribute(a, list, STR("ecs.cpu-architecture"), architecture(from->node));
    if (image.n)
        add_attribute(a, list, STR("ecs.ami-id"), str_of(aws_id(a, "ami-", image)));
    if (type.n)
        add_attribute(a, list, STR("ecs.instance-type"), type);
    doc_foreach (doc_path(from->node, "metadata.labels"), l) {
        struct str name = str_from(doc_key(l), sizeof(LABEL_ATTRIBUTE) - 1);
        const struct doc *put = find_attribute(old, name);

        if (str_starts(doc_key(l), STR(LABEL_ATTRIBUTE)) && (!put || is_own(put))) { /* one that was put wins */
            add_attribute(a, list, name, doc_str(l));
            doc_set(list->last, "registered", doc_bool(a, true));
        }
    }
    doc_foreach (old, at) {
        if (!is_own(at))
            doc_append(list, doc_clone(a, at, true));
    }
    return list;
}

static int64_t amount(const struct doc *node, const char *name, bool milli)
{
    struct quantity q;

    if (!quantity_read(doc_text(doc_get(doc_path(node, "status.allocatable"), name)), &q))
        return 0;
    return milli ? quantity_milli(&q) : quantity_value(&q);
}

static struct doc *resource(struct arena *a, const char *name, const char *type, int64_t value)
{
    struct doc *r = doc_object(a);

    doc_set(r, "name", doc_string(a, str_of(name)));
    doc_set(r, "type", doc_string(a, str_of(type)));
    doc_set(r, "doubleValue", doc_number(a, STR("0.0")));
    doc_set(r, "longValue", doc_int(a, 0));
    doc_set(r, "integerValue", doc_int(a, value));
    return r;
}

static void add_ports(struct arena *a, struct doc *set, const struct placement_port *v, size_t n, bool udp)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i].udp == udp)
            doc_append(set, doc_printf(a, "%u", v[i].port));
    }
}

static struct doc *port_set(struct arena *a, const char *name, const struct placement_instance *p, bool udp)
{
    struct doc *r = resource(a, name, "STRINGSET", 0), *set = doc_array(a);

    add_ports(a, set, p->ports, p->n_ports, udp);
    add_ports(a, set, p->dynamic, p->n_dynamic, udp);
    doc_set(r, "stringSetValue", set);
    return r;
}

static struct doc *resources(struct arena *a, struct ecs_size size, const struct placement_instance *p)
{
    struct doc *list = doc_array(a);

    doc_append(list, resource(a, "CPU", "INTEGER", MAX_OF(size.cpu, 0)));
    doc_append(list, resource(a, "MEMORY", "INTEGER", MAX_OF(size.memory, 0)));
    doc_append(list, port_set(a, "PORTS", p, false));
    doc_append(list, port_set(a, "PORTS_UDP", p, true));
    return list;
}

static struct doc *registered_resources(struct arena *a, const struct doc *node)
{
    struct placement_instance none = {.n_ports = 0};
    struct ecs_size size = {amount(node, "cpu", true) * 1024 / 1000, amount(node, "memory", false) / (int64_t)MIB};

    placement_reserve(&none);
    return resources(a, size, &none);
}

static struct doc *version_info(struct arena *a, const struct doc *node)
{
    const struct doc *info = doc_path(node, "status.nodeInfo");
    struct str agent = doc_str(doc_get(info, "kubeletVersion")),
               runtime = doc_str(doc_get(info, "containerRuntimeVersion"));
    struct doc *v = doc_object(a);

    if (str_starts(agent, STR("v")))
        agent = str_from(agent, 1);
    if (agent.n)
        doc_set(v, "agentVersion", doc_string_copy(a, agent));
    if (runtime.n)
        doc_set(v, "dockerVersion", doc_string_copy(a, runtime));
    return v;
}

static void set(struct arena *a, struct doc *d, const char *key, struct str value)
{
    if (value.n)
        doc_set(d, key, doc_string_copy(a, value));
    else
        doc_remove(d, key);
}

/* What follows from the node. */
static void renew_from_node(struct arena *a, struct doc *o, const struct instance_origin *from)
{
    struct doc *spec = doc_need_object(a, o, "spec"), *status = doc_need_object(a, o, "status");
    const struct doc *node = from->node;
    bool registered = doc_true(doc_get(spec, "byCall")) || instance_dedicated(node, from->cluster);

    set(a, spec, "node", doc_str(doc_path(node, "metadata.name")));
    set(a, spec, "nodeUid", doc_str(doc_path(node, "metadata.uid")));
    doc_set(spec, "registered", doc_bool(a, registered));
    doc_set(status, "containerInstanceArn",
            doc_printf(a, "arn:aws:ecs:%s:%s:container-instance/%s/" STR_FMT, from->region, from->account,
                       from->cluster, STR_ARG(doc_str(doc_path(o, "metadata.name")))));
    doc_set(status, "ec2InstanceId", doc_string(a, str_of(instance_ec2_id(a, node))));
    set(a, status, "capacityProviderName", label(node, LABEL_PROVIDER));
    doc_set(status, "agentConnected", doc_bool(a, str_is(doc_str(doc_get(ready_condition(node), "status")), "True")));
    doc_set(status, "versionInfo", version_info(a, node));
    doc_set(status, "registeredResources", registered_resources(a, node));
    doc_set(status, "attributes", attributes_of(a, from, doc_get(status, "attributes")));
}

void instance_make(struct arena *a, struct doc *o, const struct instance_origin *from)
{
    struct doc *spec = doc_need_object(a, o, "spec"), *status = doc_need_object(a, o, "status");

    doc_set(spec, "cluster", doc_string_copy(a, str_of(from->cluster)));
    doc_set(spec, "tags", doc_array(a));
    doc_set(status, "status", doc_string(a, STR("ACTIVE")));
    doc_set(status, "registeredAt", doc_int(a, from->now_s));
    doc_set(status, "version", doc_int(a, 1));
    renew_from_node(a, o, from);
}

void instance_count_change(struct arena *a, struct doc *o)
{
    struct doc *status = doc_need_object(a, o, "status");

    doc_set(status, "version", doc_int(a, doc_int_or(doc_get(status, "version"), 0) + 1));
}

static void retire(struct arena *a, struct doc *o, int64_t now_s)
{
    struct doc *spec = doc_need_object(a, o, "spec"), *status = doc_need_object(a, o, "status");

    if (!doc_get(spec, "goneAt"))
        doc_set(spec, "goneAt", doc_int(a, now_s));
    doc_set(status, "status", doc_string(a, STR("INACTIVE")));
    doc_set(status, "agentConnected", doc_bool(a, false));
}

bool instance_renew(struct arena *a, struct doc *o, const struct instance_origin *from)
{
    struct doc *before = doc_clone(a, o, true), *spec = doc_need_object(a, o, "spec");
    bool same_node =
        from->node && str_eq(doc_str(doc_path(from->node, "metadata.uid")), doc_str(doc_get(spec, "nodeUid")));

    if (!same_node || !instance_belongs(from->node, from->cluster)) {
        retire(a, o, from->now_s);
    } else {
        if (doc_remove(spec, "goneAt") && !doc_true(doc_get(spec, "deregistered")))
            doc_set_path(a, o, "status.status", doc_string(a, STR("ACTIVE")));
        renew_from_node(a, o, from);
    }
    if (doc_equal(before, o))
        return false;
    instance_count_change(a, o);
    return true;
}

bool instance_expires(const struct doc *o, int64_t *ret_at)
{
    const struct doc *gone = doc_path(o, "spec.goneAt");

    *ret_at = doc_int_or(gone, 0) + INSTANCE_KEPT_S;
    return gone != NULL;
}

/* --- as the API shows it --- */

static struct doc *health(struct arena *a, const struct doc *node)
{
    const struct doc *c = ready_condition(node);
    struct str ready = doc_str(doc_get(c, "status"));
    struct str state = str_is(ready, "True")    ? STR("OK")
                       : str_is(ready, "False") ? STR("IMPAIRED")
                                                : STR("INSUFFICIENT_DATA");
    struct doc *h = doc_object(a), *details = doc_array(a), *d = doc_object(a);

    doc_set(h, "overallStatus", doc_string(a, state));
    doc_set(d, "type", doc_string(a, STR("CONTAINER_RUNTIME")));
    doc_set(d, "status", doc_string(a, state));
    if (time_of(c, "lastHeartbeatTime"))
        doc_set(d, "lastUpdated", doc_int(a, time_of(c, "lastHeartbeatTime")));
    if (time_of(c, "lastTransitionTime"))
        doc_set(d, "lastStatusChange", doc_int(a, time_of(c, "lastTransitionTime")));
    doc_append(details, d);
    doc_set(h, "details", details);
    return h;
}

struct doc *instance_view(struct arena *a, const struct doc *o, const struct instance_load *load)
{
    struct doc *v = doc_clone(a, doc_get(o, "status"), true), *attributes = instance_capabilities(a);
    const struct doc *tags = doc_path(o, "spec.tags");

    doc_foreach (doc_get(v, "attributes"), at) {
        struct doc *one = doc_clone(a, at, true);

        doc_remove(one, "registered");
        doc_append(attributes, one);
    }
    doc_set(v, "attributes", attributes);
    doc_set(v, "remainingResources", resources(a, load->now->remaining, load->now));
    doc_set(v, "runningTasksCount", doc_int(a, load->running));
    doc_set(v, "pendingTasksCount", doc_int(a, load->pending));
    doc_set(v, "attachments", doc_array(a));
    doc_set(v, "tags", load->tags && tags ? doc_clone(a, tags, true) : doc_array(a));
    if (load->health)
        doc_set(v, "healthStatus", health(a, load->node));
    return v;
}
