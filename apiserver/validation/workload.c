#include "apiserver/validation/workload.h"

#include "api/selector.h"
#include "base/parse.h"

void v_counts(errors *e, path_t p, const struct doc *obj, const char *const *fields)
{
    for (; *fields; fields++)
        v_not_negative(e, FIELD(p, *fields), v_get(obj, *fields));
}

void v_count_bounds(errors *e, path_t p, const struct doc *obj, const struct count_bound *bounds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v_int(obj, bounds[i].field) > v_int(obj, bounds[i].bound))
            field_invalid_int(e, FIELD(p, bounds[i].field), v_int(obj, bounds[i].field), "%s", bounds[i].text);
}

bool v_workload_selector(errors *e, path_t p, const struct doc *selector, const char *empty_text)
{
    bool parses = true;
    if (!selector) {
        field_required(e, p, "%s", "");
    } else {
        v_label_selector(e, p, selector, true);
        if (!v_selector_size(selector))
            field_invalid(e, p, selector, "%s", empty_text);
    }
    (void)v_selects(e->arena, selector, NULL, &parses);
    if (!parses)
        field_invalid(e, p, selector, "invalid label selector");
    return parses;
}

static bool percent(const struct doc *v, int64_t *ret)
{
    struct str s = doc_str(v);
    return doc_is(v, DOC_STRING) && str_ends(s, STR("%")) && parse_int64(str_n(s.p, s.n - 1), ret);
}

void v_int_or_percent(errors *e, path_t p, const struct doc *v)
{
    if (doc_is(v, DOC_STRING))
        v_name(e, p, doc_str(v), name_percent);
    else
        v_not_negative(e, p, v);
}

void v_not_more_than_100_percent(errors *e, path_t p, const struct doc *v)
{
    int64_t value;
    if (percent(v, &value) && value > 100)
        field_invalid(e, p, v, "must not be greater than 100%%");
}

int64_t v_int_or_percent_value(const struct doc *v)
{
    int64_t value;
    return percent(v, &value) ? value : doc_int_or(v, 0);
}
