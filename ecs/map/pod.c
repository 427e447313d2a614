#include "ecs/map/pod.h"
#include "api/json.h"
#include "ecs/map/pod_rules.h"
#include "ecs/map/taskdef_rules.h"

#define LABEL_MAX 63
#define HOST_VOLUMES "/var/lib/coracle/ecs-volumes/" /* docker volumes with scope shared */
#define STOP_TIMEOUT_S 30

/* --- names --- */

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool dns_label(struct str s)
{
    if (s.n == 0 || s.n > LABEL_MAX || !is_lower_alnum(s.p[0]) || !is_lower_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_lower_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    }
    return true;
}

struct str pod_name(struct arena *a, struct str name)
{
    char cut[LABEL_MAX - 10];
    size_t n = 0;
    uint32_t hash = 2166136261u; /* FNV-1a */

    if (dns_label(name))
        return name;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        hash = (hash ^ (uint8_t)c) * 16777619u;
        c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        if (n < sizeof(cut) && (is_lower_alnum(c) || n > 0))
            cut[n++] = is_lower_alnum(c) ? c : '-';
    }
    return str_of(arena_printf(a, "%.*s%s%08x", (int)n, cut, n > 0 ? "-" : "x", hash));
}

struct str pod_label_value(struct arena *a, struct str value)
{
    char *out = arena_strndup(a, value.p, MIN_OF(value.n, (size_t)LABEL_MAX));
    size_t n = MIN_OF(value.n, (size_t)LABEL_MAX), skip = 0;

    if (!out)
        return STR("");
    for (size_t i = 0; i < n; i++) {
        if (!is_alnum(out[i]) && out[i] != '.' && out[i] != '_')
            out[i] = '-';
    }
    while (n > 0 && !is_alnum(out[n - 1]))
        n--;
    while (skip < n && !is_alnum(out[skip]))
        skip++;
    return str_n(out + skip, n - skip);
}

/* --- ports --- */

int pod_ports(struct arena *a, const struct doc *taskdef, struct pod_port **ret_ports, size_t *ret_n, struct err *err)
{
    size_t n = 0, i = 0;
    bool awsvpc = taskdef_network(taskdef) == NETWORK_AWSVPC;

    doc_foreach (doc_get(taskdef, "containerDefinitions"), c)
        n += doc_count(doc_get(c, "portMappings"));
    struct pod_port *ports = arena_calloc(a, n + 1, sizeof(*ports));
    if (!ports)
        return err_set(err, ERR_TOO_LARGE, "too many ports");
    doc_foreach (doc_get(taskdef, "containerDefinitions"), c) {
        doc_foreach (doc_get(c, "portMappings"), p) {
            int64_t port = doc_int_or(doc_get(p, "containerPort"), 0);

            if (port == 0) /* a range: awsvpc only, where every port of the address is reachable */
                continue;
            ports[i++] = (struct pod_port){.container = doc_str(doc_get(c, "name")),
                                           .container_port = port,
                                           .host_port = awsvpc ? port : doc_int_or(doc_get(p, "hostPort"), 0),
                                           .protocol = doc_str(doc_get(p, "protocol"))};
        }
    }
    *ret_ports = ports;
    *ret_n = i;
    return 0;
}

/* --- where a container stands --- */

static enum pod_place place_of(const struct doc *containers, const struct doc *c, size_t depth)
{
    struct str name = doc_str(doc_get(c, "name"));
    enum pod_place place = PLACE_MAIN;

    doc_foreach (containers, other) {
        doc_foreach (doc_get(other, "dependsOn"), d) {
            struct str condition = doc_str(doc_get(d, "condition"));

            if (!str_eq(doc_str(doc_get(d, "containerName")), name))
                continue;
            if (str_is(condition, "COMPLETE") || str_is(condition, "SUCCESS"))
                return PLACE_INIT;
            if (str_is(condition, "HEALTHY") || (depth > 0 && place_of(containers, other, depth - 1) != PLACE_MAIN))
                place = PLACE_SIDECAR;
        }
    }
    return place;
}

