/* Requests from their bytes to their answers: signatures, routing, codecs, validation, errors, the trail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/aws_signer.h"

#include "api/json.h"
#include "base/file.h"
#include "ecs/services/services.h"
#include "ecs/wire/auth.h"
#include "ecs/wire/gateway.h"
#include "ecs/wire/pattern.h"

#include <stdio.h>

#define NOW 1795500000 /* 2026-11-24 */

/* --- a REST-JSON and a JSON 1.0 service made for the test, and a Query one with lists and maps --- */

enum { S_STRING, S_INT, S_TIME, S_LIST, S_MAP, S_INNER, S_INPUT, S_OUTPUT, S_BOOL };

static const struct aws_member toy_members[] = {
    /* S_INNER */ {"text", "text", S_STRING, AWS_M_REQUIRED, AWS_IN_BODY},
    {"list", "list", S_LIST, 0, AWS_IN_BODY},
    /* S_INPUT */ {"name", "name", S_STRING, AWS_M_REQUIRED, AWS_IN_URI},
    {"max", "maxResults", S_INT, 0, AWS_IN_QUERY},
    {"trace", "x-trace", S_STRING, 0, AWS_IN_HEADER},
    {"when", "when", S_TIME, 0, AWS_IN_BODY},
    {"tags", "tags", S_MAP, 0, AWS_IN_BODY},
    {"inner", "inner", S_INNER, 0, AWS_IN_BODY},
    {"flag", "flag", S_BOOL, 0, AWS_IN_BODY},
    {"many", "many", S_LIST, 0, AWS_IN_QUERY},
};
static const struct aws_shape toy_shapes[] = {
    [S_STRING] = {"String", AWS_STRING, 0, 0, 0, 0, 0, 0, 0, NULL},
    [S_INT] = {"Int", AWS_INTEGER, AWS_F_MIN | AWS_F_MAX, 0, 0, 0, 0, 1, 100, NULL},
    [S_TIME] = {"Time", AWS_TIMESTAMP, 0, 0, 0, 0, 0, 0, 0, NULL},
    [S_LIST] = {"List", AWS_LIST, AWS_F_MAX, S_STRING, 0, 0, 0, 0, 3, NULL},
    [S_MAP] = {"Map", AWS_MAP, 0, S_STRING, S_STRING, 0, 0, 0, 0, NULL},
    [S_INNER] = {"Inner", AWS_STRUCTURE, 0, 0, 0, 0, 2, 0, 0, NULL},
    [S_INPUT] = {"Input", AWS_STRUCTURE, 0, 0, 0, 2, 8, 0, 0, NULL},
    [S_OUTPUT] = {"Output", AWS_STRUCTURE, 0, 0, 0, 2, 8, 0, 0, NULL},
    [S_BOOL] = {"Bool", AWS_BOOLEAN, 0, 0, 0, 0, 0, 0, 0, NULL},
};
static const struct aws_operation_shape toy_operations[] = {
    {"GetAll", "GET", "/things", AWS_NO_SHAPE, S_OUTPUT, 200, true},
    {"GetSpecial", "GET", "/things/special", S_INPUT, S_OUTPUT, 200, true},
    {"GetThing", "GET", "/things/{name}", S_INPUT, S_OUTPUT, 200, true},
    {"PutThing", "POST", "/things/{name}/parts", S_INPUT, S_OUTPUT, 201, false},
    {"PutTree", "POST", "/trees/{name+}", S_INPUT, S_OUTPUT, 200, false},
};
static const struct aws_error_shape toy_errors[] = {{"ThingGoneException", "ThingGone", 410}};

#define TOY(id_, protocol_)                                                                                            \
    {                                                                                                                  \
        .id = id_, .title = "Toy", .signing_name = id_, .target_prefix = "Toy_2026", .version = "2026-01-01",          \
        .xmlns = "https://toy/", .event_source = id_ ".amazonaws.com", .invalid_code = "ValidationException",          \
        .server_code = "InternalFailure", .protocol = protocol_, .model = {toy_shapes, toy_members, NULL},             \
        .operations = toy_operations, .n_operations = ARRAY_LEN(toy_operations), .errors = toy_errors, .n_errors = 1   \
    }

