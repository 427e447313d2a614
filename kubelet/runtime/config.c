/* Turns pods and what the kubelet has worked out for them into CRI's configurations. Pure; all memory is the arena's.
 */
#include "kubelet/runtime/call.h"
#include "kubelet/runtime/labels.h"

#include <inttypes.h>
#include <stdio.h>

static void *must(void *p)
{
    if (!p)
        abort(); /* the arena's ceiling is far above what a stored object can ask for */
    return p;
}

#define NEW(a, Type, prefix)                                                                                           \
    ({                                                                                                                 \
        Type *_m = must(arena_alloc((a), sizeof(Type)));                                                               \
        prefix##__init(_m);                                                                                            \
        _m;                                                                                                            \
    })
#define NEW_ARRAY(a, n, Type) ((Type *)must(arena_calloc((a), (n) + 1, sizeof(Type))))

static char *copy(struct arena *a, const char *s)
{
    return must(arena_strdup(a, text(s)));
}

/* Every map<string,string> of protobuf-c has an entry type of its own with the same members: one macro for all. */
#define ADD_ENTRY(a, list, count, Type, prefix, k, v)                                                                  \
    do {                                                                                                               \
        Type *_e = NEW(a, Type, prefix);                                                                               \
        _e->key = copy((a), (k));                                                                                      \
        _e->value = copy((a), (v));                                                                                    \
        (list)[(count)++] = _e;                                                                                        \
    } while (0)
#define SANDBOX_LABEL(a, c, k, v)                                                                                      \
    ADD_ENTRY(a, (c)->labels, (c)->n_labels, Cri__PodSandboxConfig__LabelsEntry,                                       \
              cri__pod_sandbox_config__labels_entry, k, v)
#define SANDBOX_ANNOTATION(a, c, k, v)                                                                                 \
    ADD_ENTRY(a, (c)->annotations, (c)->n_annotations, Cri__PodSandboxConfig__AnnotationsEntry,                        \
              cri__pod_sandbox_config__annotations_entry, k, v)
#define CONTAINER_LABEL(a, c, k, v)                                                                                    \
    ADD_ENTRY(a, (c)->labels, (c)->n_labels, Cri__ContainerConfig__LabelsEntry, cri__container_config__labels_entry,   \
              k, v)
#define CONTAINER_ANNOTATION(a, c, k, v)                                                                               \
    ADD_ENTRY(a, (c)->annotations, (c)->n_annotations, Cri__ContainerConfig__AnnotationsEntry,                         \
              cri__container_config__annotations_entry, k, v)

uint64_t container_hash(const char *name, const char *image)
{
    /* FNV-1a over both with their NULs: it is stored, so it may not be seeded. */
    uint64_t h = 0xcbf29ce484222325ULL;
    const char *parts[] = {text(name), text(image)};
    for (size_t i = 0; i < 2; i++)
        for (const char *p = parts[i];; p++) {
            h = (h ^ (unsigned char)*p) * 0x100000001b3ULL;
            if (!*p)
                break;
        }
    return h;
}

static bool is(const char *s, const char *want)
{
    return s && strcmp(s, want) == 0;
}

static Cri__NamespaceOption *namespaces(struct arena *a, const Corev1__PodSpec *spec)
{
    Cri__NamespaceOption *n = NEW(a, Cri__NamespaceOption, cri__namespace_option);
    n->network = spec->hostnetwork ? CRI__NAMESPACE_MODE__NODE : CRI__NAMESPACE_MODE__POD;
    n->ipc = spec->hostipc ? CRI__NAMESPACE_MODE__NODE : CRI__NAMESPACE_MODE__POD;
    n->pid = CRI__NAMESPACE_MODE__CONTAINER;
    if (spec->hostpid)
        n->pid = CRI__NAMESPACE_MODE__NODE;
    else if (spec->shareprocessnamespace)
        n->pid = CRI__NAMESPACE_MODE__POD;
    return n;
}

static Cri__Int64Value *int64_value(struct arena *a, int64_t v)
{
    Cri__Int64Value *i = NEW(a, Cri__Int64Value, cri__int64_value);
    i->value = v;
    return i;
}

