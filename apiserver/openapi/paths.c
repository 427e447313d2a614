#include "apiserver/openapi/spec.h"

#include <stdio.h>

/* --- parameters --- */

struct parameter {
    const char *name, *type, *description;
};

static const struct parameter
    p_watch[] =
        {
            {"allowWatchBookmarks", "boolean", "send BOOKMARK events, which only carry a resourceVersion"},
            {"continue", "string", "go on with a list where the last page ended"},
            {"fieldSelector", "string", "only objects with these field values"},
            {"labelSelector", "string", "only objects with these labels"},
            {"limit", "integer", "objects in a page at most"},
            {"resourceVersion", "string", "how old the answer may be"},
            {"resourceVersionMatch", "string", "how resourceVersion is meant: Exact or NotOlderThan"},
            {"sendInitialEvents", "boolean", "begin a watch with what exists"},
            {"timeoutSeconds", "integer", "end the call after this time"},
            {"watch", "boolean", "stream changes instead of answering with a list"},
            {NULL},
},
    p_write[] =
        {
            {"dryRun", "string", "All: do everything but keep the result"},
            {"fieldManager", "string", "who is making the change"},
            {"fieldValidation", "string", "what to do about unknown and repeated fields: Ignore, Warn or Strict"},
            {NULL},
},
    p_patch[] =
        {
            {"dryRun", "string", "All: do everything but keep the result"},
            {"fieldManager", "string", "who is making the change"},
            {"fieldValidation", "string", "what to do about unknown and repeated fields: Ignore, Warn or Strict"},
            {"force", "boolean", "apply: take over the fields of others"},
            {NULL},
},
    p_delete[] =
        {
            {"dryRun", "string", "All: do everything but keep the result"},
            {"gracePeriodSeconds", "integer", "how long the object may take to end"},
            {"orphanDependents", "boolean", "leave what it owns (use propagationPolicy)"},
            {"propagationPolicy", "string", "what happens to what it owns: Orphan, Background or Foreground"},
            {NULL},
},
    p_collection[] =
        {
            {"continue", "string", "go on with a list where the last page ended"},
            {"dryRun", "string", "All: do everything but keep the result"},
            {"fieldSelector", "string", "only objects with these field values"},
            {"gracePeriodSeconds", "integer", "how long an object may take to end"},
            {"labelSelector", "string", "only objects with these labels"},
            {"limit", "integer", "objects at most"},
            {"orphanDependents", "boolean", "leave what they own (use propagationPolicy)"},
            {"propagationPolicy", "string", "what happens to what they own: Orphan, Background or Foreground"},
            {"resourceVersion", "string", "how old the list may be"},
            {"resourceVersionMatch", "string", "how resourceVersion is meant: Exact or NotOlderThan"},
            {"timeoutSeconds", "integer", "end the call after this time"},
            {NULL},
},
    p_none[] = {{NULL}}, p_name = {"name", "string", "name of the object"},
    p_namespace = {"namespace", "string", "namespace of the object"},
    p_pretty = {"pretty", "string", "true: indent the answer"};

/* The operations: of a collection or of one object. */
enum body { BODY_NONE, BODY_OBJECT, BODY_PATCH, BODY_DELETE };

struct operation {
    uint16_t verb;
    const char *method, *action, *word;
    const struct parameter *parameters;
    enum body body;
    bool creates;
};

static const struct operation collection_operations[] = {
    {VERB_LIST, "get", "list", "list", p_watch, BODY_NONE, false},
    {VERB_CREATE, "post", "post", "create", p_write, BODY_OBJECT, true},
    {VERB_DELETECOLLECTION, "delete", "deletecollection", "delete", p_collection, BODY_DELETE, false},
};
static const struct operation object_operations[] = {
    {VERB_GET, "get", "get", "read", p_none, BODY_NONE, false},
    {VERB_UPDATE, "put", "put", "replace", p_write, BODY_OBJECT, true},
    {VERB_DELETE, "delete", "delete", "delete", p_delete, BODY_DELETE, false},
    {VERB_PATCH, "patch", "patch", "patch", p_patch, BODY_PATCH, true},
};
static const struct operation sub_operations[] = {
    {VERB_GET, "get", "get", "read", p_none, BODY_NONE, false},
    {VERB_CREATE, "post", "post", "create", p_write, BODY_OBJECT, true},
    {VERB_UPDATE, "put", "put", "replace", p_write, BODY_OBJECT, true},
    {VERB_PATCH, "patch", "patch", "patch", p_patch, BODY_PATCH, true},
};
/* Subresources that are connections: no object goes either way. */
static const char *const connect_methods[] = {"get", "post", "put", "delete", "options", "head", "patch"};

