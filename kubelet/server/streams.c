/* exec, attach and port-forward: the runtime says where, the bytes are passed through. */
#include "kubelet/server/internal.h"

#include "base/parse.h"
#include "net/http_client.h"
#include "net/http_proxy.h"

/* Joins the request with the runtime's streaming server. */
static void pass_on(struct call *c, const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *path = scheme_end ? strchr(scheme_end + 3, '/') : NULL;
    struct err err = ERR_INIT;
    _cleanup_(http_client_freep) struct http_client *client = NULL;
    if (!path) {
        call_text(c, 500, "the runtime gave no usable streaming URL\n");
        return;
    }
    _cleanup_(freep) char *base = xstrndup(url, (size_t)(path - url));
    struct http_client_options o = {.base_url = base, .no_keepalive = true};
    if (http_client_new(&o, &client, &err) < 0 || http_proxy_upgrade(c->r, client, path, &err) < 0)
        call_error(c, &err);
}

/* parts: namespace, pod, [uid,] container */
static bool container_parts(struct call *c, const char **ret_uid, const char **ret_container)
{
    if (c->n_parts != 3 && c->n_parts != 4) {
        call_text(c, 404, "404 page not found\n");
        return false;
    }
    *ret_uid = c->n_parts == 4 ? c->parts[2] : NULL;
    *ret_container = c->parts[c->n_parts - 1];
    return true;
}

/* The id of a running container, in the arena; NULL after it has answered. */
static const char *running_container(struct call *c)
{
    const char *uid, *name;
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    _cleanup_(runtime_pod_freep) struct runtime_pod *p = NULL;
    struct err err = ERR_INIT;
    if (!container_parts(c, &uid, &name) || !(o = call_pod(c, uid)))
        return NULL;
    if (runtime_pod_load(c->s->k->runtime, kstr(o->meta->uid), &p, &err) < 0) {
        call_error(c, &err);
        return NULL;
    }
    const struct runtime_container *r = runtime_pod_container(p, name);
    if (!r || r->state != CONTAINER_RUNNING) {
        call_text(c, r ? 400 : 404, "container %s not found (\"%s\")\n", r ? "not running:" : "", name);
        return NULL;
    }
    return arena_strdup(c->a, r->id);
}

static bool stream_options(struct call *c, struct runtime_stream_options *ret)
{
    *ret = (struct runtime_stream_options){
        .in = call_query_true(c, "input"),
        .out = call_query_true(c, "output"),
        .error = call_query_true(c, "error"),
        .tty = call_query_true(c, "tty"),
    };
    if (ret->tty)
        ret->error = false; /* a terminal has one output */
    if (ret->in || ret->out || ret->error)
        return true;
    call_text(c, 400, "you must specify at least 1 of stdin, stdout, stderr\n");
    return false;
}

static size_t commands(const struct call *c, const char *ret[QUERY_MAX], const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_query; i++)
        if (strcmp(c->query[i].name, name) == 0)
            ret[n++] = c->query[i].value;
    return n;
}

void handle_exec(struct call *c)
{
    struct runtime_stream_options o;
    struct err err = ERR_INIT;
    const char *command[QUERY_MAX];
    size_t n = commands(c, command, "command");
    const char *id = running_container(c);
    _cleanup_(freep) char *url = NULL;
    if (!id || !stream_options(c, &o))
        return;
    if (runtime_exec_url(c->s->k->runtime, id, command, n, &o, &url, &err) < 0)
        call_error(c, &err);
    else
        pass_on(c, url);
}

void handle_attach(struct call *c)
{
    struct runtime_stream_options o;
    struct err err = ERR_INIT;
    const char *id = running_container(c);
    _cleanup_(freep) char *url = NULL;
    if (!id || !stream_options(c, &o))
        return;
    if (runtime_attach_url(c->s->k->runtime, id, &o, &url, &err) < 0)
        call_error(c, &err);
    else
        pass_on(c, url);
}

void handle_port_forward(struct call *c)
{
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    _cleanup_(runtime_pod_freep) struct runtime_pod *p = NULL;
    _cleanup_(freep) char *url = NULL;
    struct err err = ERR_INIT;
    int32_t ports[QUERY_MAX];
    size_t n = 0;
    if (c->n_parts != 2 && c->n_parts != 3) {
        call_text(c, 404, "404 page not found\n");
        return;
    }
    for (size_t i = 0; i < c->n_query; i++) {
        int64_t port;
        if (strcmp(c->query[i].name, "port") == 0 && parse_range(str_of(c->query[i].value), 1, 65535, &port))
            ports[n++] = (int32_t)port;
    }
    o = call_pod(c, c->n_parts == 3 ? c->parts[2] : NULL);
    if (!o)
        return;
    if (runtime_pod_load(c->s->k->runtime, kstr(o->meta->uid), &p, &err) < 0)
        call_error(c, &err);
    else if (p->n_sandboxes == 0 || !p->sandboxes[0].ready)
        call_text(c, 404, "pod not found (\"%s_%s\")\n", c->parts[1], c->parts[0]);
    else if (runtime_port_forward_url(c->s->k->runtime, p->sandboxes[0].id, ports, n, &url, &err) < 0)
        call_error(c, &err);
    else
        pass_on(c, url);
}

void handle_run(struct call *c)
{
    struct runtime_exec_result r = {.output = BUF_INIT(LIMIT_SMALL_FILE)};
    struct err err = ERR_INIT;
    const char *command[QUERY_MAX];
    size_t n = commands(c, command, "cmd");
    const char *id = running_container(c);
    if (!id)
        return;
    if (runtime_exec_sync(c->s->k->runtime, id, (char *const *)command, n, 60, &r, &err) < 0)
        call_error(c, &err);
    else if (r.exit_code != 0)
        call_text(c, 500, "%s\ncommand terminated with exit code %d\n", r.output.data ? r.output.data : "",
                  r.exit_code);
    else
        http_respond(c->r, 200, NULL, 0, buf_str(&r.output));
    buf_release(&r.output);
}
