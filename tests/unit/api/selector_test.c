#include "check.h"

#include "api/selector.h"

static const struct label_selector *labels_of(struct arena *a, const char *text)
{
    struct err err = ERR_INIT;
    const struct label_selector *s = NULL;
    if (label_selector_parse(a, str_of(text), &s, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return s;
}

static void test_label_matches(void **state)
{
    static const struct {
        const char *selector;
        bool match;
    } cases[] = {
        {"", true},
        {"app=web", true},
        {"app==web", true},
        {"app=db", false},
        {"app!=db", true},
        {"app!=web", false},
        {"nope!=x", true},
        {"app", true},
        {"!app", false},
        {"!nope", true},
        {"nope", false},
        {"app in (db,web)", true},
        {"app in (db)", false},
        {"app notin (db)", true},
        {"app notin (web,db)", false},
        {"nope notin (a)", true},
        {"n>3", true},
        {"n>5", false},
        {"n<6", true},
        {"app>3", false},
        {"app=web,tier=front", true},
        {"app=web,tier=back", false},
        {" app = web , tier in ( front , back ) ", true},
        {"empty=", true},
        {"empty", true},
        {"app=", false},
        {"in=x", true},
        {"in in (x)", true},
        {"example.com/a=b", true},
        {"empty in (,x)", true},
        {"empty in ()", false},
    };
    struct arena *a = *state;
    struct doc *d = parse(
        a, "{\"tier\":\"front\",\"app\":\"web\",\"n\":\"5\",\"empty\":\"\",\"in\":\"x\",\"example.com/a\":\"b\"}");
    const struct label flat[] = {{STR("app"), STR("web")}, {STR("empty"), STR("")}, {STR("example.com/a"), STR("b")},
                                 {STR("in"), STR("x")},    {STR("n"), STR("5")},    {STR("tier"), STR("front")}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        const struct label_selector *s;
        if (str_is(str_of(cases[i].selector), "empty in ()")) { /* upstream refuses an empty set */
            assert_int_equal(label_selector_parse(a, str_of(cases[i].selector), &s, &err), -1);
            continue;
        }
        s = labels_of(a, cases[i].selector);
        if (label_selector_matches_doc(s, d) != cases[i].match ||
            label_selector_matches(s, flat, ARRAY_LEN(flat)) != cases[i].match)
            fail_msg("%s", cases[i].selector);
    }
    assert_true(label_selector_matches(labels_of(a, "!a"), NULL, 0));
    assert_true(label_selector_matches_doc(NULL, NULL));
}

static void test_label_text_form(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"b=2,a=1", "a=1,b=2"},
        {"x in (c,a,b,a)", "x in (a,b,c)"},
        {"x==1", "x=1"},
        {"!y,x notin (a)", "x notin (a),!y"},
        {"x!=1", "x!=1"},
        {"x>3", "x>3"},
        {"x in (,)", "x in ()"},
        {"x=", "x="},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(KIB);
        label_selector_write(&out, labels_of(*state, cases[i].in));
        assert_string_equal(buf_str(&out).p, cases[i].out);
    }
}