static Cri__SecurityProfile *seccomp(struct arena *a, const Corev1__SeccompProfile *p)
{
    Cri__SecurityProfile *s = NEW(a, Cri__SecurityProfile, cri__security_profile);
    s->profile_type = CRI__SECURITY_PROFILE__PROFILE_TYPE__Unconfined;
    if (p && is(p->type, "RuntimeDefault"))
        s->profile_type = CRI__SECURITY_PROFILE__PROFILE_TYPE__RuntimeDefault;
    if (p && is(p->type, "Localhost")) {
        s->profile_type = CRI__SECURITY_PROFILE__PROFILE_TYPE__Localhost;
        s->localhost_ref = must(arena_printf(a, "/var/lib/kubelet/seccomp/%s", text(p->localhostprofile)));
    }
    return s;
}

static Cri__SecurityProfile *apparmor(struct arena *a, const Corev1__AppArmorProfile *p)
{
    Cri__SecurityProfile *s = NEW(a, Cri__SecurityProfile, cri__security_profile);
    s->profile_type = is(p->type, "RuntimeDefault") ? CRI__SECURITY_PROFILE__PROFILE_TYPE__RuntimeDefault
                      : is(p->type, "Localhost")    ? CRI__SECURITY_PROFILE__PROFILE_TYPE__Localhost
                                                    : CRI__SECURITY_PROFILE__PROFILE_TYPE__Unconfined;
    s->localhost_ref = copy(a, p->localhostprofile);
    return s;
}

static bool any_privileged(const Corev1__PodSpec *spec)
{
    for (size_t i = 0; i < spec->n_containers; i++)
        if (spec->containers[i]->securitycontext && spec->containers[i]->securitycontext->privileged)
            return true;
    for (size_t i = 0; i < spec->n_initcontainers; i++)
        if (spec->initcontainers[i]->securitycontext && spec->initcontainers[i]->securitycontext->privileged)
            return true;
    return false;
}

static Cri__LinuxPodSandboxConfig *sandbox_linux(struct arena *a, const struct runtime_sandbox_spec *s)
{
    const Corev1__PodSpec *spec = s->pod->spec;
    const Corev1__PodSecurityContext *pod = spec->securitycontext;
    Cri__LinuxPodSandboxConfig *l = NEW(a, Cri__LinuxPodSandboxConfig, cri__linux_pod_sandbox_config);
    Cri__LinuxSandboxSecurityContext *sc =
        NEW(a, Cri__LinuxSandboxSecurityContext, cri__linux_sandbox_security_context);
    l->cgroup_parent = copy(a, s->cgroup_parent);
    l->security_context = sc;
    sc->namespace_options = namespaces(a, spec);
    sc->privileged = any_privileged(spec);
    sc->seccomp = NEW(a, Cri__SecurityProfile, cri__security_profile); /* RuntimeDefault: pause needs little */
    if (!pod)
        return l;
    if (pod->has_runasuser)
        sc->run_as_user = int64_value(a, pod->runasuser);
    if (pod->has_runasuser && pod->has_runasgroup)
        sc->run_as_group = int64_value(a, pod->runasgroup);
    l->sysctls = NEW_ARRAY(a, pod->n_sysctls, Cri__LinuxPodSandboxConfig__SysctlsEntry *);
    for (size_t i = 0; i < pod->n_sysctls; i++)
        ADD_ENTRY(a, l->sysctls, l->n_sysctls, Cri__LinuxPodSandboxConfig__SysctlsEntry,
                  cri__linux_pod_sandbox_config__sysctls_entry, pod->sysctls[i]->name, pod->sysctls[i]->value);
    return l;
}