static struct doc *parameter(struct spec *s, const struct parameter *p, const char *in)
{
    struct doc *d = doc_object(s->a), *type = s->v3 ? doc_object(s->a) : d;

    if (!d || !type)
        return NULL;
    spec_text(s, d, "name", p->name);
    spec_text(s, d, "in", in);
    spec_text(s, d, "description", p->description);
    if (strcmp(in, "path") == 0)
        doc_set(d, "required", doc_bool(s->a, true));
    spec_text(s, type, "type", p->type);
    doc_set(type, "uniqueItems", doc_bool(s->a, true));
    if (s->v3)
        doc_set(d, "schema", type);
    return d;
}

static struct doc *query_parameters(struct spec *s, const struct parameter *p)
{
    struct doc *list = doc_array(s->a);

    for (; p->name; p++)
        doc_append(list, parameter(s, p, "query"));
    return list;
}

/* --- names --- */

/* What a path is about: what operations have in common. */
struct place {
    const struct resource *r;
    const struct resource_sub *sub; /* NULL = the resource itself */
    bool all_namespaces;
    const struct schema_message *object; /* what is sent and answered; NULL = the custom resource */
    const char *kind_group, *kind_version, *kind;
};

/* "rbac.authorization.k8s.io" -> "RbacAuthorization", or with a small first letter for tags */
static void camel_group(char *out, size_t size, const char *group, bool capital)
{
    struct str s = str_of(group[0] ? group : "core");
    size_t n = 0;

    if (str_ends(s, STR(".k8s.io")))
        s.n -= 7;
    for (size_t i = 0; i < s.n && n + 1 < size; i++) {
        if (s.p[i] == '.') {
            capital = true;
            continue;
        }
        out[n++] = (char)(capital && s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] - 32 : s.p[i]);
        capital = false;
    }
    out[n] = '\0';
}

static struct doc *capitalized(struct spec *s, const char *format, const char *verb, const struct place *p,
                               const char *middle, const char *end)
{
    char group[64], version[16], sub[32] = "";

    camel_group(group, sizeof(group), p->r->group, true);
    snprintf(version, sizeof(version), "V%s", p->r->version + 1);
    if (p->sub)
        camel_group(sub, sizeof(sub), p->sub->name, true);
    return doc_printf(s->a, format, verb, group, version, middle,
                      p->r->namespaced && !p->all_namespaces ? "Namespaced" : "", p->r->kind, sub, end);
}

static struct doc *operation_id(struct spec *s, const struct operation *op, const struct place *p)
{
    const char *middle = strcmp(op->action, "deletecollection") == 0 ? "Collection" : "";

    return capitalized(s, "%s%s%s%s%s%s%s%s", op->word, p, middle, p->all_namespaces ? "ForAllNamespaces" : "");
}

/* --- operations --- */

static struct doc *named(struct spec *s, const char *key, struct doc *value)
{
    struct doc *d = doc_object(s->a);

    if (d && value)
        doc_set(d, key, value);
    return d;
}

static struct doc *response(struct spec *s, const char *description, struct doc *schema)
{
    struct doc *d = doc_object(s->a);

    spec_text(s, d, "description", description);
    if (!d || !schema)
        return d;
    if (s->v3)
        doc_set(d, "content", named(s, "application/json", named(s, "schema", schema)));
    else
        doc_set(d, "schema", schema);
    return d;
}

static const struct schema_message *meta(const char *kind)
{
    return schema_kind_find(STR("meta.k8s.io"), STR("v1"), str_of(kind))->message;
}

static struct doc *object_ref(struct spec *s, const struct place *p)
{
    return p->object ? spec_ref(s, p->object) : spec_custom_ref(s, p->r, false);
}

static struct doc *answer_schema(struct spec *s, const struct operation *op, const struct place *p)
{
    if (op->verb == VERB_LIST)
        return p->r->custom ? spec_custom_ref(s, p->r, true) : spec_ref(s, p->r->list_message);
    if (op->body == BODY_DELETE)
        return spec_ref(s, meta("Status"));
    return p->sub && strcmp(p->sub->name, "log") == 0 ? NULL : object_ref(s, p);
}

