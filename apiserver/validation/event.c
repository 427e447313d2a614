/*
 * Events. The core group's form is checked leniently, as old clients write it; events.k8s.io strictly. The object is in
 * the form of the request's version, so the same field may have two names.
 */
#include "apiserver/validation/kinds.h"

#define SHORT_MAX 128
#define NOTE_MAX 1024

static bool events_group(const struct kind_check *k)
{
    return strcmp(k->req->group, "events.k8s.io") == 0;
}

/* involvedObject, reportingComponent and message in core; regarding, reportingController and note in events.k8s.io. */
static const struct doc *either(const struct doc *obj, const char *a, const char *b)
{
    const struct doc *d = v_get(obj, a);
    return d ? d : v_get(obj, b);
}

static void check_namespace(struct kind_check *k, bool new_form)
{
    struct str ns = v_str(v_get(k->obj, "metadata"), "namespace");
    struct str about = v_str(either(k->obj, "involvedObject", "regarding"), "namespace");
    path_t p = FIELD(FIELD(NULL, "involvedObject"), "namespace");
    static const char mismatch[] = "does not match event.namespace";
    if (about.n) {
        if (!new_form && !str_eq(ns, about))
            field_invalid_str(k->e, p, about, "%s", mismatch);
    } else if (ns.n && !str_is(ns, "default") && !(new_form && str_is(ns, "kube-system"))) {
        field_invalid_str(k->e, p, about, "%s", mismatch);
    }
}

static void check_short(errors *e, path_t p, const struct doc *v)
{
    if (!doc_str(v).n)
        field_required(e, p, "%s", "");
    else if (doc_str(v).n > SHORT_MAX)
        field_invalid_str(e, p, STR(""), "can have at most 128 characters");
}

static void check_new_form(struct kind_check *k)
{
    const struct doc *component = either(k->obj, "reportingComponent", "reportingController");
    const struct doc *note = either(k->obj, "message", "note");
    if (!doc_str(component).n)
        field_required(k->e, FIELD(NULL, "reportingComponent"), "%s", "");
    else
        v_name(k->e, FIELD(NULL, "reportingComponent"), doc_str(component), name_qualified);
    check_short(k->e, FIELD(NULL, "reportingInstance"), v_get(k->obj, "reportingInstance"));
    check_short(k->e, FIELD(NULL, "action"), v_get(k->obj, "action"));
    check_short(k->e, FIELD(NULL, "reason"), v_get(k->obj, "reason"));
    if (doc_str(note).n > NOTE_MAX)
        field_invalid_str(k->e, FIELD(NULL, "message"), STR(""), "can have at most 1024 characters");
}

static void check_strict(struct kind_check *k)
{
    static const char *const unset[][2] = {{"deprecatedFirstTimestamp", "firstTimestamp"},
                                           {"deprecatedLastTimestamp", "lastTimestamp"}};
    struct str type = v_str(k->obj, "type");
    const struct doc *series = v_get(k->obj, "series"), *source = v_get(k->obj, "deprecatedSource");
    if (!v_get(k->obj, "eventTime"))
        field_required(k->e, FIELD(NULL, "eventTime"), "%s", "");
    if (!str_is(type, "Normal") && !str_is(type, "Warning"))
        field_invalid_str(k->e, FIELD(NULL, "type"), STR(""), "has invalid value: " STR_FMT, STR_ARG(type));
    for (size_t i = 0; i < ARRAY_LEN(unset); i++)
        if (v_get(k->obj, unset[i][0]))
            field_invalid_str(k->e, FIELD(NULL, unset[i][1]), STR(""), "needs to be unset");
    if (v_int(k->obj, "deprecatedCount") != 0)
        field_invalid_str(k->e, FIELD(NULL, "count"), STR(""), "needs to be unset");
    if (v_str(source, "component").n || v_str(source, "host").n)
        field_invalid_str(k->e, FIELD(NULL, "source"), STR(""), "needs to be unset");
    if (series && v_int(series, "count") < 2)
        field_invalid_str(k->e, FIELD(FIELD(NULL, "series"), "count"), STR(""), "should be at least 2");
    if (series && !v_get(series, "lastObservedTime"))
        field_required(k->e, FIELD(FIELD(NULL, "series"), "lastObservedTime"), "%s", "");
}

void validate_event(struct kind_check *k)
{
    bool new_form = v_get(k->obj, "eventTime") != NULL;
    check_namespace(k, new_form);
    if (new_form)
        check_new_form(k);
    if (events_group(k) && !k->old)
        check_strict(k);
}

void validate_event_update(struct kind_check *k)
{
    static const char *const fixed[][2] = {
        {"regarding", "involvedObject"},
        {"reason", "reason"},
        {"note", "message"},
        {"deprecatedSource", "source"},
        {"deprecatedFirstTimestamp", "firstTimestamp"},
        {"deprecatedLastTimestamp", "lastTimestamp"},
        {"deprecatedCount", "count"},
        {"type", "type"},
        {"eventTime", "eventTime"},
        {"action", "action"},
        {"related", "related"},
        {"reportingController", "reportingController"},
        {"reportingInstance", "reportingInstance"},
    };
    validate_event(k);
    for (size_t i = 0; events_group(k) && i < ARRAY_LEN(fixed); i++)
        v_immutable(k->e, FIELD(NULL, fixed[i][1]), v_get(k->obj, fixed[i][0]), v_get(k->old, fixed[i][0]));
}