static bool all_placed(const struct doc *containers, const struct doc *c, const bool *done)
{
    doc_foreach (doc_get(c, "dependsOn"), d) {
        size_t i = 0;

        doc_foreach (containers, other) {
            if (!done[i++] && str_eq(doc_str(doc_get(other, "name")), doc_str(doc_get(d, "containerName"))))
                return false;
        }
    }
    return true;
}

/* Each container once, behind those that it awaits. */
static void add_containers(struct pod_work *w, struct doc *spec)
{
    const struct doc *list = doc_get(w->taskdef, "containerDefinitions");
    struct doc *mains = doc_array(w->a), *inits = doc_array(w->a);
    size_t n = doc_count(list), left = n;
    bool *done = arena_calloc(w->a, n + 1, sizeof(bool));

    for (size_t round = 0; done && left > 0 && round < n; round++) {
        size_t i = 0;

        doc_foreach (list, c) {
            if (!done[i] && all_placed(list, c, done)) {
                enum pod_place place = place_of(list, c, n);

                doc_append(place == PLACE_MAIN ? mains : inits, pod_container(w, c, place));
                done[i] = true;
                left--;
            }
            i++;
        }
    }
    if (inits->n > 0)
        doc_set(spec, "initContainers", inits);
    doc_set(spec, "containers", mains);
}

/* --- the rest of the spec --- */

void pod_volumes(struct pod_work *w)
{
    doc_foreach (doc_get(w->taskdef, "volumes"), v) {
        struct doc *k = doc_append(w->volumes, doc_object(w->a)), *path = doc_object(w->a);
        struct str name = doc_str(doc_get(v, "name")), source = doc_str(doc_path(v, "host.sourcePath"));

        doc_set(k, "name", doc_string(w->a, pod_name(w->a, name)));
        if (source.n > 0) {
            doc_set(path, "path", doc_string(w->a, source));
            doc_set(k, "hostPath", path);
        } else if (str_is(doc_str(doc_path(v, "dockerVolumeConfiguration.scope")), "shared")) {
            doc_set(path, "path", doc_printf(w->a, HOST_VOLUMES STR_FMT, STR_ARG(pod_name(w->a, name))));
            doc_set(path, "type", doc_string(w->a, STR("DirectoryOrCreate")));
            doc_set(k, "hostPath", path);
        } else {
            doc_set(k, "emptyDir", path);
        }
    }
}

/* One entry for each address. */
static void add_alias(struct arena *a, struct doc *aliases, struct str ip, struct str host)
{
    struct doc *o = NULL, *names;

    doc_foreach (aliases, it) {
        if (str_eq(doc_str(doc_get(it, "ip")), ip))
            o = it;
    }
    if (!o) {
        o = doc_append(aliases, doc_object(a));
        doc_set(o, "ip", doc_string(a, ip));
    }
    names = doc_need_array(a, o, "hostnames");
    doc_foreach (names, it) {
        if (str_eq(doc_str(it), host))
            return;
    }
    doc_append(names, doc_string(a, host));
}

/* extraHosts, and links: a linked container is in the same network. */
static void add_aliases(struct arena *a, struct doc *aliases, const struct doc *c)
{
    doc_foreach (doc_get(c, "extraHosts"), h)
        add_alias(a, aliases, doc_str(doc_get(h, "ipAddress")), doc_str(doc_get(h, "hostname")));
    doc_foreach (doc_get(c, "links"), l) {
        struct str rest = doc_str(l), name = STR(""), alias = STR("");

        (void)(str_split(&rest, ':', &name) && rest.p && str_split(&rest, ':', &alias));
        add_alias(a, aliases, STR("127.0.0.1"), alias.n > 0 ? alias : name);
    }
}

static void add_unique(struct arena *a, struct doc *to, const struct doc *list)
{
    doc_foreach (list, it) {
        bool found = false;

        doc_foreach (to, old)
            found = found || doc_equal(old, it);
        if (!found)
            doc_append(to, doc_clone(a, it, true));
    }
}

