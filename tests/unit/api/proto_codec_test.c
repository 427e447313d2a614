/* JSON <-> protobuf: the published golden objects byte for byte, and the corners that they do not show. */
#include "check.h"

#include <dirent.h>

#include "api/conform.h"
#include "api/json.h"
#include "api/proto_codec.h"
#include "api/proto_wire.h"
#include "base/file.h"
#include "base/limits.h"
#include "testlib/shared.h"

#define GOLDEN "testdata/kubernetes-golden"

static const struct schema_message *message_of(const char *group, const char *version, const char *kind)
{
    const struct schema_kind *k = schema_kind_find(str_of(group), str_of(version), str_of(kind));

    assert_non_null(k);
    return k->message;
}

/* "apps.v1.Deployment.json" -> its message; NULL when that version is not served. */
static const struct schema_message *golden_message(const char *file)
{
    struct str name = str_n(file, strlen(file) - 5), group;
    size_t kind = name.n, version;

    while (kind && name.p[kind - 1] != '.')
        kind--;
    for (version = kind - 1; version && name.p[version - 1] != '.';)
        version--;
    group = str_n(name.p, version - 1);
    const struct schema_kind *k = schema_kind_find(str_is(group, "core") ? STR("") : group,
                                                   str_n(name.p + version, kind - 1 - version), str_from(name, kind));
    return k && strcmp(k->group, "meta.k8s.io") != 0 ? k->message : NULL;
}

static void report_difference(const char *file, struct str have, struct str want)
{
    size_t at = 0;

    while (at < have.n && at < want.n && have.p[at] == want.p[at])
        at++;
    size_t from = at < 40 ? 0 : at - 40;
    print_error("%s: differs at byte %zu\n have: %.*s\n want: %.*s\n", file, at, (int)MIN_OF(have.n - from, 80u),
                have.p + from, (int)MIN_OF(want.n - from, 80u), want.p + from);
}

static bool check_golden(const char *dir, const char *file, const struct schema_message *m)
{
    _cleanup_(freep) char *json_path = xasprintf("%s/%s", dir, file);
    _cleanup_(freep) char *pb_path = xasprintf("%s/%.*s.pb", dir, (int)strlen(file) - 5, file);
    _cleanup_(buf_releasep) struct buf json = BUF_INIT(MIB), pb = BUF_INIT(MIB), out = BUF_INIT(MIB),
                                       again = BUF_INIT(MIB);
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    struct doc_warnings warnings = {.n = 0};
    struct doc *want, *input, *have;
    struct err err = ERR_INIT;

    assert_int_equal(file_read(json_path, &json, &err), 0);
    assert_int_equal(file_read(pb_path, &pb, &err), 0);
    want = parse(a, json.data);
    if (proto_encode_object(&out, want, m, &err) < 0 || proto_decode_object(a, buf_str(&pb), m, &have, &err) < 0 ||
        conform(a, parse(a, json.data), m, &warnings, &input, &err) < 0) {
        print_error("%s: %s\n", file, err.msg);
        return false;
    }
    bool ok = str_eq(buf_str(&out), buf_str(&pb));
    if (!ok)
        report_difference(file, buf_str(&out), buf_str(&pb));
    buf_clear(&out);
    json_write(&out, have);
    json_write(&again, input);
    if (!doc_equal(want, have) || !doc_equal(want, input) || !str_eq(buf_str(&out), buf_str(&again)) || warnings.n) {
        print_error("%s: %s\n", file, warnings.n ? warnings.text[0] : "JSON");
        report_difference(file, buf_str(&out), buf_str(&again));
        return false;
    }
    return ok;
}

static void test_golden(void **state)
{
    _cleanup_(freep) char *dir = shared_path(GOLDEN);
    size_t good = 0, bad = 0, not_served = 0;
    struct dirent *e;

    if (!dir) {
        print_message("skipped: no %s\n", GOLDEN);
        return;
    }
    DIR *d = opendir(dir);
    assert_non_null(d);
    while ((e = readdir(d))) {
        if (!str_ends(str_of(e->d_name), STR(".json")))
            continue;
        const struct schema_message *m = golden_message(e->d_name);
        if (!m)
            not_served++;
        else if (check_golden(dir, e->d_name, m))
            good++;
        else
            bad++;
    }
    closedir(d);
    print_message("%zu kinds good, %zu wrong, %zu not served\n", good, bad, not_served);
    assert_int_equal(bad, 0);
    assert_true(good >= 80);
}

/* JSON in, JSON out: by way of conform, and by way of protobuf; both must be `want`. */
static void check_round(const struct schema_message *m, const char *in, const char *want)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    _cleanup_(buf_releasep) struct buf pb = BUF_INIT(MIB), out = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct doc *d;

    if (conform(a, parse(a, in), m, NULL, &d, &err) < 0)
        fail_msg("%s: %s", in, err.msg);
    json_write(&out, d);
    assert_string_equal(out.data, want);
    if (proto_encode(&pb, d, m, &err) < 0 || proto_decode(a, buf_str(&pb), m, &d, &err) < 0)
        fail_msg("%s: %s", in, err.msg);
    doc_remove(d, "apiVersion");
    buf_clear(&out);
    json_write(&out, d);
    assert_string_equal(out.data, want);
}

