/* cmocka with what it needs included before it. */
#ifndef UNIT_CONTROLLERS_TEST_H
#define UNIT_CONTROLLERS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str(s, text) assert_true(str_is((s), (text)))

#endif
