#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/json.h"
#include "api/proto_codec.h"
#include "base/limits.h"
#include "kubelet/pod/build.h"
#include "kubelet/pod/env.h"
#include "make.h"

/* An object from JSON text with single quotes. */
static struct kube_object *object(const struct kube_kind *kind, const char *text)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    _cleanup_(buf_releasep) struct buf bytes = BUF_INIT(MIB);
    char *json = build_text(a, text);
    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    struct err err = ERR_INIT;
    struct doc *d;
    struct kube_object *o;
    const struct schema_kind *k = schema_kind_find(STR(""), STR("v1"), str_of(kind->kind));
    assert_int_equal(json_parse(a, str_of(json), NULL, &d, &err), 0);
    assert_int_equal(proto_encode(&bytes, d, k->message, &err), 0);
    assert_int_equal(kube_object_decode(kind, buf_str(&bytes), &o, &err), 0);
    return o;
}

static int get_config_map(void *ctx, const char *ns, const char *name, struct kube_object **ret, struct err *err)
{
    if (strcmp(name, "cm") != 0)
        return err_set(err, ERR_NOT_FOUND, "configmap \"%s\" not found", name);
    *ret = object(&kube_config_maps, "{'metadata':{'name':'cm'},'data':{'k':'v','A':'from-map'}}");
    return 0;
}

static int get_secret(void *ctx, const char *ns, const char *name, struct kube_object **ret, struct err *err)
{
    if (strcmp(name, "s") != 0)
        return err_set(err, ERR_NOT_FOUND, "secret \"%s\" not found", name);
    *ret = object(&kube_secrets, "{'metadata':{'name':'s'},'data':{'pw':'aHVzaA=='}}");
    return 0;
}

static void get_services(void *ctx, const char *ns, bool links, struct kube_objects *ret)
{
    kube_objects_push(ret,
                      object(&kube_services, "{'metadata':{'name':'my-web','namespace':'d'},'spec':{'clusterIP':"
                                             "'10.96.0.5','ports':[{'name':'http-x','port':80,'protocol':'TCP'}]}}"));
}

static const struct object_source source = {get_config_map, get_secret, get_services, NULL};
static const struct downward_facts facts = {.node_name = "n1"};

static int make(struct arena *a, const char *container, struct container_env *ret, struct err *err)
{
    Corev1__Pod *pod = make_pod(a, BUILD_PRINTF(a,
                                                "{'metadata':{'name':'p','namespace':'d','uid':'u'},'spec':{"
                                                "'containers':[{'name':'main',%s}]}}",
                                                container));
    return env_make(a, pod, pod->spec->containers[0], &source, &facts, ret, err);
}

static void expect(const struct container_env *e, const char *name, const char *want)
{
    struct str value;
    bool found = env_lookup(e, str_of(name), &value);
    if (!want) {
        assert_false(found);
        return;
    }
    assert_true(found);
    assert_true(str_is(value, want));
}

static void all_sources_meet_in_order(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 8);
    struct container_env e;
    struct err err = ERR_INIT;
    assert_int_equal(make(a,
                          "'envFrom':[{'prefix':'P_','configMapRef':{'name':'cm'}},{'configMapRef':{'name':'no',"
                          "'optional':true}}],'env':[{'name':'P_A','value':'own'},{'name':'X','value':'$(P_k)+$(Y)'},"
                          "{'name':'PW','valueFrom':{'secretKeyRef':{'name':'s','key':'pw'}}},{'name':'N','valueFrom':"
                          "{'fieldRef':{'fieldPath':'spec.nodeName'}}},{'name':'O','valueFrom':{'configMapKeyRef':{"
                          "'name':'cm','key':'no','optional':true}}},{'name':'MY_WEB_PORT','value':'mine'}],"
                          "'command':['run','$(X)'],'args':['$(MY_WEB_SERVICE_HOST)','$$(X)']",
                          &e, &err),
                     0);
    expect(&e, "P_k", "v");
    expect(&e, "P_A", "own");
    expect(&e, "X", "v+$(Y)");
    expect(&e, "PW", "hush");
    expect(&e, "N", "n1");
    expect(&e, "O", NULL);
    expect(&e, "MY_WEB_PORT", "mine");
    expect(&e, "MY_WEB_SERVICE_HOST", "10.96.0.5");
    expect(&e, "MY_WEB_SERVICE_PORT", "80");
    expect(&e, "MY_WEB_SERVICE_PORT_HTTP_X", "80");
    expect(&e, "MY_WEB_PORT_80_TCP", "tcp://10.96.0.5:80");
    expect(&e, "MY_WEB_PORT_80_TCP_PROTO", "tcp");
    expect(&e, "MY_WEB_PORT_80_TCP_ADDR", "10.96.0.5");
    assert_string_equal(e.command[1], "v+$(Y)");
    assert_string_equal(e.args[0], "10.96.0.5");
    assert_string_equal(e.args[1], "$(X)");
}

static void what_is_missing_is_named(void **state)
{
    static const char *const examples[][2] = {
        {"'env':[{'name':'X','valueFrom':{'configMapKeyRef':{'name':'no','key':'a'}}}]", "configmap \"no\" not found"},
        {"'env':[{'name':'X','valueFrom':{'configMapKeyRef':{'name':'cm','key':'a'}}}]",
         "couldn't find key a in ConfigMap d/cm"},
        {"'env':[{'name':'X','valueFrom':{'secretKeyRef':{'name':'s','key':'a'}}}]",
         "couldn't find key a in Secret d/s"},
        {"'envFrom':[{'secretRef':{'name':'no'}}]", "secret \"no\" not found"},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 8);
        struct container_env e;
        struct err err = ERR_INIT;
        assert_int_equal(make(a, examples[i][0], &e, &err), -1);
        assert_string_equal(err.msg, examples[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sources_meet_in_order),
        cmocka_unit_test(what_is_missing_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
