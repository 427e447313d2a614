#include "shapes.h"

#include <stdlib.h>

static int compare_operation(const void *key, const void *row)
{
    const struct str *name = key;
    const struct aws_operation_shape *o = row;

    return str_cmp(*name, str_of(o->name));
}

const struct aws_operation_shape *aws_operation_find(const struct aws_service *s, struct str name)
{
    return bsearch(&name, s->operations, s->n_operations, sizeof(s->operations[0]), compare_operation);
}

const struct aws_member *aws_member_find(const struct aws_service *s, const struct aws_shape *structure,
                                         struct str wire_name)
{
    const struct aws_member *m = s->model.members + structure->first;

    for (size_t i = 0; i < structure->n; i++)
        if (str_is(wire_name, m[i].wire))
            return &m[i];
    return NULL;
}

const struct aws_error_shape *aws_error_find(const struct aws_service *s, const char *name)
{
    for (size_t i = 0; i < s->n_errors; i++)
        if (strcmp(s->errors[i].name, name) == 0)
            return &s->errors[i];
    return NULL;
}
