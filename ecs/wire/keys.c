#include "keys.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/vec.h"
#include "net/crypto.h"

struct aws_keys {
    struct informer *secrets; /* NULL = none */
    int by_label;
    struct vec(struct aws_key) from_file;
};

static void wipe(char *s)
{
    if (s)
        crypto_wipe(s, strlen(s));
    free(s);
}

void aws_key_release(struct aws_key *k)
{
    free(k->access_key);
    free(k->arn);
    wipe(k->secret);
    wipe(k->session_token);
    *k = (struct aws_key){0};
}

/* --- the credentials file --- */

struct file_reader {
    struct aws_keys *keys;
    const char *account;
    struct str profile;
    struct aws_key now;
};

static void set(char **to, struct str value)
{
    wipe(*to);
    *to = str_dup(value);
}

static int end_profile(struct file_reader *r, struct err *err)
{
    bool root = str_is(r->profile, "default");

    if (!r->now.access_key && !r->now.secret)
        return 0;
    if (!r->now.access_key || !r->now.secret)
        return err_set(err, ERR_BAD_REQUEST, "profile [" STR_FMT "] lacks one half of its key", STR_ARG(r->profile));
    if (r->keys->from_file.n == KEYS_FILE_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d profiles", KEYS_FILE_MAX);
    if (!r->now.arn)
        r->now.arn = root ? xasprintf("arn:aws:iam::%s:root", r->account)
                          : xasprintf("arn:aws:iam::%s:user/" STR_FMT, r->account, STR_ARG(r->profile));
    vec_push(&r->keys->from_file, r->now);
    r->now = (struct aws_key){0};
    return 0;
}

static int read_line(struct file_reader *r, struct str line, struct err *err)
{
    struct str name, value = line;

    if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
        return 0;
    if (line.p[0] == '[') {
        if (line.p[line.n - 1] != ']')
            return err_set(err, ERR_BAD_REQUEST, "a section lacks its ']'");
        if (end_profile(r, err) < 0)
            return -1;
        r->profile = str_trim(str_n(line.p + 1, line.n - 2));
        return 0;
    }
    if (!str_split(&value, '=', &name) || !value.p)
        return err_set(err, ERR_BAD_REQUEST, "a line is no 'name = value'");
    name = str_trim(name);
    value = str_trim(value);
    if (str_is(name, "aws_access_key_id"))
        set(&r->now.access_key, value);
    else if (str_is(name, "aws_secret_access_key"))
        set(&r->now.secret, value);
    else if (str_is(name, "aws_session_token"))
        set(&r->now.session_token, value);
    else if (str_is(name, "arn"))
        set(&r->now.arn, value);
    return 0; /* the file may say more to other readers */
}

static int read_file(struct aws_keys *k, const char *path, const char *account, struct err *err)
{
    struct buf text = BUF_INIT(LIMIT_SMALL_FILE);
    struct file_reader r = {.keys = k, .account = account, .profile = STR("default")};
    struct str line, rest;
    int rc = file_read(path, &text, err);

    rest = buf_str(&text);
    while (rc == 0 && str_split(&rest, '\n', &line))
        rc = read_line(&r, str_trim(line), err);
    if (rc == 0)
        rc = end_profile(&r, err);
    if (rc < 0)
        err_wrap(err, "credentials file %s", path);
    if (text.data)
        crypto_wipe(text.data, text.len);
    aws_key_release(&r.now);
    buf_release(&text);
    return rc;
}

/* --- Secrets --- */

static void index_label(const struct kube_object *o, void (*emit)(void *sink, struct str value), void *sink)
{
    for (size_t i = 0; i < o->meta->n_labels; i++)
        if (strcmp(kstr(o->meta->labels[i]->key), KEY_LABEL) == 0)
            emit(sink, str_of(kstr(o->meta->labels[i]->value)));
}

static char *data_of(const Corev1__Secret *s, const char *name)
{
    for (size_t i = 0; i < s->n_data; i++)
        if (strcmp(kstr(s->data[i]->key), name) == 0 && s->data[i]->value.len &&
            !memchr(s->data[i]->value.data, '\0', s->data[i]->value.len))
            return xstrndup((const char *)s->data[i]->value.data, s->data[i]->value.len);
    return NULL;
}

static bool find_secret(struct aws_keys *k, struct str access_key, struct aws_key *ret)
{
    _cleanup_(kube_objects_releasep) struct kube_objects found = {0};

    informer_by_index(k->secrets, k->by_label, access_key, &found);
    kube_objects_foreach(&found, o)
    {
        const Corev1__Secret *s = kube_secret(o);
        struct aws_key key = {.access_key = data_of(s, "accessKeyId"),
                              .secret = data_of(s, "secretAccessKey"),
                              .session_token = data_of(s, "sessionToken"),
                              .arn = data_of(s, "arn")};
        if (key.access_key && key.secret && key.arn && str_is(access_key, key.access_key)) {
            *ret = key;
            return true;
        }
        aws_key_release(&key);
    }
    return false;
}

/* --- */

int aws_keys_new(struct informer_factory *factory, const char *file, const char *account, struct aws_keys **ret,
                 struct err *err)
{
    _cleanup_(aws_keys_freep) struct aws_keys *k = xcalloc(1, sizeof(*k));
    const struct informer_options o = {.ns = KEY_NAMESPACE, .label_selector = KEY_LABEL};

    if (file && read_file(k, file, account, err) < 0)
        return -1;
    if (factory) {
        k->secrets = informer_of(factory, &kube_secrets, &o);
        k->by_label = informer_add_index(k->secrets, index_label);
    }
    *ret = TAKE(k);
    return 0;
}

struct aws_keys *aws_keys_free(struct aws_keys *k)
{
    if (!k)
        return NULL;
    vec_foreach (&k->from_file, it)
        aws_key_release(it);
    vec_release(&k->from_file);
    free(k);
    return NULL;
}

static char *copy_of(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

bool aws_keys_find(struct aws_keys *k, struct str access_key, struct aws_key *ret)
{
    if (k->secrets && find_secret(k, access_key, ret))
        return true;
    vec_foreach (&k->from_file, it) {
        if (!str_is(access_key, it->access_key))
            continue;
        *ret = (struct aws_key){xstrdup(it->access_key), xstrdup(it->secret), copy_of(it->session_token),
                                xstrdup(it->arn)};
        return true;
    }
    return false;
}
