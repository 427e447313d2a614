/*
 * Volumes and where containers mount them.
 */
#include "apiserver/validation/pod_internal.h"

#define TOKEN_SECONDS_MIN 600
#define TOKEN_SECONDS_MAX ((int64_t)1 << 32)
#define DRIVER_NAME_MAX 63
#define PROJECTED_PATHS_MAX 10000

static const char *const volume_fields[] = {"metadata.annotations", "metadata.labels", "metadata.name",
                                            "metadata.namespace",   "metadata.uid",    NULL};

static bool has_backstep(struct str s)
{
    struct str rest = s, part;
    while (rest.n && str_split(&rest, '/', &part))
        if (str_is(part, ".."))
            return true;
    return false;
}

static void check_no_backsteps(errors *e, path_t p, struct str s)
{
    if (has_backstep(s))
        field_invalid_str(e, p, s, "must not contain '..'");
}

static void check_descending(errors *e, path_t p, struct str s)
{
    if (str_starts(s, STR("/")))
        field_invalid_str(e, p, s, "must be a relative path");
    check_no_backsteps(e, p, s);
}

void v_local_path(errors *e, path_t p, struct str s)
{
    check_descending(e, p, s);
    if (str_starts(s, STR("..")) && !str_starts(s, STR("../")))
        field_invalid_str(e, p, s, "must not start with '..'");
}

static void require(errors *e, path_t p, const struct doc *obj, const char *field)
{
    if (!v_str(obj, field).n)
        field_required(e, FIELD(p, field), "%s", "");
}

static void check_items(errors *e, path_t p, const struct doc *items)
{
    V_EACH (items, item) {
        path_t at = FIELD_AT(p, item.i);
        struct str path = v_str(item.at, "path");
        require(e, at, item.at, "key");
        if (path.n)
            v_local_path(e, FIELD(at, "path"), path);
        else
            field_required(e, FIELD(at, "path"), "%s", "");
        v_mode(e, FIELD(at, "mode"), v_get(item.at, "mode"));
    }
}

/* --- the sources; each one gets the path of itself --- */

struct source_check {
    struct pod_check *c;
    path_t volume; /* of the volume that holds the source */
    struct str name;
};

static void check_empty_dir(const struct source_check *s, path_t p, const struct doc *v)
{
    const struct doc *limit = v_get(v, "sizeLimit");
    struct quantity q;
    if (limit && quantity_read(doc_text(limit), &q) && quantity_sign(&q) < 0)
        field_forbidden(s->c->e, FIELD(p, "sizeLimit"), "SizeLimit field must be a valid resource quantity");
}

static void check_host_path(const struct source_check *s, path_t p, const struct doc *v)
{
    static const char *const types[] = {"",     "BlockDevice",  "CharDevice", "Directory", "DirectoryOrCreate",
                                        "File", "FileOrCreate", "Socket",     NULL};
    struct str path = v_str(v, "path");
    if (!path.n) {
        field_required(s->c->e, FIELD(p, "path"), "%s", "");
        return;
    }
    check_no_backsteps(s->c->e, FIELD(p, "path"), path);
    if (v_get(v, "type"))
        v_enum(s->c->e, FIELD(p, "type"), v_str(v, "type"), types);
}

static void check_secret(const struct source_check *s, path_t p, const struct doc *v)
{
    require(s->c->e, p, v, "secretName");
    v_mode(s->c->e, FIELD(p, "defaultMode"), v_get(v, "defaultMode"));
    check_items(s->c->e, FIELD(p, "items"), v_get(v, "items"));
}

static void check_config_map(const struct source_check *s, path_t p, const struct doc *v)
{
    require(s->c->e, p, v, "name");
    v_mode(s->c->e, FIELD(p, "defaultMode"), v_get(v, "defaultMode"));
    check_items(s->c->e, FIELD(p, "items"), v_get(v, "items"));
}

static void check_claim(const struct source_check *s, path_t p, const struct doc *v)
{
    require(s->c->e, p, v, "claimName");
}

static void check_downward_file(errors *e, path_t p, const struct doc *file)
{
    struct str path = v_str(file, "path");
    const struct doc *field = v_get(file, "fieldRef"), *resource = v_get(file, "resourceFieldRef");
    if (!path.n)
        field_required(e, FIELD(p, "path"), "%s", "");
    v_local_path(e, FIELD(p, "path"), path);
    if (field)
        v_field_ref(e, FIELD(p, "fieldRef"), field, volume_fields);
    if (field && resource)
        field_invalid_str(e, p, STR("resource"), "fieldRef and resourceFieldRef can not be specified simultaneously");
    else if (resource)
        v_resource_ref(e, FIELD(p, "resourceFieldRef"), resource, true);
    else if (!field)
        field_required(e, p, "one of fieldRef and resourceFieldRef is required");
    v_mode(e, FIELD(p, "mode"), v_get(file, "mode"));
}

