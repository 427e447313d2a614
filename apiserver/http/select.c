#include "apiserver/http/select.h"

#include "api/fielderr.h"
#include "api/status.h"
#include "apiserver/apiextensions/custom.h"
#include "apiserver/options.h"
#include "apiserver/registry/codec.h"
#include "base/limits.h"
#include "base/parse.h"

/* Kinds with a conversion of their own say it in fewer words, as upstream. */
static bool has_own_conversion(const struct resource *res)
{
    const struct field_def *defs;
    return codec_fields(res, &defs) > 0 && !defs[0].hidden;
}

static int check_fields(const struct resource *res, const struct field_selector *fields, struct err *err)
{
    for (size_t i = 0; fields && i < fields->n; i++) {
        struct str label = fields->terms[i].field;
        if (codec_field_known(res, label) || (res->custom && custom_field_known(res->custom, label)) ||
            (str_is(label, "status.podIPs") && strcmp(res->name, "pods") == 0))
            continue;
        if (has_own_conversion(res))
            return err_set(err, ERR_BAD_REQUEST, "field label not supported: " STR_FMT, STR_ARG(label));
        return err_set(err, ERR_BAD_REQUEST,
                       "\"" STR_FMT "\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                       STR_ARG(label));
    }
    return 0;
}

int selection_parse(struct request *r, struct selection *ret, struct err *err)
{
    struct selection s = {.res = r->res};
    if (label_selector_parse(r->arena, query_get(&r->query, "labelSelector"), &s.labels, err) < 0)
        return -1;
    if (field_selector_parse(r->arena, query_get(&r->query, "fieldSelector"), &s.fields, err) < 0 ||
        check_fields(r->res, s.fields, err) < 0)
        return -1;
    if (s.fields)
        (void)field_selector_requires(s.fields, STR("metadata.name"), &s.name);
    *ret = s;
    return 0;
}

struct field_lookup {
    const struct resource *res;
    const struct object_index *ix;
    const struct storage_object *object;
    struct arena *arena; /* of a custom resource's document, when one of its own fields is asked for */
    struct doc *doc;
};

/* Custom fields change with the schema, so they are no part of what is kept with an object. */
static struct str custom_value(struct field_lookup *l, struct str field)
{
    struct err ignored = ERR_INIT;
    if (!l->arena)
        l->arena = arena_new(LIMIT_DOC_ARENA);
    if (!l->doc && codec_load(l->res, l->arena, l->object, &l->doc, &ignored) < 0)
        return STR("");
    return custom_field(l->res->custom, l->doc, field);
}

static struct str look_up(void *user, struct str field)
{
    struct field_lookup *l = user;
    if (l->res->custom && custom_field_known(l->res->custom, field))
        return custom_value(l, field);
    return codec_field_value(l->res, l->ix, field);
}

bool selection_matches(void *user, const struct storage_object *o)
{
    const struct selection *s = user;
    if (selection_everything(s))
        return true;
    struct field_lookup l = {s->res, codec_index(s->res, o), o, NULL, NULL};
    bool matches = l.ix && label_selector_matches(s->labels, l.ix->labels, l.ix->n_labels) &&
                   field_selector_matches(s->fields, look_up, &l);
    arena_free(l.arena);
    return matches;
}

static int parse_revision(struct str text, int64_t *ret, struct err *err)
{
    if (!parse_range(text, 0, INT64_MAX, ret))
        return err_set(err, ERR_BAD_REQUEST,
                       "Invalid value: \"" STR_FMT "\": strconv.ParseUint: parsing \"" STR_FMT "\": invalid syntax",
                       STR_ARG(text), STR_ARG(text));
    return 0;
}

static int check_match(struct request *r, struct read_options *o, struct str match, bool list, struct err *err)
{
    static const char *const supported[] = {"Exact", "NotOlderThan", ""};
    struct field_errors errs = field_errors_in(r->arena);
    const struct field_path *p = FIELD(NULL, "resourceVersionMatch");
    bool initial = query_has(&r->query, "sendInitialEvents");
    if (!list && match.n && !initial)
        field_forbidden(&errs, p, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    else if (!list && initial && !str_is(match, "NotOlderThan"))
        field_forbidden(&errs, p, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    else if (list && match.n && !o->set)
        field_forbidden(&errs, p, "resourceVersionMatch is forbidden unless resourceVersion is provided");
    else if (list && match.n && o->token.n)
        field_forbidden(&errs, p, "resourceVersionMatch is forbidden when continue is provided");
    else if (match.n && !str_is(match, "Exact") && !str_is(match, "NotOlderThan"))
        field_not_supported_str(&errs, p, match, supported, ARRAY_LEN(supported));
    else if (list && str_is(match, "Exact") && o->revision == 0)
        field_forbidden(&errs, p, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    if (list && initial)
        field_forbidden(&errs, FIELD(NULL, "sendInitialEvents"), "sendInitialEvents is forbidden for list");
    return field_errors_to_err(&errs, STR("meta.k8s.io"), STR("ListOptions"), STR(""), err);
}

static enum storage_at list_at(const struct read_options *o, struct str match)
{
    if (!o->set)
        return STORAGE_CONSISTENT;
    if (o->revision == 0)
        return STORAGE_ANY;
    if (str_is(match, "Exact") || (o->limit > 0 && !match.n))
        return STORAGE_EXACT;
    return STORAGE_NOT_OLDER;
}

int read_options_parse(struct request *r, bool list, struct read_options *ret, struct err *err)
{
    struct read_options o = {.token = query_get(&r->query, "continue")};
    struct str version = query_get(&r->query, "resourceVersion"), match = query_get(&r->query, "resourceVersionMatch");
    bool limited;
    o.set = version.n > 0;
    if ((o.set && parse_revision(version, &o.revision, err) < 0) ||
        query_int(&r->query, "limit", &limited, &o.limit, err) < 0)
        return -1;
    if (o.limit < 0)
        o.limit = 0;
    if (list && o.token.n && o.set && o.revision != 0)
        return err_set(err, ERR_BAD_REQUEST, "specifying resource version is not allowed when using continue");
    o.send_initial_events = query_bool(&r->query, "sendInitialEvents");
    if (check_match(r, &o, match, list, err) < 0)
        return -1;
    o.at = list_at(&o, match);
    if (o.token.n) {
        o.at = STORAGE_CONSISTENT;
        o.revision = 0;
    }
    *ret = o;
    return 0;
}

int read_error(struct request *r, struct err *err)
{
    struct str group = str_of(r->res->group), resource = str_of(r->res->name);
    if (err->code == ERR_NOT_FOUND)
        return status_not_found(err, r->arena, group, resource, r->info.name);
    if (err->code == ERR_EXPIRED && query_has(&r->query, "continue") && err->detail) {
        /* The text offers the token in the answer, with which the rest can be read inconsistently. */
        struct status_details *d = arena_new_of(r->arena, struct status_details);
        if (d)
            d->continue_to = arena_strdup(r->arena, err->detail);
        err->detail = d;
    }
    return -1;
}

int request_key(struct request *r, struct str ns, struct str name, struct str *ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_URL);
    if (!codec_key(r->res, r->server->options->etcd_prefix, ns, name, &b))
        return err_set(err, ERR_BAD_REQUEST, "no such key");
    *ret = arena_str(r->arena, buf_str(&b));
    return 0;
}
