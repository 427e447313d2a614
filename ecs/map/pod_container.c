#include "base/parse.h"
#include "ecs/map/pod_rules.h"
#include "ecs/map/taskdef_rules.h"

const struct doc *pod_override(const struct pod_task *task, struct str container)
{
    doc_foreach (doc_get(task->overrides, "containerOverrides"), it) {
        if (str_eq(doc_str(doc_get(it, "name")), container))
            return it;
    }
    return NULL;
}

/* Kubernetes expands $(NAME); ECS does not. */
static struct doc *literal(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.n * 2 + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < s.n; i++) {
        if (s.p[i] == '$' && i + 1 < s.n && (s.p[i + 1] == '(' || s.p[i + 1] == '$'))
            out[n++] = '$';
        out[n++] = s.p[i];
    }
    return doc_string(a, str_n(out ? out : "", n));
}

static struct doc *words(struct arena *a, const struct doc *list)
{
    struct doc *out = doc_array(a);

    doc_foreach (list, it)
        doc_append(out, literal(a, doc_str(it)));
    return out;
}

static void set_words(struct arena *a, struct doc *k, const char *key, const struct doc *list)
{
    if (doc_count(list) > 0)
        doc_set(k, key, words(a, list));
}

static void add_env(struct arena *a, struct doc *env, const struct doc *list)
{
    doc_foreach (list, it) {
        struct str name = doc_str(doc_get(it, "name"));
        struct doc *entry = NULL;

        doc_foreach (env, old) {
            if (str_eq(doc_str(doc_get(old, "name")), name))
                entry = old;
        }
        if (!entry) {
            entry = doc_append(env, doc_object(a));
            doc_set(entry, "name", doc_string(a, name));
        }
        doc_set(entry, "value", literal(a, doc_str(doc_get(it, "value"))));
    }
}

static void set_env(struct pod_work *w, struct doc *k, const struct doc *c, const struct doc *over)
{
    struct doc *env = doc_array(w->a);

    add_env(w->a, env, doc_get(c, "environment"));
    add_env(w->a, env, doc_get(over, "environment"));
    if (env->n > 0)
        doc_set(k, "env", env);
}

/* --- resources --- */

static void set_resources(struct pod_work *w, struct doc *k, const struct doc *c, const struct doc *over)
{
    struct doc *limits = doc_object(w->a), *requests = doc_object(w->a), *resources = doc_object(w->a);
    int64_t cpu = doc_int_or(doc_get(over, "cpu"), doc_int_or(doc_get(c, "cpu"), 0));
    int64_t memory = doc_int_or(doc_get(over, "memory"), doc_int_or(doc_get(c, "memory"), 0));
    int64_t soft = doc_int_or(doc_get(over, "memoryReservation"), doc_int_or(doc_get(c, "memoryReservation"), memory));

    if (cpu > 0)
        doc_set(requests, "cpu", doc_printf(w->a, "%lldm", (long long)((cpu * 1000 + 1023) / 1024)));
    if (memory > 0)
        doc_set(limits, "memory", doc_printf(w->a, "%lldMi", (long long)memory));
    if (soft > 0)
        doc_set(requests, "memory", doc_printf(w->a, "%lldMi", (long long)(memory > 0 ? MIN_OF(soft, memory) : soft)));
    doc_foreach (doc_get(over, "resourceRequirements") ? doc_get(over, "resourceRequirements")
                                                       : doc_get(c, "resourceRequirements"),
                 r) {
        if (str_is(doc_str(doc_get(r, "type")), "GPU"))
            doc_set(limits, "nvidia.com/gpu", doc_string(w->a, doc_str(doc_get(r, "value"))));
    }
    if (limits->n > 0)
        doc_set(resources, "limits", limits);
    if (requests->n > 0)
        doc_set(resources, "requests", requests);
    doc_set(k, "resources", resources);
}

static int64_t number_of(const struct doc *resources, const char *list, const char *what, const char *suffix)
{
    struct str s = doc_str(doc_get(doc_get(resources, list), what));
    int64_t v = 0;

    if (!str_ends(s, str_of(suffix)) || !parse_int64(str_n(s.p, s.n - strlen(suffix)), &v))
        return 0;
    return v;
}

static void set_number(struct pod_work *w, struct doc *resources, const char *list, const char *what, int64_t v,
                       const char *suffix)
{
    doc_set(doc_need_object(w->a, resources, list), what, doc_printf(w->a, "%lld%s", (long long)v, suffix));
}

/* The task's size is a ceiling for each container, and what the containers have not asked for goes to the first ones
 * that may take it, so that the pod asks for the task's size as a whole. */