static void check_downward(const struct source_check *s, path_t p, const struct doc *v)
{
    v_mode(s->c->e, FIELD(p, "defaultMode"), v_get(v, "defaultMode"));
    V_EACH (v_get(v, "items"), item) {
        check_downward_file(s->c->e, p, item.at);
    }
}

static void check_path_once(errors *e, path_t p, struct seen *paths, struct str path, struct str shown)
{
    if (path.n && paths->n < PROJECTED_PATHS_MAX && v_seen(paths, path))
        field_invalid_str(e, p, shown, "conflicting duplicate paths");
}

static void check_projected_keys(errors *e, path_t p, path_t at, const struct doc *source, struct seen *paths)
{
    struct str name = v_str(source, "name");
    if (!name.n)
        field_required(e, FIELD(at, "name"), "%s", "");
    check_items(e, FIELD(at, "items"), v_get(source, "items"));
    V_EACH (v_get(source, "items"), item) {
        check_path_once(e, p, paths, v_str(item.at, "path"), name);
    }
}

static void check_projected_token(errors *e, path_t p, path_t at, const struct doc *token)
{
    int64_t seconds = v_int(token, "expirationSeconds");
    struct str path = v_str(token, "path");
    if (seconds < TOKEN_SECONDS_MIN)
        field_invalid_int(e, FIELD(at, "expirationSeconds"), seconds,
                          "may not specify a duration less than 10 minutes");
    if (seconds > TOKEN_SECONDS_MAX)
        field_invalid_int(e, FIELD(at, "expirationSeconds"), seconds,
                          "may not specify a duration larger than 2^32 seconds");
    if (!path.n)
        field_required(e, FIELD(p, "path"), "%s", "");
    else
        v_local_path(e, FIELD(p, "path"), path);
}

static void check_projection(errors *e, path_t p, path_t at, const struct doc *source, struct seen *paths)
{
    const struct doc *secret = v_get(source, "secret"), *config = v_get(source, "configMap");
    const struct doc *downward = v_get(source, "downwardAPI"), *token = v_get(source, "serviceAccountToken");
    int n = !!secret + !!config + !!downward + !!token + !!v_get(source, "clusterTrustBundle") +
            !!v_get(source, "podCertificate");
    if (secret)
        check_projected_keys(e, p, FIELD(at, "secret"), secret, paths);
    if (config)
        check_projected_keys(e, p, FIELD(at, "configMap"), config, paths);
    V_EACH (v_get(downward, "items"), item) {
        check_downward_file(e, FIELD(at, "downwardAPI"), item.at);
        check_path_once(e, p, paths, v_str(item.at, "path"), v_str(item.at, "path"));
    }
    if (token)
        check_projected_token(e, p, FIELD(at, "serviceAccountToken"), token);
    if (n > 1)
        field_forbidden(e, at, "may not specify more than 1 volume type per source");
}

static void check_projected(const struct source_check *s, path_t p, const struct doc *v)
{
    struct seen paths = SEEN_IN(s->c->arena);
    v_mode(s->c->e, FIELD(p, "defaultMode"), v_get(v, "defaultMode"));
    V_EACH (v_get(v, "sources"), source) {
        check_projection(s->c->e, p, FIELD_AT(FIELD(p, "sources"), source.i), source.at, &paths);
    }
}

static void check_nfs(const struct source_check *s, path_t p, const struct doc *v)
{
    require(s->c->e, p, v, "server");
    require(s->c->e, p, v, "path");
    if (v_str(v, "path").n && !str_starts(v_str(v, "path"), STR("/")))
        field_invalid_str(s->c->e, FIELD(p, "path"), v_str(v, "path"), "must be an absolute path");
}

static void check_git(const struct source_check *s, path_t p, const struct doc *v)
{
    require(s->c->e, p, v, "repository");
    check_no_backsteps(s->c->e, FIELD(p, "directory"), v_str(v, "directory"));
}

static void check_csi(const struct source_check *s, path_t p, const struct doc *v)
{
    struct str driver = v_str(v, "driver");
    const struct doc *secret = v_get(v, "nodePublishSecretRef");
    if (!driver.n) {
        field_required(s->c->e, FIELD(p, "driver"), "%s", "");
    } else {
        if (driver.n > DRIVER_NAME_MAX)
            field_too_long(s->c->e, FIELD(p, "driver"), DRIVER_NAME_MAX);
        v_name(s->c->e, FIELD(p, "driver"), driver, name_dns1123_subdomain);
    }
    if (!secret)
        return;
    if (!v_str(secret, "name").n)
        field_required(s->c->e, FIELD(FIELD(p, "nodePublishSecretRef"), "name"), "%s", "");
    else
        v_name(s->c->e, FIELD(p, "name"), v_str(secret, "name"), name_dns1123_subdomain);
}

