#include "apiserver/auth/token_file.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/map.h"

#define AUTHENTICATED "system:authenticated"
#define FIELD_MAX 64

struct token_file {
    struct map users; /* SHA-256 of the token -> struct user */
};

static void unref_user(void *p)
{
    user_unref(p);
}

struct token_file *token_file_free(struct token_file *f)
{
    if (f) {
        map_release(&f->users);
        free(f);
    }
    return NULL;
}

size_t token_file_count(const struct token_file *f)
{
    return f->users.n;
}

struct user *token_file_find(const struct token_file *f, const uint8_t sha256[SHA256_LEN])
{
    struct user *user = map_get(&f->users, str_n((const char *)sha256, SHA256_LEN));
    return user ? user_ref(user) : NULL;
}

/* A quoted field: "" inside is one quote. Moves *rest behind the closing quote. */
static bool quoted_field(struct str *rest, struct buf *out)
{
    struct str s = str_from(*rest, 1);
    for (; s.n; s = str_from(s, 1)) {
        if (s.p[0] != '"') {
            buf_putc(out, s.p[0]);
            continue;
        }
        if (s.n < 2 || s.p[1] != '"')
            break;
        buf_putc(out, '"');
        s = str_from(s, 1);
    }
    if (!s.n)
        return false;
    *rest = str_from(s, 1);
    return true;
}

static bool next_field(struct str *rest, struct buf *out, bool *ret_more)
{
    while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t'))
        *rest = str_from(*rest, 1);
    if (rest->n && rest->p[0] == '"') {
        if (!quoted_field(rest, out))
            return false;
    } else {
        size_t n = 0;
        while (n < rest->n && rest->p[n] != ',')
            n++;
        buf_add(out, rest->p, n);
        *rest = str_from(*rest, n);
    }
    *ret_more = rest->n > 0;
    if (rest->n && rest->p[0] != ',')
        return false;
    *rest = str_from(*rest, 1);
    return buf_ok(out);
}

/* The fields of a line, each ended by a NUL in the buffer. */
static int split_line(struct str line, struct buf *bytes, struct str fields[FIELD_MAX], size_t *ret_n)
{
    size_t starts[FIELD_MAX + 1], n = 0;
    bool more = true;
    while (more) {
        if (n == FIELD_MAX)
            return -1;
        starts[n++] = bytes->len;
        if (!next_field(&line, bytes, &more))
            return -1;
        buf_putc(bytes, '\0');
    }
    for (size_t i = 0; i < n; i++)
        fields[i] = str_n(bytes->data + starts[i], (i + 1 < n ? starts[i + 1] : bytes->len) - starts[i] - 1);
    *ret_n = n;
    return buf_ok(bytes) ? 0 : -1;
}

static void add_user(struct token_file *f, const struct str *field, size_t n)
{
    struct str groups[USER_GROUPS_MAX];
    size_t n_groups = 0;
    struct str rest = n > 3 ? field[3] : STR(""), group;
    while (rest.n && n_groups + 1 < USER_GROUPS_MAX && str_split(&rest, ',', &group))
        if (str_trim(group).n)
            groups[n_groups++] = str_trim(group);
    groups[n_groups++] = STR(AUTHENTICATED);
    uint8_t key[SHA256_LEN];
    crypto_sha256(field[0].p, field[0].n, key);
    map_set(&f->users, str_n((const char *)key, sizeof(key)), user_new(field[1], field[2], groups, n_groups, NULL, 0));
}

static int add_line(struct token_file *f, struct str line, size_t number, struct err *err)
{
    _cleanup_(buf_releasep) struct buf bytes = BUF_INIT(LIMIT_SMALL_FILE);
    struct str field[FIELD_MAX];
    size_t n;
    int r = 0;
    if (split_line(line, &bytes, field, &n) < 0)
        r = err_set(err, ERR_BAD_REQUEST, "line %zu is not CSV", number);
    else if (n < 3)
        r = err_set(err, ERR_BAD_REQUEST,
                    "line %zu must have at least 3 columns (token, user name, user uid), found %zu", number, n);
    else if (f->users.n >= TOKEN_FILE_ENTRIES_MAX)
        r = err_set(err, ERR_TOO_LARGE, "more than %d tokens", TOKEN_FILE_ENTRIES_MAX);
    else if (field[0].n) /* upstream passes over an empty token */
        add_user(f, field, n);
    if (bytes.data)
        crypto_wipe(bytes.data, bytes.cap);
    return r;
}

int token_file_parse(struct str text, struct token_file **ret, struct err *err)
{
    struct token_file *f = xcalloc(1, sizeof(*f));
    map_init(&f->users, unref_user);
    struct str rest = text, line;
    for (size_t number = 1; rest.n && str_split(&rest, '\n', &line); number++) {
        line = str_trim(line);
        if (!line.n || line.p[0] == '#')
            continue;
        if (add_line(f, line, number, err) < 0) {
            token_file_free(f);
            return -1;
        }
    }
    *ret = f;
    return 0;
}

int token_file_load(const char *path, struct token_file **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_SMALL_FILE);
    if (file_read(path, &text, err) < 0)
        return -1;
    int r = token_file_parse(buf_str(&text), ret, err);
    if (text.data)
        crypto_wipe(text.data, text.cap);
    return r < 0 ? err_wrap(err, "%s", path) : 0;
}
