#include "base/parse.h"
#include "ecs/map/taskdef_rules.h"

#define USER_NAME_MAX 32

/* --- user --- */

static bool is_user_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.')))
            return false;
    }
    return s.n > 0 && s.n <= USER_NAME_MAX;
}

static bool parse_id(struct str s, int64_t *ret)
{
    if (str_is(s, "root"))
        *ret = 0;
    else if (!parse_range(s, 0, UINT32_MAX - 1, ret))
        return false;
    return true;
}

bool taskdef_parse_user(struct str user, struct taskdef_user *ret)
{
    struct str rest = user, first = STR(""), group = STR("");
    struct taskdef_user u = {.uid = -1, .gid = -1};

    if (!str_split(&rest, ':', &first))
        return false;
    if (!parse_id(first, &u.uid)) {
        u.uid = -1;
        u.name = first;
        if (!is_user_name(first))
            return false;
    }
    if (rest.p && (!str_split(&rest, ':', &group) || rest.p || !parse_id(group, &u.gid)))
        return false;
    *ret = u;
    return true;
}

static int check_user(const struct doc *c, struct err *err)
{
    struct str user = doc_str(doc_get(c, "user"));
    struct taskdef_user u;

    if (user.n > 0 && !taskdef_parse_user(user, &u))
        return taskdef_invalid(err, c,
                               "'user' '" STR_FMT "' is not supported: it must be a name or a number, and a group must "
                               "be a number.",
                               STR_ARG(user));
    return 0;
}

/* --- ulimits --- */

static bool is_ulimit(struct str name)
{
    static const char *const names[] = {"core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
                                        "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_is(name, names[i]))
            return true;
    }
    return false;
}

static int check_ulimits(const struct doc *c, struct err *err)
{
    const struct doc *list = doc_get(c, "ulimits");

    doc_foreach (list, u) {
        struct str name = doc_str(doc_get(u, "name"));
        int64_t soft = doc_int_or(doc_get(u, "softLimit"), 0), hard = doc_int_or(doc_get(u, "hardLimit"), 0);

        if (!is_ulimit(name))
            return taskdef_invalid(err, c, "There is no ulimit '" STR_FMT "'.", STR_ARG(name));
        if (soft < -1 || hard < -1)
            return taskdef_invalid(err, c, "The limits of ulimit '" STR_FMT "' must not be negative.", STR_ARG(name));
        if (hard != -1 && (soft == -1 || soft > hard))
            return ecs_fault(err, ECS_CLIENT, "Soft limit exceeds hard limit for ulimit " STR_FMT, STR_ARG(name));
        doc_foreach (list, other) {
            if (other == u)
                break;
            if (str_eq(doc_str(doc_get(other, "name")), name))
                return taskdef_invalid(err, c, "The ulimit '" STR_FMT "' is given twice.", STR_ARG(name));
        }
    }
    return 0;
}

/* --- tmpfs, shared memory --- */

bool taskdef_tmpfs_option(struct str option)
{
    static const char *const taken[] = {
        "defaults",   "ro",          "rw",      "suid",          "dev",     "exec",     "async",      "sync",
        "dirsync",    "mand",        "nomand",  "atime",         "noatime", "diratime", "nodiratime", "relatime",
        "norelatime", "strictatime", "remount", "nostrictatime", "bind",    "rbind",    "unbindable", "runbindable",
        "private",    "rprivate",    "shared",  "rshared",       "slave",   "rslave",
    };

    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        if (str_is(option, taken[i]))
            return true;
    }
    return false;
}

static int check_memory_volumes(const struct doc *c, struct err *err)
{
    doc_foreach (doc_path(c, "linuxParameters.tmpfs"), t) {
        if (doc_int_or(doc_get(t, "size"), 0) < 1)
            return taskdef_invalid(err, c, "The size of a tmpfs must be at least 1.");
        doc_foreach (doc_get(t, "mountOptions"), o) {
            if (!taskdef_tmpfs_option(doc_str(o)))
                return taskdef_invalid(
                    err, c, "The tmpfs option '" STR_FMT "' is not supported: a pod's volumes have no mount options.",
                    STR_ARG(doc_str(o)));
        }
    }
    if (doc_int_or(doc_path(c, "linuxParameters.sharedMemorySize"), 0) < 0)
        return taskdef_invalid(err, c, "'sharedMemorySize' must not be negative.");
    return 0;
}

/* --- kernel parameters --- */

static bool is_ipc_parameter(struct str name)
{
    static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
                                      "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};

    for (size_t i = 0; i < ARRAY_LEN(ipc); i++) {
        if (str_is(name, ipc[i]))
            return true;
    }
    return str_starts(name, STR("fs.mqueue."));
}

static int check_parameters(const struct doc *td, const struct doc *c, struct err *err)
{
    bool host_ipc = str_is(doc_str(doc_get(td, "ipcMode")), "host");

    doc_foreach (doc_get(c, "systemControls"), s) {
        struct str name = doc_str(doc_get(s, "namespace"));
        bool ipc = is_ipc_parameter(name), net = str_starts(name, STR("net."));

        if (!ipc && !net)
            return taskdef_invalid(err, c, "The kernel parameter '" STR_FMT "' is not a namespaced one.",
                                   STR_ARG(name));
        if (net && taskdef_network(td) == NETWORK_HOST)
            return taskdef_invalid(err, c, "The kernel parameter '" STR_FMT "' is not supported when networkMode=host.",
                                   STR_ARG(name));
        if (ipc && host_ipc)
            return taskdef_invalid(err, c, "The kernel parameter '" STR_FMT "' is not supported when ipcMode=host.",
                                   STR_ARG(name));
    }
    return 0;
}

/* --- security options --- */

bool taskdef_security_option(struct str option, struct str *ret_profile)
{
    struct str value = STR("");

    if (str_starts(option, STR("apparmor:")) || str_starts(option, STR("apparmor=")))
        value = str_from(option, strlen("apparmor:"));
    *ret_profile = value;
    return value.n > 0 || str_is(option, "no-new-privileges") || str_is(option, "no-new-privileges:true");
}

static int check_security(const struct doc *c, struct err *err)
{
    doc_foreach (doc_get(c, "dockerSecurityOptions"), o) {
        struct str option = doc_str(o), profile;

        if (!taskdef_security_option(option, &profile))
            return taskdef_invalid(err, c, "The security option '" STR_FMT "' is not supported.", STR_ARG(option));
        if (profile.n == 0 && doc_true(doc_get(c, "privileged")))
            return taskdef_invalid(err, c, "'no-new-privileges' is not supported in a privileged container.");
    }
    return 0;
}

int taskdef_check_linux(const struct doc *td, const struct doc *c, struct err *err)
{
    if (check_user(c, err) < 0 || check_ulimits(c, err) < 0 || check_memory_volumes(c, err) < 0 ||
        check_parameters(td, c, err) < 0)
        return -1;
    return check_security(c, err);
}
