#include "apiserver/http/negotiate.h"

#define ACCEPT_MAX 32 /* entries of an Accept header looked at */

static const char *const MEDIA_TYPES[ENC_N] = {
    [ENC_JSON] = "application/json",
    [ENC_YAML] = "application/yaml",
    [ENC_PROTOBUF] = "application/vnd.kubernetes.protobuf",
};

static const char *const WATCH_TYPES[ENC_N] = {
    [ENC_JSON] = "application/json",
    [ENC_YAML] = "application/json",
    [ENC_PROTOBUF] = "application/vnd.kubernetes.protobuf;stream=watch",
};

#define ACCEPTED_CUSTOM "application/json, application/yaml"
#define ACCEPTED_LIST "application/json, application/yaml, application/vnd.kubernetes.protobuf"

const char *encoding_media_type(enum encoding e)
{
    return MEDIA_TYPES[e];
}

const char *encoding_watch_type(enum encoding e)
{
    return WATCH_TYPES[e];
}

struct entry {
    struct str type;
    struct str as, g, v;
    bool stream;
    int quality; /* thousandths */
};

/* "0.8" -> 800; anything unreadable counts as 1. */
static int parse_quality(struct str s)
{
    if (!s.n || (s.p[0] != '0' && s.p[0] != '1'))
        return 1000;
    int q = (s.p[0] - '0') * 1000, scale = 100;
    for (size_t i = 2; i < s.n && i < 5 && s.p[1] == '.'; i++, scale /= 10) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 1000;
        q += (s.p[i] - '0') * scale;
    }
    return MIN_OF(q, 1000);
}

static struct str unquote(struct str s)
{
    return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? str_n(s.p + 1, s.n - 2) : s;
}

static struct entry parse_entry(struct str text)
{
    struct entry e = {.quality = 1000};
    struct str param;
    if (!str_split(&text, ';', &param))
        return e;
    e.type = str_trim(param);
    while (str_split(&text, ';', &param)) {
        const char *eq = memchr(param.p, '=', param.n);
        if (!eq)
            continue;
        struct str key = str_trim(str_n(param.p, (size_t)(eq - param.p)));
        struct str value = unquote(str_trim(str_from(param, (size_t)(eq - param.p) + 1)));
        if (str_ieq(key, STR("as")))
            e.as = value;
        else if (str_ieq(key, STR("g")))
            e.g = value;
        else if (str_ieq(key, STR("v")))
            e.v = value;
        else if (str_ieq(key, STR("q")))
            e.quality = parse_quality(value);
        else if (str_ieq(key, STR("stream")))
            e.stream = str_is(value, "watch");
    }
    return e;
}

static bool match_encoding(struct str type, enum encoding *ret)
{
    for (int i = 0; i < ENC_N; i++)
        if (str_ieq(type, str_of(MEDIA_TYPES[i]))) {
            *ret = (enum encoding)i;
            return true;
        }
    if (str_is(type, "*/*") || str_is(type, "application/*") || str_is(type, "*")) {
        *ret = ENC_JSON;
        return true;
    }
    return false;
}

static const struct {
    const char *as, *group, *version, *beta_version;
    enum shape shape;
    unsigned where; /* bit of enum negotiate_for */
} SHAPES[] = {
    {"Table", "meta.k8s.io", "v1", "v1beta1", SHAPE_TABLE, 1u << NEGOTIATE_OBJECT | 1u << NEGOTIATE_LIST},
    {"PartialObjectMetadata", "meta.k8s.io", "v1", "v1beta1", SHAPE_METADATA,
     1u << NEGOTIATE_OBJECT | 1u << NEGOTIATE_LIST},
    {"PartialObjectMetadataList", "meta.k8s.io", "v1", "v1beta1", SHAPE_METADATA_LIST, 1u << NEGOTIATE_LIST},
    {"APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2", "v2beta1", SHAPE_DISCOVERY, 1u << NEGOTIATE_DISCOVERY},
};

static bool match_shape(const struct entry *e, enum negotiate_for what, struct accepted *ret)
{
    if (!e->as.n) {
        ret->shape = SHAPE_OBJECT;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(SHAPES); i++) {
        bool beta = str_is(e->v, SHAPES[i].beta_version);
        if (!(SHAPES[i].where & 1u << what) || !str_is(e->as, SHAPES[i].as) || !str_is(e->g, SHAPES[i].group) ||
            !(beta || str_is(e->v, SHAPES[i].version)))
            continue;
        if (SHAPES[i].shape == SHAPE_TABLE && ret->encoding == ENC_PROTOBUF)
            return false;
        ret->shape = SHAPES[i].shape;
        ret->beta = beta;
        return true;
    }
    return false;
}

int negotiate_accept(struct str header, enum negotiate_for what, struct accepted *ret, struct err *err)
{
    header = str_trim(header);
    if (!header.n) {
        *ret = (struct accepted){0};
        return 0;
    }
    struct accepted best = {0};
    bool custom = (what & NEGOTIATE_CUSTOM) != 0;
    what = (enum negotiate_for)(what & ~(unsigned)NEGOTIATE_CUSTOM);
    int best_quality = 0;
    struct str part;
    for (int i = 0; i < ACCEPT_MAX && str_split(&header, ',', &part); i++) {
        struct entry e = parse_entry(part);
        struct accepted a = {.stream = e.stream};
        if (e.quality > best_quality && match_encoding(e.type, &a.encoding) && match_shape(&e, what, &a) &&
            !(custom && a.encoding == ENC_PROTOBUF && a.shape == SHAPE_OBJECT)) {
            best = a;
            best_quality = e.quality;
        }
    }
    if (!best_quality)
        return err_set(err, ERR_NOT_ACCEPTABLE, "only the following media types are accepted: %s",
                       custom ? ACCEPTED_CUSTOM : ACCEPTED_LIST);
    *ret = best;
    return 0;
}

int negotiate_content_type(struct str header, enum encoding *ret, struct err *err)
{
    struct entry e = parse_entry(header);
    if (!e.type.n) {
        *ret = ENC_JSON;
        return 0;
    }
    if (e.type.p[0] == '*' || !match_encoding(e.type, ret))
        return err_set(
            err, ERR_UNSUPPORTED_MEDIA,
            "the body of the request was in an unknown format - accepted media types include: " ACCEPTED_LIST);
    return 0;
}

static const struct {
    const char *type;
    enum patch_type patch;
} PATCH_TYPES[] = {
    {"application/json-patch+json", PATCH_JSON},
    {"application/merge-patch+json", PATCH_MERGE},
    {"application/strategic-merge-patch+json", PATCH_STRATEGIC},
};

int negotiate_patch_type(struct str header, enum patch_type *ret, struct err *err)
{
    struct entry e = parse_entry(header);
    for (size_t i = 0; i < ARRAY_LEN(PATCH_TYPES); i++)
        if (str_is(e.type, PATCH_TYPES[i].type)) {
            *ret = PATCH_TYPES[i].patch;
            return 0;
        }
    return err_set(err, ERR_UNSUPPORTED_MEDIA,
                   "the body of the request was in an unknown format - accepted media types include: "
                   "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json");
}
