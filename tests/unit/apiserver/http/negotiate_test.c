#include "apiserver/http/negotiate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct {
    const char *header;
    enum negotiate_for what;
    int encoding, shape; /* encoding -1 = refused */
    bool beta;
} ACCEPTS[] = {
    {"", NEGOTIATE_OBJECT, ENC_JSON, SHAPE_OBJECT, false},
    {"*/*", NEGOTIATE_OBJECT, ENC_JSON, SHAPE_OBJECT, false},
    {"application/json", NEGOTIATE_OBJECT, ENC_JSON, SHAPE_OBJECT, false},
    {"application/yaml", NEGOTIATE_OBJECT, ENC_YAML, SHAPE_OBJECT, false},
    {"application/vnd.kubernetes.protobuf, */*", NEGOTIATE_OBJECT, ENC_PROTOBUF, SHAPE_OBJECT, false},
    {"application/json;q=0.5, application/vnd.kubernetes.protobuf;q=0.9", NEGOTIATE_OBJECT, ENC_PROTOBUF, SHAPE_OBJECT,
     false},
    {"text/html, application/json;q=0.1", NEGOTIATE_OBJECT, ENC_JSON, SHAPE_OBJECT, false},
    {"text/html", NEGOTIATE_OBJECT, -1, 0, false},
    {"application/json;q=0", NEGOTIATE_OBJECT, -1, 0, false},
    {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
     NEGOTIATE_LIST, ENC_JSON, SHAPE_TABLE, false},
    {"application/json;as=Table;v=v1beta1;g=meta.k8s.io", NEGOTIATE_LIST, ENC_JSON, SHAPE_TABLE, true},
    {"application/json;as=Table;v=v7;g=meta.k8s.io, application/json", NEGOTIATE_LIST, ENC_JSON, SHAPE_OBJECT, false},
    {"application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", NEGOTIATE_LIST, -1, 0, false},
    {"application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", NEGOTIATE_OBJECT, ENC_JSON, SHAPE_METADATA, false},
    {"application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", NEGOTIATE_LIST,
     ENC_PROTOBUF, SHAPE_METADATA_LIST, false},
    {"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", NEGOTIATE_OBJECT, -1, 0, false},
    {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json", NEGOTIATE_DISCOVERY,
     ENC_JSON, SHAPE_DISCOVERY, false},
};

static void accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ACCEPTS); i++) {
        struct accepted a = {0};
        struct err err = ERR_INIT;
        int r = negotiate_accept(str_of(ACCEPTS[i].header), ACCEPTS[i].what, &a, &err);
        if (ACCEPTS[i].encoding < 0) {
            assert_int_equal(r, -1);
            assert_int_equal(err.code, ERR_NOT_ACCEPTABLE);
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(a.encoding, ACCEPTS[i].encoding);
        assert_int_equal(a.shape, ACCEPTS[i].shape);
        assert_int_equal(a.beta, ACCEPTS[i].beta);
    }
}

static void bodies(void **state)
{
    (void)state;
    enum encoding e;
    enum patch_type p;
    struct err err = ERR_INIT;
    assert_int_equal(negotiate_content_type(STR(""), &e, &err), 0);
    assert_int_equal(e, ENC_JSON);
    assert_int_equal(negotiate_content_type(STR("application/json; charset=utf-8"), &e, &err), 0);
    assert_int_equal(negotiate_content_type(STR("application/yaml"), &e, &err), 0);
    assert_int_equal(e, ENC_YAML);
    assert_int_equal(negotiate_content_type(STR("text/plain"), &e, &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED_MEDIA);
    assert_int_equal(negotiate_content_type(STR("*/*"), &e, &err), -1);
    assert_int_equal(negotiate_patch_type(STR("application/strategic-merge-patch+json"), &p, &err), 0);
    assert_int_equal(p, PATCH_STRATEGIC);
    assert_int_equal(negotiate_patch_type(STR("application/apply-patch+yaml"), &p, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(accepts), cmocka_unit_test(bodies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