static void add_ports(struct arena *a, Cri__PodSandboxConfig *c, Corev1__Container *const *containers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < containers[i]->n_ports; k++) {
            const Corev1__ContainerPort *p = containers[i]->ports[k];
            if (!p->hostport)
                continue;
            Cri__PortMapping *m = NEW(a, Cri__PortMapping, cri__port_mapping);
            m->container_port = p->containerport;
            m->host_port = p->hostport;
            m->host_ip = copy(a, p->hostip);
            m->protocol = is(p->protocol, "UDP")    ? CRI__PROTOCOL__UDP
                          : is(p->protocol, "SCTP") ? CRI__PROTOCOL__SCTP
                                                    : CRI__PROTOCOL__TCP;
            c->port_mappings[c->n_port_mappings++] = m;
        }
}

static size_t count_ports(Corev1__Container *const *containers, size_t n)
{
    size_t ports = 0;
    for (size_t i = 0; i < n; i++)
        ports += containers[i]->n_ports;
    return ports;
}

Cri__PodSandboxConfig *config_sandbox(struct arena *a, const struct runtime_sandbox_spec *s)
{
    const Metav1__ObjectMeta *meta = s->pod->metadata;
    const Corev1__PodSpec *spec = s->pod->spec;
    Cri__PodSandboxConfig *c = NEW(a, Cri__PodSandboxConfig, cri__pod_sandbox_config);
    c->metadata = NEW(a, Cri__PodSandboxMetadata, cri__pod_sandbox_metadata);
    c->metadata->name = copy(a, meta->name);
    c->metadata->namespace_ = copy(a, meta->namespace_);
    c->metadata->uid = copy(a, meta->uid);
    c->metadata->attempt = s->attempt;
    c->hostname = copy(a, s->hostname);
    c->log_directory = copy(a, s->log_dir);
    c->dns_config = NEW(a, Cri__DNSConfig, cri__dnsconfig);
    c->dns_config->servers = (char **)s->dns_servers;
    c->dns_config->n_servers = s->n_dns_servers;
    c->dns_config->searches = (char **)s->dns_searches;
    c->dns_config->n_searches = s->n_dns_searches;
    c->dns_config->options = (char **)s->dns_options;
    c->dns_config->n_options = s->n_dns_options;
    if (!spec->hostnetwork) {
        size_t ports = count_ports(spec->containers, spec->n_containers) +
                       count_ports(spec->initcontainers, spec->n_initcontainers);
        c->port_mappings = NEW_ARRAY(a, ports, Cri__PortMapping *);
        add_ports(a, c, spec->initcontainers, spec->n_initcontainers);
        add_ports(a, c, spec->containers, spec->n_containers);
    }
    c->labels = NEW_ARRAY(a, meta->n_labels + 3, Cri__PodSandboxConfig__LabelsEntry *);
    for (size_t i = 0; i < meta->n_labels; i++)
        SANDBOX_LABEL(a, c, meta->labels[i]->key, meta->labels[i]->value);
    SANDBOX_LABEL(a, c, LABEL_POD_NAME, meta->name);
    SANDBOX_LABEL(a, c, LABEL_POD_NAMESPACE, meta->namespace_);
    SANDBOX_LABEL(a, c, LABEL_POD_UID, meta->uid);
    c->annotations = NEW_ARRAY(a, meta->n_annotations, Cri__PodSandboxConfig__AnnotationsEntry *);
    for (size_t i = 0; i < meta->n_annotations; i++)
        if (strcmp(text(meta->annotations[i]->key), "kubectl.kubernetes.io/last-applied-configuration") != 0)
            SANDBOX_ANNOTATION(a, c, meta->annotations[i]->key, meta->annotations[i]->value);
    c->linux = sandbox_linux(a, s);
    return c;
}

/* What a process in a container must not see or write below /proc and /sys, unless it is privileged. */
static const char *const masked_paths[] = {
    "/proc/asound",      "/proc/acpi",          "/proc/interrupts", "/proc/kcore",
    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap",
};
static const char *const readonly_paths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

static Cri__Capability *capabilities(struct arena *a, const Corev1__Capabilities *c)
{
    Cri__Capability *out = NEW(a, Cri__Capability, cri__capability);
    out->add_capabilities = c->add;
    out->n_add_capabilities = c->n_add;
    out->drop_capabilities = c->drop;
    out->n_drop_capabilities = c->n_drop;
    return out;
}

