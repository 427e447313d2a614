#include "flags.h"

#include "parse.h"

#include <stdio.h>

static bool same_name(struct str given, const char *name)
{
    if (given.n != strlen(name))
        return false;
    for (size_t i = 0; i < given.n; i++)
        if ((given.p[i] == '_' ? '-' : given.p[i]) != name[i])
            return false;
    return true;
}

static const struct flag *find(const struct flags *f, struct str name)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->table[i].type != FLAG_SECTION && same_name(name, f->table[i].name))
            return &f->table[i];
    return NULL;
}

static int add_items(struct flag_list *list, const struct flag *fl, struct str value, struct err *err)
{
    struct str item;

    while (str_split(&value, ',', &item)) {
        if (list->n == FLAG_LIST_MAX)
            return err_set(err, ERR_BAD_REQUEST, "--%s: more than %d values", fl->name, FLAG_LIST_MAX);
        if (item.n)
            list->items[list->n++] = item;
    }
    return 0;
}

static int set_value(const struct flag *fl, const char *text, struct err *err)
{
    struct str s = str_of(text);
    int64_t i;
    bool b;

    switch (fl->type) {
    case FLAG_STRING:
        *(const char **)fl->target = text;
        return 0;
    case FLAG_LIST:
        return add_items(fl->target, fl, s, err);
    case FLAG_INT:
        if (!parse_int64(s, &i))
            return err_set(err, ERR_BAD_REQUEST, "--%s: \"%s\" is not a whole number", fl->name, text);
        if (fl->max > fl->min && (i < fl->min || i > fl->max))
            return err_set(err, ERR_BAD_REQUEST, "--%s: %lld is not between %lld and %lld", fl->name, (long long)i,
                           (long long)fl->min, (long long)fl->max);
        *(int64_t *)fl->target = i;
        return 0;
    case FLAG_DURATION:
        if (!parse_duration(s, &i))
            return err_set(err, ERR_BAD_REQUEST, "--%s: \"%s\" is not a duration such as 10s or 1m30s", fl->name, text);
        *(int64_t *)fl->target = i;
        return 0;
    case FLAG_BOOL:
        if (!parse_bool(s, &b))
            return err_set(err, ERR_BAD_REQUEST, "--%s: \"%s\" is neither true nor false", fl->name, text);
        *(bool *)fl->target = b;
        return 0;
    case FLAG_IGNORED:
    case FLAG_IGNORED_BOOL:
        return 0;
    case FLAG_SECTION:
        break;
    }
    return err_set(err, ERR_INTERNAL, "--%s: flag of an unknown type", fl->name);
}

static void print_help(const struct flags *f)
{
    printf("Usage: %s %s\n\n%s\n", f->program, f->synopsis ? f->synopsis : "[flags]", f->about);
    if (f->n && f->table[0].type != FLAG_SECTION)
        printf("\nFlags:\n");
    for (size_t i = 0; i < f->n; i++) {
        const struct flag *fl = &f->table[i];
        char left[96];
        if (fl->type == FLAG_SECTION) {
            printf("\n%s:\n", fl->name);
            continue;
        }
        snprintf(left, sizeof(left), "--%s%s%s", fl->name, fl->value ? " " : "", fl->value ? fl->value : "");
        printf(strlen(left) > 38 ? "  %s\n  %-38s  %s\n" : "  %-38s%s  %s\n", left, "", fl->help);
    }
    printf("\n  %-38s  %s\n  %-38s  %s\n", "--help", "this text", "--version", "the version");
}

/* One flag at argv[*i]; moves *i past its value. */
static int take_flag(const struct flags *f, int argc, char **argv, int *i, struct err *err)
{
    struct str name = str_of(argv[*i] + 2);
    const char *value = strchr(name.p, '=');

    if (value)
        name.n = (size_t)(value++ - name.p);
    const struct flag *fl = find(f, name);
    if (!fl)
        return err_set(err, ERR_BAD_REQUEST, "unknown flag: --" STR_FMT, STR_ARG(name));
    if (!value && (fl->type == FLAG_BOOL || fl->type == FLAG_IGNORED_BOOL))
        value = "true";
    if (!value && *i + 1 < argc)
        value = argv[++*i];
    if (!value)
        return err_set(err, ERR_BAD_REQUEST, "flag needs a value: --%s %s", fl->name, fl->value ? fl->value : "VALUE");
    return set_value(fl, value, err);
}

enum flags_result flags_parse(const struct flags *f, int argc, char **argv, int *ret_args, struct err *err)
{
    int args = 0;
    bool only_args = false;

    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (!only_args && strcmp(a, "--") == 0) {
            only_args = true;
        } else if (!only_args && (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0)) {
            print_help(f);
            return FLAGS_DONE;
        } else if (!only_args && strcmp(a, "--version") == 0) {
            printf("%s %s\n", f->program, f->version);
            return FLAGS_DONE;
        } else if (!only_args && strncmp(a, "--", 2) == 0) {
            if (take_flag(f, argc, argv, &i, err) < 0)
                return FLAGS_ERROR;
        } else if (f->allow_args) {
            argv[args++] = argv[i];
        } else {
            err_set(err, ERR_BAD_REQUEST, "unexpected argument: %s", a);
            return FLAGS_ERROR;
        }
    }
    if (ret_args)
        *ret_args = args;
    return FLAGS_RUN;
}

void flags_parse_or_exit(const struct flags *f, int argc, char **argv)
{
    struct err err = ERR_INIT;

    switch (flags_parse(f, argc, argv, NULL, &err)) {
    case FLAGS_RUN:
        return;
    case FLAGS_DONE:
        exit(0);
    case FLAGS_ERROR:
        fprintf(stderr, "%s: %s\nSee '%s --help'.\n", f->program, err.msg, f->program);
        exit(2);
    }
}
