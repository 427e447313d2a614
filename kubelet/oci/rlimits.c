#include "oci/rlimits.h"

#include "base/parse.h"

#include <ctype.h>

#define CONTAINER_NAME "io.kubernetes.cri.container-name"
#define NAMESPACE "io.kubernetes.cri.sandbox-namespace"
#define ECS_NAMESPACE "ecs-"
#define NAME_MAX_LEN 16

static const char *const names[] = {"core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
                                    "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};

static bool is_known(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_is(name, names[i]))
            return true;
    }
    return false;
}

/* A number, or "unlimited", which OCI writes as the largest unsigned one. */
static struct doc *value_of(struct arena *a, struct str s)
{
    uint64_t v = UINT64_MAX;

    if (!str_is(s, "unlimited") && !parse_uint64(s, &v))
        return NULL;
    return doc_number(a, str_of(arena_printf(a, "%llu", (unsigned long long)v)));
}

static void replace(struct doc *list, struct doc *limit)
{
    doc_foreach (list, old) {
        if (str_eq(doc_str(doc_get(old, "type")), doc_str(doc_get(limit, "type"))))
            (void)doc_unlink(list, old);
    }
    doc_append(list, limit);
}

/* "nofile=1024:2048" */
static int add_limit(struct arena *a, struct doc *list, struct str text, struct err *err)
{
    struct str rest = text, name = STR(""), soft = STR(""), hard = STR("");
    struct doc *limit = doc_object(a), *soft_value, *hard_value;
    char type[NAME_MAX_LEN + sizeof("RLIMIT_")] = "RLIMIT_";

    (void)(str_split(&rest, '=', &name) && str_split(&rest, ':', &soft) && str_split(&rest, ':', &hard));
    soft_value = value_of(a, soft);
    hard_value = value_of(a, hard);
    if (!is_known(name) || !soft_value || !hard_value)
        return err_set(err, ERR_INVALID, "'" STR_FMT "' is no resource limit", STR_ARG(text));
    for (size_t i = 0; i < name.n; i++)
        type[strlen("RLIMIT_") + i] = (char)toupper((unsigned char)name.p[i]);
    doc_set(limit, "type", doc_string_copy(a, str_of(type)));
    doc_set(limit, "hard", hard_value);
    doc_set(limit, "soft", soft_value);
    replace(list, limit);
    return 0;
}

int oci_apply_rlimits(struct arena *a, struct doc *config, bool *ret_changed, struct err *err)
{
    const struct doc *annotations = doc_get(config, "annotations");
    struct str name = doc_str(doc_get(annotations, CONTAINER_NAME)), one, rest;
    struct str key = str_of(arena_printf(a, OCI_ULIMITS STR_FMT, STR_ARG(name)));
    struct doc *list;

    rest = doc_str(doc_get_str(annotations, key));
    *ret_changed = false;
    if (rest.n == 0 || !str_starts(doc_str(doc_get(annotations, NAMESPACE)), STR(ECS_NAMESPACE)))
        return 0;
    list = doc_need_array(a, doc_need_object(a, config, "process"), "rlimits");
    while (str_split(&rest, ',', &one)) {
        if (!list || add_limit(a, list, one, err) < 0)
            return list ? -1 : err_set(err, ERR_INVALID, "process.rlimits is no list");
    }
    *ret_changed = true;
    return 0;
}
