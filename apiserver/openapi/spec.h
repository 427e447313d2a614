/*
 * spec.h - one OpenAPI document while it is made (apiserver/openapi only).
 *
 * Paths name definitions, definitions name each other: spec_ref notes what is needed, spec_definitions writes it.
 */
#ifndef APISERVER_OPENAPI_SPEC_H
#define APISERVER_OPENAPI_SPEC_H

#include "api/doc.h"
#include "api/resources.h"

struct spec {
    struct arena *a;
    bool v3;
    bool *wanted;                        /* by schema_message.id */
    const struct schema_message **queue; /* in order of first mention */
    size_t n_queue, n_done;
};

int spec_init(struct spec *s, struct arena *a, bool v3);

/* {"$ref": ...} to a message's definition; a bare list where JSON has one. */
struct doc *spec_ref(struct spec *s, const struct schema_message *m);
/* Every definition mentioned so far and what they mention, as members of an object. */
struct doc *spec_definitions(struct spec *s);

/* The paths of a resource and its subresources, added to `paths`. */
void spec_paths(struct spec *s, struct doc *paths, const struct resource *r);

/* Custom resources: references by name, and their two definitions, added to `all`. */
struct doc *spec_custom_ref(struct spec *s, const struct resource *r, bool list);
void spec_custom_definitions(struct spec *s, struct doc *all, const struct custom *c);

/* obj[key] = text; nothing when text is NULL. */
void spec_text(struct spec *s, struct doc *obj, const char *key, const char *text);
/* {"group": .., "kind": .., "version": ..} */
struct doc *spec_kind(struct spec *s, const char *group, const char *version, const char *kind);

#endif