static void check_ephemeral(const struct source_check *s, path_t p, const struct doc *v)
{
    struct str pod = v_str(s->c->meta, "name");
    if (!v_get(v, "volumeClaimTemplate"))
        field_required(s->c->e, FIELD(p, "volumeClaimTemplate"), "%s", "");
    if (!pod.n || !s->name.n)
        return;
    char *claim = arena_printf(s->c->arena, STR_FMT "-" STR_FMT, STR_ARG(pod), STR_ARG(s->name));
    struct name_problems problems = {.n = 0};
    name_dns1123_subdomain(str_of(claim), &problems);
    for (size_t i = 0; i < problems.n; i++)
        field_invalid_str(s->c->e, FIELD(s->volume, "name"), s->name, "PVC name \"%s\": %s", claim ? claim : "",
                          problems.text[i]);
}

static void check_image(const struct source_check *s, path_t p, const struct doc *v)
{
    if (s->c->is_pod)
        require(s->c->e, p, v, "reference");
}

/* In upstream's order. forbidden is the last part of the path where a second source is reported, when it differs. */
static const struct {
    const char *field;
    void (*check)(const struct source_check *s, path_t p, const struct doc *v);
    const char *forbidden;
} sources[] = {
    {"emptyDir", check_empty_dir, NULL},
    {"hostPath", check_host_path, NULL},
    {"gitRepo", check_git, NULL},
    {"gcePersistentDisk", NULL, NULL},
    {"awsElasticBlockStore", NULL, NULL},
    {"secret", check_secret, NULL},
    {"nfs", check_nfs, NULL},
    {"iscsi", NULL, NULL},
    {"glusterfs", NULL, NULL},
    {"flocker", NULL, NULL},
    {"persistentVolumeClaim", check_claim, NULL},
    {"rbd", NULL, NULL},
    {"cinder", NULL, NULL},
    {"cephfs", NULL, "cephFS"},
    {"quobyte", NULL, NULL},
    {"downwardAPI", check_downward, "downwarAPI"},
    {"fc", NULL, NULL},
    {"flexVolume", NULL, NULL},
    {"configMap", check_config_map, NULL},
    {"azureFile", NULL, NULL},
    {"vsphereVolume", NULL, NULL},
    {"photonPersistentDisk", NULL, NULL},
    {"portworxVolume", NULL, NULL},
    {"azureDisk", NULL, NULL},
    {"storageos", NULL, NULL},
    {"projected", check_projected, NULL},
    {"scaleIO", NULL, NULL},
    {"csi", check_csi, NULL},
    {"ephemeral", check_ephemeral, NULL},
    {"image", check_image, NULL},
};

static void check_source(struct pod_check *c, path_t p, const struct doc *volume)
{
    struct source_check s = {c, p, v_str(volume, "name")};
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct doc *source = v_get(volume, sources[i].field);
        if (!source)
            continue;
        if (n++)
            field_forbidden(c->e, FIELD(p, sources[i].forbidden ? sources[i].forbidden : sources[i].field),
                            "may not specify more than 1 volume type");
        else if (sources[i].check)
            sources[i].check(&s, FIELD(p, sources[i].field), source);
    }
    if (!n)
        field_required(c->e, p, "must specify a volume type");
}

void v_volumes(struct pod_check *c, path_t p, const struct doc *list)
{
    V_EACH (list, volume) {
        path_t at = FIELD_AT(p, volume.i);
        struct str name = v_str(volume.at, "name");
        size_t before = c->e->n;
        check_source(c, at, volume.at);
        if (name.n)
            v_name(c->e, FIELD(at, "name"), name, name_dns1123_label);
        else
            field_required(c->e, FIELD(at, "name"), "%s", "");
        if (name.n && v_seen_has(&c->volumes, name))
            field_duplicate_str(c->e, FIELD(at, "name"), name);
        if (c->e->n != before)
            continue;
        (void)v_seen(&c->volumes, name);
        if (v_get(volume.at, "persistentVolumeClaim") || v_get(volume.at, "ephemeral"))
            (void)v_seen(&c->block_claims, name);
    }
}

/* --- mounts --- */

static bool list_has_field(const struct doc *list, const char *field, struct str value)
{
    V_EACH (list, it) {
        if (str_eq(v_str(it.at, field), value))
            return true;
    }
    return false;
}