static void share(struct pod_work *w, const struct doc *spec, const char *what, const char *suffix, int64_t total)
{
    static const char *const lists[] = {"containers", "initContainers"};
    int64_t rest = total;

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        doc_foreach (doc_get(spec, lists[i]), k) {
            struct doc *res = doc_get(k, "resources");

            if (i == 0 || doc_get(k, "restartPolicy"))
                rest -= number_of(res, "requests", what, suffix);
            if (!doc_get(doc_get(res, "limits"), what))
                set_number(w, res, "limits", what, total, suffix);
        }
    }
    doc_foreach (doc_get(spec, "containers"), k) {
        struct doc *res = doc_get(k, "resources");
        int64_t has = number_of(res, "requests", what, suffix);
        int64_t more = MIN_OF(rest, number_of(res, "limits", what, suffix) - has);

        /* Without a request Kubernetes would take the limit for one. */
        more = MAX_OF(more, 0);
        set_number(w, res, "requests", what, has + more, suffix);
        rest -= more;
    }
    doc_foreach (doc_get(spec, "initContainers"), k) {
        struct doc *res = doc_get(k, "resources");

        if (!doc_get(doc_get(res, "requests"), what))
            set_number(w, res, "requests", what, 0, suffix);
    }
}

/* One container's limit is the pod's: all that its containers and volumes write counts. Nothing is reserved. */
static void set_storage(struct pod_work *w, const struct doc *pod_spec)
{
    int64_t gib = doc_int_or(doc_path(w->taskdef, "ephemeralStorage.sizeInGiB"), 0);
    int64_t asked = doc_int_or(doc_path(w->task->overrides, "ephemeralStorage.sizeInGiB"), gib);
    struct doc *res = doc_get(doc_at(doc_get(pod_spec, "containers"), 0), "resources");

    if (asked <= 0 || !res)
        return;
    set_number(w, res, "limits", "ephemeral-storage", asked, "Gi");
    set_number(w, res, "requests", "ephemeral-storage", 0, "");
}

void pod_share_size(struct pod_work *w, const struct doc *pod_spec)
{
    struct ecs_size size = {0};
    const struct doc *cpu = doc_get(w->task->overrides, "cpu"), *memory = doc_get(w->task->overrides, "memory");

    if (taskdef_parse_cpu(doc_text(cpu ? cpu : doc_get(w->taskdef, "cpu")), &size.cpu))
        share(w, pod_spec, "cpu", "m", (size.cpu * 1000 + 1023) / 1024);
    if (taskdef_parse_memory(doc_text(memory ? memory : doc_get(w->taskdef, "memory")), &size.memory))
        share(w, pod_spec, "memory", "Mi", size.memory);
    set_storage(w, pod_spec);
}

/* --- ports, mounts, probes --- */

static void set_ports(struct pod_work *w, struct doc *k, struct str name)
{
    struct doc *ports = doc_array(w->a);
    bool on_host = taskdef_network(w->taskdef) != NETWORK_AWSVPC;

    for (size_t i = 0; i < w->task->n_ports; i++) {
        const struct pod_port *p = &w->task->ports[i];
        struct doc *o;

        if (!str_eq(p->container, name))
            continue;
        o = doc_append(ports, doc_object(w->a));
        doc_set(o, "containerPort", doc_int(w->a, p->container_port));
        if (on_host && p->host_port > 0)
            doc_set(o, "hostPort", doc_int(w->a, p->host_port));
        doc_set(o, "protocol", doc_string(w->a, str_is(p->protocol, "udp") ? STR("UDP") : STR("TCP")));
    }
    if (ports->n > 0)
        doc_set(k, "ports", ports);
}

static void add_mount(struct arena *a, struct doc *mounts, struct str volume, struct str path, bool read_only)
{
    struct doc *m = doc_append(mounts, doc_object(a));

    doc_set(m, "name", doc_string(a, volume));
    doc_set(m, "mountPath", doc_string(a, path));
    if (read_only)
        doc_set(m, "readOnly", doc_bool(a, true));
}

static bool is_mounted(const struct doc *mounts, struct str path)
{
    doc_foreach (mounts, m) {
        if (str_eq(doc_str(doc_get(m, "mountPath")), path))
            return true;
    }
    return false;
}

/* The container's own mount points, then those of the containers from which it has volumes: what it mounts itself comes
 * first. The ring that would not end is refused at the registration; depth bounds what another gateway let pass. */
static void add_points(struct pod_work *w, struct doc *mounts, const struct doc *from, bool read_only, size_t depth)
{
    doc_foreach (doc_get(from, "mountPoints"), m) {
        struct str path = doc_str(doc_get(m, "containerPath"));

        if (!is_mounted(mounts, path))
            add_mount(w->a, mounts, pod_name(w->a, doc_str(doc_get(m, "sourceVolume"))), path,
                      read_only || doc_true(doc_get(m, "readOnly")));
    }
    doc_foreach (depth > 0 ? doc_get(from, "volumesFrom") : NULL, f)
        add_points(w, mounts, taskdef_container(w->taskdef, doc_str(doc_get(f, "sourceContainer"))),
                   read_only || doc_true(doc_get(f, "readOnly")), depth - 1);
}