static void add_pull_secret(struct arena *a, struct doc *secrets, const struct doc *c)
{
    struct str arn = doc_str(doc_path(c, "repositoryCredentials.credentialsParameter")), rest = arn, last = arn;
    struct doc *o;

    if (arn.n == 0)
        return;
    while (rest.p && str_split(&rest, ':', &last))
        ;
    o = doc_append(secrets, doc_object(a));
    doc_set(o, "name", doc_string(a, pod_name(a, last)));
}

static void set_list(struct doc *spec, const char *path_key, struct doc *list)
{
    if (list->n > 0)
        doc_set(spec, path_key, list);
}

/* Containers share them; taskdef.h refuses two values. */
static void add_parameters(struct arena *a, struct doc *sysctls, const struct doc *c)
{
    doc_foreach (doc_get(c, "systemControls"), s) {
        struct str name = doc_str(doc_get(s, "namespace"));
        struct doc *o = NULL;

        doc_foreach (sysctls, it) {
            if (str_eq(doc_str(doc_get(it, "name")), name))
                o = it;
        }
        if (o)
            continue;
        o = doc_append(sysctls, doc_object(a));
        doc_set(o, "name", doc_string(a, name));
        doc_set(o, "value", doc_string(a, doc_str(doc_get(s, "value"))));
    }
}

/* hostname is a DNS label in Kubernetes; a longer name needs hostnameOverride. */
static void set_hostname(struct arena *a, struct doc *spec, struct str name)
{
    if (name.n > 0)
        doc_set(spec, dns_label(name) ? "hostname" : "hostnameOverride", doc_string(a, name));
}

static int64_t grace_of(const struct doc *taskdef)
{
    int64_t grace = 0;

    doc_foreach (doc_get(taskdef, "containerDefinitions"), c)
        grace = MAX_OF(grace, doc_int_or(doc_get(c, "stopTimeout"), STOP_TIMEOUT_S));
    return grace;
}

/* What ECS has for each container and Kubernetes for the pod. */
static void join_containers(struct pod_work *w, struct doc *spec)
{
    struct arena *a = w->a;
    struct doc *aliases = doc_array(a), *secrets = doc_array(a), *sysctls = doc_array(a);
    struct doc *servers = doc_array(a), *searches = doc_array(a), *dns = doc_object(a);

    doc_foreach (doc_get(w->taskdef, "containerDefinitions"), c) {
        add_aliases(a, aliases, c);
        add_pull_secret(a, secrets, c);
        add_unique(a, servers, doc_get(c, "dnsServers"));
        add_unique(a, searches, doc_get(c, "dnsSearchDomains"));
        add_parameters(a, sysctls, c);
        set_hostname(a, spec, doc_str(doc_get(c, "hostname")));
        if (doc_true(doc_path(c, "linuxParameters.initProcessEnabled"))) /* the sandbox's first process reaps */
            doc_set(spec, "shareProcessNamespace", doc_bool(a, true));
    }
    doc_set(spec, "terminationGracePeriodSeconds", doc_int(a, grace_of(w->taskdef)));
    set_list(spec, "hostAliases", aliases);
    set_list(spec, "imagePullSecrets", secrets);
    if (sysctls->n > 0)
        doc_set_path(a, spec, "securityContext.sysctls", sysctls);
    if (servers->n > 0)
        doc_set(spec, "dnsPolicy", doc_string(a, STR("None")));
    set_list(dns, "nameservers", servers);
    set_list(dns, "searches", searches);
    if (dns->n > 0)
        doc_set(spec, "dnsConfig", dns);
}

