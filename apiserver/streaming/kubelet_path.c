#include "apiserver/streaming/kubelet_path.h"

#include "base/parse.h"

/* As apimachinery reads a bool from a query: everything but false and 0 is true, also nothing. */
static bool query_bool(struct str v)
{
    return !str_ieq(v, STR("false")) && !str_is(v, "0");
}

/* The next name=value of a raw query; the name decoded into name[]. */
static bool next_pair(struct str *rest, char *name, size_t size, struct str *ret_value)
{
    struct str pair;
    while (str_split(rest, '&', &pair)) {
        if (pair.n == 0)
            continue;
        _cleanup_(buf_releasep) struct buf decoded = BUF_INIT(256);
        struct str key;
        const char *eq = memchr(pair.p, '=', pair.n);
        key = str_n(pair.p, eq ? (size_t)(eq - pair.p) : pair.n);
        *ret_value = eq ? str_from(pair, key.n + 1) : (struct str){"", 0};
        if (percent_decode(&decoded, key, true) && str_copy(name, size, buf_str(&decoded)))
            return true;
    }
    return false;
}

static void start_path(struct buf *out, const char *op, struct str ns, struct str pod)
{
    buf_printf(out, "/%s/", op);
    percent_encode(out, ns);
    buf_putc(out, '/');
    percent_encode(out, pod);
}

int kubelet_exec_path(struct buf *out, const char *op, struct str ns, struct str pod, struct str container,
                      struct str query, struct exec_wants *ret_wants, struct err *err)
{
    struct exec_wants w = {0};
    const struct {
        const char *ours, *theirs;
        bool *wanted;
    } flags[] = {
        {"stdin", "input", &w.in}, {"stdout", "output", &w.out}, {"stderr", "error", &w.err}, {"tty", "tty", &w.tty}};
    char name[32], sep = '?';
    struct str value, rest = query;
    start_path(out, op, ns, pod);
    buf_putc(out, '/');
    percent_encode(out, container);
    while (next_pair(&rest, name, sizeof(name), &value)) {
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
            if (strcmp(name, flags[i].ours) == 0)
                *flags[i].wanted = query_bool(value);
        if (strcmp(name, "command") == 0 && strcmp(op, "exec") == 0) {
            buf_printf(out, "%ccommand=" STR_FMT, sep, STR_ARG(value));
            sep = '&';
        }
    }
    if (!w.in && !w.out && !w.err)
        return err_set(err, ERR_BAD_REQUEST, "you must specify at least 1 of stdin, stdout, stderr");
    if (w.tty)
        w.err = false; /* a terminal has one output */
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (*flags[i].wanted) {
            buf_printf(out, "%c%s=1", sep, flags[i].theirs);
            sep = '&';
        }
    *ret_wants = w;
    return buf_ok(out) ? 0 : err_set(err, ERR_BAD_REQUEST, "the command is too long");
}

/* Copies the pairs of that name only (all for NULL), except those of the other. */
static void copy_pairs(struct buf *out, struct str query, const char *only, const char *except)
{
    char name[32], sep = '?';
    struct str value, rest = query;
    while (next_pair(&rest, name, sizeof(name), &value)) {
        if ((only && strcmp(name, only) != 0) || (except && strcmp(name, except) == 0))
            continue;
        buf_printf(out, "%c%s=" STR_FMT, sep, name, STR_ARG(value));
        sep = '&';
    }
}

void kubelet_port_forward_path(struct buf *out, struct str ns, struct str pod, struct str query)
{
    start_path(out, "portForward", ns, pod);
    copy_pairs(out, query, "ports", NULL); /* only the old WebSocket form has them */
}

void kubelet_log_path(struct buf *out, struct str ns, struct str pod, struct str container, struct str query)
{
    start_path(out, "containerLogs", ns, pod);
    buf_putc(out, '/');
    percent_encode(out, container);
    copy_pairs(out, query, NULL, "container");
}
