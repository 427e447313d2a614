#include "apiserver/registry/codec.h"

#include "api/json.h"
#include "api/proto_codec.h"
#include "apiserver/registry/meta.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char POD[] = "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"n\","
                          "\"labels\":{\"z\":\"1\",\"a\":\"2\"},"
                          "\"resourceVersion\":\"99\"},\"spec\":{\"nodeName\":\"node-1\",\"hostNetwork\":true},"
                          "\"status\":{\"phase\":\"Running\","
                          "\"podIPs\":[{\"ip\":\"10.0.0.1\"}]}}";

static struct storage_object *stored(const struct resource *res, struct arena *a, const char *json, int64_t revision)
{
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    struct buf b = BUF_INIT(MIB);
    assert_int_equal(json_parse(a, str_of(json), NULL, &d, &err), 0);
    assert_int_equal(codec_store(res, a, d, &b, &err), 0);
    assert_true(str_is(meta_str(d, "resourceVersion"), "99")); /* left as it was */
    struct storage_object *o = storage_object_new(STR("/registry/pods/n/p"), buf_str(&b), 1, revision);
    buf_release(&b);
    return o;
}

static void forms(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 * MIB);
    const struct resource *pods = resource_find(STR(""), STR("v1"), STR("pods"));
    struct storage_object *o = stored(pods, a, POD, 7);
    struct encoded json, again, proto, meta;
    struct err err = ERR_INIT;
    assert_int_equal(codec_encoded(pods, o, ENC_JSON, &json, &err), 0);
    assert_int_equal(codec_encoded(pods, o, ENC_JSON, &again, &err), 0);
    assert_ptr_equal(json.buf, again.buf);
    assert_true(str_starts(json.all, STR("{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{")));
    assert_true(str_starts(json.inner, STR("\"metadata\":{")));
    assert_true(str_ends(json.inner, STR("}")));
    struct doc *d = NULL;
    assert_int_equal(json_parse(a, json.all, NULL, &d, &err), 0);
    assert_true(str_is(meta_str(d, "resourceVersion"), "7"));
    assert_int_equal(codec_encoded(pods, o, ENC_PROTOBUF, &proto, &err), 0);
    assert_int_equal(proto_decode(a, proto.inner, pods->message, &d, &err), 0);
    assert_true(str_is(meta_str(d, "resourceVersion"), "7"));
    assert_int_equal(codec_encoded_metadata(pods, o, ENC_JSON, &meta, &err), 0);
    assert_true(str_starts(meta.all, STR("{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",")));
    shared_buf_unref(json.buf);
    shared_buf_unref(again.buf);
    shared_buf_unref(proto.buf);
    shared_buf_unref(meta.buf);
    storage_object_unref(o);
    arena_free(a);
}

static void index_of_a_pod(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 * MIB);
    const struct resource *pods = resource_find(STR(""), STR("v1"), STR("pods"));
    struct storage_object *o = stored(pods, a, POD, 7);
    const struct object_index *ix = codec_index(pods, o);
    assert_non_null(ix);
    assert_ptr_equal(ix, codec_index(pods, o));
    assert_true(str_is(ix->name, "p") && str_is(ix->ns, "n"));
    assert_int_equal(ix->n_labels, 2);
    assert_true(str_is(ix->labels[0].key, "a"));
    static const char *const want[][2] = {{"spec.nodeName", "node-1"},  {"spec.host", "node-1"},
                                          {"status.phase", "Running"},  {"status.podIP", "10.0.0.1"},
                                          {"spec.hostNetwork", "true"}, {"metadata.name", "p"},
                                          {"spec.schedulerName", ""}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_true(str_is(codec_field_value(pods, ix, str_of(want[i][0])), want[i][1]));
    storage_object_unref(o);
    arena_free(a);
}

static void garbage(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 * MIB);
    const struct resource *pods = resource_find(STR(""), STR("v1"), STR("pods"));
    struct storage_object *o = storage_object_new(STR("/registry/pods/n/p"), str_n("k8s\0\xff\xff", 6), 1, 1);
    struct encoded e;
    struct err err = ERR_INIT;
    assert_int_equal(codec_encoded(pods, o, ENC_JSON, &e, &err), -1);
    assert_null(codec_index(pods, o));
    storage_object_unref(o);
    arena_free(a);
}

static void keys(void **state)
{
    (void)state;
    static const struct {
        const char *group, *version, *resource, *ns, *name, *want;
    } cases[] = {
        {"", "v1", "pods", "default", "web", "/r/pods/default/web"},
        {"", "v1", "pods", "default", "", "/r/pods/default/"},
        {"", "v1", "pods", "", "", "/r/pods/"},
        {"", "v1", "nodes", "", "n1", "/r/minions/n1"},
        {"", "v1", "services", "a", "b", "/r/services/specs/a/b"},
        {"events.k8s.io", "v1", "events", "a", "b", "/r/events/a/b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT(KIB);
        const struct resource *r =
            resource_find(str_of(cases[i].group), str_of(cases[i].version), str_of(cases[i].resource));
        assert_true(codec_key(r, "/r", str_of(cases[i].ns), str_of(cases[i].name), &b));
        assert_string_equal(b.data, cases[i].want);
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(index_of_a_pod),
                                       cmocka_unit_test(garbage), cmocka_unit_test(keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
