/*
 * shared.h - where the test vectors are: the folder named by CORACLE_SHARED, else ../shared beside the source tree
 * (tests run in the source folder). Tests that need them say how many cases they skipped when it is absent.
 */
#ifndef TESTLIB_SHARED_H
#define TESTLIB_SHARED_H

#include "base/compiler.h"

/* Path of a file or folder below the shared folder, malloc'd; NULL when it does not exist. */
char *shared_path(const char *relative);
/* A whole file below it, malloc'd and NUL-terminated, its length in *ret_n; NULL when it does not exist. */
char *shared_read(const char *relative, size_t *ret_n);

#endif
