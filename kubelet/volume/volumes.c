#include "kubelet/volume/volumes.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/map.h"
#include "kubelet/pod/build.h"
#include "kubelet/pod/expand.h"
#include "kubelet/volume/payloads.h"
#include "kubelet/volume/subpath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define TOKEN_DEFAULT_S 3600
#define VOLUME_ARENA_MAX (64 * MIB)

struct token {
    char *text; /* a secret: never logged */
    int64_t issued_ns, expires_ns;
};

struct pod_volumes {
    const struct volume_context *ctx;
    char *dir;
    struct map tokens; /* volume/path -> struct token */
    int64_t refresh_at;
};

static void token_free(void *p)
{
    struct token *t = p;
    if (t->text)
        explicit_bzero(t->text, strlen(t->text));
    free(t->text);
    free(t);
}

struct pod_volumes *pod_volumes_new(const struct volume_context *ctx, const char *dir)
{
    struct pod_volumes *v = xcalloc(1, sizeof(*v));
    v->ctx = ctx;
    v->dir = xstrdup(dir);
    map_init(&v->tokens, token_free);
    return v;
}

struct pod_volumes *pod_volumes_free(struct pod_volumes *v)
{
    if (!v)
        return NULL;
    map_release(&v->tokens);
    free(v->dir);
    free(v);
    return NULL;
}

int64_t pod_volumes_refresh_at(const struct pod_volumes *v)
{
    return v->refresh_at;
}

/* --- one sync round --- */

struct sync {
    struct pod_volumes *v;
    struct arena *a;
    const Corev1__Pod *pod;
    const Corev1__Volume *volume;
    const struct downward_facts *facts;
};

static int64_t fs_group(const Corev1__Pod *pod)
{
    const Corev1__PodSecurityContext *s = pod->spec->securitycontext;
    return s && s->has_fsgroup ? s->fsgroup : -1;
}

static char *volume_dir(struct arena *a, const char *pod_dir, const char *plugin, const char *name)
{
    return BUILD_PRINTF(a, "%s/volumes/kubernetes.io~%s/%s", pod_dir, plugin, name);
}

static int mount_tmpfs(const char *dir, const char *size, struct err *err)
{
    if (path_is_mount(dir))
        return 0;
    _cleanup_(freep) char *options = size ? xasprintf("size=%s,mode=0777", size) : xstrdup("mode=0777");
    if (mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return err_errno(err, errno, "cannot mount tmpfs on %s", dir);
    return 0;
}

/* A folder that pods may write to (or, with a group, that group as well). */
static int open_up(const char *dir, int64_t gid, struct err *err)
{
    if (gid >= 0 && chown(dir, (uid_t)-1, (gid_t)gid) < 0)
        return err_errno(err, errno, "cannot change the group of %s", dir);
    if (chmod(dir, gid >= 0 ? 02777 : 0777) < 0)
        return err_errno(err, errno, "cannot change the mode of %s", dir);
    return 0;
}

static int sync_empty_dir(struct sync *s, struct err *err)
{
    const Corev1__EmptyDirVolumeSource *e = s->volume->volumesource->emptydir;
    const char *dir = volume_dir(s->a, s->v->dir, "empty-dir", s->volume->name);
    struct stat st;
    bool memory = text_is(e->medium, "Memory");
    if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode) && (!memory || path_is_mount(dir)))
        return 0;
    if (file_mkdirs(dir, 0750, err) < 0)
        return -1;
    if (memory) {
        struct quantity limit;
        char size[32], *set = NULL;
        if (e->sizelimit && e->sizelimit->string && quantity_read(str_of(e->sizelimit->string), &limit) &&
            quantity_sign(&limit) > 0) {
            snprintf(size, sizeof(size), "%lld", (long long)quantity_value(&limit));
            set = size;
        }
        if (mount_tmpfs(dir, set, err) < 0)
            return -1;
    }
    return open_up(dir, fs_group(s->pod), err);
}

static const struct host_path_type {
    const char *name;
    mode_t format;
    bool create;
    const char *what;
} host_path_types[] = {
    {"DirectoryOrCreate", S_IFDIR, true, "directory"}, {"Directory", S_IFDIR, false, "directory"},
    {"FileOrCreate", S_IFREG, true, "file"},           {"File", S_IFREG, false, "file"},
    {"Socket", S_IFSOCK, false, "socket file"},        {"CharDevice", S_IFCHR, false, "character device"},
    {"BlockDevice", S_IFBLK, false, "block device"},
};

