#include "kubeconfig.h"

#include "api/yaml.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/parse.h"

#define IN_CLUSTER "/var/run/secrets/kubernetes.io/serviceaccount"

struct kubeconfig *kubeconfig_free(struct kubeconfig *k)
{
    if (!k)
        return NULL;
    char *const owned[] = {k->server,  k->server_name, k->ca_pem,     k->cert_pem,
                           k->key_pem, k->token,       k->token_file, k->ns};
    for (size_t i = 0; i < ARRAY_LEN(owned); i++) {
        if (owned[i] && (owned[i] == k->key_pem || owned[i] == k->token))
            explicit_bzero(owned[i], strlen(owned[i]));
        free(owned[i]);
    }
    free(k);
    return NULL;
}

/* The entry called `name` of a list like clusters, contexts, users: its member `what`. */
static const struct doc *named(const struct doc *root, const char *list, struct str name, const char *what)
{
    doc_foreach (doc_get(root, list), e) {
        if (str_eq(doc_str(doc_get(e, "name")), name))
            return doc_get(e, what);
    }
    return NULL;
}

static char *text_of(const struct doc *d, const char *key)
{
    struct str s = doc_str(doc_get(d, key));
    return s.n ? str_dup(s) : NULL;
}

/* Paths in a kubeconfig are relative to its folder. */
static char *path_in(const char *folder, struct str path)
{
    return path.p[0] == '/' ? str_dup(path) : xasprintf("%s/" STR_FMT, folder, STR_ARG(path));
}

/* `key`-data (base64) or `key` (a file); *ret stays NULL when neither is there. */
static int pem_of(const struct doc *d, const char *key, const char *folder, char **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_SMALL_FILE);
    _cleanup_(freep) char *data_key = xasprintf("%s-data", key);

    struct str data = doc_str(doc_get(d, data_key)), file = doc_str(doc_get(d, key));
    if (data.n) {
        if (!base64_decode(&b, data))
            return err_set(err, ERR_BAD_REQUEST, "%s is not base64", data_key);
        *ret = buf_take(&b);
    } else if (file.n) {
        _cleanup_(freep) char *path = path_in(folder, file);
        if (file_read(path, &b, err) < 0)
            return err_wrap(err, "%s", key);
        *ret = buf_take(&b);
    }
    return 0;
}

static int read_cluster(struct kubeconfig *k, const struct doc *cluster, const char *folder, struct err *err)
{
    k->server = text_of(cluster, "server");
    if (!k->server)
        return err_set(err, ERR_BAD_REQUEST, "the cluster has no server");
    size_t n = strlen(k->server);
    if (k->server[n - 1] == '/')
        k->server[n - 1] = '\0';
    k->server_name = text_of(cluster, "tls-server-name");
    k->insecure = doc_true(doc_get(cluster, "insecure-skip-tls-verify"));
    if (doc_get(cluster, "proxy-url"))
        return err_set(err, ERR_UNIMPLEMENTED, "proxy-url is not supported");
    return pem_of(cluster, "certificate-authority", folder, &k->ca_pem, err);
}

static int read_user(struct kubeconfig *k, const struct doc *user, const char *folder, struct err *err)
{
    struct str token_file = doc_str(doc_get(user, "tokenFile"));

    if (doc_get(user, "exec") || doc_get(user, "auth-provider"))
        return err_set(err, ERR_UNIMPLEMENTED, "exec and auth-provider users are not supported");
    k->token = text_of(user, "token");
    k->token_file = token_file.n ? path_in(folder, token_file) : NULL;
    if (pem_of(user, "client-certificate", folder, &k->cert_pem, err) < 0 ||
        pem_of(user, "client-key", folder, &k->key_pem, err) < 0)
        return -1;
    if (!k->cert_pem != !k->key_pem)
        return err_set(err, ERR_BAD_REQUEST, "client-certificate and client-key must come together");
    return 0;
}

int kubeconfig_parse(struct str text, const char *folder, const char *context, struct kubeconfig **ret, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(kubeconfig_freep) struct kubeconfig *k = xcalloc(1, sizeof(*k));
    struct doc *root = NULL;
    size_t offset = 0;

    int r = yaml_parse(a, text, &offset, &root, err);
    if (r < 0)
        return -1;
    struct str name = context ? str_of(context) : doc_str(doc_get(root, "current-context"));
    if (r == 0 || !name.n)
        return err_set(err, ERR_BAD_REQUEST, "no current-context");
    const struct doc *ctx = named(root, "contexts", name, "context");
    if (!ctx)
        return err_set(err, ERR_BAD_REQUEST, "context \"" STR_FMT "\" does not exist", STR_ARG(name));
    struct str cluster = doc_str(doc_get(ctx, "cluster")), user = doc_str(doc_get(ctx, "user"));
    const struct doc *c = named(root, "clusters", cluster, "cluster");
    if (!c)
        return err_set(err, ERR_BAD_REQUEST, "cluster \"" STR_FMT "\" does not exist", STR_ARG(cluster));
    const struct doc *u = named(root, "users", user, "user");
    if (user.n && !u)
        return err_set(err, ERR_BAD_REQUEST, "user \"" STR_FMT "\" does not exist", STR_ARG(user));
    k->ns = text_of(ctx, "namespace");
    if (read_cluster(k, c, folder, err) < 0 || read_user(k, u, folder, err) < 0)
        return -1;
    *ret = TAKE(k);
    return 0;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? xstrdup(".") : slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static int load_file(const char *path, const char *context, struct kubeconfig **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_SMALL_FILE);
    _cleanup_(freep) char *folder = folder_of(path);

    if (file_read(path, &b, err) < 0)
        return err_wrap(err, "kubeconfig");
    return kubeconfig_parse(buf_str(&b), folder, context, ret, err) < 0 ? err_wrap(err, "kubeconfig %s", path) : 0;
}

int kubeconfig_in_cluster(struct kubeconfig **ret, struct err *err)
{
    _cleanup_(kubeconfig_freep) struct kubeconfig *k = xcalloc(1, sizeof(*k));
    _cleanup_(buf_releasep) struct buf ca = BUF_INIT(LIMIT_SMALL_FILE), ns = BUF_INIT(KIB);
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    struct err ignored = ERR_INIT;

    if (!host || !port || !*host || !*port)
        return err_set(err, ERR_NOT_FOUND, "not in a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set");
    k->server = xasprintf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    k->token_file = xstrdup(IN_CLUSTER "/token");
    if (file_read(IN_CLUSTER "/ca.crt", &ca, err) < 0)
        return err_wrap(err, "in-cluster configuration");
    k->ca_pem = buf_take(&ca);
    if (file_read(IN_CLUSTER "/namespace", &ns, &ignored) == 0)
        k->ns = str_dup(str_trim(buf_str(&ns)));
    *ret = TAKE(k);
    return 0;
}

int kubeconfig_load(const char *path, const char *context, struct kubeconfig **ret, struct err *err)
{
    const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
    struct str list = str_of(env), first;

    if (path && *path)
        return load_file(path, context, ret, err);
    while (str_split(&list, ':', &first))
        if (first.n) {
            _cleanup_(freep) char *p = str_dup(first);
            return load_file(p, context, ret, err);
        }
    if (file_exists(IN_CLUSTER "/token"))
        return kubeconfig_in_cluster(ret, err);
    _cleanup_(freep) char *p = xasprintf("%s/.kube/config", home ? home : "");
    return load_file(p, context, ret, err);
}
