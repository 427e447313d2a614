/* The OpenAPI documents: against the facts' operations, complete in their references, the same in both encodings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "api/json.h"
#include "api/proto_wire.h"
#include "api/resources.h"
#include "apiserver/openapi/openapi.h"
#include "base/limits.h"
#include "base/map.h"
#include "testlib/shared.h"

#define VERSION "1.36.2+test"
#define V2_PROTOBUF "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"

static int serve(const char *path, const char *accept, const char *if_none_match, struct openapi_answer *ret)
{
    struct err err = ERR_INIT;

    return openapi_serve(str_of(path), STR(""), str_of(accept), str_of(if_none_match), VERSION, NULL, ret, &err) < 0
               ? (int)err.code
               : 0;
}

static struct doc *get(struct arena *a, const char *path)
{
    struct openapi_answer answer;
    struct err err = ERR_INIT;
    struct doc *d;

    assert_int_equal(serve(path, "application/json", "", &answer), 0);
    struct str text = arena_str(a, buf_str(&answer.body));
    buf_release(&answer.body);
    if (json_parse(a, text, NULL, &d, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
    return d;
}

/* --- operations --- */

/* Upstream lists deprecated watch paths and discovery as well; connections have a variant for paths. */
static bool is_served(struct str path, struct str action, struct str group, struct str version)
{
    const struct resource_group *groups;
    size_t n = resource_groups(&groups);
    bool known = false;

    for (size_t i = 0; i < n; i++)
        for (size_t v = 0; v < groups[i].n_versions; v++)
            known |= str_is(group, groups[i].group) && str_is(version, groups[i].versions[v]);
    return known && action.n && !str_starts(action, STR("watch")) && !str_ends(path, STR("/{path}"));
}

/* The group and version of "/api/v1/..." or "/apis/apps/v1/..." */
static void path_group(struct str path, struct str *group, struct str *version)
{
    struct str head;

    path = str_from(path, 1);
    *group = *version = STR("");
    str_split(&path, '/', &head);
    if (str_is(head, "apis"))
        str_split(&path, '/', group);
    str_split(&path, '/', version);
}

static bool check_operation(struct doc *paths, const struct str cells[7])
{
    char method[16] = "";

    for (size_t i = 0; i < cells[1].n && i < sizeof(method) - 1; i++)
        method[i] = (char)(cells[1].p[i] | 0x20);
    struct doc *op = doc_get(doc_get_str(paths, cells[0]), method),
               *kind = doc_get(op, "x-kubernetes-group-version-kind");
    bool ok = str_eq(doc_str(doc_get(op, "operationId")), cells[6]) &&
              str_eq(doc_str(doc_get(op, "x-kubernetes-action")), cells[2]) &&
              str_eq(doc_str(doc_get(kind, "kind")), cells[5]) && str_eq(doc_str(doc_get(kind, "group")), cells[3]);
    if (!ok)
        print_error(STR_FMT " %s: '" STR_FMT "', not " STR_FMT "\n", STR_ARG(cells[0]), method,
                    STR_ARG(doc_str(doc_get(op, "operationId"))), STR_ARG(cells[6]));
    return ok;
}

static void test_operations(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * MIB);
    size_t n, tested = 0, matched = 0, left = 0;
    _cleanup_(freep) char *text = shared_read("facts/kubernetes/api-operations.tsv", &n);
    struct str rest = str_n(text, n), line, cells[7], group, version;

    if (!text) {
        print_message("skipped: no api-operations.tsv\n");
        return;
    }
    struct doc *paths = doc_get(get(a, "/openapi/v2"), "paths");
    str_split(&rest, '\n', &line);
    while (rest.p && str_split(&rest, '\n', &line) && line.n) {
        for (size_t i = 0; i < 7; i++)
            if (!str_split(&line, '\t', &cells[i]))
                cells[i] = STR("");
        path_group(cells[0], &group, &version);
        if (!is_served(cells[0], cells[2], group, version)) {
            left++;
            continue;
        }
        tested++;
        matched += check_operation(paths, cells);
    }
    print_message("%zu operations tested, %zu matched; %zu of discovery, watch paths and versions not served\n", tested,
                  matched, left);
    assert_int_equal(matched, tested);
    assert_true(tested > 500);
}

/* --- references --- */

static void check_refs(const struct doc *d, struct doc *schemas, struct str prefix, struct map *known)
{
    struct doc *ref = doc_is(d, DOC_OBJECT) ? doc_get(d, "$ref") : NULL;

    if (doc_is(ref, DOC_STRING)) {
        assert_true(str_starts(doc_str(ref), prefix));
        if (!map_has(known, str_from(doc_str(ref), prefix.n)))
            fail_msg("dangling " STR_FMT, STR_ARG(doc_str(ref)));
    }
    doc_foreach (d, it)
        check_refs(it, schemas, prefix, known);
}

