/* pods/log, exec, attach and portforward: finds the pod, its container and its kubelet; the bytes are streaming's. */
#include "apiserver/streaming/streaming.h"

#include "api/status.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/subresources.h"
#include "apiserver/http/write.h"
#include "apiserver/options.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/registry.h"
#include "base/limits.h"

#define ADDRESS_TYPES_MAX 8

static bool has_container(const struct doc *list, struct str name)
{
    doc_foreach (list, c) {
        if (str_eq(doc_str(doc_get(c, "name")), name))
            return true;
    }
    return false;
}

static void write_names(struct buf *b, const struct doc *list)
{
    const char *space = "";
    buf_putc(b, '[');
    doc_foreach (list, c) {
        buf_printf(b, "%s" STR_FMT, space, STR_ARG(doc_str(doc_get(c, "name"))));
        space = " ";
    }
    buf_putc(b, ']');
}

static int choose_container(struct request *r, const struct doc *pod, struct str *ret, struct err *err)
{
    const struct doc *containers = doc_path(pod, "spec.containers"), *inits = doc_path(pod, "spec.initContainers");
    struct str name = query_get(&r->query, "container");
    if (name.n) {
        if (!has_container(containers, name) && !has_container(inits, name) &&
            !has_container(doc_path(pod, "spec.ephemeralContainers"), name))
            return err_set(err, ERR_BAD_REQUEST, "container " STR_FMT " is not valid for pod " STR_FMT, STR_ARG(name),
                           STR_ARG(r->info.name));
        *ret = name;
        return 0;
    }
    if (doc_count(containers) == 1) {
        *ret = doc_str(doc_get(doc_at(containers, 0), "name"));
        return 0;
    }
    _cleanup_(buf_releasep) struct buf names = BUF_INIT(ERR_TEXT_MAX);
    write_names(&names, containers);
    if (doc_count(inits)) {
        buf_puts(&names, " or one of the init containers: ");
        write_names(&names, inits);
    }
    return err_set(err, ERR_BAD_REQUEST,
                   "a container name must be specified for pod " STR_FMT ", choose one of: " STR_FMT,
                   STR_ARG(r->info.name), STR_ARG(buf_str(&names)));
}

static int find_kubelet(struct request *r, struct str node, struct streaming_target *ret, struct err *err)
{
    const struct flag_list *types = &r->server->options->kubelet_preferred_address_types;
    const char *names[ADDRESS_TYPES_MAX];
    struct doc *d = NULL;
    size_t n = MIN_OF(types->n, (size_t)ADDRESS_TYPES_MAX);
    for (size_t i = 0; i < n; i++)
        names[i] = arena_strndup(r->arena, types->items[i].p, types->items[i].n);
    if (registry_get_live(r->server->registry, r->arena, registry_resource("", "nodes"), STR(""), node, &d, err) < 0)
        return -1;
    return streaming_node_address(d, n ? names : NULL, n, r->arena, ret, err);
}

static int find_pod(struct request *r, struct doc **ret, struct err *err)
{
    struct storage_object *o = NULL;
    struct op op = write_op(r);
    if (store_get(&op, true, ret, &o, err) < 0)
        return -1;
    arena_defer(r->arena, (void (*)(void *))storage_object_unref, o);
    return 0;
}

static int target_of(struct request *r, const struct doc *pod, bool with_container, struct streaming_target *ret,
                     struct err *err)
{
    struct str container = STR("");
    struct streaming_target to = {0};
    if (with_container && choose_container(r, pod, &container, err) < 0)
        return -1;
    struct str node = doc_str(doc_path(pod, "spec.nodeName"));
    if (!node.n)
        return err_set(err, ERR_BAD_REQUEST, "pod " STR_FMT " does not have a host assigned", STR_ARG(r->info.name));
    if (find_kubelet(r, node, &to, err) < 0)
        return -1;
    to.ns = r->info.ns;
    to.pod = r->info.name;
    to.container = container;
    *ret = to;
    return 0;
}

/* Once it is handed over the request may end at any time: it is held while its metrics are taken. */
static int finished(struct request *r, struct http_request *held, int result, int status)
{
    if (result == 0)
        request_answered(r, status);
    http_request_unref(held);
    return result;
}

int sub_log(struct request *r, struct err *err)
{
    struct doc *pod = NULL;
    struct streaming_target to;
    struct str container;
    if (find_pod(r, &pod, err) < 0 || choose_container(r, pod, &container, err) < 0)
        return -1;
    if (!doc_str(doc_path(pod, "spec.nodeName")).n) { /* it has not run anywhere yet: there is nothing to tell */
        respond_text(r, 200, STR(""));
        return 0;
    }
    if (target_of(r, pod, true, &to, err) < 0)
        return -1;
    const struct http_header headers[] = {HTTP_HEADER("cache-control", "no-cache, private")};
    struct http_request *held = http_request_ref(r->http);
    int rc = streaming_log(r->server->streaming, held, &to, headers, ARRAY_LEN(headers), err);
    return finished(r, held, rc, 200);
}

static int check_running(const struct doc *pod, struct err *err)
{
    struct str phase = doc_str(doc_path(pod, "status.phase"));
    if (!str_is(phase, "Succeeded") && !str_is(phase, "Failed"))
        return 0;
    return err_set(err, ERR_BAD_REQUEST, "cannot exec into a container in a completed pod; current phase is " STR_FMT,
                   STR_ARG(phase));
}

static int stream(struct request *r, bool with_container,
                  int (*go)(struct streaming *, struct http_request *, const struct streaming_target *, struct err *),
                  struct err *err)
{
    struct doc *pod = NULL;
    struct streaming_target to;
    if (find_pod(r, &pod, err) < 0 || check_running(pod, err) < 0 || target_of(r, pod, with_container, &to, err) < 0)
        return -1;
    struct http_request *held = http_request_ref(r->http);
    return finished(r, held, go(r->server->streaming, held, &to, err), 101);
}

int sub_exec(struct request *r, struct err *err)
{
    return stream(r, true, streaming_exec, err);
}

int sub_attach(struct request *r, struct err *err)
{
    return stream(r, true, streaming_attach, err);
}

int sub_port_forward(struct request *r, struct err *err)
{
    return stream(r, false, streaming_port_forward, err);
}
