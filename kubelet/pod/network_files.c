#include "kubelet/pod/network_files.h"

#include "kubelet/pod/build.h"

#define LABEL_MAX 63
#define LISTS_MAX 64 /* servers, searches and options before they are cut to what resolvers take */

const char *pod_hostname(struct arena *a, const Corev1__Pod *pod, const char *node_name, const char *cluster_domain)
{
    const Corev1__PodSpec *spec = pod->spec;
    if (!text_empty(spec->hostnameoverride))
        return spec->hostnameoverride;
    if (spec->hostnetwork)
        return node_name;
    const char *full = text_or(spec->hostname, text_or(pod->metadata->name, ""));
    char *name = build_must(arena_strndup(a, full, strnlen(full, LABEL_MAX)));
    if (strlen(full) > LABEL_MAX)
        for (size_t n = strlen(name); n && (name[n - 1] == '-' || name[n - 1] == '.'); n--)
            name[n - 1] = '\0';
    if (spec->sethostnameasfqdn && !text_empty(spec->subdomain) && !text_empty(cluster_domain))
        return BUILD_PRINTF(a, "%s.%s.%s.svc.%s", name, spec->subdomain, pod->metadata->namespace_, cluster_domain);
    return name;
}

void pod_hosts_file(struct buf *out, const Corev1__Pod *pod, const char *const *pod_ips, size_t n_pod_ips,
                    const char *hostname, const char *cluster_domain, struct str node_hosts)
{
    const Corev1__PodSpec *spec = pod->spec;
    if (spec->hostnetwork) {
        buf_puts(out, "# Kubernetes-managed hosts file (host network).\n");
        buf_str_add(out, node_hosts);
    } else {
        buf_puts(out, "# Kubernetes-managed hosts file.\n"
                      "127.0.0.1\tlocalhost\n"
                      "::1\tlocalhost ip6-localhost ip6-loopback\n"
                      "fe00::0\tip6-localnet\n"
                      "fe00::0\tip6-mcastprefix\n"
                      "fe00::1\tip6-allnodes\n"
                      "fe00::2\tip6-allrouters\n");
        for (size_t i = 0; i < n_pod_ips; i++) {
            if (!text_empty(spec->subdomain) && !text_empty(cluster_domain) && !strchr(hostname, '.'))
                buf_printf(out, "%s\t%s.%s.%s.svc.%s\t%s\n", pod_ips[i], hostname, spec->subdomain,
                           pod->metadata->namespace_, cluster_domain, hostname);
            else
                buf_printf(out, "%s\t%s\n", pod_ips[i], hostname);
        }
    }
    if (!spec->n_hostaliases)
        return;
    buf_puts(out, "\n# Entries added by HostAliases.\n");
    for (size_t i = 0; i < spec->n_hostaliases; i++) {
        const Corev1__HostAlias *h = spec->hostaliases[i];
        buf_puts(out, text_or(h->ip, ""));
        for (size_t k = 0; k < h->n_hostnames; k++)
            buf_printf(out, "\t%s", h->hostnames[k]);
        buf_putc(out, '\n');
    }
}

static void resolver_init(struct arena *a, struct resolver *r)
{
    r->servers = BUILD_ARRAY(a, LISTS_MAX, const char *);
    r->searches = BUILD_ARRAY(a, LISTS_MAX, const char *);
    r->options = BUILD_ARRAY(a, LISTS_MAX, const char *);
    r->n_servers = r->n_searches = r->n_options = 0;
}

static void add_unique(const char **list, size_t *n, const char *item)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(list[i], item) == 0)
            return;
    if (*n < LISTS_MAX)
        list[(*n)++] = item;
}

static bool next_word(struct str *rest, struct str *ret)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    *ret = str_n(rest->p, n);
    *rest = str_from(*rest, n);
    return n > 0;
}