static void set_users(struct arena *a, Cri__LinuxContainerSecurityContext *s, const Corev1__PodSecurityContext *pod,
                      const Corev1__SecurityContext *c, const char *user_name)
{
    if (user_name)
        s->run_as_username = copy(a, user_name);
    else if (c && c->has_runasuser)
        s->run_as_user = int64_value(a, c->runasuser);
    else if (pod && pod->has_runasuser)
        s->run_as_user = int64_value(a, pod->runasuser);
    if (c && c->has_runasgroup)
        s->run_as_group = int64_value(a, c->runasgroup);
    else if (pod && pod->has_runasgroup)
        s->run_as_group = int64_value(a, pod->runasgroup);
    if (s->run_as_group && !s->run_as_user && !user_name)
        s->run_as_user = int64_value(a, 0); /* CRI refuses a group without a user */
}

static Cri__LinuxContainerSecurityContext *container_security(struct arena *a, const struct runtime_container_spec *c)
{
    const Corev1__PodSpec *spec = c->sandbox->pod->spec;
    const Corev1__PodSecurityContext *pod = spec->securitycontext;
    const Corev1__SecurityContext *sc = c->container->securitycontext;
    Cri__LinuxContainerSecurityContext *s =
        NEW(a, Cri__LinuxContainerSecurityContext, cri__linux_container_security_context);
    s->namespace_options = namespaces(a, spec);
    s->privileged = sc && sc->privileged;
    s->readonly_rootfs = sc && sc->readonlyrootfilesystem;
    s->no_new_privs = sc && sc->has_allowprivilegeescalation && !sc->allowprivilegeescalation;
    if (sc && sc->capabilities)
        s->capabilities = capabilities(a, sc->capabilities);
    set_users(a, s, pod, sc, c->user_name);
    s->supplemental_groups = (int64_t *)c->supplemental_groups;
    s->n_supplemental_groups = c->n_supplemental_groups;
    if (pod && is(pod->supplementalgroupspolicy, "Strict"))
        s->supplemental_groups_policy = CRI__SUPPLEMENTAL_GROUPS_POLICY__Strict;
    const Corev1__SeccompProfile *profile = sc && sc->seccompprofile ? sc->seccompprofile
                                            : pod                    ? pod->seccompprofile
                                                                     : NULL;
    s->seccomp = seccomp(a, s->privileged ? NULL : profile);
    const Corev1__AppArmorProfile *armor = sc && sc->apparmorprofile ? sc->apparmorprofile
                                           : pod                     ? pod->apparmorprofile
                                                                     : NULL;
    if (armor && !s->privileged)
        s->apparmor = apparmor(a, armor); /* a node without AppArmor refuses any: only when asked for */
    if (!s->privileged && !(sc && is(sc->procmount, "Unmasked"))) {
        s->masked_paths = (char **)masked_paths;
        s->n_masked_paths = ARRAY_LEN(masked_paths);
        s->readonly_paths = (char **)readonly_paths;
        s->n_readonly_paths = ARRAY_LEN(readonly_paths);
    }
    return s;
}

static Cri__LinuxContainerResources *container_resources(struct arena *a, const struct runtime_resources *r)
{
    Cri__LinuxContainerResources *out = NEW(a, Cri__LinuxContainerResources, cri__linux_container_resources);
    out->cpu_period = r->cpu_period;
    out->cpu_quota = r->cpu_quota;
    out->cpu_shares = r->cpu_shares;
    out->memory_limit_in_bytes = r->memory_limit;
    out->oom_score_adj = r->oom_score_adj;
    return out;
}

