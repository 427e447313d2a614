#include "controllers/deployment/rules.h"

#include "make.h"
#include "test.h"

static Corev1__PodTemplateSpec *make_template(struct arena *a, const char *image)
{
    Corev1__PodTemplateSpec *t = arena_new_of(a, Corev1__PodTemplateSpec);
    Corev1__Container *c = arena_new_of(a, Corev1__Container);

    corev1__pod_template_spec__init(t);
    t->metadata = make_meta(a, NULL, NULL);
    add_label(a, t->metadata, "app", "web");
    add_label(a, t->metadata, "tier", "front");
    corev1__container__init(c);
    c->name = (char *)"c", c->image = (char *)image;
    t->spec = arena_new_of(a, Corev1__PodSpec);
    corev1__pod_spec__init(t->spec);
    t->spec->n_containers = 1;
    t->spec->containers = arena_calloc(a, 1, sizeof(c));
    t->spec->containers[0] = c;
    return t;
}

static void the_hash_label_and_the_order_of_labels_do_not_count(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    Corev1__PodTemplateSpec *x = make_template(a, "i:1"), *y = make_template(a, "i:1");

    y->metadata->n_labels = 0;
    add_label(a, y->metadata, "tier", "front");
    add_label(a, y->metadata, TEMPLATE_HASH, "abc");
    add_label(a, y->metadata, "app", "web");
    y->metadata->creationtimestamp = make_time(a, 0);
    assert_true(template_equal(x, y));
    y->metadata->labels[0]->value = (char *)"back";
    assert_false(template_equal(x, y));
}

static void every_change_counts(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    Corev1__PodTemplateSpec *x = make_template(a, "i:1"), *y = make_template(a, "i:2");

    assert_false(template_equal(x, y));
    y = make_template(a, "i:1");
    assert_true(template_equal(x, y));
    y->spec->nodename = (char *)""; /* an empty string is as good as none */
    assert_true(template_equal(x, y));
    Corev1__SecurityContext *sc = arena_new_of(a, Corev1__SecurityContext);
    corev1__security_context__init(sc);
    y->spec->containers[0]->securitycontext = sc;
    x->spec->containers[0]->securitycontext = KUBE_COPY(a, Corev1__SecurityContext, sc);
    assert_true(template_equal(x, y));
    sc->has_runasuser = true; /* root, which is not the same as not said */
    assert_false(template_equal(x, y));
    x->spec->containers[0]->securitycontext->has_runasuser = true;
    assert_true(template_equal(x, y));
    add_label(a, x->metadata, "new", "one");
    assert_false(template_equal(x, y));
}

static void hashes(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    int32_t one = 1;
    const char *x = template_hash(a, make_template(a, "i:1"), NULL),
               *y = template_hash(a, make_template(a, "i:2"), NULL),
               *z = template_hash(a, make_template(a, "i:1"), &one);

    assert_string_equal(x, template_hash(a, make_template(a, "i:1"), NULL));
    assert_string_not_equal(x, y);
    assert_string_not_equal(x, z);
    assert_int_equal(strspn(x, "bcdfghjklmnpqrstvwxz2456789"), strlen(x));
    assert_in_range(strlen(x), 1, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_label_and_the_order_of_labels_do_not_count),
        cmocka_unit_test(every_change_counts),
        cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