static void check_propagation(struct pod_check *c, path_t p, const struct doc *mount, const struct doc *container)
{
    static const char *const modes[] = {"Bidirectional", "HostToContainer", "None", NULL};
    const struct doc *mode = v_get(mount, "mountPropagation");
    if (!mode)
        return;
    v_enum(c->e, p, doc_str(mode), modes);
    if (str_is(doc_str(mode), "Bidirectional") && !v_true(v_get(container, "securityContext"), "privileged"))
        field_forbidden(c->e, p, "Bidirectional mount propagation is available only to privileged containers");
}

static void check_recursive_read_only(errors *e, path_t p, const struct doc *mount)
{
    static const char *const modes[] = {"Disabled", "Enabled", "IfPossible", NULL};
    const struct doc *mode = v_get(mount, "recursiveReadOnly");
    struct str propagation = v_str(mount, "mountPropagation");
    if (!mode)
        return;
    v_enum(e, p, doc_str(mode), modes);
    if (!v_among(doc_str(mode), modes + 1))
        return;
    if (!v_true(mount, "readOnly"))
        field_forbidden(e, p, "may only be specified when readOnly is true");
    if (propagation.n && !str_is(propagation, "None"))
        field_forbidden(e, p, "may only be specified when mountPropagation is None or not specified");
}

static void check_mount(struct pod_check *c, path_t p, const struct doc *mount, const struct doc *container,
                        struct seen *paths)
{
    errors *e = c->e;
    struct str name = v_str(mount, "name"), path = v_str(mount, "mountPath");
    struct str sub = v_str(mount, "subPath"), expr = v_str(mount, "subPathExpr");
    const struct doc *devices = v_get(container, "volumeDevices");
    if (!name.n)
        field_required(e, FIELD(p, "name"), "%s", "");
    if (!v_seen_has(&c->volumes, name))
        field_not_found_str(e, FIELD(p, "name"), name);
    if (!path.n)
        field_required(e, FIELD(p, "mountPath"), "%s", "");
    if (v_seen(paths, path))
        field_invalid_str(e, FIELD(p, "mountPath"), path, "must be unique");
    if (list_has_field(devices, "name", name))
        field_invalid_str(e, FIELD(p, "name"), name, "must not already exist in volumeDevices");
    if (list_has_field(devices, "devicePath", path))
        field_invalid_str(e, FIELD(p, "mountPath"), path, "must not already exist as a path in volumeDevices");
    if (sub.n)
        check_descending(e, FIELD(p, "subPath"), sub);
    if (expr.n && sub.n)
        field_invalid_str(e, FIELD(p, "subPathExpr"), expr, "subPathExpr and subPath are mutually exclusive");
    if (expr.n)
        check_descending(e, FIELD(p, "subPathExpr"), expr);
    check_propagation(c, FIELD(p, "mountPropagation"), mount, container);
    check_recursive_read_only(e, FIELD(p, "recursiveReadOnly"), mount);
}

void v_volume_mounts(struct pod_check *c, path_t p, const struct doc *container)
{
    struct seen paths = SEEN_IN(c->arena);
    V_EACH (v_get(container, "volumeMounts"), mount) {
        check_mount(c, FIELD_AT(p, mount.i), mount.at, container, &paths);
    }
}

void v_volume_devices(struct pod_check *c, path_t p, const struct doc *container)
{
    struct seen names = SEEN_IN(c->arena), paths = SEEN_IN(c->arena);
    errors *e = c->e;
    V_EACH (v_get(container, "volumeDevices"), device) {
        path_t at = FIELD_AT(p, device.i);
        struct str name = v_str(device.at, "name"), path = v_str(device.at, "devicePath");
        bool known = v_seen_has(&c->volumes, name);
        if (!name.n)
            field_required(e, FIELD(at, "name"), "%s", "");
        if (v_seen(&names, name))
            field_invalid_str(e, FIELD(at, "name"), name, "must be unique");
        if (known && !v_seen_has(&c->block_claims, name))
            field_invalid_str(e, FIELD(at, "name"), name,
                              "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
        if (!known)
            field_not_found_str(e, FIELD(at, "name"), name);
        if (!path.n)
            field_required(e, FIELD(at, "devicePath"), "%s", "");
        if (v_seen(&paths, path))
            field_invalid_str(e, FIELD(at, "devicePath"), path, "must be unique");
        if (has_backstep(path))
            field_invalid_str(e, FIELD(at, "devicePath"), path, "can not contain backsteps ('..')");
        if (list_has_field(v_get(container, "volumeMounts"), "name", name))
            field_invalid_str(e, FIELD(at, "name"), name, "must not already exist in volumeMounts");
        if (list_has_field(v_get(container, "volumeMounts"), "mountPath", path))
            field_invalid_str(e, FIELD(at, "devicePath"), path, "must not already exist as a path in volumeMounts");
    }
}