void resolver_parse(struct arena *a, struct str text, struct resolver *ret)
{
    struct str line, word, rest;
    resolver_init(a, ret);
    while (str_split(&text, '\n', &line)) {
        rest = line;
        if (!next_word(&rest, &word) || word.p[0] == '#' || word.p[0] == ';')
            continue;
        bool search = str_is(word, "search");
        if (str_is(word, "nameserver")) {
            if (next_word(&rest, &word))
                add_unique(ret->servers, &ret->n_servers, arena_str(a, word).p);
        } else if (search || str_is(word, "options")) {
            if (search)
                ret->n_searches = 0; /* the last line counts */
            while (next_word(&rest, &word)) {
                if (search)
                    add_unique(ret->searches, &ret->n_searches, arena_str(a, word).p);
                else
                    add_unique(ret->options, &ret->n_options, arena_str(a, word).p);
            }
        }
    }
}

static void use_node(struct resolver *r, const struct resolver *node)
{
    for (size_t i = 0; i < node->n_servers; i++)
        add_unique(r->servers, &r->n_servers, node->servers[i]);
    for (size_t i = 0; i < node->n_searches; i++)
        add_unique(r->searches, &r->n_searches, node->searches[i]);
    for (size_t i = 0; i < node->n_options; i++)
        add_unique(r->options, &r->n_options, node->options[i]);
}

static void use_cluster(struct arena *a, struct resolver *r, const Corev1__Pod *pod, const struct dns_settings *s)
{
    for (size_t i = 0; i < s->n_cluster_dns; i++)
        add_unique(r->servers, &r->n_servers, s->cluster_dns[i]);
    if (!text_empty(s->cluster_domain)) {
        add_unique(r->searches, &r->n_searches,
                   BUILD_PRINTF(a, "%s.svc.%s", pod->metadata->namespace_, s->cluster_domain));
        add_unique(r->searches, &r->n_searches, BUILD_PRINTF(a, "svc.%s", s->cluster_domain));
        add_unique(r->searches, &r->n_searches, s->cluster_domain);
    }
    for (size_t i = 0; i < s->node->n_searches; i++)
        add_unique(r->searches, &r->n_searches, s->node->searches[i]);
    add_unique(r->options, &r->n_options, "ndots:5");
}

/* The option's name is what stands before ':'. */
static bool same_option(const char *x, const char *name)
{
    size_t n = strcspn(x, ":");
    return strlen(name) == n && strncmp(x, name, n) == 0;
}

static void add_config(struct arena *a, struct resolver *r, const Corev1__PodDNSConfig *c)
{
    for (size_t i = 0; i < c->n_nameservers; i++)
        add_unique(r->servers, &r->n_servers, c->nameservers[i]);
    for (size_t i = 0; i < c->n_searches; i++)
        add_unique(r->searches, &r->n_searches, c->searches[i]);
    for (size_t i = 0; i < c->n_options; i++) {
        const char *name = text_or(c->options[i]->name, "");
        const char *whole = c->options[i]->value ? BUILD_PRINTF(a, "%s:%s", name, c->options[i]->value) : name;
        bool replaced = false;
        for (size_t k = 0; k < r->n_options && !replaced; k++)
            if (same_option(r->options[k], name)) {
                r->options[k] = whole;
                replaced = true;
            }
        if (!replaced)
            add_unique(r->options, &r->n_options, whole);
    }
}

void pod_resolver(struct arena *a, const Corev1__Pod *pod, const struct dns_settings *s, struct resolver *ret,
                  bool *ret_missing)
{
    const char *policy = text_or(pod->spec->dnspolicy, "ClusterFirst");
    bool cluster = strcmp(policy, "ClusterFirstWithHostNet") == 0 ||
                   (strcmp(policy, "ClusterFirst") == 0 && !pod->spec->hostnetwork);
    *ret_missing = cluster && s->n_cluster_dns == 0;
    resolver_init(a, ret);
    if (cluster && s->n_cluster_dns)
        use_cluster(a, ret, pod, s);
    else if (strcmp(policy, "None") != 0)
        use_node(ret, s->node);
    if (pod->spec->dnsconfig)
        add_config(a, ret, pod->spec->dnsconfig);
    ret->n_servers = MIN_OF(ret->n_servers, RESOLVER_SERVERS_MAX);
    ret->n_searches = MIN_OF(ret->n_searches, RESOLVER_SEARCHES_MAX);
}
