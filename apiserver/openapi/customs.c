/* Custom resources in OpenAPI: their schema is what their definition says, with type and metadata added. */
#include "apiserver/apiextensions/custom.h"
#include "apiserver/openapi/spec.h"

/* "com.example.stable.v1.CronTab" of group stable.example.com */
static const char *definition_name(struct arena *a, const struct resource *r, const char *kind)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(1024);
    struct str group = str_of(r->group);
    while (group.n) {
        const char *dot = memrchr(group.p, '.', group.n);
        size_t at = dot ? (size_t)(dot - group.p) + 1 : 0;
        buf_str_add(&b, str_from(group, at));
        buf_putc(&b, '.');
        group.n = dot ? at - 1 : 0;
    }
    buf_printf(&b, "%s.%s", r->version, kind);
    const char *name = arena_strndup(a, buf_str(&b).p, b.len);
    return name ? name : "";
}

struct doc *spec_custom_ref(struct spec *s, const struct resource *r, bool list)
{
    struct doc *d = doc_object(s->a);
    if (d)
        doc_set(d, "$ref",
                doc_printf(s->a, "#/%s/%s", s->v3 ? "components/schemas" : "definitions",
                           definition_name(s->a, r, list ? r->list_kind : r->kind)));
    return d;
}

/* OpenAPI v2 has no words for these; what they restrict is checked by the server. */
static void to_v2(struct doc *d)
{
    static const char *const v3_only[] = {"oneOf", "anyOf", "allOf", "not", "nullable"};
    if (!doc_is(d, DOC_OBJECT))
        return;
    for (size_t i = 0; i < ARRAY_LEN(v3_only); i++)
        doc_remove(d, v3_only[i]);
    if (doc_true(doc_get(d, "x-kubernetes-preserve-unknown-fields"))) {
        doc_remove(d, "type");
        doc_remove(d, "properties");
        doc_remove(d, "items");
        doc_remove(d, "required");
    }
    doc_foreach (doc_get(d, "properties"), p)
        to_v2(p);
    to_v2(doc_get(d, "items"));
    to_v2(doc_get(d, "additionalProperties"));
}

static struct doc *text_property(struct spec *s, const char *description)
{
    struct doc *d = doc_object(s->a);
    spec_text(s, d, "description", description);
    spec_text(s, d, "type", "string");
    return d;
}

static void common_properties(struct spec *s, struct doc *properties, const char *meta_kind)
{
    const struct schema_kind *k = schema_kind_find(STR("meta.k8s.io"), STR("v1"), str_of(meta_kind));
    const struct schema_field *meta = k ? schema_member(k->message, STR("metadata")) : NULL;
    doc_set(properties, "apiVersion",
            text_property(s, "APIVersion defines the versioned schema of this representation "
                             "of an object."));
    doc_set(properties, "kind",
            text_property(s, "Kind is a string value representing the REST resource this object "
                             "represents."));
    if (meta && meta->message)
        doc_set(properties, "metadata", spec_ref(s, meta->message));
}

static void set_kinds(struct spec *s, struct doc *d, const struct resource *r, const char *kind)
{
    struct doc *list = doc_array(s->a);
    doc_append(list, spec_kind(s, r->group, r->version, kind));
    doc_set(d, "x-kubernetes-group-version-kind", list);
}

static struct doc *object_definition(struct spec *s, const struct custom *c)
{
    struct doc *d = c->openapi ? doc_clone(s->a, c->openapi, true) : doc_object(s->a);
    if (!d)
        return NULL;
    bool open = doc_true(doc_get(d, "x-kubernetes-preserve-unknown-fields"));
    if (!s->v3)
        to_v2(d);
    if (s->v3 || !open) {
        struct doc *properties = doc_need_object(s->a, d, "properties");
        if (properties)
            common_properties(s, properties, "PartialObjectMetadata");
    }
    if (!doc_get(d, "type"))
        spec_text(s, d, "type", "object");
    set_kinds(s, d, &c->res, c->res.kind);
    return d;
}

static struct doc *list_definition(struct spec *s, const struct custom *c)
{
    struct doc *d = doc_object(s->a), *properties = doc_object(s->a), *items = doc_object(s->a);
    struct doc *required = doc_array(s->a);
    if (!d || !properties || !items || !required)
        return NULL;
    doc_set(d, "description", doc_printf(s->a, "%s is a list of %s", c->res.list_kind, c->res.kind));
    doc_append(required, doc_string(s->a, STR("items")));
    doc_set(d, "required", required);
    spec_text(s, d, "type", "object");
    common_properties(s, properties, "PartialObjectMetadataList");
    spec_text(s, items, "type", "array");
    doc_set(items, "items", spec_custom_ref(s, &c->res, false));
    doc_set(properties, "items", items);
    doc_set(d, "properties", properties);
    set_kinds(s, d, &c->res, c->res.list_kind);
    return d;
}

void spec_custom_definitions(struct spec *s, struct doc *all, const struct custom *c)
{
    struct doc *object = object_definition(s, c), *list = list_definition(s, c);
    if (!object || !list)
        return;
    doc_set(all, definition_name(s->a, &c->res, c->res.kind), object);
    doc_set(all, definition_name(s->a, &c->res, c->res.list_kind), list);
}