/* Says back what it was given. */
static int echo(struct aws_call *call, struct err *err)
{
    struct str name = doc_str(doc_get(call->input, "name"));

    if (str_is(name, "gone"))
        return aws_error(call, "ThingGoneException", "<gone> & lost");
    if (str_is(name, "broken"))
        return err_set(err, ERR_INTERNAL, "a secret detail");
    doc_foreach (call->input, it)
        doc_set_str(call->output, doc_key(it), doc_clone(call->arena, it, true));
    return 0;
}

static const struct aws_operation toy_rows[] = {
    {"toy", "GetAll", echo},        {"toy", "GetSpecial", echo},       {"toy", "GetThing", echo},
    {"toy", "PutThing", echo},      {"toy", "PutTree", echo},          {"toyjson", "PutThing", echo},
    {"toyquery", "PutThing", echo}, {"ecs", "DescribeClusters", echo}, {"ecs", "RegisterTaskDefinition", echo},
};

/* --- the gateway under test --- */

struct fixture {
    char dir[32], keys_file[64], audit_file[64];
    struct aws_keys *keys;
    struct audit *audit;
    struct gateway *gateway;
    struct aws_service services[8];
    struct aws_operation_table tables[3];
    struct aws_signer signer;
};

static int64_t fixed_time(const struct clock *c)
{
    (void)c;
    return NOW * NS_PER_S;
}
static const struct clock fixed = {fixed_time, fixed_time};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = ERR_INIT;

    strcpy(f->dir, "/tmp/wire-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->keys_file, sizeof(f->keys_file), "%s/keys", f->dir);
    (void)snprintf(f->audit_file, sizeof(f->audit_file), "%s/audit", f->dir);
    assert_int_equal(file_write(f->keys_file,
                                STR("# keys\n[default]\naws_access_key_id = AKIDROOT\naws_secret_access_key=root\n"
                                    "[alice]\naws_access_key_id=AKIDALICE\naws_secret_access_key=alice\n"
                                    "[session]\naws_access_key_id=ASIA1\naws_secret_access_key=s\n"
                                    "aws_session_token=tok\narn=arn:aws:sts::123456789012:assumed-role/r/s1\n"),
                                0600, &err),
                     0);
    assert_int_equal(aws_keys_new(NULL, f->keys_file, "000000000000", &f->keys, &err), 0);
    assert_int_equal(audit_new(f->audit_file, &f->audit, &err), 0);
    size_t n = 0;
    for (; n < aws_services_n; n++)
        f->services[n] = aws_services[n];
    const struct aws_service toys[] = {TOY("toy", AWS_REST_JSON), TOY("toyjson", AWS_JSON_1_0),
                                       TOY("toyquery", AWS_QUERY)};
    memcpy(f->services + n, toys, sizeof(toys));
    f->tables[0] = (struct aws_operation_table){sts_operations, sts_operations_n, NULL};
    f->tables[1] = (struct aws_operation_table){cloudtrail_operations, cloudtrail_operations_n, f->audit};
    f->tables[2] = (struct aws_operation_table){toy_rows, ARRAY_LEN(toy_rows), NULL};
    const struct gateway_options o = {.region = "us-east-1",
                                      .account_id = "000000000000",
                                      .services = {f->services, n + ARRAY_LEN(toys)},
                                      .tables = f->tables,
                                      .n_tables = 3,
                                      .keys = f->keys,
                                      .audit = f->audit,
                                      .clock = &fixed};
    assert_int_equal(gateway_new(&o, &f->gateway, &err), 0);
    f->signer = (struct aws_signer){.access_key = "AKIDALICE", .secret = "alice", .service = "ecs", .now_s = NOW};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;

    gateway_free(f->gateway);
    aws_keys_free(f->keys);
    audit_free(f->audit);
    int rc = file_remove_tree(f->dir, &err);
    free(f);
    return rc;
}

static struct gateway_answer last;

static const char *serve(struct fixture *f, const struct sigv4_request *r)
{
    static char text[32768];

    gateway_serve(f->gateway, r, "127.0.0.1", &last);
    assert_true(buf_ok(&last.body));
    (void)snprintf(text, sizeof(text), STR_FMT, STR_ARG(buf_str(&last.body)));
    buf_release(&last.body);
    return text;
}

static const char *json(struct fixture *f, const char *target, const char *body)
{
    struct aws_signed s;

    aws_sign(&f->signer, "POST", "/", "", "application/x-amz-json-1.1", target, str_of(body), &s);
    return serve(f, &s.r);
}