static int host_path_create(const char *path, mode_t format, struct err *err)
{
    if (format == S_IFDIR)
        return file_mkdirs(path, 0755, err);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_errno(err, errno, "cannot create %s", path);
    close(fd);
    return 0;
}

static int sync_host_path(struct sync *s, struct err *err)
{
    const Corev1__HostPathVolumeSource *h = s->volume->volumesource->hostpath;
    for (size_t i = 0; i < ARRAY_LEN(host_path_types); i++) {
        const struct host_path_type *t = &host_path_types[i];
        if (!text_is(h->type, t->name))
            continue;
        struct stat st;
        if (stat(h->path, &st) < 0) {
            if (errno == ENOENT && t->create)
                return host_path_create(h->path, t->format, err);
            return err_set(err, ERR_INVALID, "hostPath type check failed: %s is not a %s", h->path, t->what);
        }
        if ((st.st_mode & S_IFMT) != t->format)
            return err_set(err, ERR_INVALID, "hostPath type check failed: %s is not a %s", h->path, t->what);
    }
    return 0;
}

static struct payload_builder builder(struct sync *s, bool has_mode, int32_t mode)
{
    int64_t gid = fs_group(s->pod);
    return (struct payload_builder){
        .a = s->a,
        .pod = s->pod,
        .objects = s->v->ctx->objects,
        .facts = s->facts,
        .payload = {.gid = gid},
        .default_mode = has_mode ? (mode_t)mode : 0644,
        .or_mode = gid >= 0 ? 0440 : 0,
    };
}

static int write_payload(struct sync *s, const char *plugin, bool memory, const struct payload_builder *b,
                         struct err *err)
{
    const char *dir = volume_dir(s->a, s->v->dir, plugin, s->volume->name);
    bool fresh = !file_exists(dir);
    if (fresh && file_mkdirs(dir, 0750, err) < 0)
        return -1;
    if (memory && mount_tmpfs(dir, NULL, err) < 0)
        return -1;
    if (fresh && open_up(dir, fs_group(s->pod), err) < 0)
        return -1;
    return atomic_write(dir, &b->payload, clock_wall(s->v->ctx->clock), NULL, err);
}

static int sync_config_map(struct sync *s, struct err *err)
{
    const Corev1__ConfigMapVolumeSource *c = s->volume->volumesource->configmap;
    struct payload_builder b = builder(s, c->has_defaultmode, c->defaultmode);
    const char *name = c->localobjectreference ? text_or(c->localobjectreference->name, "") : "";
    if (payload_config_map(&b, name, c->items, c->n_items, c->optional, err) < 0)
        return -1;
    return write_payload(s, "configmap", false, &b, err);
}

static int sync_secret(struct sync *s, struct err *err)
{
    const Corev1__SecretVolumeSource *c = s->volume->volumesource->secret;
    struct payload_builder b = builder(s, c->has_defaultmode, c->defaultmode);
    if (payload_secret(&b, text_or(c->secretname, ""), c->items, c->n_items, c->optional, err) < 0)
        return -1;
    return write_payload(s, "secret", true, &b, err);
}

static int sync_downward(struct sync *s, struct err *err)
{
    const Corev1__DownwardAPIVolumeSource *d = s->volume->volumesource->downwardapi;
    struct payload_builder b = builder(s, d->has_defaultmode, d->defaultmode);
    if (payload_downward(&b, d->items, d->n_items, err) < 0)
        return -1;
    return write_payload(s, "downward-api", false, &b, err);
}

/* --- tokens --- */

/* Upstream's rule: after 80% of its life, or a day, whichever comes first. */
static int64_t renew_at(const struct token *t)
{
    int64_t life = t->expires_ns - t->issued_ns;
    return t->issued_ns + MIN_OF(life / 10 * 8, 24 * 3600 * NS_PER_S);
}

static int token_get(struct sync *s, const Corev1__ServiceAccountTokenProjection *p, struct str *ret, struct err *err)
{
    struct pod_volumes *v = s->v;
    int64_t now = clock_wall(v->ctx->clock);
    const char *key = BUILD_PRINTF(s->a, "%s/%s", s->volume->name, text_or(p->path, ""));
    struct token *t = map_gets(&v->tokens, key);
    if (!t || now >= renew_at(t)) {
        struct token *fresh = xcalloc(1, sizeof(*fresh));
        int64_t wanted = p->has_expirationseconds ? p->expirationseconds : TOKEN_DEFAULT_S;
        fresh->issued_ns = now;
        if (v->ctx->tokens->token(v->ctx->tokens->ctx, s->pod, p->audience, wanted, &fresh->text, &fresh->expires_ns,
                                  err) < 0) {
            token_free(fresh);
            if (!t || now >= t->expires_ns)
                return err_wrap(err, "failed to fetch token");
            fresh = NULL; /* the old one still serves; the next round tries again */
        } else {
            map_set(&v->tokens, str_of(key), fresh);
            t = fresh;
        }
    }
    int64_t again = MAX_OF(renew_at(t), now + 60 * NS_PER_S);
    if (!v->refresh_at || again < v->refresh_at)
        v->refresh_at = again;
    *ret = str_of(t->text);
    return 0;
}