static void test_label_errors(void **state)
{
    static const struct {
        const char *in, *msg;
    } cases[] = {
        {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
        {"a=b,", "found '', expected: identifier after ','"},
        {",a", "found ',', expected: !, identifier, or 'end of string'"},
        {"a=b c", "found 'c', expected: ',' or 'end of string'"},
        {"a in b", "unable to parse requirement: found 'b', expected: '('"},
        {"a in (b", "unable to parse requirement: found '', expected: ',' or ')'"},
        {"!", "unable to parse requirement: found '', expected: identifier"},
        {"a=(b)", "unable to parse requirement: found '(', expected: identifier"},
        {"a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value "
                "must be an integer"},
        {"a in ()", "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set "
                    "can't be empty"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        const struct label_selector *s;
        if (label_selector_parse(*state, str_of(cases[i].in), &s, &err) == 0)
            fail_msg("%s was accepted", cases[i].in);
        assert_string_equal(err.msg, cases[i].msg);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
    }
    struct err err = ERR_INIT;
    const struct label_selector *s;
    assert_int_equal(label_selector_parse(*state, STR("-a=b"), &s, &err), -1);
    assert_int_equal(label_selector_parse(*state, STR("a=-b"), &s, &err), -1);
    assert_int_equal(label_selector_parse(*state, STR("Ex.com/a=b"), &s, &err), -1);
}

static void test_label_selector_objects(void **state)
{
    struct arena *a = *state;
    struct err err = ERR_INIT;
    const struct label_selector *s;
    struct doc *labels = parse(a, "{\"app\":\"web\"}");

    assert_int_equal(label_selector_from_doc(a, NULL, &s, &err), 0);
    assert_false(label_selector_matches_doc(s, labels));
    assert_false(label_selector_everything(s));
    assert_int_equal(label_selector_from_doc(a, parse(a, "{}"), &s, &err), 0);
    assert_true(label_selector_matches_doc(s, labels));
    assert_true(label_selector_everything(s));
    assert_int_equal(
        label_selector_from_doc(
            a,
            parse(a, "{\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"x\",\"operator\":"
                     "\"DoesNotExist\"},{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"db\",\"web\"]}]}"),
            &s, &err),
        0);
    assert_true(label_selector_matches_doc(s, labels));
    doc_set(labels, "x", doc_string(a, STR("")));
    assert_false(label_selector_matches_doc(s, labels));
    assert_int_equal(
        label_selector_from_doc(a, parse(a, "{\"matchExpressions\":[{\"key\":\"x\",\"operator\":\"Is\"}]}"), &s, &err),
        -1);
    assert_string_equal(err.msg, "\"Is\" is not a valid label selector operator");
}

static struct str get_field(void *user, struct str field)
{
    return doc_str(doc_get_str(user, field));
}

static void test_fields(void **state)
{
    static const struct {
        const char *in;
        bool match;
        const char *out;
    } cases[] = {
        {"", true, ""},
        {"metadata.name=web", true, "metadata.name=web"},
        {"metadata.name==db", false, "metadata.name=db"},
        {"metadata.name!=db,spec.nodeName=", true, "metadata.name!=db,spec.nodeName="},
        {"path=a\\,b\\=c\\\\d", true, "path=a\\,b\\=c\\\\d"},
    };
    struct arena *a = *state;
    struct doc *d = parse(a, "{\"metadata.name\":\"web\",\"path\":\"a,b=c\\\\d\"}");

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(KIB);
        struct err err = ERR_INIT;
        const struct field_selector *s;
        assert_int_equal(field_selector_parse(a, str_of(cases[i].in), &s, &err), 0);
        assert_int_equal(field_selector_matches(s, get_field, d), cases[i].match);
        field_selector_write(&out, s);
        assert_string_equal(buf_str(&out).p, cases[i].out);
    }
    struct err err = ERR_INIT;
    const struct field_selector *s;
    struct str v;
    assert_int_equal(field_selector_parse(a, STR("a"), &s, &err), -1);
    assert_string_equal(err.msg, "invalid selector: 'a'; can't understand 'a'");
    assert_int_equal(field_selector_parse(a, STR("a=b\\x"), &s, &err), -1);
    assert_int_equal(field_selector_parse(a, STR("a=b=c"), &s, &err), -1);
    assert_int_equal(field_selector_parse(a, STR("x!=1,metadata.name=q"), &s, &err), 0);
    assert_true(field_selector_requires(s, STR("metadata.name"), &v) && str_is(v, "q"));
    assert_false(field_selector_requires(s, STR("x"), &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(test_label_matches),          ARENA_TEST(test_label_text_form), ARENA_TEST(test_label_errors),
        ARENA_TEST(test_label_selector_objects), ARENA_TEST(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