/* A volume of memory that belongs to this container alone. */
static void add_memory(struct pod_work *w, struct doc *mounts, struct str path, int64_t mib, bool read_only)
{
    struct str name = str_of(arena_printf(w->a, "ecs-memory-%u", (unsigned)doc_count(w->volumes)));
    struct doc *v = doc_append(w->volumes, doc_object(w->a)), *e = doc_object(w->a);

    doc_set(v, "name", doc_string(w->a, name));
    doc_set(v, "emptyDir", e);
    doc_set(e, "medium", doc_string(w->a, STR("Memory")));
    if (mib > 0)
        doc_set(e, "sizeLimit", doc_printf(w->a, "%lldMi", (long long)mib));
    add_mount(w->a, mounts, name, path, read_only);
}

static bool has_option(const struct doc *options, const char *option)
{
    doc_foreach (options, o) {
        if (str_is(doc_str(o), option))
            return true;
    }
    return false;
}

static void set_mounts(struct pod_work *w, struct doc *k, const struct doc *c)
{
    struct doc *mounts = doc_array(w->a);
    int64_t shared = doc_int_or(doc_path(c, "linuxParameters.sharedMemorySize"), 0);

    doc_foreach (doc_path(c, "linuxParameters.tmpfs"), t)
        add_memory(w, mounts, doc_str(doc_get(t, "containerPath")), doc_int_or(doc_get(t, "size"), 0),
                   has_option(doc_get(t, "mountOptions"), "ro"));
    if (shared > 0)
        add_memory(w, mounts, STR("/dev/shm"), shared, false);
    add_points(w, mounts, c, false, doc_count(doc_get(w->taskdef, "containerDefinitions")));
    if (mounts->n > 0)
        doc_set(k, "volumeMounts", mounts);
}

/* The words behind CMD-SHELL are one line for the shell. */
static struct doc *shell_line(struct arena *a, const struct doc *given)
{
    _cleanup_(buf_releasep) struct buf line = BUF_INIT(64 * 1024);
    size_t i = 0;

    doc_foreach (given, it) {
        if (i++ > 0)
            buf_printf(&line, "%s" STR_FMT, i > 2 ? " " : "", STR_ARG(doc_str(it)));
    }
    return doc_string_copy(a, buf_str(&line));
}

static struct doc *probe_command(struct arena *a, const struct doc *given)
{
    struct doc *command = doc_array(a);
    size_t i = 0;

    if (str_is(doc_str(doc_at(given, 0)), "CMD-SHELL")) {
        doc_append(command, doc_string(a, STR("/bin/sh")));
        doc_append(command, doc_string(a, STR("-c")));
        doc_append(command, shell_line(a, given));
        return command;
    }
    doc_foreach (given, it) {
        if (i++ > 0) /* probes expand nothing */
            doc_append(command, doc_string(a, doc_str(it)));
    }
    return command;
}

static struct doc *probe(struct arena *a, const struct doc *health, int64_t failures)
{
    struct doc *p = doc_object(a), *exec = doc_object(a);

    doc_set(exec, "command", probe_command(a, doc_get(health, "command")));
    doc_set(p, "exec", exec);
    doc_set(p, "periodSeconds", doc_int(a, doc_int_or(doc_get(health, "interval"), 30)));
    doc_set(p, "timeoutSeconds", doc_int(a, doc_int_or(doc_get(health, "timeout"), 5)));
    doc_set(p, "failureThreshold", doc_int(a, failures));
    return p;
}

/* A check that passes counts during the startPeriod too, so nothing waits for its end: what fails in it is status.h's.
 */
static void set_probes(struct pod_work *w, struct doc *k, const struct doc *c, enum pod_place place)
{
    const struct doc *h = doc_get(c, "healthCheck");
    int64_t interval = doc_int_or(doc_get(h, "interval"), 30), retries = doc_int_or(doc_get(h, "retries"), 3);
    int64_t grace = doc_int_or(doc_get(h, "startPeriod"), 0);

    if (!h || place == PLACE_INIT)
        return;
    doc_set(k, "readinessProbe", probe(w->a, h, retries));
    if (place == PLACE_SIDECAR)
        doc_set(k, "startupProbe", probe(w->a, h, retries + (grace + interval - 1) / interval));
}

/* --- security --- */

/* Kubernetes knows users by number only. A name goes to the kubelet in an annotation (pod_annotate_containers);
 * one that does not know it must not take the image's root instead. */