static void check_document(struct doc *d, struct doc *schemas, struct str prefix)
{
    struct map known;

    map_init(&known, NULL);
    doc_foreach (schemas, it)
        map_set(&known, doc_key(it), it);
    assert_int_equal(known.n, doc_count(schemas)); /* none twice */
    check_refs(d, schemas, prefix, &known);
    map_release(&known);
}

static void test_references(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * MIB);
    struct doc *index = doc_get(get(a, "/openapi/v3"), "paths");
    struct doc *v2 = get(a, "/openapi/v2");

    check_document(v2, doc_get(v2, "definitions"), STR("#/definitions/"));
    assert_true(doc_count(index) > 20);
    doc_foreach (index, it) {
        struct str url = doc_str(doc_get(it, "serverRelativeURL"));
        char path[128];
        snprintf(path, sizeof(path), "/openapi/v3/" STR_FMT, STR_ARG(doc_key(it)));
        assert_true(str_starts(url, str_of(path)));
        struct doc *d = get(a, path);
        check_document(d, doc_path(d, "components.schemas"), STR("#/components/schemas/"));
    }
}

static void test_pod(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * MIB);
    struct doc *schemas = doc_path(get(a, "/openapi/v3/api/v1"), "components.schemas");
    struct doc *pod = doc_get(schemas, "io.k8s.api.core.v1.Pod"),
               *spec = doc_get(schemas, "io.k8s.api.core.v1.PodSpec");
    struct doc *containers = doc_path(spec, "properties.containers"), *kind;

    kind = doc_at(doc_get(pod, "x-kubernetes-group-version-kind"), 0);
    assert_true(str_is(doc_str(doc_get(kind, "kind")), "Pod"));
    assert_true(str_is(doc_str(doc_get(containers, "x-kubernetes-patch-merge-key")), "name"));
    assert_true(str_is(doc_str(doc_get(containers, "x-kubernetes-patch-strategy")), "merge"));
    assert_true(str_is(doc_str(doc_get(containers, "x-kubernetes-list-type")), "map"));
    assert_true(str_is(doc_str(doc_at(doc_get(spec, "required"), 0)), "containers"));
    struct doc *port = doc_path(doc_get(schemas, "io.k8s.api.core.v1.ContainerPort"), "properties.protocol");
    assert_true(str_is(doc_str(doc_get(port, "default")), "TCP"));
    assert_non_null(doc_path(doc_get(schemas, "io.k8s.api.core.v1.Volume"), "properties.configMap")); /* inlined */
    assert_int_equal(doc_count(doc_get(doc_get(schemas, "io.k8s.apimachinery.pkg.util.intstr.IntOrString"), "oneOf")),
                     2);
}

/* --- protobuf --- */

static size_t count_field(struct str message, uint32_t number, struct str *ret_first)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    size_t n = 0;

    while (wire_more(&r)) {
        assert_true(wire_next(&r, &f));
        if (f.number == number && n++ == 0 && ret_first)
            *ret_first = f.bytes;
    }
    return n;
}

static void test_protobuf(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * MIB);
    struct openapi_answer answer;
    struct str paths, definitions, first, name;
    struct doc *v2 = get(a, "/openapi/v2");

    assert_int_equal(serve("/openapi/v2", V2_PROTOBUF, "", &answer), 0);
    assert_string_equal(answer.content_type, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    assert_int_equal(count_field(buf_str(&answer.body), 8, &paths), 1);
    assert_int_equal(count_field(buf_str(&answer.body), 9, &definitions), 1);
    assert_int_equal(count_field(paths, 2, &first), doc_count(doc_get(v2, "paths")));
    assert_int_equal(count_field(first, 1, &name), 1);
    assert_true(str_eq(name, doc_key(doc_get(v2, "paths")->first)));
    assert_int_equal(count_field(definitions, 1, NULL), doc_count(doc_get(v2, "definitions")));
    buf_release(&answer.body);
}

/* --- HTTP --- */

static void test_negotiation(void **state)
{
    struct openapi_answer answer, again;

    assert_int_equal(serve("/openapi/v3/apis/nothing/v1", "", "", &answer), ERR_NOT_FOUND);
    assert_int_equal(serve("/openapi/v3/apis/apps", "", "", &answer), ERR_NOT_FOUND);
    assert_int_equal(serve("/openapi/v4", "", "", &answer), ERR_NOT_FOUND);
    assert_int_equal(serve("/openapi/v3", "text/plain", "", &answer), ERR_NOT_ACCEPTABLE);
    assert_int_equal(serve("/openapi/v2", "application/json;q=0.5, */*", "", &answer), 0);
    assert_string_equal(answer.content_type, "application/json");
    assert_false(answer.not_modified);
    assert_int_equal(serve("/openapi/v2", "", answer.etag, &again), 0);
    assert_true(again.not_modified);
    assert_int_equal(again.body.len, 0);
    buf_release(&answer.body);
    buf_release(&again.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations), cmocka_unit_test(test_references),  cmocka_unit_test(test_pod),
        cmocka_unit_test(test_protobuf),   cmocka_unit_test(test_negotiation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
