/*
 * Security contexts of pods and containers.
 */
#include "apiserver/validation/pod_internal.h"

#define SYSCTL_MAX 253
#define APPARMOR_PROFILE_MAX 4095

static void check_seccomp(errors *e, path_t p, const struct doc *profile)
{
    if (!profile)
        return;
    struct str type = v_str(profile, "type");
    const struct doc *local = v_get(profile, "localhostProfile");
    if (!type.n)
        field_required(e, FIELD(p, "type"), "type is required when seccompProfile is set");
    else
        V_ENUM(e, FIELD(p, "type"), type, "Localhost", "RuntimeDefault", "Unconfined");
    if (str_is(type, "Localhost")) {
        if (!local)
            field_required(e, FIELD(p, "localhostProfile"), "must be set when seccomp type is Localhost");
        else
            v_local_path(e, FIELD(p, "localhostProfile"), doc_str(local));
    } else if (local) {
        field_invalid(e, FIELD(p, "localhostProfile"), local, "can only be set when seccomp type is Localhost");
    }
}

static void check_apparmor_local(errors *e, path_t p, const struct doc *local)
{
    struct str trimmed = str_trim(doc_str(local));
    if (!local || !doc_str(local).n)
        field_required(e, p, "must be set when AppArmor type is Localhost");
    else if (!str_eq(trimmed, doc_str(local)))
        field_invalid(e, p, local, "must not be padded with whitespace");
    if (doc_str(local).n > APPARMOR_PROFILE_MAX)
        field_too_long(e, p, APPARMOR_PROFILE_MAX);
}

static void check_apparmor(errors *e, path_t p, const struct doc *profile)
{
    if (!profile)
        return;
    struct str type = v_str(profile, "type");
    const struct doc *local = v_get(profile, "localhostProfile");
    if (!type.n)
        field_required(e, FIELD(p, "type"), "type is required when appArmorProfile is set");
    else
        V_ENUM(e, FIELD(p, "type"), type, "Localhost", "RuntimeDefault", "Unconfined");
    if (str_is(type, "Localhost"))
        check_apparmor_local(e, FIELD(p, "localhostProfile"), local);
    else if (local && type.n)
        field_invalid(e, FIELD(p, "localhostProfile"), local, "can only be set when AppArmor type is Localhost");
}

