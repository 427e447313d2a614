#include "apiserver/validation/kinds.h"

#include "api/json.h"
#include "base/parse.h"

#define DATA_MAX ((size_t)1 << 20)
#define ACCOUNT_NAME "kubernetes.io/service-account.name"
#define JSON_ARENA_MAX ((size_t)16 << 20)

static size_t decoded_size(struct str s)
{
    size_t pad = str_ends(s, STR("==")) ? 2 : str_ends(s, STR("=")) ? 1 : 0;
    return s.n / 4 * 3 >= pad ? s.n / 4 * 3 - pad : 0;
}

static void require_key(struct kind_check *k, const char *key)
{
    if (!v_get(v_get(k->obj, "data"), key))
        field_required(k->e, FIELD_KEY(FIELD(NULL, "data"), str_of(key)), "%s", "");
}

/* The secret must hold JSON under the key; what it holds is never shown. */
static void require_json(struct kind_check *k, const char *key)
{
    const struct doc *value = v_get(v_get(k->obj, "data"), key);
    path_t at = FIELD_KEY(FIELD(NULL, "data"), str_of(key));
    if (!value) {
        field_required(k->e, at, "%s", "");
        return;
    }
    _cleanup_(arena_freep) struct arena *arena = arena_new(JSON_ARENA_MAX);
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(DATA_MAX);
    struct doc *parsed = NULL;
    struct err err = ERR_INIT;
    if (!base64_decode(&text, doc_str(value)) || json_parse(arena, buf_str(&text), NULL, &parsed, &err) < 0)
        field_invalid_str(k->e, at, STR("<secret contents redacted>"), "%s",
                          err.code ? "unexpected end of JSON input" : "illegal base64 data");
    if (text.data)
        memset(text.data, 0, text.len);
}

static void check_account(struct kind_check *k)
{
    const struct doc *annotations = v_get(v_get(k->obj, "metadata"), "annotations");
    if (!v_str(annotations, ACCOUNT_NAME).n)
        field_required(k->e, FIELD_KEY(FIELD(FIELD(NULL, "metadata"), "annotations"), STR(ACCOUNT_NAME)), "%s", "");
}

static void check_basic_auth(struct kind_check *k)
{
    const struct doc *data = v_get(k->obj, "data");
    if (v_get(data, "username") || v_get(data, "password"))
        return;
    require_key(k, "username");
    require_key(k, "password");
}

static void check_ssh(struct kind_check *k)
{
    if (!v_str(v_get(k->obj, "data"), "ssh-privatekey").n)
        field_required(k->e, FIELD_KEY(FIELD(NULL, "data"), STR("ssh-privatekey")), "%s", "");
}

static void check_tls(struct kind_check *k)
{
    require_key(k, "tls.crt");
    require_key(k, "tls.key");
}

static void check_docker(struct kind_check *k)
{
    require_json(k, ".dockercfg");
}

static void check_docker_json(struct kind_check *k)
{
    require_json(k, ".dockerconfigjson");
}

static const struct {
    const char *type;
    void (*check)(struct kind_check *k);
} types[] = {
    {"kubernetes.io/service-account-token", check_account},
    {"kubernetes.io/dockercfg", check_docker},
    {"kubernetes.io/dockerconfigjson", check_docker_json},
    {"kubernetes.io/basic-auth", check_basic_auth},
    {"kubernetes.io/ssh-auth", check_ssh},
    {"kubernetes.io/tls", check_tls},
};

void validate_secret(struct kind_check *k)
{
    size_t total = 0;
    doc_foreach (v_get(k->obj, "data"), it) {
        v_name(k->e, FIELD_KEY(FIELD(NULL, "data"), doc_key(it)), doc_key(it), name_config_key);
        total += decoded_size(doc_str(it));
    }
    if (total > DATA_MAX)
        field_too_long(k->e, FIELD(NULL, "data"), DATA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_is(v_str(k->obj, "type"), types[i].type))
            types[i].check(k);
}

void validate_secret_update(struct kind_check *k)
{
    v_immutable(k->e, FIELD(NULL, "type"), v_get(k->obj, "type"), v_get(k->old, "type"));
    if (v_true(k->old, "immutable")) {
        if (!v_true(k->obj, "immutable"))
            field_forbidden(k->e, FIELD(NULL, "immutable"), "field is immutable when `immutable` is set");
        if (!v_equal(v_get(k->obj, "data"), v_get(k->old, "data")))
            field_forbidden(k->e, FIELD(NULL, "data"), "field is immutable when `immutable` is set");
    }
    validate_secret(k);
}
