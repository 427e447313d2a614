/* The schema and resource tables against the fact tables: every message, field, number, JSON name and marker. */
#include "check.h"

#include "api/resources.h"
#include "base/limits.h"
#include "base/parse.h"
#include "testlib/shared.h"

#define COLUMNS_MAX 24

struct table {
    char *text;
    struct str rest;
    struct str header[COLUMNS_MAX], cell[COLUMNS_MAX];
    size_t n;
};

static bool next_row(struct table *t, struct str cells[COLUMNS_MAX])
{
    struct str line, cell;
    size_t n = 0;

    if (!t->rest.p || !str_split(&t->rest, '\n', &line) || line.n == 0)
        return false;
    for (; n < COLUMNS_MAX && line.p; n++) {
        if (!str_split(&line, '\t', &cell))
            cell = STR("");
        cells[n] = cell;
    }
    for (; n < COLUMNS_MAX; n++)
        cells[n] = STR("");
    return true;
}

static bool open_table(struct table *t, const char *path)
{
    size_t n;

    t->text = shared_read(path, &n);
    if (!t->text) {
        print_message("skipped: no %s\n", path);
        return false;
    }
    t->rest = str_n(t->text, n);
    return next_row(t, t->header);
}

static struct str get(const struct table *t, const char *column)
{
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        if (str_is(t->header[i], column))
            return t->cell[i];
    fail_msg("no column %s", column);
    return STR("");
}

/* k8s.io.api.core.v1 -> io.k8s.api.core.v1.Message, as OpenAPI names it */
static const struct schema_message *find_message(struct str package, struct str name)
{
    const struct schema_message *const *all;
    size_t n = schema_messages(&all);
    char want[256], *p = want;

    snprintf(want, sizeof(want), "io.k8s.%.*s.%.*s", (int)package.n - 7, package.p + 7, STR_ARG(name));
    for (; *p; p++)
        if (*p == '_')
            *p = '-';
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i]->definition, want) == 0)
            return all[i];
    return NULL;
}

static bool same(const char *what, struct str fact, const char *table, struct str message, struct str field)
{
    if (str_is(fact, table ? table : ""))
        return true;
    print_error(STR_FMT "." STR_FMT ": %s is '%s', not '" STR_FMT "'\n", STR_ARG(message), STR_ARG(field), what,
                table ? table : "", STR_ARG(fact));
    return false;
}

static bool has_word(struct str list, const char *word)
{
    struct str one;

    while (str_split(&list, ',', &one))
        if (str_is(one, word))
            return true;
    return false;
}

static void fact_type(const struct schema_field *f, char out[256])
{
    static const char *const names[] = {"string", "bool", "int32", "int64", "double", "bytes"};
    const char *base = f->message ? f->message->name : names[f->type];

    snprintf(out, 256, f->label == SCHEMA_MAP ? "map<string,%s>" : "%s", base);
}

/* A full message name of the facts without its package. */
static void short_type(struct str type, char out[256])
{
    bool map = str_starts(type, STR("map<string,"));
    struct str value = map ? str_n(type.p + 11, type.n - 12) : type;

    for (size_t i = value.n; i-- > 0;)
        if (value.p[i] == '.') {
            value = str_from(value, i + 1);
            break;
        }
    snprintf(out, 256, map ? "map<string," STR_FMT ">" : STR_FMT, STR_ARG(value));
}

