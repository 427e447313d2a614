/*
 * flags.h - command lines the way upstream's programs take them: --name=value, --name value, --bool, --bool=false.
 *
 * A program declares one table; parsing writes through the pointers. Unknown flags, bad values and stray arguments are
 * errors that name the flag and what it wants. --help prints the table grouped as declared and --version the version;
 * flags_parse tells the caller by its result. Strings point into argv. Every flag may also be written with '_' for '-'.
 */
#ifndef BASE_FLAGS_H
#define BASE_FLAGS_H

#include "err.h"
#include "str.h"

/* FLAG_IGNORED and FLAG_IGNORED_BOOL: flags of upstream's program that mean nothing here; taken, so that its command
 * lines work. */
enum flag_type {
    FLAG_STRING,
    FLAG_LIST,
    FLAG_INT,
    FLAG_BOOL,
    FLAG_DURATION,
    FLAG_IGNORED,
    FLAG_IGNORED_BOOL,
    FLAG_SECTION
};
#define FLAGS_IGNORED_TITLE "Of upstream's program, without effect here"
#define FLAG_IGNORED_ROW(flag_name)                                                                                    \
    {                                                                                                                  \
        FLAG_IGNORED, flag_name, NULL, "VALUE", "accepted, without effect", 0, 0                                       \
    }
#define FLAG_IGNORED_BOOL_ROW(flag_name)                                                                               \
    {                                                                                                                  \
        FLAG_IGNORED_BOOL, flag_name, NULL, NULL, "accepted, without effect", 0, 0                                     \
    }

#define FLAG_LIST_MAX 64
struct flag_list { /* comma separated, and the flag may be repeated */
    struct str items[FLAG_LIST_MAX];
    size_t n;
};

struct flag {
    enum flag_type type;
    const char *name;  /* without dashes; the title for FLAG_SECTION */
    void *target;      /* const char ** | struct flag_list * | int64_t * | bool * | int64_t * (ns) */
    const char *value; /* placeholder in --help, e.g. "DIR"; NULL for FLAG_BOOL */
    const char *help;
    int64_t min, max; /* FLAG_INT: accepted range, when max > min */
};

struct flags {
    const char *program;
    const char *synopsis; /* what stands behind the program name in the first line of --help */
    const char *about;    /* one or two sentences */
    const char *version;
    const struct flag *table;
    size_t n;
    bool allow_args; /* stray arguments are collected instead of refused */
};

enum flags_result { FLAGS_RUN, FLAGS_DONE /* --help or --version was printed */, FLAGS_ERROR };

/* argv[0] is skipped. With allow_args the rest is moved to argv[0..*ret_args). */
enum flags_result flags_parse(const struct flags *f, int argc, char **argv, int *ret_args, struct err *err) MUST_CHECK;

/* The usual main() opening: prints an error to standard error with a hint at --help, and exits 0 or 2 unless FLAGS_RUN.
 */
void flags_parse_or_exit(const struct flags *f, int argc, char **argv);

#endif
