/* LimitRanger: a namespace's LimitRanges give containers what they do not ask for, and bound what they ask. */
#include <stdarg.h>

#include "api/quantity.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/registry/meta.h"
#include "base/limits.h"

#define ANNOTATION "kubernetes.io/limit-ranger"
#define RANGES_MAX 64 /* LimitRanges of a namespace that are looked at */

struct ranges {
    struct arena *arena;
    struct doc *limits[RANGES_MAX]; /* spec.limits of each, in the order of names */
    size_t n;
};

static bool collect(void *arg, const struct doc *obj)
{
    struct ranges *r = arg;
    struct doc *limits = doc_clone(r->arena, doc_path(obj, "spec.limits"), false);
    if (limits)
        r->limits[r->n++] = limits;
    return r->n < RANGES_MAX;
}

static int ranges_of(const struct admit *a, struct ranges *ret, struct err *err)
{
    *ret = (struct ranges){.arena = a->op->arena};
    return registry_each(a->op->registry, registry_resource("", "limitranges"), a->op->ns, collect, ret, err);
}

static bool is_type(const struct doc *limit, const char *type)
{
    return str_is(doc_str(doc_get(limit, "type")), type);
}

/* --- defaults ----------------------------------------------------------------------------------------------------- */

/* Sets what is missing in resources.<kind>, and notes the names of what was set. */
static bool set_missing(struct arena *a, struct doc *container, const char *kind, const struct doc *defaults,
                        struct buf *names)
{
    struct doc *resources = doc_count(defaults) ? doc_need_object(a, container, "resources") : NULL;
    struct doc *have = resources ? doc_need_object(a, resources, kind) : NULL;
    bool any = false;
    if (!have)
        return false;
    doc_foreach (defaults, d) {
        if (doc_get_str(have, doc_key(d)))
            continue;
        doc_set_str(have, doc_key(d), doc_clone(a, d, true));
        buf_printf(names, "%s" STR_FMT, any ? ", " : "", STR_ARG(doc_key(d)));
        any = true;
    }
    doc_sort_members(have, false);
    return any;
}

static void default_container(struct arena *a, struct doc *c, const struct doc *limit, const char *what,
                              struct buf *notes)
{
    _cleanup_(buf_releasep) struct buf requests = BUF_INIT(KIB), limits = BUF_INIT(KIB);
    struct str name = doc_str(doc_get(c, "name"));
    if (set_missing(a, c, "limits", doc_get(limit, "default"), &limits))
        buf_printf(notes, "; %s limit for %s " STR_FMT, limits.data, what, STR_ARG(name));
    if (set_missing(a, c, "requests", doc_get(limit, "defaultRequest"), &requests))
        buf_printf(notes, "; %s request for %s " STR_FMT, requests.data, what, STR_ARG(name));
}

static void default_pod(struct arena *a, struct doc *pod, const struct doc *limits, struct buf *notes)
{
    doc_foreach (limits, l) {
        if (!is_type(l, "Container"))
            continue;
        doc_foreach (doc_path(pod, "spec.containers"), c)
            default_container(a, c, l, "container", notes);
        doc_foreach (doc_path(pod, "spec.initContainers"), c)
            default_container(a, c, l, "init container", notes);
    }
}

int limit_ranger_mutate(const struct admit *ad, struct err *err)
{
    struct ranges r;
    struct arena *a = ad->op->arena;
    if (!admit_is(ad, "pods") || ad->what != ADMIT_CREATE) /* an update cannot change resources */
        return 0;
    if (ranges_of(ad, &r, err) < 0)
        return -1;
    _cleanup_(buf_releasep) struct buf notes = BUF_INIT(LIMIT_ANNOTATIONS);
    for (size_t i = 0; i < r.n; i++)
        default_pod(a, ad->obj, r.limits[i], &notes);
    if (!notes.len)
        return 0;
    struct doc *annotations = doc_need_object(a, meta_need(a, ad->obj), "annotations");
    if (annotations)
        doc_set(annotations, ANNOTATION, doc_printf(a, "LimitRanger plugin set: %s", notes.data + 2));
    return 0;
}

/* --- bounds ------------------------------------------------------------------------------------------------------- */

struct check {
    const char *type; /* Container, Pod, PersistentVolumeClaim */
    const struct doc *limit;
    struct buf *errors;
    size_t n;
};

static void complain(struct check *c, const char *fmt, ...) PRINTF_FMT(2, 3);
static void complain(struct check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (c->n++)
        buf_puts(c->errors, ", ");
    buf_vprintf(c->errors, fmt, ap);
    va_end(ap);
}

/* One resource's request and limit; have_* false = not given. */
struct usage {
    struct str name;
    struct quantity request, limit;
    bool have_request, have_limit;
};