static const struct {
    const char *column, *word;
    uint16_t flag;
} flag_facts[] = {
    {"required", "yes", SCHEMA_F_REQUIRED},
    {"omitempty", "omitempty", SCHEMA_F_OMITEMPTY},
    {"omitempty", "omitzero", SCHEMA_F_OMITZERO},
    {"jsonName", "(inline)", SCHEMA_F_INLINE},
    {"deprecated", "y", SCHEMA_F_DEPRECATED},
    {"patchStrategy", "merge", SCHEMA_F_PATCH_MERGE},
    {"patchStrategy", "replace", SCHEMA_F_PATCH_REPLACE},
    {"patchStrategy", "retainKeys", SCHEMA_F_PATCH_RETAIN_KEYS},
    {"listType", "set", SCHEMA_F_LIST_SET},
    {"listType", "map", SCHEMA_F_LIST_MAP},
    {"listType", "atomic", SCHEMA_F_LIST_ATOMIC},
    {"mapType", "atomic", SCHEMA_F_MAP_ATOMIC},
};

static bool check_flags(const struct table *t, const struct schema_field *f, struct str message, struct str field)
{
    bool ok = true;

    for (size_t i = 0; i < ARRAY_LEN(flag_facts); i++)
        if (has_word(get(t, flag_facts[i].column), flag_facts[i].word) != !!(f->flags & flag_facts[i].flag)) {
            print_error(STR_FMT "." STR_FMT ": flag %s %s differs\n", STR_ARG(message), STR_ARG(field),
                        flag_facts[i].column, flag_facts[i].word);
            ok = false;
        }
    return ok;
}

static bool check_field(const struct table *t, const struct schema_message *m)
{
    struct str message = get(t, "message"), field = get(t, "field"), json = get(t, "jsonName");
    static const struct schema_more nothing;
    char want[256], have[256];
    uint64_t number;

    assert_true(parse_uint64(get(t, "number"), &number));
    const struct schema_field *f = schema_number(m, (uint32_t)number);
    if (!f) {
        print_error(STR_FMT "." STR_FMT ": no number %d\n", STR_ARG(message), STR_ARG(field), (int)number);
        return false;
    }
    const struct schema_more *more = f->more ? f->more : &nothing;
    bool ok = check_flags(t, f, message, field);
    if (json.n && json.p[0] != '(') {
        ok &= same("json name", json, f->json, message, field);
        ok &= schema_member(m, json) == f;
    }
    short_type(get(t, "type"), want);
    fact_type(f, have);
    ok &= same("type", str_of(want), have, message, field);
    ok &= same("label", get(t, "label"),
               f->label == SCHEMA_MAP    ? "map"
               : f->label == SCHEMA_LIST ? "repeated"
                                         : "optional",
               message, field);
    ok &= same("merge key", get(t, "patchMergeKey"), more->merge_key, message, field);
    ok &= same("list keys", get(t, "listMapKeys"), more->list_keys, message, field);
    ok &= same("enum", get(t, "enum"), more->enum_values, message, field);
    ok &= same("default", get(t, "default"), more->default_json, message, field);
    struct str go = get(t, "goType");
    return ok && (go.n && go.p[0] == '*') == !!(f->flags & SCHEMA_F_POINTER);
}

static void test_fields(void **state)
{
    struct table t;
    size_t tested = 0, wrong = 0, not_served = 0;

    if (!open_table(&t, "facts/kubernetes/api-fields.tsv"))
        return;
    while (next_row(&t, t.cell)) {
        const struct schema_message *m = find_message(get(&t, "protoPackage"), get(&t, "message"));
        if (!m) {
            not_served++;
            continue;
        }
        tested++;
        wrong += !check_field(&t, m);
    }
    free(t.text);
    print_message("%zu fields tested, %zu of versions that are not served\n", tested, not_served);
    assert_true(tested > 2300);
    assert_int_equal(wrong, 0);
}

static bool group_enabled(struct str group, struct str version)
{
    const struct resource_group *groups;
    size_t n = resource_groups(&groups);

    if (str_is(group, "core"))
        group = STR("");
    for (size_t i = 0; i < n; i++)
        for (size_t v = 0; v < groups[i].n_versions; v++)
            if (str_is(group, groups[i].group) && str_is(version, groups[i].versions[v]))
                return true;
    return false;
}

