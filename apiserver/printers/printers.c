#include "printers.h"

#include "apiserver/printers/rules.h"
#include "base/clock.h"

static int compare(const char *group, const char *resource, struct str g, struct str r)
{
    int c = str_cmp(str_of(group), g);
    return c ? c : str_cmp(str_of(resource), r);
}

const struct printer *printer_find(struct str group, struct str resource)
{
    size_t low = 0, high = printer_table_rows_n;

    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct printer *p = &printer_table_rows[mid];
        int c = compare(p->group, p->resource, group, resource);
        if (c == 0)
            return p;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (str_is(resource, "(customresource)"))
        return &printer_table_rows[0];
    return printer_find(STR(""), STR("(customresource)"));
}

static const struct printer_rule *find_rule(const struct printer *p)
{
    size_t low = 0, high = printer_rules_n;

    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct printer_rule *r = &printer_rules[mid];
        int c = compare(r->group, r->resource, str_of(p->group), str_of(p->resource));
        if (c == 0)
            return r;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* Where no rule is written: what the column's name says, else nothing. */
static struct doc *cell_by_name(const struct cell_context *c, const struct printer_column *col)
{
    if (strcmp(col->name, "Name") == 0)
        return cell_text(c, "metadata.name");
    if (strcmp(col->type, "date") == 0)
        return cell_date(c, "metadata.creationTimestamp");
    if (strcmp(col->name, "Age") == 0)
        return cell_age(c, "metadata.creationTimestamp");
    return cell_fixed(c, "");
}

/* A pod that has ended tells so in its row, so that clients can hide it. */
static void add_row_conditions(struct arena *a, const struct printer *p, const struct doc *obj, struct doc *row)
{
    struct str phase = doc_str(doc_path(obj, "status.phase"));
    bool good = str_is(phase, "Succeeded");

    if (*p->group || strcmp(p->resource, "pods") != 0 || (!good && !str_is(phase, "Failed")))
        return;
    struct doc *cond = doc_append(doc_set(row, "conditions", doc_array(a)), doc_object(a));
    doc_set(cond, "type", doc_string(a, STR("Completed")));
    doc_set(cond, "status", doc_string(a, STR("True")));
    doc_set(cond, "reason", doc_string(a, phase));
    doc_set(cond, "message", doc_string(a, good ? STR("The pod has completed successfully.") : STR("The pod failed.")));
}

struct doc *printer_row(struct arena *a, const struct printer *p, const struct doc *obj, int64_t now_ns)
{
    const struct cell_context c = {a, obj, now_ns / NS_PER_S};
    const struct printer_rule *rule = find_rule(p);
    struct doc *row = doc_object(a), *cells = doc_set(row, "cells", doc_array(a));

    if (rule && rule->whole)
        rule->whole(&c, cells);
    else
        for (size_t i = 0; i < p->n_columns; i++)
            doc_append(cells, rule ? rule->cells[i].fn(&c, rule->cells[i].arg) : cell_by_name(&c, &p->columns[i]));
    add_row_conditions(a, p, obj, row);
    return row;
}

struct doc *printer_table(struct arena *a, const struct printer *p, const char *api_version)
{
    struct doc *t = doc_object(a);

    doc_set(t, "kind", doc_string(a, STR("Table")));
    doc_set(t, "apiVersion", doc_string(a, str_of(api_version)));
    doc_set(t, "metadata", doc_object(a));
    struct doc *columns = doc_set(t, "columnDefinitions", doc_array(a));
    for (size_t i = 0; i < p->n_columns; i++) {
        const struct printer_column *col = &p->columns[i];
        struct doc *d = doc_append(columns, doc_object(a));
        doc_set(d, "name", doc_string(a, str_of(col->name)));
        doc_set(d, "type", doc_string(a, str_of(col->type)));
        doc_set(d, "format", doc_string(a, str_of(col->format)));
        doc_set(d, "description", doc_string(a, str_of(col->description)));
        doc_set(d, "priority", doc_int(a, col->priority));
    }
    doc_set(t, "rows", doc_array(a));
    return t;
}
