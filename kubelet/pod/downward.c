#include "kubelet/pod/downward.h"

struct pair {
    const char *key, *value;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* As Go's %q writes it. */
static void add_quoted(struct buf *out, const char *s)
{
    buf_putc(out, '"');
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        switch (*p) {
        case '"':
        case '\\':
            buf_putc(out, '\\');
            buf_putc(out, (char)*p);
            break;
        case '\n':
            buf_puts(out, "\\n");
            break;
        case '\t':
            buf_puts(out, "\\t");
            break;
        case '\r':
            buf_puts(out, "\\r");
            break;
        default:
            if (*p < 0x20 || *p == 0x7f)
                buf_printf(out, "\\x%02x", *p);
            else
                buf_putc(out, (char)*p);
        }
    }
    buf_putc(out, '"');
}

/* key="value" lines, sorted by key. */
static void add_map(struct buf *out, struct pair *pairs, size_t n)
{
    if (n)
        qsort(pairs, n, sizeof(*pairs), by_key);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_putc(out, '\n');
        buf_printf(out, "%s=", pairs[i].key);
        add_quoted(out, pairs[i].value);
    }
}

/* Labels or annotations as pairs, to be freed. */
static struct pair *pairs_of(const Metav1__ObjectMeta *m, bool labels, size_t *ret_n)
{
    *ret_n = labels ? m->n_labels : m->n_annotations;
    struct pair *pairs = xcalloc(*ret_n + 1, sizeof(*pairs));
    for (size_t i = 0; i < *ret_n; i++)
        pairs[i] = labels ? (struct pair){text_or(m->labels[i]->key, ""), text_or(m->labels[i]->value, "")}
                          : (struct pair){text_or(m->annotations[i]->key, ""), text_or(m->annotations[i]->value, "")};
    return pairs;
}

static void add_list(struct buf *out, const char *const *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_putc(out, ',');
        buf_puts(out, items[i]);
    }
}

/* metadata.labels, metadata.annotations['key'] ...; false when the path is none of them. */
static bool map_field(struct buf *out, const Corev1__Pod *pod, const char *path)
{
    bool labels = strncmp(path, "metadata.labels", 15) == 0;
    if (!labels && strncmp(path, "metadata.annotations", 20) != 0)
        return false;
    const char *rest = path + (labels ? 15 : 20);
    size_t n, len = strlen(rest);
    _cleanup_(freep) struct pair *pairs = pairs_of(pod->metadata, labels, &n);
    if (!*rest) {
        add_map(out, pairs, n);
        return true;
    }
    if (len < 4 || strncmp(rest, "['", 2) != 0 || strcmp(rest + len - 2, "']") != 0)
        return false;
    struct str key = str_n(rest + 2, len - 4);
    for (size_t i = 0; i < n; i++)
        if (str_is(key, pairs[i].key))
            buf_puts(out, pairs[i].value);
    return true;
}

int downward_field(struct buf *out, const Corev1__Pod *pod, const struct downward_facts *facts, const char *path,
                   struct err *err)
{
    const char *host_ip = facts->n_host_ips ? facts->host_ips[0] : "";
    const char *pod_ip = facts->n_pod_ips ? facts->pod_ips[0] : "";
    const struct pair simple[] = {
        {"metadata.name", pod->metadata->name},
        {"metadata.namespace", pod->metadata->namespace_},
        {"metadata.uid", pod->metadata->uid},
        {"spec.nodeName", facts->node_name},
        {"spec.host", facts->node_name},
        {"spec.serviceAccountName", pod->spec->serviceaccountname},
        {"status.hostIP", host_ip},
        {"status.podIP", pod_ip},
    };
    for (size_t i = 0; i < ARRAY_LEN(simple); i++)
        if (text_is(path, simple[i].key)) {
            buf_puts(out, text_or(simple[i].value, ""));
            return 0;
        }
    if (text_is(path, "status.hostIPs"))
        add_list(out, facts->host_ips, facts->n_host_ips);
    else if (text_is(path, "status.podIPs"))
        add_list(out, facts->pod_ips, facts->n_pod_ips);
    else if (!path || !map_field(out, pod, path))
        return err_set(err, ERR_INVALID, "unsupported fieldPath: %s", text_or(path, ""));
    return 0;
}

static int64_t divide_up(__int128 value, __int128 by)
{
    return (int64_t)((value + by - 1) / by);
}

int downward_resource(struct buf *out, const Corev1__Container *container, const struct downward_facts *facts,
                      const Corev1__ResourceFieldSelector *selector, struct err *err)
{
    const char *what = text_or(selector->resource, "");
    bool limit = strncmp(what, "limits.", 7) == 0;
    if (!limit && strncmp(what, "requests.", 9) != 0)
        return err_set(err, ERR_INVALID, "unsupported container resource : %s", what);
    const char *name = what + (limit ? 7 : 9);
    struct quantity q = {0}, divisor;
    bool found = resource_find(container->resources, limit ? RESOURCE_LIMIT : RESOURCE_REQUEST, name, &q);
    if (!found && limit) { /* no limit means all that pods may have */
        if (strcmp(name, "cpu") == 0)
            q = quantity_of_milli(facts->allocatable.cpu_milli, QUANTITY_DECIMAL_SI);
        else if (strcmp(name, "memory") == 0)
            q = quantity_of(facts->allocatable.memory, QUANTITY_BINARY_SI);
        else if (strcmp(name, "ephemeral-storage") == 0)
            q = quantity_of(facts->allocatable.ephemeral_storage, QUANTITY_BINARY_SI);
    }
    if (!selector->divisor || !selector->divisor->string ||
        !quantity_read(str_of(selector->divisor->string), &divisor) || quantity_sign(&divisor) <= 0)
        divisor = quantity_of(1, QUANTITY_DECIMAL_SI);
    buf_int(out, divide_up(q.nano, divisor.nano));
    return 0;
}
