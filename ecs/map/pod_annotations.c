#include "base/buf.h"
#include "ecs/map/pod_rules.h"
#include "ecs/map/taskdef_rules.h"

#define STOP_TIMEOUT_S 30

static void annotate(struct arena *a, struct doc *annotations, const char *key, struct str container, struct doc *value)
{
    struct str name = pod_name(a, container);

    doc_set_str(annotations, str_of(arena_printf(a, "%s" STR_FMT, key, STR_ARG(name))), value);
}

static void add_limit(struct buf *out, int64_t v)
{
    if (v < 0)
        buf_puts(out, "unlimited");
    else
        buf_int(out, v);
}

static struct doc *ulimits(struct arena *a, const struct doc *list)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(16 * 1024);

    doc_foreach (list, u) {
        buf_printf(&text, "%s" STR_FMT "=", text.len ? "," : "", STR_ARG(doc_str(doc_get(u, "name"))));
        add_limit(&text, doc_int_or(doc_get(u, "softLimit"), 0));
        buf_putc(&text, ':');
        add_limit(&text, doc_int_or(doc_get(u, "hardLimit"), 0));
    }
    return doc_string_copy(a, buf_str(&text));
}

/* Is it awaited with COMPLETE, and by nobody with anything else? */
static bool may_fail(const struct doc *taskdef, struct str name)
{
    bool complete = false, other = false;

    doc_foreach (doc_get(taskdef, "containerDefinitions"), c) {
        doc_foreach (doc_get(c, "dependsOn"), d) {
            if (!str_eq(doc_str(doc_get(d, "containerName")), name))
                continue;
            if (str_is(doc_str(doc_get(d, "condition")), "COMPLETE"))
                complete = true;
            else
                other = other || str_is(doc_str(doc_get(d, "condition")), "SUCCESS");
        }
    }
    return complete && !other;
}

void pod_annotate_containers(struct arena *a, const struct doc *taskdef, int64_t grace_s, struct doc *annotations)
{
    doc_foreach (doc_get(taskdef, "containerDefinitions"), c) {
        struct str name = doc_str(doc_get(c, "name"));
        int64_t stop = doc_int_or(doc_get(c, "stopTimeout"), STOP_TIMEOUT_S);
        struct taskdef_user user;

        if (taskdef_parse_user(doc_str(doc_get(c, "user")), &user) && user.uid < 0)
            annotate(a, annotations, POD_USER, name, doc_string(a, user.name));
        if (doc_count(doc_get(c, "ulimits")) > 0)
            annotate(a, annotations, POD_ULIMITS, name, ulimits(a, doc_get(c, "ulimits")));
        if (stop < grace_s)
            annotate(a, annotations, POD_STOP_TIMEOUT, name, doc_printf(a, "%lld", (long long)stop));
        if (doc_true(doc_path(c, "restartPolicy.enabled")))
            annotate(a, annotations, POD_RESTART_AFTER, name,
                     doc_printf(a, "%lld", (long long)taskdef_restart_period(c)));
        if (may_fail(taskdef, name))
            annotate(a, annotations, POD_MAY_FAIL, name, doc_string(a, STR("true")));
    }
}