static void set_modes(struct pod_work *w, struct doc *spec)
{
    struct str pid = doc_str(doc_get(w->taskdef, "pidMode"));
    struct str arch = doc_str(doc_path(w->taskdef, "runtimePlatform.cpuArchitecture"));
    struct doc *selector = doc_object(w->a);

    if (taskdef_network(w->taskdef) == NETWORK_HOST)
        doc_set(spec, "hostNetwork", doc_bool(w->a, true));
    if (str_is(pid, "host")) {
        doc_set(spec, "hostPID", doc_bool(w->a, true));
        doc_remove(spec, "shareProcessNamespace"); /* not both */
    } else if (str_is(pid, "task")) {
        doc_set(spec, "shareProcessNamespace", doc_bool(w->a, true));
    }
    if (str_is(doc_str(doc_get(w->taskdef, "ipcMode")), "host"))
        doc_set(spec, "hostIPC", doc_bool(w->a, true));
    if (arch.n > 0) {
        doc_set(selector, "kubernetes.io/arch", doc_string(w->a, str_is(arch, "ARM64") ? STR("arm64") : STR("amd64")));
        doc_set(spec, "nodeSelector", selector);
    }
    if (w->task->node && w->task->node[0])
        doc_set(spec, "nodeName", doc_string(w->a, str_of(w->task->node)));
}

static void set_label(struct arena *a, struct doc *labels, const char *key, struct str value)
{
    if (value.n > 0)
        doc_set(labels, key, doc_string(a, pod_label_value(a, value)));
}

/* {"CONTAINER": member} of those that have it, as JSON in an annotation. */
static void annotate_members(struct arena *a, const struct doc *td, struct doc *annotations, const char *key,
                             const char *member)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(256 * 1024);
    struct doc *all = doc_object(a);

    doc_foreach (doc_get(td, "containerDefinitions"), c) {
        if (doc_count(doc_get(c, member)) > 0)
            doc_set_str(all, doc_str(doc_get(c, "name")), doc_clone(a, doc_get(c, member), true));
    }
    if (all->n == 0)
        return;
    json_write(&text, all);
    doc_set(annotations, key, doc_string_copy(a, buf_str(&text)));
}

static struct doc *metadata(struct arena *a, const struct doc *td, const struct pod_task *task)
{
    struct doc *m = doc_object(a), *labels = doc_object(a), *annotations = doc_object(a);

    doc_set(m, "name", doc_string_copy(a, str_of(task->task_id)));
    doc_set(m, "namespace", doc_string_copy(a, str_of(task->namespace)));
    set_label(a, labels, ECS_LABEL "cluster", str_of(task->cluster));
    set_label(a, labels, ECS_LABEL "task", str_of(task->task_id));
    set_label(a, labels, ECS_LABEL "family", doc_str(doc_get(td, "family")));
    set_label(a, labels, ECS_LABEL "revision", doc_text(doc_get(td, "revision")));
    set_label(a, labels, ECS_LABEL "service", str_of(task->service));
    set_label(a, labels, ECS_LABEL "deployment", str_of(task->deployment));
    doc_set(annotations, ECS_LABEL "task-arn", doc_string_copy(a, str_of(task->task_arn)));
    annotate_members(a, td, annotations, ECS_LABEL "depends-on", "dependsOn");
    annotate_members(a, td, annotations, ECS_LABEL "docker-labels", "dockerLabels");
    pod_annotate_containers(a, td, grace_of(td), annotations);
    doc_set(m, "labels", labels);
    doc_set(m, "annotations", annotations);
    return m;
}

int pod_build(struct arena *a, const struct doc *taskdef, const struct pod_task *task, struct doc **ret,
              struct err *err)
{
    struct pod_work w = {.a = a, .taskdef = taskdef, .task = task, .volumes = doc_array(a)};
    struct doc *pod = doc_object(a), *spec = doc_object(a);

    doc_set(pod, "apiVersion", doc_string(a, STR("v1")));
    doc_set(pod, "kind", doc_string(a, STR("Pod")));
    doc_set(pod, "metadata", metadata(a, taskdef, task));
    doc_set(pod, "spec", spec);
    doc_set(spec, "restartPolicy", doc_string(a, STR("Never")));
    doc_set(spec, "enableServiceLinks", doc_bool(a, false));
    doc_set(spec, "automountServiceAccountToken", doc_bool(a, false));
    pod_volumes(&w);
    add_containers(&w, spec);
    pod_share_size(&w, spec);
    set_list(spec, "volumes", w.volumes);
    join_containers(&w, spec);
    set_modes(&w, spec);
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the pod is too large");
    *ret = pod;
    return 0;
}
