/*
 * formats.h - the string formats that a schema may ask for, as upstream checks them. Formats that are not known here
 * are not checked, as upstream does. Pure.
 */
#ifndef APISERVER_APIEXTENSIONS_FORMATS_H
#define APISERVER_APIEXTENSIONS_FORMATS_H

#include "base/str.h"

struct format {
    const char *name;
    bool (*valid)(struct str s);
};

const struct format *format_find(struct str name); /* NULL = not one that is checked */

#endif
