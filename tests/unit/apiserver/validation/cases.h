/*
 * cases.h - tables of objects and the errors they must have.
 *
 * Objects are JSON with ' for ", without metadata unless the case is about it: a name and namespace are added, defaults
 * applied, as the server does before it validates. Expected errors are one a line: "field: body".
 */
#ifndef TESTS_VALIDATION_CASES_H
#define TESTS_VALIDATION_CASES_H

#include "api/conform.h"
#include "api/defaults.h"
#include "api/json.h"
#include "api/schema.h"
#include "apiserver/validation/validation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct vcase {
    const char *what;
    const char *obj;
    const char *errors;
    const char *old; /* an update, when there is one */
    const char *sub;
};

struct vkind {
    const char *group, *version, *kind;
    bool cluster_scoped;
};

static inline struct doc *read_object(struct arena *a, const struct vkind *k, const char *text, const char *what)
{
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    char *json = arena_strdup(a, text);
    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    if (json_parse(a, str_of(json), NULL, &d, &err) < 0)
        fail_msg("%s: %s in %s", what, err.msg, json);
    struct doc *meta = doc_need_object(a, d, "metadata");
    if (!doc_get(meta, "name"))
        doc_set(meta, "name", doc_string(a, STR("x")));
    if (!doc_get(meta, "namespace") && !k->cluster_scoped)
        doc_set(meta, "namespace", doc_string(a, STR("default")));
    if (!doc_get(meta, "resourceVersion"))
        doc_set(meta, "resourceVersion", doc_string(a, STR("1")));
    const struct schema_kind *kind = schema_kind_find(str_of(k->group), str_of(k->version), str_of(k->kind));
    if (conform(a, d, kind->message, NULL, &d, &err) < 0)
        fail_msg("%s: %s in %s", what, err.msg, json);
    defaults_apply(a, d, kind);
    return d;
}

static inline void run_case(const struct vkind *k, const struct vcase *c)
{
    _cleanup_(arena_freep) struct arena *a = arena_new((size_t)32 << 20);
    _cleanup_(buf_releasep) struct buf got = BUF_INIT((size_t)1 << 20);
    struct validation_request req = {
        .arena = a,
        .group = k->group,
        .version = k->version,
        .kind = k->kind,
        .subresource = c->sub ? c->sub : "",
        .namespaced = !k->cluster_scoped,
        .obj = read_object(a, k, c->obj, c->what),
        .old = c->old ? read_object(a, k, c->old, c->what) : NULL,
    };
    struct field_errors errs = field_errors_in(a);
    validate_errors(&req, &errs);
    for (const struct field_error *e = errs.first; e; e = e->next)
        buf_printf(&got, "%s%s: %s", got.len ? "\n" : "", e->field, e->body);
    if (!str_is(buf_str(&got), c->errors))
        fail_msg("%s:\n got: %s\nwant: %s", c->what, got.data ? got.data : "", c->errors);
}

static inline void run_cases(const struct vkind *k, const struct vcase *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        run_case(k, &cases[i]);
}
#define RUN(kind_, cases_) run_cases(&(kind_), (cases_), ARRAY_LEN(cases_))

#endif