static void check_escalation(errors *e, path_t p, const struct doc *context)
{
    const struct doc *escalation = v_get(context, "allowPrivilegeEscalation");
    if (!escalation || doc_true(escalation))
        return;
    if (v_true(context, "privileged"))
        field_invalid(e, p, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    V_EACH (v_get(v_get(context, "capabilities"), "add"), cap) {
        if (str_is(doc_str(cap.at), "CAP_SYS_ADMIN"))
            field_invalid(e, p, context,
                          "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
    }
}

void v_container_security(struct pod_check *c, path_t p, const struct doc *context)
{
    errors *e = c->e;
    const struct doc *proc = v_get(context, "procMount"), *users = v_get(c->spec, "hostUsers");
    if (!context)
        return;
    if (v_true(context, "privileged") && c->forbid_privileged)
        field_forbidden(e, FIELD(p, "privileged"), "disallowed by cluster policy");
    v_id(e, FIELD(p, "runAsUser"), v_get(context, "runAsUser"));
    v_id(e, FIELD(p, "runAsGroup"), v_get(context, "runAsGroup"));
    if (proc) {
        V_ENUM(e, FIELD(p, "procMount"), doc_str(proc), "Default", "Unmasked");
        if (str_is(doc_str(proc), "Unmasked") && !(users && !doc_true(users)))
            field_invalid(e, FIELD(p, "procMount"), proc, "`hostUsers` must be false to use `Unmasked`");
    }
    check_seccomp(e, FIELD(p, "seccompProfile"), v_get(context, "seccompProfile"));
    check_escalation(e, p, context);
    check_apparmor(e, FIELD(p, "appArmorProfile"), v_get(context, "appArmorProfile"));
}

/* --- pods --- */

static bool sysctl_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* ([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*([a-z0-9]([-_a-z0-9]*[a-z0-9])?) */
static bool sysctl_name(struct str s)
{
    if (!s.n || s.n > SYSCTL_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool edge =
            i == 0 || i + 1 == s.n || s.p[i - 1] == '.' || s.p[i - 1] == '/' || s.p[i + 1] == '.' || s.p[i + 1] == '/';
        bool separator = s.p[i] == '.' || s.p[i] == '/', inner = s.p[i] == '-' || s.p[i] == '_';
        if (separator ? i == 0 || i + 1 == s.n || s.p[i - 1] == '.' || s.p[i - 1] == '/'
                      : !sysctl_char(s.p[i]) && (edge || !inner))
            return false;
    }
    return true;
}

static bool network_sysctl(struct str s)
{
    return str_starts(s, STR("net.")) || str_starts(s, STR("net/"));
}

static bool ipc_sysctl(struct str s)
{
    static const char *const exact[] = {"kernel.sem", "kernel/sem", NULL};
    return v_among(s, exact) || str_starts(s, STR("kernel.shm")) || str_starts(s, STR("kernel.msg")) ||
           str_starts(s, STR("fs.mqueue.")) || str_starts(s, STR("kernel/shm")) || str_starts(s, STR("kernel/msg")) ||
           str_starts(s, STR("fs/mqueue/"));
}

static void check_sysctls(struct pod_check *c, path_t p, const struct doc *list)
{
    struct seen names = SEEN_IN(c->arena);
    V_EACH (list, s) {
        path_t at = FIELD(FIELD_AT(p, s.i), "name");
        struct str name = v_str(s.at, "name");
        if (!name.n)
            field_required(c->e, at, "%s", "");
        else if (!sysctl_name(name))
            field_invalid_str(c->e, at, name,
                              "must have at most 253 characters and match regex "
                              "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
        else if (v_seen(&names, name))
            field_duplicate_str(c->e, at, name);
        if (v_true(c->spec, "hostNetwork") && network_sysctl(name))
            field_invalid_str(c->e, at, name, "may not be specified when 'hostNetwork' is true");
        if (v_true(c->spec, "hostIPC") && ipc_sysctl(name))
            field_invalid_str(c->e, at, name, "may not be specified when 'hostIPC' is true");
    }
}

void v_pod_security(struct pod_check *c, path_t p, const struct doc *context)
{
    errors *e = c->e;
    /* hostPID and shareProcessNamespace stand beside the context in v1, inside it in upstream's internal form. */
    if (v_true(c->spec, "hostPID") && v_true(c->spec, "shareProcessNamespace"))
        field_invalid(e, FIELD(p, "shareProcessNamespace"), v_get(c->spec, "shareProcessNamespace"),
                      "ShareProcessNamespace and HostPID cannot both be enabled");
    if (!context)
        return;
    v_id(e, FIELD(p, "fsGroup"), v_get(context, "fsGroup"));
    v_id(e, FIELD(p, "runAsUser"), v_get(context, "runAsUser"));
    v_id(e, FIELD(p, "runAsGroup"), v_get(context, "runAsGroup"));
    V_EACH (v_get(context, "supplementalGroups"), g) {
        v_id(e, FIELD_AT(FIELD(p, "supplementalGroups"), g.i), g.at);
    }
    check_sysctls(c, FIELD(p, "sysctls"), v_get(context, "sysctls"));
    if (v_get(context, "fsGroupChangePolicy"))
        V_ENUM(e, FIELD(p, "fsGroupChangePolicy"), v_str(context, "fsGroupChangePolicy"), "Always", "OnRootMismatch");
    check_seccomp(e, FIELD(p, "seccompProfile"), v_get(context, "seccompProfile"));
    check_apparmor(e, FIELD(p, "appArmorProfile"), v_get(context, "appArmorProfile"));
    if (v_get(context, "supplementalGroupsPolicy"))
        V_ENUM(e, FIELD(p, "supplementalGroupsPolicy"), v_str(context, "supplementalGroupsPolicy"), "Merge", "Strict");
    if (v_get(context, "seLinuxChangePolicy"))
        V_ENUM(e, FIELD(p, "seLinuxChangePolicy"), v_str(context, "seLinuxChangePolicy"), "MountOption", "Recursive");
}