static void check_bound(struct check *c, const struct usage *u, const struct doc *bound, bool minimum)
{
    struct quantity q;
    char bound_text[QUANTITY_TEXT_MAX], text[QUANTITY_TEXT_MAX];
    const char *word = minimum ? "minimum" : "maximum", *must = minimum ? "request" : "limit";
    bool given = minimum ? u->have_request : u->have_limit;
    if (!quantity_read(doc_text(bound), &q))
        return;
    quantity_format(&q, bound_text);
    if (!given) {
        complain(c, "%s " STR_FMT " usage per %s is %s.  No %s is specified", word, STR_ARG(u->name), c->type,
                 bound_text, must);
        return;
    }
    const struct {
        const char *what;
        const struct quantity *q;
        bool have;
    } sides[] = {{"request", &u->request, u->have_request}, {"limit", &u->limit, u->have_limit}};
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        size_t at = minimum ? i : 1 - i; /* upstream looks at the side that must be there first */
        int order = quantity_cmp(sides[at].q, &q);
        if (!sides[at].have || (minimum ? order >= 0 : order <= 0))
            continue;
        quantity_format(sides[at].q, text);
        complain(c, "%s " STR_FMT " usage per %s is %s, but %s is %s", word, STR_ARG(u->name), c->type, bound_text,
                 sides[at].what, text);
        return;
    }
}

static void check_ratio(struct check *c, const struct usage *u, const struct doc *bound)
{
    struct quantity q;
    char text[QUANTITY_TEXT_MAX];
    if (!quantity_read(doc_text(bound), &q))
        return;
    quantity_format(&q, text);
    const char *missing = !u->have_request || quantity_is_zero(&u->request) ? "request"
                          : !u->have_limit || quantity_is_zero(&u->limit)   ? "limit"
                                                                            : NULL;
    if (missing) {
        complain(c, STR_FMT " max limit to request ratio per %s is %s, but no %s is specified or %s is 0",
                 STR_ARG(u->name), c->type, text, missing, missing);
        return;
    }
    double ratio = (double)u->limit.nano / (double)u->request.nano;
    if (ratio > (double)q.nano / 1e9)
        complain(c, STR_FMT " max limit to request ratio per %s is %s, but provided ratio is %f", STR_ARG(u->name),
                 c->type, text, ratio);
}

typedef void (*usage_fn)(const struct doc *obj, struct str resource, struct usage *ret);

static void check_object(struct check *c, const struct doc *obj, usage_fn usage)
{
    static const char *const bounds[] = {"min", "max", "maxLimitRequestRatio"};
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
        doc_foreach (doc_get(c->limit, bounds[i]), b) {
            struct usage u = {.name = doc_key(b)};
            usage(obj, u.name, &u);
            if (i == 2)
                check_ratio(c, &u, b);
            else
                check_bound(c, &u, b, i == 0);
        }
}

static bool read_one(const struct doc *obj, const char *path, struct str resource, struct quantity *ret)
{
    const struct doc *d = doc_get_str(doc_path(obj, path), resource);
    return d && quantity_read(doc_text(d), ret);
}

static void container_usage(const struct doc *c, struct str resource, struct usage *u)
{
    u->have_request = read_one(c, "resources.requests", resource, &u->request);
    u->have_limit = read_one(c, "resources.limits", resource, &u->limit);
}

static void claim_usage(const struct doc *claim, struct str resource, struct usage *u)
{
    /* A claim has a request only; upstream bounds it as if it were a limit too. */
    u->have_request = u->have_limit = read_one(claim, "spec.resources.requests", resource, &u->request);
    u->limit = u->request;
}

/* The containers together; a limit counts when all of them have one. */
static void pod_usage(const struct doc *pod, struct str resource, struct usage *u)
{
    u->have_limit = true;
    doc_foreach (doc_path(pod, "spec.containers"), c) {
        struct usage one = {.name = resource};
        container_usage(c, resource, &one);
        if (one.have_request)
            quantity_add(&u->request, &one.request);
        if (one.have_limit)
            quantity_add(&u->limit, &one.limit);
        u->have_request = u->have_request || one.have_request;
        u->have_limit = u->have_limit && one.have_limit;
    }
}

static void check_pod(struct check *c, const struct doc *pod)
{
    if (is_type(c->limit, "Container")) {
        c->type = "Container";
        doc_foreach (doc_path(pod, "spec.initContainers"), i)
            check_object(c, i, container_usage);
        doc_foreach (doc_path(pod, "spec.containers"), i)
            check_object(c, i, container_usage);
    } else if (is_type(c->limit, "Pod")) {
        c->type = "Pod";
        check_object(c, pod, pod_usage);
    }
}

int limit_ranger_validate(const struct admit *a, struct err *err)
{
    struct ranges r;
    bool pods = admit_is(a, "pods"), claims = admit_is(a, "persistentvolumeclaims");
    if ((!pods && !claims) || (pods && a->what != ADMIT_CREATE))
        return 0;
    if (ranges_of(a, &r, err) < 0)
        return -1;
    _cleanup_(buf_releasep) struct buf errors = BUF_INIT(ERR_TEXT_MAX);
    struct check c = {.errors = &errors};
    for (size_t i = 0; i < r.n; i++)
        doc_foreach (r.limits[i], l) {
            c.limit = l;
            if (pods) {
                check_pod(&c, a->obj);
            } else if (is_type(l, "PersistentVolumeClaim")) {
                c.type = "PersistentVolumeClaim";
                check_object(&c, a->obj, claim_usage);
            }
        }
    if (!c.n)
        return 0;
    return admit_forbidden(a, err, c.n > 1 ? "[%s]" : "%s", errors.data);
}
