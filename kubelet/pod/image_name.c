#include "kubelet/pod/image_name.h"

#define NAME_MAX_LEN 255
#define INVALID "couldn't parse image name \"" STR_FMT "\": %s"

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_tag_char(char c, bool first)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_' || (!first && (c == '.' || c == '-'));
}

static bool tag_valid(struct str tag)
{
    if (tag.n == 0 || tag.n > 128)
        return false;
    for (size_t i = 0; i < tag.n; i++)
        if (!is_tag_char(tag.p[i], i == 0))
            return false;
    return true;
}

/* Lower-case words joined by '.', '_', '__' or any number of '-'. */
static bool component_valid(struct str part)
{
    size_t i = 0;
    while (i < part.n) {
        size_t start = i;
        while (i < part.n && is_lower_or_digit(part.p[i]))
            i++;
        if (i == start)
            return false;
        if (i == part.n)
            return true;
        size_t sep = i;
        while (i < part.n && !is_lower_or_digit(part.p[i]))
            i++;
        size_t len = i - sep;
        char c = part.p[sep];
        for (size_t k = sep; k < i; k++)
            if (part.p[k] != c)
                return false;
        if (!(c == '-' || (c == '.' && len == 1) || (c == '_' && len <= 2)))
            return false;
    }
    return false;
}

static bool host_valid(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (!is_lower_or_digit(c) && !(c >= 'A' && c <= 'Z') && !strchr(".-:[]", c))
            return false;
    }
    return host.n > 0;
}

static bool path_valid(struct str path)
{
    struct str part;
    if (path.n == 0 || path.p[path.n - 1] == '/')
        return false;
    while (str_split(&path, '/', &part))
        if (!component_valid(part))
            return false;
    return true;
}

static bool digest_valid(struct str digest)
{
    struct str hex = str_starts(digest, STR("sha256:")) ? str_from(digest, 7) : STR("");
    for (size_t i = 0; i < hex.n; i++)
        if (!((hex.p[i] >= '0' && hex.p[i] <= '9') || (hex.p[i] >= 'a' && hex.p[i] <= 'f')))
            return false;
    return hex.n == 64;
}

struct parts {
    struct str host, path, tag, digest;
};

/* Cuts "host/path:tag@digest"; the first component is a host when it has a dot or colon, or is localhost. */
static void split_reference(struct str image, struct parts *p)
{
    *p = (struct parts){.host = STR(""), .tag = STR(""), .digest = STR("")};
    const char *at = image.n ? memchr(image.p, '@', image.n) : NULL;
    if (at) {
        p->digest = str_from(image, (size_t)(at - image.p) + 1);
        image.n = (size_t)(at - image.p);
    }
    const char *slash = image.n ? memchr(image.p, '/', image.n) : NULL;
    if (slash) {
        struct str first = str_n(image.p, (size_t)(slash - image.p));
        bool upper = false;
        for (size_t i = 0; i < first.n; i++)
            upper |= first.p[i] >= 'A' && first.p[i] <= 'Z';
        if (memchr(first.p, '.', first.n) || memchr(first.p, ':', first.n) || str_is(first, "localhost") || upper) {
            p->host = first;
            image = str_from(image, first.n + 1);
        }
    }
    const char *last_slash = image.n ? memrchr(image.p, '/', image.n) : NULL;
    struct str last = last_slash ? str_from(image, (size_t)(last_slash - image.p) + 1) : image;
    const char *colon = last.n ? memchr(last.p, ':', last.n) : NULL;
    if (colon) {
        p->tag = str_n(colon + 1, (size_t)(image.p + image.n - colon - 1));
        image.n = (size_t)(colon - image.p);
    }
    p->path = image;
}

static bool has_colon_end(struct str image)
{
    return image.n && image.p[image.n - 1] == ':';
}

int image_name_normalize(struct buf *out, struct str image, struct err *err)
{
    struct parts p;
    split_reference(image, &p);
    if (!path_valid(p.path) || (p.host.n && !host_valid(p.host)) || (p.tag.n && !tag_valid(p.tag)) ||
        has_colon_end(image) || (memchr(image.p, '@', image.n) && !digest_valid(p.digest))) {
        bool upper = false;
        for (size_t i = 0; i < p.path.n; i++)
            upper |= p.path.p[i] >= 'A' && p.path.p[i] <= 'Z';
        if (upper)
            return err_set(err, ERR_INVALID,
                           "couldn't parse image name \"" STR_FMT
                           "\": invalid reference format: repository name (" STR_FMT ") must be lowercase",
                           STR_ARG(image), STR_ARG(p.path));
        return err_set(err, ERR_INVALID, INVALID, STR_ARG(image), "invalid reference format");
    }
    if (!p.host.n || str_is(p.host, "index.docker.io"))
        p.host = STR("docker.io");
    bool official = str_is(p.host, "docker.io") && !memchr(p.path.p, '/', p.path.n);
    if (p.host.n + 1 + (official ? strlen("library/") : 0) + p.path.n > NAME_MAX_LEN)
        return err_set(err, ERR_INVALID, INVALID, STR_ARG(image),
                       "repository name must not be more than 255 characters");
    buf_str_add(out, p.host);
    buf_putc(out, '/');
    if (official)
        buf_puts(out, "library/");
    buf_str_add(out, p.path);
    if (p.tag.n)
        buf_printf(out, ":" STR_FMT, STR_ARG(p.tag));
    else if (!p.digest.n)
        buf_puts(out, ":latest");
    if (p.digest.n)
        buf_printf(out, "@" STR_FMT, STR_ARG(p.digest));
    return 0;
}

struct str image_name_tag(struct str image)
{
    struct parts p;
    split_reference(image, &p);
    if (p.tag.n)
        return p.tag;
    return p.digest.n ? STR("") : STR("latest");
}