static struct doc *responses(struct spec *s, const struct operation *op, const struct place *p)
{
    struct doc *d = doc_object(s->a);

    if (!d)
        return NULL;
    doc_set(d, "200", response(s, "OK", answer_schema(s, op, p)));
    if (op->creates)
        doc_set(d, "201", response(s, "Created", answer_schema(s, op, p)));
    doc_set(d, "401", response(s, "Unauthorized", NULL));
    return d;
}

static struct doc *body_schema(struct spec *s, const struct operation *op, const struct place *p)
{
    if (op->body == BODY_PATCH)
        return named(s, "type", doc_string(s->a, STR("object")));
    return op->body == BODY_DELETE ? spec_ref(s, meta("DeleteOptions")) : object_ref(s, p);
}

static const char *const patch_types[] = {"application/json-patch+json", "application/merge-patch+json",
                                          "application/strategic-merge-patch+json"};

/* kubectl reads here whether it may send strategic patches: custom resources take none. */
static size_t n_patch_types(const struct place *p)
{
    return p->object ? ARRAY_LEN(patch_types) : ARRAY_LEN(patch_types) - 1;
}

static void body_v3(struct spec *s, struct doc *d, const struct operation *op, const struct place *p)
{
    struct doc *content = doc_object(s->a);

    if (!content)
        return;
    if (op->body == BODY_PATCH)
        for (size_t i = 0; i < n_patch_types(p); i++)
            doc_set(content, patch_types[i], named(s, "schema", body_schema(s, op, p)));
    else
        doc_set(content, "*/*", named(s, "schema", body_schema(s, op, p)));
    doc_set(d, "requestBody", named(s, "content", content));
}

static void body_v2(struct spec *s, struct doc *d, struct doc *parameters, const struct operation *op,
                    const struct place *p)
{
    struct doc *body = doc_object(s->a), *consumes = doc_array(s->a);

    if (!body || !consumes)
        return;
    spec_text(s, body, "name", "body");
    spec_text(s, body, "in", "body");
    doc_set(body, "required", doc_bool(s->a, op->body != BODY_DELETE));
    doc_set(body, "schema", body_schema(s, op, p));
    doc_append(parameters, body);
    for (size_t i = 0; op->body == BODY_PATCH && i < n_patch_types(p); i++)
        doc_append(consumes, doc_string(s->a, str_of(patch_types[i])));
    if (op->body != BODY_PATCH)
        doc_append(consumes, doc_string(s->a, STR("*/*")));
    doc_set(d, "consumes", consumes);
}

/* tags, action and kind: the same for all */
static void describe(struct spec *s, struct doc *d, const char *action, const struct place *p)
{
    char group[64];

    camel_group(group, sizeof(group), p->r->group, false);
    struct doc *tags = doc_array(s->a);
    doc_append(tags, doc_printf(s->a, "%s_%s", group, p->r->version));
    if (tags)
        doc_set(d, "tags", tags);
    spec_text(s, d, "x-kubernetes-action", action);
    doc_set(d, "x-kubernetes-group-version-kind", spec_kind(s, p->kind_group, p->kind_version, p->kind));
}

static struct doc *operation(struct spec *s, const struct operation *op, const struct place *p)
{
    struct doc *d = doc_object(s->a), *parameters = query_parameters(s, op->parameters);

    if (!d || !parameters)
        return NULL;
    doc_set(d, "operationId", operation_id(s, op, p));
    describe(s, d, op->action, p);
    if (op->body != BODY_NONE && s->v3)
        body_v3(s, d, op, p);
    else if (op->body != BODY_NONE)
        body_v2(s, d, parameters, op, p);
    if (doc_count(parameters))
        doc_set(d, "parameters", parameters);
    if (!s->v3) {
        struct doc *produces = doc_array(s->a);
        doc_append(produces, doc_string(s->a, STR("application/json")));
        if (produces)
            doc_set(d, "produces", produces);
    }
    doc_set(d, "responses", responses(s, op, p));
    return d;
}

static struct doc *connection(struct spec *s, const char *method, const struct place *p)
{
    struct doc *d = doc_object(s->a), *answers = doc_object(s->a);
    char word[16];