static void test_zero_values(void **state)
{
    check_round(message_of("", "v1", "ConfigMap"), "{}", "{\"metadata\":{}}");
    check_round(message_of("", "v1", "ConfigMap"), "{\"data\":{},\"immutable\":false}",
                "{\"metadata\":{},\"immutable\":false}");
    check_round(message_of("", "v1", "ConfigMap"), "{\"data\":{\"b\":\"\",\"a\":null}}",
                "{\"metadata\":{},\"data\":{\"a\":\"\",\"b\":\"\"}}");
    check_round(message_of("", "v1", "Pod"), "{\"spec\":{\"containers\":[{\"name\":\"\"}]}}",
                "{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"\",\"resources\":{}}]},\"status\":{}}");
    check_round(
        message_of("apps", "v1", "Deployment"), "{\"spec\":null}",
        "{\"metadata\":{},\"spec\":{\"selector\":null,\"template\":{\"metadata\":{},\"spec\":{\"containers\":null}},"
        "\"strategy\":{}},\"status\":{}}");
    check_round(message_of("", "v1", "Secret"), "{\"data\":{\"k\":\"\",\"l\":\"AAE=\"}}",
                "{\"metadata\":{},\"data\":{\"k\":\"\",\"l\":\"AAE=\"}}");
}

static void test_forms(void **state)
{
    check_round(
        message_of("", "v1", "Service"), "{\"spec\":{\"ports\":[{\"port\":1,\"targetPort\":\"http\"},{\"port\":2}]}}",
        "{\"metadata\":{},\"spec\":{\"ports\":[{\"port\":1,\"targetPort\":\"http\"},{\"port\":2,\"targetPort\":0}]},"
        "\"status\":{\"loadBalancer\":{}}}");
    check_round(message_of("", "v1", "ResourceQuota"), "{\"spec\":{\"hard\":{\"b\":0.5,\"a\":\"1000Mi\",\"c\":null}}}",
                "{\"metadata\":{},\"spec\":{\"hard\":{\"a\":\"1000Mi\",\"b\":\"500m\",\"c\":\"0\"}},\"status\":{}}");
    check_round(message_of("coordination.k8s.io", "v1", "Lease"),
                "{\"metadata\":{\"creationTimestamp\":\"2026-01-02T03:04:05.9+01:00\"},"
                "\"spec\":{\"renewTime\":\"2026-01-02T03:04:05.123456-07:00\"}}",
                "{\"metadata\":{\"creationTimestamp\":\"2026-01-02T02:04:05Z\"},"
                "\"spec\":{\"renewTime\":\"2026-01-02T10:04:05.123456Z\"}}");
    check_round(message_of("apps", "v1", "ControllerRevision"), "{\"data\":{\"x\":[1,{}]},\"revision\":-1}",
                "{\"metadata\":{},\"data\":{\"x\":[1,{}]},\"revision\":-1}");
    check_round(message_of("apps", "v1", "ControllerRevision"), "{}", "{\"metadata\":{},\"data\":null,\"revision\":0}");
}

/* Go's way of writing a float64. */
static void test_doubles(void **state)
{
    static const char *const numbers[][2] = {{"1.50", "1.5"},
                                             {"1e3", "1000"},
                                             {"1e21", "1e+21"},
                                             {"123e-9", "1.23e-7"},
                                             {"0.000001", "0.000001"},
                                             {"-0.1", "-0.1"},
                                             {"1e20", "100000000000000000000"},
                                             {"12345678901234567890", "12345678901234567000"},
                                             {"7", "7"}};

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char in[128], want[128];
        snprintf(in, sizeof(in), "{\"maximum\":%s}", numbers[i][0]);
        snprintf(want, sizeof(want), "{\"maximum\":%s}", numbers[i][1]);
        const struct schema_kind *crd =
            schema_kind_find(STR("apiextensions.k8s.io"), STR("v1"), STR("CustomResourceDefinition"));
        check_round(schema_path(crd->message, STR("spec.versions.schema.openAPIV3Schema"))->message, in, want);
    }
}

static void check_error(const struct schema_message *m, const char *in, const char *want)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct err err = ERR_INIT;
    struct doc *d;

    assert_int_equal(conform(a, parse(a, in), m, NULL, &d, &err), -1);
    assert_string_equal(err.msg, want);
}

