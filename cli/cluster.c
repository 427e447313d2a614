#include "cluster.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *cluster_path(const struct cluster *c, const char *fmt, ...)
{
    struct buf b = BUF_INIT(PATH_MAX);
    va_list ap;

    buf_printf(&b, "%s/", c->dir);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    return buf_take(&b);
}

char *cluster_program(const struct cluster *c, const char *name)
{
    return xasprintf("%s/%s", c->bin_dir, name);
}

char *cluster_node_name(const struct cluster *c, int k)
{
    return k == 1 ? xstrdup(c->name) : xasprintf("%s-%d", c->name, k);
}

char *cluster_node_ip(int k)
{
    return xasprintf(CLUSTER_LAN_NET ".%d", k);
}

/* A node name from the host name: lower case, without the domain, only what a DNS label may have. */
static void node_name(char *out, size_t size)
{
    char host[HOST_NAME_MAX + 1] = "";
    size_t n = 0;

    gethostname(host, sizeof(host) - 1);
    for (const char *p = host; *p && *p != '.' && n + 1 < size && n < 50; p++) {
        char ch = (char)tolower((unsigned char)*p);
        if (isalnum((unsigned char)ch) || (ch == '-' && n))
            out[n++] = ch;
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = '\0';
    if (n == 0 || strcmp(out, "localhost") == 0)
        snprintf(out, size, "coracle");
}

/* Two clusters on one machine must not share cgroups: the last two parts of another data dir make the name. */
static void cgroup_name(const char *dir, char *out, size_t size)
{
    size_t slashes = 0, n = strlen(dir);

    snprintf(out, size, "coracle");
    if (strcmp(dir, CLUSTER_DEFAULT_DIR) == 0)
        return;
    while (n && (slashes += dir[n - 1] == '/') < 2)
        n--;
    snprintf(out, size, "coracle-%s", dir + n);
    for (char *p = out; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-')
            *p = '_';
}

static int own_folder(char *out, size_t size, struct err *err)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);

    if (n < 0)
        return err_errno(err, errno, "cannot find my own folder");
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash || (size_t)n == size - 1)
        return err_set(err, ERR_INTERNAL, "the path of this program is too long");
    *slash = '\0';
    return 0;
}

int cluster_init(struct cluster *c, const char *dir, struct err *err)
{
    char cwd[CLUSTER_PATH_MAX];
    int n;

    if (dir[0] == '/') {
        n = snprintf(c->dir, sizeof(c->dir), "%s", dir);
    } else {
        if (!getcwd(cwd, sizeof(cwd)))
            return err_errno(err, errno, "cannot tell the working folder");
        n = snprintf(c->dir, sizeof(c->dir), "%s/%s", cwd, dir);
    }
    while (n > 1 && n < (int)sizeof(c->dir) && c->dir[n - 1] == '/')
        c->dir[--n] = '\0';
    /* containerd's sockets lie below it, and a socket's path may have 107 bytes. */
    if (n > 70)
        return err_set(err, ERR_BAD_REQUEST, "--data-dir: %s is longer than 70 bytes", c->dir);
    if (own_folder(c->bin_dir, sizeof(c->bin_dir), err) < 0)
        return -1;
    n = snprintf(c->images_dir, sizeof(c->images_dir), "%s/../images", c->bin_dir);
    if (n >= (int)sizeof(c->images_dir))
        return err_set(err, ERR_INTERNAL, "the path of this program is too long");
    node_name(c->name, sizeof(c->name));
    cgroup_name(c->dir, c->cgroup, sizeof(c->cgroup));
    return 0;
}

int cluster_make_dirs(const struct cluster *c, struct err *err)
{
    static const struct {
        const char *name;
        mode_t mode;
    } dirs[] = {{"", 0711},    {"pki", 0700},  {"kubeconfig", 0700}, {"log", 0700},
                {"run", 0700}, {"etcd", 0700}, {"node", 0711}};

    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        _cleanup_(freep) char *path = cluster_path(c, "%s", dirs[i].name);
        size_t n = strlen(path);
        if (path[n - 1] == '/')
            path[n - 1] = '\0';
        if (file_mkdirs(path, dirs[i].mode, err) < 0)
            return -1;
    }
    return 0;
}

static int member_int(const json_t *o, const char *key, int otherwise)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? (int)json_integer_value(v) : otherwise;
}

int cluster_load(struct cluster *c, bool *ret_found, struct err *err)
{
    _cleanup_(freep) char *path = cluster_path(c, "cluster.json");
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_SMALL_FILE);
    json_error_t why;

    *ret_found = false;
    if (file_read(path, &text, err) < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    json_t *o = json_loadb(text.data ? text.data : "", text.len, 0, &why);
    if (!o)
        return err_set(err, ERR_BAD_REQUEST, "%s is damaged (%s); remove it to choose new ports", path, why.text);
    c->secure_port = member_int(o, "securePort", c->secure_port);
    c->etcd_port = member_int(o, "etcdPort", 0);
    c->etcd_peer_port = member_int(o, "etcdPeerPort", 0);
    c->kubelet_port = member_int(o, "kubeletPort", c->kubelet_port);
    c->aws_port = member_int(o, "awsPort", c->aws_port);
    c->nodes = member_int(o, "nodes", c->nodes);
    const char *name = json_string_value(json_object_get(o, "name"));
    if (name && strlen(name) < sizeof(c->name))
        snprintf(c->name, sizeof(c->name), "%s", name);
    json_decref(o);
    *ret_found = true;
    return 0;
}

int cluster_save(const struct cluster *c, struct err *err)
{
    _cleanup_(freep) char *path = cluster_path(c, "cluster.json");
    json_t *o = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "name", c->name, "nodes", c->nodes, "securePort",
                          c->secure_port, "etcdPort", c->etcd_port, "etcdPeerPort", c->etcd_peer_port, "kubeletPort",
                          c->kubelet_port, "awsPort", c->aws_port);
    _cleanup_(freep) char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;

    json_decref(o);
    if (!text)
        return err_set(err, ERR_INTERNAL, "cannot write %s", path);
    return file_write(path, str_of(text), 0600, err);
}