static const char *ecs(struct fixture *f, const char *operation, const char *body)
{
    char target[128];

    (void)snprintf(target, sizeof(target), "AmazonEC2ContainerServiceV20141113.%s", operation);
    return json(f, target, body);
}

static const char *form(struct fixture *f, const char *service, const char *body)
{
    struct aws_signed s;

    f->signer.service = service;
    aws_sign(&f->signer, "POST", "/", "", "application/x-www-form-urlencoded; charset=utf-8", NULL, str_of(body), &s);
    return serve(f, &s.r);
}

static const char *rest(struct fixture *f, const char *method, const char *path, const char *query, const char *body)
{
    struct aws_signed s;

    f->signer.service = "toy";
    aws_sign(&f->signer, method, path, query, NULL, NULL, str_of(body), &s);
    s.headers[s.r.n_headers++] = (struct sigv4_header){STR("x-trace"), STR(" t1 ")};
    return serve(f, &s.r);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in %s", part, text);
}

/* --- who calls --- */

static void test_identity(void **state)
{
    struct fixture *f = *state;
    const char *t = form(f, "sts", "Action=GetCallerIdentity&Version=2011-06-15");

    assert_int_equal(last.status, 200);
    assert_string_equal(last.content_type, "text/xml");
    assert_has(t, "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                  "<GetCallerIdentityResult><UserId>AIDA");
    assert_has(t, "<Account>000000000000</Account><Arn>arn:aws:iam::000000000000:user/alice</Arn>"
                  "</GetCallerIdentityResult><ResponseMetadata><RequestId>");
    f->signer.access_key = "AKIDROOT";
    f->signer.secret = "root";
    assert_has(form(f, "sts", "Action=GetCallerIdentity&Version=2011-06-15"),
               "<UserId>000000000000</UserId><Account>000000000000</Account><Arn>arn:aws:iam::000000000000:root</Arn>");
}

static void test_wrong_signatures(void **state)
{
    struct fixture *f = *state;
    static const char sts[] = "Action=GetCallerIdentity&Version=2011-06-15";

    f->signer.secret = "guess";
    assert_has(ecs(f, "ListClusters", "{}"), "{\"__type\":\"InvalidSignatureException\",\"message\":\"The request sig");
    assert_int_equal(last.status, 400);
    assert_has(form(f, "sts", sts), "<Type>Sender</Type><Code>SignatureDoesNotMatch</Code>");
    assert_int_equal(last.status, 403);
    f->signer.access_key = "AKIDNOBODY";
    assert_has(form(f, "sts", sts), "<Code>InvalidClientTokenId</Code><Message>The security token included in the");
    assert_int_equal(last.status, 403);
    f->signer.service = "ecs";
    assert_has(ecs(f, "ListClusters", "{}"), "\"UnrecognizedClientException\"");
    assert_string_equal(last.error_type, "UnrecognizedClientException");
}

static void test_skew(void **state)
{
    struct fixture *f = *state;

    f->signer.now_s = NOW - 15 * 60 - 1;
    assert_has(ecs(f, "ListClusters", "{}"), "InvalidSignatureException\",\"message\":\"Signature expired: 20261124T");
    f->signer.now_s = NOW + 15 * 60 + 1;
    assert_has(ecs(f, "ListClusters", "{}"), "InvalidSignatureException\",\"message\":\"Signature not yet current: ");
    f->signer.now_s = NOW + 15 * 60;
    assert_has(ecs(f, "DescribeClusters", "{}"), "{}");
    assert_int_equal(last.status, 200);
}

static void test_unsigned(void **state)
{
    struct fixture *f = *state;
    const struct sigv4_header target[] = {{STR("x-amz-target"), STR("AmazonEC2ContainerServiceV20141113.ListClusters")},
                                          {STR("authorization"), STR("AWS4-HMAC-SHA256 nonsense")}};
    struct sigv4_request r = {.method = STR("POST"),
                              .path = STR("/"),
                              .query = STR(""),
                              .headers = target,
                              .n_headers = 1,
                              .body = STR("{}")};

    assert_has(serve(f, &r),
               "{\"__type\":\"MissingAuthenticationTokenException\",\"message\":\"Missing Authentication");
    r.n_headers = 2;
    assert_has(serve(f, &r), "IncompleteSignatureException");
    assert_int_equal(last.status, 400);
    r = (struct sigv4_request){
        .method = STR("GET"), .path = STR("/"), .query = STR("Action=GetCallerIdentity"), .body = STR("")};
    assert_has(serve(f, &r), "<Code>MissingAuthenticationToken</Code>");
    assert_int_equal(last.status, 403);
}

static void test_session_token(void **state)
{
    struct fixture *f = *state;

    f->signer = (struct aws_signer){"ASIA1", "s", "ecs", "tok", NOW};
    assert_string_equal(ecs(f, "DescribeClusters", "{}"), "{}");
    f->signer.token = "other";
    assert_has(ecs(f, "DescribeClusters", "{}"), "UnrecognizedClientException");
    f->signer.token = NULL;
    assert_has(ecs(f, "DescribeClusters", "{}"), "UnrecognizedClientException");
    f->signer = (struct aws_signer){"AKIDALICE", "alice", "ecs", "tok", NOW};
    assert_has(ecs(f, "DescribeClusters", "{}"), "UnrecognizedClientException");
    f->signer = (struct aws_signer){"ASIA1", "s", "sts", "tok", NOW};
    const char *t = form(f, "sts", "Action=GetCallerIdentity&Version=2011-06-15");
    assert_has(t, "<UserId>AROA");
    assert_has(t, "<Account>123456789012</Account>");
}

/* --- routing --- */

static void test_unknown(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(ecs(f, "FlyToTheMoon", "{}"),
                        "{\"__type\":\"UnknownOperationException\",\"message\":\"Amazon ECS has no operation "
                        "'AmazonEC2ContainerServiceV20141113.FlyToTheMoon'.\"}");
    assert_int_equal(last.status, 400);
    assert_has(ecs(f, "ExecuteCommand", "{\"command\":\"ls\",\"interactive\":true,\"task\":\"t\"}"),
               "The operation ExecuteCommand of ecs is not implemented yet.");
    assert_has(json(f, "Other_1.ListClusters", "{}"), "UnknownOperationException");
    f->signer.service = "kinesis";
    assert_has(json(f, "Kinesis_20131202.ListStreams", "{}"), "The service 'kinesis' is not served here.");
    assert_has(form(f, "ec2", "Action=DescribeVpcs&Version=2016-11-15"), "<Code>InvalidAction</Code>");
    assert_has(form(f, "sts", "Action=AssumeRole&Version=2011-06-15"),
               "Could not find operation AssumeRole for version 2011-06-15");
    assert_has(form(f, "sts", "Action=GetCallerIdentity&Version=1999"), "<Code>InvalidAction</Code>");
    assert_has(form(f, "sts", "Version=2011-06-15"), "<Code>MissingAction</Code>");
    assert_has(form(f, "sts", "Action=%zz"), "<Code>MalformedQueryString</Code>");
    assert_has(rest(f, "GET", "/nothing", "", ""), "Toy has no operation at GET /nothing.");
    assert_int_equal(last.status, 404);
    assert_string_equal(last.error_type, "UnknownOperationException");
}

static void test_rest(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(rest(f, "GET", "/things/a%20b", "maxResults=7", ""),
                        "{\"name\":\"a b\",\"max\":7,\"trace\":\"t1\"}");
    assert_string_equal(
        rest(f, "POST", "/things/x/parts", "", "{\"inner\":{\"text\":\"t\",\"what\":1},\"name\":\"no\"}"),
        "{\"inner\":{\"text\":\"t\"},\"name\":\"x\",\"trace\":\"t1\"}");
    assert_int_equal(last.status, 201);
    assert_string_equal(rest(f, "POST", "/trees/arn:x/y/z", "", ""), "{\"name\":\"arn:x/y/z\",\"trace\":\"t1\"}");
    assert_string_equal(rest(f, "GET", "/things", "", ""), "{}");
    assert_string_equal(rest(f, "GET", "/things/", "", ""), "{}");
    assert_has(rest(f, "GET", "/things/x", "maxResults=seven", ""), "STRING_VALUE can not be converted to an Integer");
    assert_has(rest(f, "GET", "/things/x", "maxResults=101", ""),
               "1 validation error detected: Value '101' at 'max' failed to satisfy constraint: Member must have value "
               "less than or equal to 100");
    assert_string_equal(rest(f, "GET", "/things/x", "many=b&many=a", ""),
                        "{\"name\":\"x\",\"trace\":\"t1\",\"many\":[\"b\",\"a\"]}");
    assert_string_equal(rest(f, "GET", "/things/gone", "", ""), "{\"message\":\"\\u003cgone\\u003e \\u0026 lost\"}");
    assert_int_equal(last.status, 410);
    assert_string_equal(last.error_type, "ThingGone");
    /* the fixed path wins, and has no name, which is required */
    assert_has(rest(f, "GET", "/things/special", "", ""), "Value null at 'name'");
}

static void test_own_failure(void **state)
{
    struct fixture *f = *state;
    const char *t = rest(f, "GET", "/things/broken", "", "");

    assert_int_equal(last.status, 500);
    assert_string_equal(t, "{\"message\":\"The service has met an internal error.\"}");
}

/* --- codecs --- */

static void test_form(void **state)
{
    struct fixture *f = *state;
    const char *t = form(f, "toyquery",
                         "Action=PutThing&Version=2026-01-01&name=a+b%26&when=2026-01-02T03:04:05Z&"
                         "inner.text=x&inner.list.member.1=one&inner.list.member.2=two&tags.entry.1.key=k&"
                         "tags.entry.1.value=v&flag=true&maxResults=5&x=1");

    assert_has(t, "<PutThingResponse xmlns=\"https://toy/\"><PutThingResult><name>a b&amp;</name>"
                  "<maxResults>5</maxResults><when>2026-01-02T03:04:05.000Z</when>"
                  "<tags><entry><key>k</key><value>v</value></entry></tags>"
                  "<inner><text>x</text><list><member>one</member><member>two</member></list></inner>"
                  "<flag>true</flag></PutThingResult>");
    assert_has(form(f, "toyquery", "Action=PutThing&name=gone"),
               "<ErrorResponse xmlns=\"https://toy/\"><Error><Type>Sender</Type><Code>ThingGone</Code>"
               "<Message>&lt;gone&gt; &amp; lost</Message></Error><RequestId>");
    assert_has(form(f, "toyquery", "Action=PutThing&name=x&inner.list.member.1=y"), "Value null at 'inner.text'");
    assert_has(form(f, "toyquery",
                    "Action=PutThing&name=x&inner.text=t&inner.list.member.1=1&inner.list.member.2=2&"
                    "inner.list.member.3=3&inner.list.member.4=4"),
               "Value '[...]' at 'inner.list' failed to satisfy constraint: Member must have length less than or equal "
               "to 3");
    assert_has(form(f, "toyquery", "Action=PutThing&name=x&flag=maybe"),
               "STRING_VALUE can not be converted to a Boolean");
    /* depth and number are bounded by what the shape has */
    assert_has(form(f, "toyquery", "Action=PutThing&name=x&inner.inner.inner.text=t"), "Value null at 'inner.text'");
}

static void test_json_1_0(void **state)
{
    struct fixture *f = *state;
    struct aws_signed s;

    f->signer.service = "toyjson";
    aws_sign(&f->signer, "POST", "/", "", "application/x-amz-json-1.0", "Toy_2026.PutThing", STR("{\"name\":\"gone\"}"),
             &s);
    s.headers[s.r.n_headers++] = (struct sigv4_header){STR("x-amzn-query-mode"), STR("true")};
    assert_has(serve(f, &s.r), "\"__type\":\"ThingGone\"");
    assert_string_equal(last.content_type, "application/x-amz-json-1.0");
    assert_string_equal(last.query_error, "ThingGone;Sender");
}

static void test_types(void **state)
{
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"", "{}"},
        {"{\"clusters\":null,\"unknown\":{\"a\":1}}", "{}"},
        {"{\"clusters\":[\"a\",null,\"b\"]}", "{\"clusters\":[\"a\",\"b\"]}"},
        {"[]", "\"SerializationException\",\"message\":\"Expected structure or null\""},
        {"{", "\"SerializationException\",\"message\":\"The body is not valid JSON"},
        {"{\"clusters\":\"a\"}", "\"message\":\"Expected list or null\""},
        {"{\"clusters\":{}}", "Start of structure or map found where not expected."},
        {"{\"clusters\":[1]}", "\"message\":\"NUMBER_VALUE can not be converted to a String\""},
        {"{\"clusters\":[true]}", "\"message\":\"TRUE_VALUE can not be converted to a String\""},
        {"{\"clusters\":[[]]}", "Start of list found where not expected."},
        {"{\"include\":[\"TAGS\",\"x\",\"y\"]}",
         "2 validation errors detected: Value 'x' at 'include.2.member' failed to satisfy constraint: Member must "
         "satisfy enum value set: [ATTACHMENTS, CONFIGURATIONS, SETTINGS, STATISTICS, TAGS]; Value 'y' at "
         "'include.3.member'"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_has(ecs(f, "DescribeClusters", cases[i].body), cases[i].want);
}

static void test_ecs_constraints(void **state)
{
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"{\"containerDefinitions\":[]}", "{\"__type\":\"ClientException\",\"message\":\"Family can not be blank.\"}"},
        {"{\"family\":\"f\"}",
         "{\"__type\":\"ClientException\",\"message\":\"ContainerDefinitions cannot be empty.\"}"},
        {"{\"family\":\"f\",\"containerDefinitions\":[{\"cpu\":1e2,\"memory\":64.0}]}",
         "{\"family\":\"f\",\"containerDefinitions\":[{\"cpu\":100,\"memory\":64}]}"},
        {"{\"family\":\"f\",\"containerDefinitions\":[{\"cpu\":2147483648}]}",
         "NUMBER_VALUE can not be converted to an Integer"},
        {"{\"family\":\"f\",\"containerDefinitions\":[{\"cpu\":1.5}]}",
         "DECIMAL_VALUE can not be converted to an Integer"},
        {"{\"family\":\"f\",\"containerDefinitions\":[],\"tags\":[{\"key\":\"bad?\",\"value\":\"\"}]}",
         "1 validation error detected: Value 'bad?' at 'tags.1.member.key' failed to satisfy constraint: Member must "
         "satisfy regular expression pattern: ([\\\\p{L}\\\\p{Z}\\\\p{N}_.:/=+\\\\-@]*)"},
        {"{\"family\":\"f\",\"containerDefinitions\":[],\"tags\":[{\"key\":\"\"}]}",
         "Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal "
         "to 1"},
        {"{\"family\":\"f\",\"containerDefinitions\":[{\"dependsOn\":[{\"containerName\":\"a\"}]}]}",
         "Value null at 'containerDefinitions.1.member.dependsOn.1.member.condition' failed to satisfy constraint: "
         "Member must not be null"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_has(ecs(f, "RegisterTaskDefinition", cases[i].body), cases[i].want);
}

static void test_patterns(void **state)
{
    static const char tag[] = "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)", type[] = "[a-zA-Z0-9\\.\\*\\-]+";

    (void)state;
    assert_true(pattern_matches(tag, STR("")));
    assert_true(pattern_matches(tag, STR("env name=a/b:c+d-e@f_9")));
    assert_true(pattern_matches(tag, STR("\xc3\xbcmlaut \xe6\x97\xa5")));
    assert_false(pattern_matches(tag, STR("a,b")));
    assert_false(pattern_matches(tag, STR("a\nb")));
    assert_true(pattern_matches(type, STR("m5.*-x")));
    assert_false(pattern_matches(type, STR("")));
    assert_false(pattern_matches(type, STR("m5_x")));
    assert_false(pattern_matches(type, STR("a\\b")));
}

/* --- the trail --- */

static void test_trail(void **state)
{
    struct fixture *f = *state;
    struct buf text = BUF_INIT(1 << 20);
    struct err err = ERR_INIT;
    static const char lookup[] = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";

    (void)ecs(f, "DeleteCluster", "{\"cluster\":\"demo\"}");
    (void)ecs(
        f, "RegisterTaskDefinition",
        "{\"family\":\"web\",\"containerDefinitions\":[{\"environment\":[{\"name\":\"P\",\"value\":\"hush\"}]}]}");
    (void)ecs(f, "DescribeClusters", "{}");
    f->signer.service = "cloudtrail";
    const char *t = json(f, lookup, "{\"MaxResults\":2}");
    assert_has(t, "{\"Events\":[{\"EventId\":");
    assert_has(t,
               "\"EventName\":\"DescribeClusters\",\"ReadOnly\":\"true\",\"AccessKeyId\":\"AKIDALICE\",\"EventTime\":"
               "1795500000,\"EventSource\":\"ecs.amazonaws.com\",\"Username\":\"alice\"");
    assert_has(t, "\"NextToken\":\"Mg==\"");
    assert_null(strstr(t, "DeleteCluster"));
    t = json(f, lookup, "{\"MaxResults\":2,\"NextToken\":\"Mg==\"}");
    assert_has(t, "\"EventName\":\"DeleteCluster\",\"ReadOnly\":\"false\"");
    assert_has(t, "\"Resources\":[{\"ResourceType\":\"AWS::ECS::Cluster\",\"ResourceName\":\"demo\"}]");
    assert_has(t, "not implemented yet");
    assert_null(strstr(t, "NextToken"));
    t = json(f, lookup, "{\"LookupAttributes\":[{\"AttributeKey\":\"ResourceName\",\"AttributeValue\":\"web\"}]}");
    assert_has(t, "RegisterTaskDefinition");
    assert_null(strstr(t, "DescribeClusters"));
    assert_string_equal(json(f, lookup, "{\"EndTime\":1795499999}"), "{\"Events\":[]}");
    assert_has(json(f, lookup, "{\"StartTime\":2,\"EndTime\":1}"), "InvalidTimeRangeException");
    assert_has(json(f, lookup, "{\"NextToken\":\"!!!!\"}"), "InvalidNextTokenException");
    assert_has(json(f, lookup, "{\"MaxResults\":51}"), "ValidationException");
    assert_int_equal(file_read(f->audit_file, &text, &err), 0);
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    assert_int_equal(lines, 10);
    assert_null(strstr(text.data, "hush")); /* nothing of the request's values, and no key */
    assert_null(strstr(text.data, "Signature="));
    buf_release(&text);
}

/* Reads do not push writes out, and the trail does not grow without end. */
static void test_trail_bounds(void **state)
{
    struct fixture *f = *state;

    (void)ecs(f, "DeleteCluster", "{\"cluster\":\"demo\"}");
    for (int i = 0; i < AUDIT_READS_MAX + 10; i++)
        (void)ecs(f, "DescribeClusters", "{}");
    f->signer.service = "cloudtrail";
    const char *t = json(f, "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
                         "{\"LookupAttributes\":[{\"AttributeKey\":\"ReadOnly\",\"AttributeValue\":\"false\"}]}");
    assert_has(t, "DeleteCluster");
}

static bool remember(void *ctx, const struct audit_event *e)
{
    buf_printf(ctx, "%s ", e->name);
    audit_put_record(ctx, e);
    return true;
}

/* A new life of the gateway has the trail of the former one, whatever else stands in the file. */
static void test_trail_after_a_restart(void **state)
{
    struct fixture *f = *state;
    _cleanup_(buf_releasep) struct buf before = BUF_INIT(MIB), after = BUF_INIT(MIB), text = BUF_INIT(MIB);
    struct audit *again;
    struct err err = ERR_INIT;

    (void)ecs(f, "DeleteCluster", "{\"cluster\":\"demo\"}");
    (void)ecs(f, "DescribeClusters", "{}");
    audit_each(f->audit, UINT64_MAX, remember, &before);
    assert_int_equal(file_read(f->audit_file, &text, &err), 0);
    buf_puts(&text, "no record\n\n{\"eventTime\":4}\n{\"torn");
    assert_int_equal(file_write(f->audit_file, buf_str(&text), 0600, &err), 0);
    assert_int_equal(audit_new(f->audit_file, &again, &err), 0);
    audit_each(again, UINT64_MAX, remember, &after);
    assert_true(before.len > 0);
    assert_true(str_eq(buf_str(&before), buf_str(&after)));
    audit_free(again);
    buf_clear(&text);
    assert_int_equal(file_read(f->audit_file, &text, &err), 0);
    assert_true(str_ends(buf_str(&text), STR("{\"torn\n")));
}

/* Every operation of the table answers a signed empty request, and never with a server error. */
static void test_every_operation(void **state)
{
    struct fixture *f = *state;
    size_t n = 0;

    for (size_t s = 0; s < aws_services_n; s++) {
        for (size_t i = 0; i < aws_services[s].n_operations; i++, n++) {
            char target[256];
            if (aws_services[s].protocol == AWS_QUERY)
                continue;
            f->signer.service = aws_services[s].signing_name;
            (void)snprintf(target, sizeof(target), "%s.%s", aws_services[s].target_prefix,
                           aws_services[s].operations[i].name);
            (void)json(f, target, "{}");
            assert_true(last.status == 200 || last.status == 400);
            assert_true(last.status == 200 || last.error_type[0]);
        }
    }
    assert_int_equal(n, 79); /* 77 of ECS */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_signatures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_skew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsigned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_session_token, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_form, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_1_0, setup, teardown),
        cmocka_unit_test_setup_teardown(test_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ecs_constraints, setup, teardown),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test_setup_teardown(test_trail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trail_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trail_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_operation, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
