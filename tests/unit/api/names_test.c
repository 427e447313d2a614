#include "api/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static char *repeat(char c, size_t n)
{
    char *s = xmalloc(n + 1);
    memset(s, c, n);
    s[n] = '\0';
    return s;
}

struct name_case {
    name_check check;
    const char *text;
    bool fine;
};

static void test_forms(void **state)
{
    static const struct name_case cases[] = {
        {name_dns1123_label, "a", true},
        {name_dns1123_label, "0-a", true},
        {name_dns1123_label, "", false},
        {name_dns1123_label, "-a", false},
        {name_dns1123_label, "a-", false},
        {name_dns1123_label, "a.b", false},
        {name_dns1123_label, "A", false},
        {name_dns1123_label, "a_b", false},
        {name_dns1123_subdomain, "a.b-c.0", true},
        {name_dns1123_subdomain, "a..b", false},
        {name_dns1123_subdomain, ".a", false},
        {name_dns1123_subdomain, "a.", false},
        {name_dns1123_subdomain, "a.-b", false},
        {name_dns1123_subdomain_underscore, "_a._b", true},
        {name_dns1035_label, "a0", true},
        {name_dns1035_label, "0a", false},
        {name_wildcard_subdomain, "*.a.b", true},
        {name_wildcard_subdomain, "a.b", false},
        {name_wildcard_subdomain, "*.", false},
        {name_qualified, "a", true},
        {name_qualified, "A_b.C-d", true},
        {name_qualified, "example.com/A", true},
        {name_qualified, "/a", false},
        {name_qualified, "a/", false},
        {name_qualified, "a/b/c", false},
        {name_qualified, "A.com/b", false},
        {name_qualified, "-a", false},
        {name_label_value, "", true},
        {name_label_value, "a b", false},
        {name_label_value, "a.", false},
        {name_port_name, "http", true},
        {name_port_name, "80", false},
        {name_port_name, "a--b", false},
        {name_port_name, "-a", false},
        {name_port_name, "abcdefghijklmnop", false},
        {name_percent, "10%", true},
        {name_percent, "%", false},
        {name_percent, "-1%", false},
        {name_http_header, "X-Y", true},
        {name_http_header, "X Y", false},
        {name_env_var, "A.b-c_1", true},
        {name_env_var, "1a", false},
        {name_env_var, "..", false},
        {name_env_var_relaxed, "1 a{", true},
        {name_env_var_relaxed, "a=b", false},
        {name_env_var_relaxed, "\xc3\xa4", false},
        {name_config_key, ".a", true},
        {name_config_key, "..a", false},
        {name_config_key, "a/b", false},
        {name_path_segment, "a b", true},
        {name_path_segment, "..", false},
        {name_path_segment, "a%b", false},
        {name_c_identifier, "_a1", true},
        {name_c_identifier, "1a", false},
        {name_fully_qualified, "a.b.c", true},
        {name_fully_qualified, "a.b", false},
        {name_fully_qualified_domain, "a.b.", true},
        {name_fully_qualified_domain, "a", false},
        {name_domain_prefixed_path, "a.io/b", true},
        {name_domain_prefixed_path, "a.io", false},
        {name_decimal_integer, "-10", true},
        {name_decimal_integer, "010", false},
        {name_decimal_integer, "-0", false},
        {name_decimal_integer, "+1", false},
        {name_ip, "10.0.0.1", true},
        {name_ip, "10.0.0.01", false},
        {name_ip, "10.0.0", false},
        {name_ip, "10.0.0.1.", false},
        {name_ip, "10.0.0.256", false},
        {name_ip, "2001:db8::1", true},
        {name_ip, "::ffff:1.2.3.4", false},
        {name_ip, "2001:db8::1%eth0", false},
        {name_ip, "", false},
        {name_cidr, "10.0.0.0/8", true},
        {name_cidr, "10.0.0.0/33", false},
        {name_cidr, "10.0.0.0/08", false},
        {name_cidr, "10.0.0.0", false},
        {name_cidr, "::/0", true},
        {name_cidr, "::/", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (name_fine(cases[i].check, str_of(cases[i].text)) != cases[i].fine)
            fail_msg("case %zu: %s", i, cases[i].text);
}

static void test_lengths(void **state)
{
    _cleanup_(freep) char *s63 = repeat('a', 63), *s64 = repeat('a', 64), *s253 = repeat('a', 253),
                          *s254 = repeat('a', 254);
    assert_true(name_fine(name_dns1123_label, str_of(s63)));
    assert_false(name_fine(name_dns1123_label, str_of(s64)));
    assert_true(name_fine(name_dns1123_subdomain, str_of(s253)));
    assert_false(name_fine(name_dns1123_subdomain, str_of(s254)));
    assert_true(name_fine(name_label_value, str_of(s63)));
    assert_false(name_fine(name_qualified, str_of(s64)));
    assert_true(name_fine(name_config_key, str_of(s253)));
    struct name_problems p = {.n = 0};
    name_dns1123_label(str_of(s64), &p);
    assert_int_equal(p.n, 1);
    assert_string_equal(p.text[0], "must be no more than 63 bytes");
}

static void test_addresses(void **state)
{
    struct ip_address ip;
    int bits;
    assert_true(ip_parse(STR("127.0.0.1"), &ip) && ip_loopback(&ip) && !ip.v6);
    assert_true(ip_parse(STR("::1"), &ip) && ip_loopback(&ip) && ip.v6);
    assert_true(ip_parse(STR("0.0.0.0"), &ip) && ip_unspecified(&ip));
    assert_true(ip_parse(STR("169.254.1.1"), &ip) && ip_link_local(&ip));
    assert_true(ip_parse(STR("fe80::1"), &ip) && ip_link_local(&ip));
    assert_true(ip_parse(STR("224.0.0.5"), &ip) && ip_link_local_multicast(&ip));
    assert_true(ip_parse(STR("ff02::1"), &ip) && ip_link_local_multicast(&ip));
    assert_true(ip_parse(STR("::ffff:10.0.0.1"), &ip) && !ip.v6 && ip.bytes[0] == 10);
    assert_true(ip_parse(STR("010.0.0.1"), &ip) && ip.bytes[0] == 10);
    assert_false(ip_parse(STR("1.2.3.4x"), &ip));
    assert_true(cidr_parse(STR("10.96.0.0/16"), &ip, &bits) && bits == 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_lengths),
                                       cmocka_unit_test(test_addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