static void set_user(struct arena *a, struct doc *sc, struct str user)
{
    struct taskdef_user u;

    if (user.n == 0 || !taskdef_parse_user(user, &u))
        return;
    if (u.uid >= 0)
        doc_set(sc, "runAsUser", doc_int(a, u.uid));
    else
        doc_set(sc, "runAsNonRoot", doc_bool(a, true));
    if (u.gid >= 0)
        doc_set(sc, "runAsGroup", doc_int(a, u.gid));
}

static void set_security_options(struct arena *a, struct doc *sc, const struct doc *options)
{
    doc_foreach (options, o) {
        struct doc *armor = doc_object(a);
        struct str profile;

        if (!taskdef_security_option(doc_str(o), &profile))
            continue;
        if (profile.n == 0) {
            doc_set(sc, "allowPrivilegeEscalation", doc_bool(a, false));
            continue;
        }
        bool free = str_is(profile, "unconfined"), usual = str_is(profile, "docker-default");
        doc_set(armor, "type",
                doc_string(a, free    ? STR("Unconfined")
                              : usual ? STR("RuntimeDefault")
                                      : STR("Localhost")));
        if (!free && !usual)
            doc_set(armor, "localhostProfile", doc_string(a, profile));
        doc_set(sc, "appArmorProfile", armor);
    }
}

static void set_security(struct pod_work *w, struct doc *k, const struct doc *c)
{
    static const char *const lists[] = {"add", "drop"};
    struct doc *sc = doc_object(w->a), *caps = doc_object(w->a);

    if (doc_true(doc_get(c, "privileged")))
        doc_set(sc, "privileged", doc_bool(w->a, true));
    if (doc_true(doc_get(c, "readonlyRootFilesystem")))
        doc_set(sc, "readOnlyRootFilesystem", doc_bool(w->a, true));
    set_user(w->a, sc, doc_str(doc_get(c, "user")));
    set_security_options(w->a, sc, doc_get(c, "dockerSecurityOptions"));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct doc *list = doc_get(doc_path(c, "linuxParameters.capabilities"), lists[i]);

        if (doc_count(list) > 0)
            doc_set(caps, lists[i], doc_clone(w->a, list, true));
    }
    if (caps->n > 0)
        doc_set(sc, "capabilities", caps);
    if (sc->n > 0)
        doc_set(k, "securityContext", sc);
}

/* Started again after any end but the ignored ones. The pod itself restarts nothing. */
static void set_restarts(struct pod_work *w, struct doc *k, const struct doc *c)
{
    const struct doc *ignored = doc_path(c, "restartPolicy.ignoredExitCodes");
    struct doc *rules, *rule = doc_object(w->a), *codes = doc_object(w->a);

    if (!doc_true(doc_path(c, "restartPolicy.enabled")))
        return;
    doc_set(k, "restartPolicy", doc_string(w->a, STR("Never")));
    rules = doc_need_array(w->a, k, "restartPolicyRules");
    doc_set(codes, "operator", doc_string(w->a, STR("NotIn")));
    doc_set(codes, "values", ignored ? doc_clone(w->a, ignored, true) : doc_array(w->a));
    doc_set(rule, "action", doc_string(w->a, STR("Restart")));
    doc_set(rule, "exitCodes", codes);
    doc_append(rules, rule);
}

struct doc *pod_container(struct pod_work *w, const struct doc *c, enum pod_place place)
{
    struct doc *k = doc_object(w->a);
    struct str name = doc_str(doc_get(c, "name"));
    const struct doc *over = pod_override(w->task, name);

    doc_set(k, "name", doc_string(w->a, pod_name(w->a, name)));
    doc_set(k, "image", doc_string(w->a, doc_str(doc_get(c, "image"))));
    if (place == PLACE_SIDECAR)
        doc_set(k, "restartPolicy", doc_string(w->a, STR("Always")));
    else if (place == PLACE_MAIN)
        set_restarts(w, k, c);
    set_words(w->a, k, "command", doc_get(c, "entryPoint"));
    set_words(w->a, k, "args", doc_get(over, "command") ? doc_get(over, "command") : doc_get(c, "command"));
    if (doc_str(doc_get(c, "workingDirectory")).n > 0)
        doc_set(k, "workingDir", doc_string(w->a, doc_str(doc_get(c, "workingDirectory"))));
    set_env(w, k, c, over);
    set_resources(w, k, c, over);
    set_ports(w, k, name);
    set_mounts(w, k, c);
    set_probes(w, k, c, place);
    set_security(w, k, c);
    if (doc_true(doc_get(c, "interactive")))
        doc_set(k, "stdin", doc_bool(w->a, true));
    if (doc_true(doc_get(c, "pseudoTerminal")))
        doc_set(k, "tty", doc_bool(w->a, true));
    return k;
}