static void test_type_errors(void **state)
{
    const struct schema_message *deployment = message_of("apps", "v1", "Deployment"),
                                *pod = message_of("", "v1", "Pod");

    check_error(deployment, "{\"spec\":{\"replicas\":\"3\"}}",
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32");
    check_error(deployment, "{\"spec\":{\"replicas\":1.5}}",
                "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32");
    check_error(pod, "{\"spec\":{\"containers\":[{\"env\":[{\"name\":\"a\",\"value\":1}]}]}}",
                "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string");
    check_error(pod, "{\"metadata\":{\"labels\":{\"a\":true}}}",
                "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string");
    check_error(pod, "{\"spec\":{\"containers\":{}}}",
                "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container");
    check_error(pod, "{\"spec\":[]}", "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec");
    check_error(
        pod, "{\"spec\":{\"restartPolicy\":1}}",
        "json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy");
    check_error(pod, "[]", "json: cannot unmarshal array into Go value of type v1.Pod");
    check_error(pod, "{\"metadata\":{\"creationTimestamp\":\"abc\"}}",
                "parsing time \"abc\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"abc\" as \"2006\"");
}

static void test_unknown_fields(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc_warnings w = {.n = 0};
    struct err err = ERR_INIT;
    struct doc *d;

    assert_int_equal(
        conform(a, parse(a, "{\"spec\":{\"foo\":1,\"containers\":[{\"name\":\"a\"},{\"Name\":\"b\"}]},\"x\":null}"),
                message_of("", "v1", "Pod"), &w, &d, &err),
        0);
    assert_int_equal(w.n, 3);
    assert_string_equal(w.text[0], "unknown field \"spec.foo\"");
    assert_string_equal(w.text[1], "unknown field \"spec.containers[1].Name\"");
    assert_string_equal(w.text[2], "unknown field \"x\"");
    assert_null(doc_path(d, "spec.foo"));
}

static void test_broken_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"\x0a", 1},                 /* no length */
        {"\x0a\x05xy", 4},           /* cut short */
        {"\x0b", 1},                 /* a group */
        {"\x00\x00", 2},             /* number 0 */
        {"\x08\x01", 2},             /* metadata as a varint */
        {"\x0a\x02\x0a\x7f", 4},     /* cut short inside */
        {"\x0a\x03\x0a\x01\xff", 5}, /* no UTF-8 */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10},
    };
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *d;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        if (proto_decode(a, str_n(bad[i].bytes, bad[i].n), message_of("", "v1", "Pod"), &d, &err) == 0)
            fail_msg("case %zu was accepted", i);
    }
}

/* Keys out of order and twice: sorted, the last one counts. And an unknown field, which is skipped. */
static void test_map_order(void **state)
{
    static const char bytes[] = "\x12\x06\x0a\x01z\x12\x01\x31\x12\x06\x0a\x01"
                                "a\x12\x01\x32\x12\x06\x0a\x01z\x12\x01\x33\x7a\x01x";
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct doc *d;

    assert_int_equal(proto_decode(a, str_n(bytes, sizeof(bytes) - 1), message_of("", "v1", "ConfigMap"), &d, &err), 0);
    json_write(&out, d);
    assert_string_equal(out.data, "{\"metadata\":{},\"data\":{\"a\":\"2\",\"z\":\"3\"}}");
}

static void test_depth(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(MIB), pb = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct doc *d;
    const int depth = 240;

    buf_puts(&text, "{\"spec\":{\"versions\":[{\"name\":\"v1\",\"schema\":{\"openAPIV3Schema\":");
    for (int i = 0; i < depth; i++)
        buf_puts(&text, "{\"not\":");
    buf_puts(&text, "{}");
    for (int i = 0; i < depth; i++)
        buf_puts(&text, "}");
    buf_puts(&text, "}}]}}");
    d = parse(a, text.data);
    assert_int_equal(
        conform(a, d, message_of("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), NULL, &d, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(proto_encode(&pb, parse(a, text.data),
                                  message_of("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), &err),
                     -1);
}

static void test_long_lengths(void **state)
{
    static const size_t sizes[] = {127, 128, 16383, 16384, 300000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        _cleanup_(buf_releasep) struct buf b = BUF_INIT(MIB);
        size_t body = wire_begin(&b, 1);
        for (size_t n = 0; n < sizes[i]; n++)
            buf_putc(&b, (char)('a' + n % 26));
        wire_end(&b, body);
        struct wire_reader r = wire_read(buf_str(&b));
        struct wire_field f;
        assert_true(wire_next(&r, &f));
        assert_int_equal(f.bytes.n, sizes[i]);
        assert_int_equal(f.bytes.p[sizes[i] - 1], 'a' + (int)((sizes[i] - 1) % 26));
        assert_false(wire_more(&r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_zero_values),    cmocka_unit_test(test_forms),
        cmocka_unit_test(test_type_errors),  cmocka_unit_test(test_unknown_fields), cmocka_unit_test(test_broken_bytes),
        cmocka_unit_test(test_map_order),    cmocka_unit_test(test_depth),          cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_long_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