/* A token is for one user where it can be: the one that all containers run as. */
static bool common_user(const Corev1__Pod *pod, int64_t *ret)
{
    const Corev1__PodSecurityContext *s = pod->spec->securitycontext;
    bool have = false;
    for (size_t i = 0; i < pod->spec->n_containers + pod->spec->n_initcontainers; i++) {
        const Corev1__Container *c = i < pod->spec->n_containers
                                         ? pod->spec->containers[i]
                                         : pod->spec->initcontainers[i - pod->spec->n_containers];
        int64_t uid;
        if (c->securitycontext && c->securitycontext->has_runasuser)
            uid = c->securitycontext->runasuser;
        else if (s && s->has_runasuser)
            uid = s->runasuser;
        else
            return false;
        if (have && uid != *ret)
            return false;
        *ret = uid;
        have = true;
    }
    return have;
}

static int project_token(struct sync *s, struct payload_builder *b, const Corev1__ServiceAccountTokenProjection *p,
                         struct err *err)
{
    struct str token;
    if (token_get(s, p, &token, err) < 0)
        return -1;
    int64_t uid = -1;
    bool one_user = common_user(s->pod, &uid);
    mode_t mode = one_user || fs_group(s->pod) >= 0 ? 0600 : b->default_mode;
    payload_add(b, text_or(p->path, ""), token, mode);
    if (one_user && fs_group(s->pod) < 0)
        for (size_t i = 0; i < b->payload.n; i++)
            if (str_is(b->payload.files[i].path, p->path))
                b->payload.files[i].uid = uid;
    return 0;
}

static int sync_projected(struct sync *s, struct err *err)
{
    const Corev1__ProjectedVolumeSource *p = s->volume->volumesource->projected;
    struct payload_builder b = builder(s, p->has_defaultmode, p->defaultmode);
    for (size_t i = 0; i < p->n_sources; i++) {
        const Corev1__VolumeProjection *v = p->sources[i];
        int rc = 0;
        if (v->configmap)
            rc = payload_config_map(
                &b, v->configmap->localobjectreference ? text_or(v->configmap->localobjectreference->name, "") : "",
                v->configmap->items, v->configmap->n_items, v->configmap->optional, err);
        else if (v->secret)
            rc = payload_secret(
                &b, v->secret->localobjectreference ? text_or(v->secret->localobjectreference->name, "") : "",
                v->secret->items, v->secret->n_items, v->secret->optional, err);
        else if (v->downwardapi)
            rc = payload_downward(&b, v->downwardapi->items, v->downwardapi->n_items, err);
        else if (v->serviceaccounttoken)
            rc = project_token(s, &b, v->serviceaccounttoken, err);
        else
            rc = err_set(err, ERR_UNIMPLEMENTED, "this kind of projection is not supported");
        if (rc < 0)
            return -1;
    }
    return write_payload(s, "projected", true, &b, err);
}

static int sync_one(struct sync *s, struct err *err)
{
    const Corev1__VolumeSource *v = s->volume->volumesource;
    const struct {
        const void *present;
        int (*fn)(struct sync *s, struct err *err);
    } kinds[] = {
        {v->emptydir, sync_empty_dir}, {v->hostpath, sync_host_path},   {v->configmap, sync_config_map},
        {v->secret, sync_secret},      {v->downwardapi, sync_downward}, {v->projected, sync_projected},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].present)
            return kinds[i].fn(s, err);
    return err_set(err, ERR_UNIMPLEMENTED, "this kind of volume is not supported");
}

int pod_volumes_sync(struct pod_volumes *v, const Corev1__Pod *pod, const struct downward_facts *facts,
                     const char **ret_volume, struct err *err)
{
    v->refresh_at = 0;
    *ret_volume = "";
    for (size_t i = 0; i < pod->spec->n_volumes; i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(VOLUME_ARENA_MAX);
        struct sync s = {.v = v, .a = a, .pod = pod, .volume = pod->spec->volumes[i], .facts = facts};
        *ret_volume = s.volume->name;
        if (!s.volume->volumesource)
            return err_set(err, ERR_INVALID, "the volume has no source");
        if (sync_one(&s, err) < 0)
            return -1;
    }
    return 0;
}

