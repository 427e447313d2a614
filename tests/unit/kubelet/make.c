#include "make.h"

#include "api/json.h"
#include "api/proto_codec.h"
#include "base/limits.h"
#include "base/parse.h"
#include "kubelet/pod/build.h"

static void free_pod(void *p)
{
    corev1__pod__free_unpacked(p, NULL);
}

Corev1__Pod *make_pod(struct arena *a, const char *text)
{
    char *json = build_text(a, text);
    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    struct err err = ERR_INIT;
    struct doc *d;
    _cleanup_(buf_releasep) struct buf bytes = BUF_INIT(MIB);
    const struct schema_kind *kind = schema_kind_find(STR(""), STR("v1"), STR("Pod"));
    if (json_parse(a, str_of(json), NULL, &d, &err) < 0 || proto_encode(&bytes, d, kind->message, &err) < 0)
        abort();
    Corev1__Pod *pod = corev1__pod__unpack(NULL, bytes.len, (uint8_t *)bytes.data);
    if (!pod)
        abort();
    arena_defer(a, free_pod, pod);
    return pod;
}

static uint64_t hash_of(const Corev1__Pod *pod, const char *name)
{
    bool init;
    const Corev1__Container *c = pod_find_container(pod, name, &init);
    return c ? container_hash(c->name, c->image) : 1;
}

static enum container_state state_of(struct str word)
{
    static const char *const names[] = {"created", "running", "exited", "unknown"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_is(word, names[i]))
            return (enum container_state)i;
    abort();
}

struct runtime_pod *make_running(struct arena *a, const Corev1__Pod *pod, const char *text)
{
    struct runtime_pod *r = BUILD_ARRAY(a, 1, struct runtime_pod);
    r->uid = pod->metadata->uid;
    r->name = pod->metadata->name;
    r->ns = pod->metadata->namespace_;
    r->sandboxes = BUILD_ARRAY(a, 8, struct runtime_sandbox);
    r->containers = BUILD_ARRAY(a, 16, struct runtime_container);
    struct str rest = str_of(text), item, word;
    while (rest.n && str_split(&rest, ';', &item)) {
        item = str_trim(item);
        (void)str_split(&item, ' ', &word);
        if (str_is(word, "ready") || str_is(word, "gone")) {
            struct runtime_sandbox *s = &r->sandboxes[r->n_sandboxes];
            const char **ips = BUILD_ARRAY(a, 1, const char *);
            ips[0] = arena_str(a, item).p;
            *s = (struct runtime_sandbox){.id = BUILD_PRINTF(a, "s%zu", r->n_sandboxes++),
                                          .ready = str_is(word, "ready"),
                                          .host_network = pod->spec->hostnetwork,
                                          .ips = ips,
                                          .n_ips = item.n ? 1 : 0};
            continue;
        }
        struct runtime_container *c = &r->containers[r->n_containers++];
        struct str state;
        int64_t code = 0;
        (void)str_split(&item, ' ', &state);
        (void)!parse_int64(item, &code);
        *c = (struct runtime_container){.name = arena_str(a, word).p,
                                        .sandbox_id = "s0",
                                        .state = state_of(state),
                                        .exit_code = (int32_t)code,
                                        .image = "image",
                                        .image_id = "sha256:1",
                                        .reason = "",
                                        .message = "",
                                        .log_path = "",
                                        .started_ns = 1000 * NS_PER_S,
                                        .finished_ns = state_of(state) == CONTAINER_EXITED ? 1001 * NS_PER_S : 0,
                                        .uid = -1};
        c->hash = hash_of(pod, c->name);
    }
    for (size_t i = 0; i < r->n_sandboxes; i++)
        r->sandboxes[i].attempt = (uint32_t)(r->n_sandboxes - 1 - i);
    for (size_t i = 0; i < r->n_containers; i++) {
        for (size_t k = i + 1; k < r->n_containers; k++)
            r->containers[i].attempt += strcmp(r->containers[k].name, r->containers[i].name) == 0;
        r->containers[i].id = BUILD_PRINTF(a, "%s/%u", r->containers[i].name, r->containers[i].attempt);
    }
    return r;
}

struct texts {
    const char *liveness, *startup;
};

static enum probe_result look_up(const char *text, const char *id)
{
    struct str rest = str_of(text), item, key;
    while (rest.n && str_split(&rest, ' ', &item)) {
        (void)str_split(&item, '=', &key);
        if (str_is(key, id))
            return str_is(item, "ok") ? PROBE_SUCCESS : PROBE_FAILURE;
    }
    return PROBE_UNKNOWN;
}

static enum probe_result liveness(const void *ctx, const char *id)
{
    return look_up(((const struct texts *)ctx)->liveness, id);
}

static enum probe_result startup(const void *ctx, const char *id)
{
    return look_up(((const struct texts *)ctx)->startup, id);
}

struct probe_view make_probes(struct arena *a, const char *live, const char *start)
{
    struct texts *t = BUILD_ARRAY(a, 1, struct texts);
    *t = (struct texts){live, start};
    return (struct probe_view){.liveness = liveness, .startup = startup, .ctx = t};
}
