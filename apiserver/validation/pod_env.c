/*
 * Environment variables and what they are taken from.
 */
#include "apiserver/validation/pod_internal.h"

static const char *const env_fields[] = {
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs",     "status.podIP", "status.podIPs", NULL};
/* What a pod's downward API knows at all, in one place or another. */
static const char *const known_fields[] = {
    "metadata.annotations", "metadata.labels",         "metadata.name",      "metadata.namespace", "metadata.uid",
    "spec.nodeName",        "spec.restartPolicy",      "spec.schedulerName", "status.phase",       "status.hostIP",
    "status.hostIPs",       "spec.serviceAccountName", "status.podIP",       "status.podIPs",      NULL};
static const char *const resource_fields[] = {"limits.cpu",
                                              "limits.ephemeral-storage",
                                              "limits.memory",
                                              "requests.cpu",
                                              "requests.ephemeral-storage",
                                              "requests.memory",
                                              NULL};

static void check_subscript(errors *e, path_t p, struct str path, struct str subscript)
{
    if (str_is(path, "metadata.annotations")) {
        char *lower = arena_strndup(e->arena, subscript.p, subscript.n);
        for (size_t i = 0; lower && i < subscript.n; i++)
            if (lower[i] >= 'A' && lower[i] <= 'Z')
                lower[i] = (char)(lower[i] - 'A' + 'a');
        v_name(e, p, lower ? str_n(lower, subscript.n) : subscript, name_qualified);
    } else if (str_is(path, "metadata.labels")) {
        v_name(e, p, subscript, name_qualified);
    } else {
        field_invalid_str(e, p, path, "does not support subscript");
    }
}

/* "metadata.labels['x']" taken apart. */
static bool split_subscript(struct str s, struct str *path, struct str *subscript)
{
    const char *open = s.n ? memmem(s.p, s.n, "['", 2) : NULL;
    if (!open || !str_ends(s, STR("']")) || (size_t)(open - s.p) + 4 > s.n)
        return false;
    *path = str_n(s.p, (size_t)(open - s.p));
    *subscript = str_n(open + 2, s.n - path->n - 4);
    return true;
}

static size_t list_length(const char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    return n;
}

void v_field_ref(errors *e, path_t p, const struct doc *ref, const char *const *supported)
{
    struct str version = v_str(ref, "apiVersion"), field = v_str(ref, "fieldPath"), path, subscript;
    path_t at = FIELD(p, "fieldPath");
    if (!version.n) {
        field_required(e, FIELD(p, "apiVersion"), "%s", "");
        return;
    }
    if (!field.n) {
        field_required(e, at, "%s", "");
        return;
    }
    if (!str_is(version, "v1")) {
        field_invalid_str(e, at, field, "error converting fieldPath: unsupported pod version: " STR_FMT,
                          STR_ARG(version));
        return;
    }
    if (split_subscript(field, &path, &subscript)) {
        check_subscript(e, p, path, subscript);
        return;
    }
    if (str_is(field, "spec.host")) /* an old name of the same */
        field = STR("spec.nodeName");
    if (!v_among(field, known_fields))
        field_invalid_str(e, at, field, "error converting fieldPath: field label not supported: " STR_FMT,
                          STR_ARG(field));
    else if (!v_among(field, supported))
        field_not_supported_str(e, at, field, supported, list_length(supported));
}

static bool huge_pages(struct str resource)
{
    return str_starts(resource, STR("limits.hugepages-")) || str_starts(resource, STR("requests.hugepages-"));
}

static void check_divisor(errors *e, path_t p, struct str resource, const struct doc *divisor)
{
#define SIZES "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei"
    static const char *const cpu[] = {"1m", "1", NULL};
    static const char *const sizes[] = {"1",   "1k",  "1M",  "1G",  "1T",  "1P",  "1E",
                                        "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei", NULL};
    struct str value = doc_text(divisor);
    struct quantity q;
    if (!value.n || (quantity_read(value, &q) && quantity_is_zero(&q)))
        return;
    if (str_ends(resource, STR(".cpu"))) {
        if (!v_among(value, cpu))
            field_invalid_str(e, p, resource, "only divisor's values 1m and 1 are supported with the cpu resource");
    } else if (!v_among(value, sizes)) {
        field_invalid_str(e, p, resource, "only divisor's values " SIZES " are supported with the %s resource",
                          str_ends(resource, STR(".memory"))              ? "memory"
                          : str_ends(resource, STR(".ephemeral-storage")) ? "local ephemeral storage"
                                                                          : "hugepages");
    }
#undef SIZES
}

void v_resource_ref(errors *e, path_t p, const struct doc *ref, bool volume)
{
    struct str resource = v_str(ref, "resource");
    if (volume && !v_str(ref, "containerName").n)
        field_required(e, FIELD(p, "containerName"), "%s", "");
    else if (!resource.n)
        field_required(e, FIELD(p, "resource"), "%s", "");
    else if (!huge_pages(resource) && !v_among(resource, resource_fields))
        field_not_supported_str(e, FIELD(p, "resource"), resource, resource_fields, list_length(resource_fields));
    else
        check_divisor(e, FIELD(p, "divisor"), resource, v_get(ref, "divisor"));
}

static void check_key_selector(errors *e, path_t p, const struct doc *ref)
{
    struct str key = v_str(ref, "key"), name = v_str(ref, "name");
    if (name.n) /* an empty name is a known oddity that old clients send */
        v_name(e, FIELD(p, "name"), name, name_dns1123_subdomain);
    if (key.n)
        v_name(e, FIELD(p, "key"), key, name_config_key);
    else
        field_required(e, FIELD(p, "key"), "%s", "");
}

static void check_file_key(errors *e, path_t p, const struct doc *ref)
{
    struct str key = v_str(ref, "key"), path = v_str(ref, "path");
    if (key.n)
        v_name(e, FIELD(p, "key"), key, name_env_var_relaxed);
    else
        field_required(e, FIELD(p, "key"), "%s", "");
    if (!v_str(ref, "volumeName").n)
        field_required(e, FIELD(p, "volumeName"), "%s", "");
    if (path.n)
        v_local_path(e, FIELD(p, "path"), path);
    else
        field_required(e, FIELD(p, "path"), "%s", "");
}

static void check_value_from(errors *e, path_t p, const struct doc *var)
{
    const struct doc *from = v_get(var, "valueFrom");
    const struct doc *field = v_get(from, "fieldRef"), *resource = v_get(from, "resourceFieldRef");
    const struct doc *config = v_get(from, "configMapKeyRef"), *secret = v_get(from, "secretKeyRef");
    const struct doc *file = v_get(from, "fileKeyRef");
    int n = !!field + !!resource + !!config + !!secret + !!file;
    if (!from)
        return;
    if (field)
        v_field_ref(e, FIELD(p, "fieldRef"), field, env_fields);
    if (resource)
        v_resource_ref(e, FIELD(p, "resourceFieldRef"), resource, false);
    if (config)
        check_key_selector(e, FIELD(p, "configMapKeyRef"), config);
    if (secret)
        check_key_selector(e, FIELD(p, "secretKeyRef"), secret);
    if (file)
        check_file_key(e, FIELD(p, "fileKeyRef"), file);
    if (n == 0)
        field_invalid_str(
            e, p, STR(""),
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`");
    else if (v_str(var, "value").n)
        field_invalid_str(e, p, STR(""), "may not be specified when `value` is not empty");
    else if (n > 1)
        field_invalid_str(e, p, STR(""), "may not have more than one field specified at a time");
}

void v_env(struct pod_check *c, path_t p, const struct doc *env)
{
    V_EACH (env, var) {
        path_t at = FIELD_AT(p, var.i);
        struct str name = v_str(var.at, "name");
        if (name.n)
            v_name(c->e, FIELD(at, "name"), name, name_env_var_relaxed);
        else
            field_required(c->e, FIELD(at, "name"), "%s", "");
        check_value_from(c->e, FIELD(at, "valueFrom"), var.at);
    }
}

static void check_source_name(errors *e, path_t p, const struct doc *source)
{
    struct str name = v_str(source, "name");
    if (name.n)
        v_name(e, FIELD(p, "name"), name, name_dns1123_subdomain);
    else
        field_required(e, FIELD(p, "name"), "%s", "");
}

void v_env_from(struct pod_check *c, path_t p, const struct doc *list)
{
    V_EACH (list, from) {
        path_t at = FIELD_AT(p, from.i);
        struct str prefix = v_str(from.at, "prefix");
        const struct doc *config = v_get(from.at, "configMapRef"), *secret = v_get(from.at, "secretRef");
        if (prefix.n)
            v_name(c->e, FIELD(at, "prefix"), prefix, name_env_var_relaxed);
        if (config)
            check_source_name(c->e, FIELD(at, "configMapRef"), config);
        if (secret)
            check_source_name(c->e, FIELD(at, "secretRef"), secret);
        if (!config && !secret)
            field_invalid_str(c->e, p, STR(""), "must specify one of: `configMapRef` or `secretRef`");
        else if (config && secret)
            field_invalid_str(c->e, p, STR(""), "may not have more than one field specified at a time");
    }
}