    if (!d || !answers)
        return NULL;
    camel_group(word, sizeof(word), method, true);
    doc_set(d, "operationId", capitalized(s, "%s%s%s%s%s%s%s%s", "connect", p, word, ""));
    describe(s, d, "connect", p);
    doc_set(answers, "200", response(s, "OK", named(s, "type", doc_string(s->a, STR("string")))));
    doc_set(answers, "401", response(s, "Unauthorized", NULL));
    doc_set(d, "responses", answers);
    return d;
}

/* --- paths --- */

static struct doc *path_item(struct spec *s, bool name, bool namespace)
{
    struct doc *d = doc_object(s->a), *parameters = doc_array(s->a);

    if (name)
        doc_append(parameters, parameter(s, &p_name, "path"));
    if (namespace)
        doc_append(parameters, parameter(s, &p_namespace, "path"));
    doc_append(parameters, parameter(s, &p_pretty, "query"));
    if (d && parameters)
        doc_set(d, "parameters", parameters);
    return d;
}

static void add_operations(struct spec *s, struct doc *item, const struct operation *ops, size_t n, uint16_t verbs,
                           const struct place *p)
{
    for (size_t i = 0; i < n; i++)
        if (verbs & ops[i].verb)
            doc_set(item, ops[i].method, operation(s, &ops[i], p));
}

static void add_path(struct spec *s, struct doc *paths, struct doc *item, const struct resource *r, bool namespace,
                     const char *tail)
{
    char *key = arena_printf(s->a, "/%s%s%s/%s%s%s%s", r->group[0] ? "apis/" : "api", r->group, r->group[0] ? "" : "",
                             r->version, namespace ? "/namespaces/{namespace}/" : "/", r->name, tail);

    if (!key || !item || doc_count(item) < 2) /* nothing but its parameters */
        return;
    item->key = key;
    item->key_len = (uint32_t)strlen(key);
    item->next = NULL;
    if (paths->last)
        paths->last->next = item;
    else
        paths->first = item;
    paths->last = item;
    paths->n++;
}

static void collection_paths(struct spec *s, struct doc *paths, const struct resource *r, struct place *p)
{
    struct doc *item = path_item(s, false, r->namespaced);

    add_operations(s, item, collection_operations, ARRAY_LEN(collection_operations), r->verbs, p);
    add_path(s, paths, item, r, r->namespaced, "");
    if (!r->namespaced)
        return;
    p->all_namespaces = true;
    item = path_item(s, false, false);
    add_operations(s, item, collection_operations, 1, r->verbs, p);
    add_path(s, paths, item, r, false, "");
    p->all_namespaces = false;
}

static bool is_connection(const struct resource_sub *sub)
{
    return str_ends(str_of(sub->kind), STR("Options"));
}

static void sub_paths(struct spec *s, struct doc *paths, const struct resource *r, const struct resource_sub *sub,
                      struct place p)
{
    char *tail = arena_printf(s->a, "/{name}/%s", sub->name);
    struct doc *item = path_item(s, true, r->namespaced);
    bool proxy = strcmp(sub->name, "proxy") == 0;

    p.sub = sub;
    p.kind = sub->kind;
    p.kind_group = sub->kind_group ? sub->kind_group : r->group;
    p.kind_version = sub->kind_version ? sub->kind_version : r->version;
    const struct schema_kind *k = schema_kind_find(str_of(p.kind_group), str_of(p.kind_version), str_of(p.kind));
    p.object = k && (!r->custom || sub->kind_group) ? k->message : r->message;
    if (!tail || !item)
        return;
    if (!is_connection(sub))
        add_operations(s, item, sub_operations, ARRAY_LEN(sub_operations), sub->verbs, &p);
    else
        for (size_t i = 0; i < (proxy ? ARRAY_LEN(connect_methods) : 2); i++)
            doc_set(item, connect_methods[i], connection(s, connect_methods[i], &p));
    add_path(s, paths, item, r, r->namespaced, tail);
}

void spec_paths(struct spec *s, struct doc *paths, const struct resource *r)
{
    struct place p = {
        .r = r, .object = r->message, .kind_group = r->group, .kind_version = r->version, .kind = r->kind};

    collection_paths(s, paths, r, &p);
    struct doc *item = path_item(s, true, r->namespaced);
    add_operations(s, item, object_operations, ARRAY_LEN(object_operations), r->verbs, &p);
    add_path(s, paths, item, r, r->namespaced, "/{name}");
    for (size_t i = 0; i < r->n_subs; i++)
        sub_paths(s, paths, r, &r->subs[i], p);
}