static void container_annotations(struct arena *a, Cri__ContainerConfig *c, const struct runtime_container_spec *s)
{
    const Corev1__Container *k = s->container;
    const Corev1__PodSpec *spec = s->sandbox->pod->spec;
    char number[32];
    c->annotations = NEW_ARRAY(a, 6, Cri__ContainerConfig__AnnotationsEntry *);
    snprintf(number, sizeof(number), "%016" PRIx64, container_hash(k->name, k->image));
    CONTAINER_ANNOTATION(a, c, ANNOTATION_HASH, number);
    snprintf(number, sizeof(number), "%" PRIu32, s->attempt);
    CONTAINER_ANNOTATION(a, c, ANNOTATION_RESTARTS, number);
    CONTAINER_ANNOTATION(a, c, ANNOTATION_MESSAGE_PATH, k->terminationmessagepath);
    CONTAINER_ANNOTATION(a, c, ANNOTATION_MESSAGE_POLICY, k->terminationmessagepolicy);
    snprintf(number, sizeof(number), "%" PRId64,
             spec->has_terminationgraceperiodseconds ? spec->terminationgraceperiodseconds : 30);
    CONTAINER_ANNOTATION(a, c, ANNOTATION_GRACE, number);
    if (s->message_file)
        CONTAINER_ANNOTATION(a, c, ANNOTATION_MESSAGE_FILE, s->message_file);
}

static void container_env(struct arena *a, Cri__ContainerConfig *c, const struct runtime_container_spec *s)
{
    c->envs = NEW_ARRAY(a, s->n_env, Cri__KeyValue *);
    for (size_t i = 0; i < s->n_env; i++) {
        Cri__KeyValue *kv = NEW(a, Cri__KeyValue, cri__key_value);
        kv->key = (char *)s->env[i].name;
        kv->value = (ProtobufCBinaryData){.len = s->env[i].value.n, .data = (uint8_t *)s->env[i].value.p};
        c->envs[c->n_envs++] = kv;
    }
}

static void container_mounts(struct arena *a, Cri__ContainerConfig *c, const struct runtime_container_spec *s)
{
    c->mounts = NEW_ARRAY(a, s->n_mounts, Cri__Mount *);
    for (size_t i = 0; i < s->n_mounts; i++) {
        Cri__Mount *m = NEW(a, Cri__Mount, cri__mount);
        m->host_path = (char *)s->mounts[i].host_path;
        m->container_path = (char *)s->mounts[i].container_path;
        m->readonly = s->mounts[i].read_only;
        m->propagation = (Cri__MountPropagation)s->mounts[i].propagation;
        c->mounts[c->n_mounts++] = m;
    }
}

Cri__ContainerConfig *config_container(struct arena *a, const struct runtime_container_spec *s)
{
    const Metav1__ObjectMeta *meta = s->sandbox->pod->metadata;
    const Corev1__Container *k = s->container;
    Cri__ContainerConfig *c = NEW(a, Cri__ContainerConfig, cri__container_config);
    c->metadata = NEW(a, Cri__ContainerMetadata, cri__container_metadata);
    c->metadata->name = copy(a, k->name);
    c->metadata->attempt = s->attempt;
    c->image = NEW(a, Cri__ImageSpec, cri__image_spec);
    c->image->image = copy(a, s->image_ref);
    c->image->user_specified_image = copy(a, k->image);
    c->command = (char **)s->command;
    c->n_command = s->n_command;
    c->args = (char **)s->args;
    c->n_args = s->n_args;
    c->working_dir = copy(a, s->working_dir);
    container_env(a, c, s);
    container_mounts(a, c, s);
    c->labels = NEW_ARRAY(a, 4, Cri__ContainerConfig__LabelsEntry *);
    CONTAINER_LABEL(a, c, LABEL_CONTAINER_NAME, k->name);
    CONTAINER_LABEL(a, c, LABEL_POD_NAME, meta->name);
    CONTAINER_LABEL(a, c, LABEL_POD_NAMESPACE, meta->namespace_);
    CONTAINER_LABEL(a, c, LABEL_POD_UID, meta->uid);
    container_annotations(a, c, s);
    c->log_path = must(arena_printf(a, "%s/%" PRIu32 ".log", text(k->name), s->attempt));
    c->stdin = k->stdin;
    c->stdin_once = k->stdinonce;
    c->tty = k->tty;
    c->linux = NEW(a, Cri__LinuxContainerConfig, cri__linux_container_config);
    c->linux->resources = container_resources(a, &s->resources);
    c->linux->security_context = container_security(a, s);
    return c;
}