/* --- mounts --- */

static const char *source_dir(struct arena *a, const char *pod_dir, const Corev1__Volume *v)
{
    const Corev1__VolumeSource *s = v->volumesource;
    if (s->hostpath)
        return s->hostpath->path;
    const char *plugin = s->emptydir      ? "empty-dir"
                         : s->configmap   ? "configmap"
                         : s->secret      ? "secret"
                         : s->downwardapi ? "downward-api"
                                          : "projected";
    return volume_dir(a, pod_dir, plugin, v->name);
}

/* A folder for a hostPath of no stated type that is missing; containers cannot be started on nothing. */
static int ensure_source(const Corev1__Volume *v, const char *dir, struct err *err)
{
    if (!v->volumesource->hostpath || file_exists(dir))
        return 0;
    return file_mkdirs(dir, 0755, err);
}

static const char *subpath_of(struct arena *a, const Corev1__VolumeMount *m, const struct container_env *env,
                              struct err *err)
{
    if (text_empty(m->subpathexpr))
        return text_or(m->subpath, "");
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(4096);
    expand_text(&text, str_of(m->subpathexpr), env_lookup, env);
    if (!buf_ok(&text) || (text.data && strstr(text.data, "$("))) {
        (void)err_set(err, ERR_INVALID, "failed to expand subPathExpr \"%s\"", m->subpathexpr);
        return NULL;
    }
    return arena_str(a, buf_str(&text)).p;
}

int pod_volumes_mount(struct pod_volumes *v, struct arena *a, const Corev1__Pod *pod, const Corev1__Container *c,
                      size_t mount_index, const struct container_env *env, struct runtime_mount *ret, struct err *err)
{
    const Corev1__VolumeMount *m = c->volumemounts[mount_index];
    const Corev1__Volume *volume = NULL;
    for (size_t i = 0; i < pod->spec->n_volumes; i++)
        if (text_is(pod->spec->volumes[i]->name, m->name))
            volume = pod->spec->volumes[i];
    if (!volume)
        return err_set(err, ERR_INVALID, "cannot find volume \"%s\" to mount into container \"%s\"",
                       text_or(m->name, ""), c->name);
    const char *host = source_dir(a, v->dir, volume);
    if (ensure_source(volume, host, err) < 0)
        return -1;
    const char *sub = subpath_of(a, m, env, err);
    if (!sub)
        return -1;
    if (*sub) {
        if (!payload_path_valid(str_of(sub)))
            return err_set(err, ERR_INVALID, "subPath \"%s\" must not contain '..'", sub);
        char *target = BUILD_PRINTF(a, "%s/volume-subpaths/%s/%s/%zu", v->dir, volume->name, c->name, mount_index);
        if (subpath_bind(host, sub, target, err) < 0)
            return err_wrap(err, "failed to prepare subPath for volumeMount \"%s\" of container \"%s\"", m->name,
                            c->name);
        host = target;
    }
    *ret = (struct runtime_mount){
        .host_path = host,
        .container_path =
            m->mountpath && m->mountpath[0] == '/' ? m->mountpath : BUILD_PRINTF(a, "/%s", text_or(m->mountpath, "")),
        .read_only = m->readonly,
        .propagation = text_is(m->mountpropagation, "Bidirectional")     ? 2
                       : text_is(m->mountpropagation, "HostToContainer") ? 1
                                                                         : 0,
    };
    return 0;
}

/* --- the end --- */

/* Unmounts what is mounted at most `depth` levels below dir. Never follows links. */
static void unmount_below(const char *dir, int depth)
{
    DIR *d = depth > 0 ? opendir(dir) : NULL;
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        _cleanup_(freep) char *path = xasprintf("%s/%s", dir, e->d_name);
        for (int i = 0; i < 4 && path_is_mount(path); i++)
            if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
                break;
        if (e->d_type == DT_DIR)
            unmount_below(path, depth - 1);
    }
    closedir(d);
}

int pod_dir_remove(const char *dir, struct err *err)
{
    _cleanup_(freep) char *subpaths = xasprintf("%s/volume-subpaths", dir);
    _cleanup_(freep) char *volumes = xasprintf("%s/volumes", dir);
    unmount_below(subpaths, 3);
    unmount_below(volumes, 2);
    return file_remove_tree(dir, err);
}