static void test_messages(void **state)
{
    struct table t;
    size_t tested = 0, wrong = 0;

    if (!open_table(&t, "facts/kubernetes/api-messages.tsv"))
        return;
    while (next_row(&t, t.cell)) {
        if (!group_enabled(get(&t, "group"), get(&t, "version")))
            continue;
        uint64_t fields;
        const struct schema_message *m = find_message(get(&t, "protoPackage"), get(&t, "message"));
        assert_true(parse_uint64(get(&t, "fields"), &fields));
        bool ok = m && m->n_numbers == fields && !!(m->flags & SCHEMA_M_KIND) == str_is(get(&t, "kind"), "y");
        if (!ok)
            print_error("message " STR_FMT "\n", STR_ARG(get(&t, "message")));
        tested++;
        wrong += !ok;
    }
    free(t.text);
    print_message("%zu messages tested\n", tested);
    assert_int_equal(wrong, 0);
}

static bool check_resource(const struct table *t, struct str group)
{
    struct str name = get(t, "resource"), verbs = get(t, "verbs"), verb;
    const char *slash = memchr(name.p, '/', name.n);
    struct str plural = slash ? str_n(name.p, (size_t)(slash - name.p)) : name;
    const struct resource *r = resource_find(group, get(t, "version"), plural);
    const struct resource_sub *sub = r && slash ? resource_sub_find(r, str_from(name, plural.n + 1)) : NULL;
    uint16_t mask = 0;

    while (str_split(&verbs, ',', &verb))
        mask |= resource_verb(verb);
    if (!r || (slash && !sub))
        return false;
    if (sub)
        return sub->verbs == mask && str_is(get(t, "kind"), sub->kind);
    return r->verbs == mask && str_is(get(t, "kind"), r->kind) && str_is(get(t, "singular"), r->singular) &&
           str_is(get(t, "shortNames"), r->short_names) && str_is(get(t, "categories"), r->categories) &&
           r->namespaced == str_is(get(t, "namespaced"), "true") && r->message &&
           !!r->list_message == !!(mask & VERB_LIST);
}

static void test_resources(void **state)
{
    struct table t;
    size_t tested = 0;

    if (!open_table(&t, "facts/kubernetes/api-resources.tsv"))
        return;
    while (next_row(&t, t.cell)) {
        struct str group = get(&t, "group");
        if (!str_is(get(&t, "enabledByDefault"), "y"))
            continue;
        tested++;
        if (!check_resource(&t, str_is(group, "core") ? STR("") : group))
            fail_msg("resource " STR_FMT " differs", STR_ARG(get(&t, "resource")));
    }
    free(t.text);
    print_message("%zu resources tested\n", tested);
}

static void test_lookups(void **state)
{
    const struct schema_kind *pod = schema_kind_find(STR(""), STR("v1"), STR("Pod"));

    assert_non_null(pod);
    assert_true(pod->namespaced);
    assert_null(schema_kind_find(STR(""), STR("v2"), STR("Pod")));
    assert_non_null(schema_kind_find(STR("apps"), STR("v1"), STR("DeleteOptions")));
    assert_string_equal(schema_path(pod->message, STR("spec.containers.ports.protocol"))->json, "protocol");
    assert_non_null(schema_path(pod->message, STR("spec.volumes.configMap.name"))); /* inline twice */
    assert_non_null(schema_path(pod->message, STR("metadata.labels.any")));
    assert_null(schema_path(pod->message, STR("spec.nonsense")));
    assert_string_equal(schema_member(pod->message, STR("kind"))->json, "kind");
    assert_string_equal(resource_find_kind(STR(""), STR("v1"), STR("Node"))->key_prefix, "/registry/minions");
    assert_string_equal(resource_find(STR("events.k8s.io"), STR("v1"), STR("events"))->storage_group, "");
    assert_string_equal(resource_verb_name(resource_verb(STR("watch"))), "watch");
    assert_int_equal(resource_verb(STR("sing")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_lookups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
