#include "commands.h"

#include "lock.h"

#include "base/file.h"
#include "base/flags.h"
#include "base/limits.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void parse_flags(const char *program, const char *about, const char **dir, const char **output, int argc,
                        char **argv)
{
    const struct flag table[] = {
        {FLAG_STRING, "data-dir", dir, "DIR", "which cluster (default " CLUSTER_DEFAULT_DIR ")", 0, 0},
        {FLAG_STRING, "output", output, "FORMAT", "\"json\" for machines; default is a table", 0, 0},
    };
    const struct flags f = {
        .program = program, .about = about, .version = CORACLE_VERSION, .table = table, .n = output ? 2 : 1};
    flags_parse_or_exit(&f, argc, argv);
}

static int print_table(const char *text, struct err *err)
{
    json_error_t why;
    json_t *o = json_loads(text, 0, &why), *p;
    size_t i;

    if (!o)
        return err_set(err, ERR_INTERNAL, "the status file is damaged: %s", why.text);
    printf("%-22s %-9s %-8s %-9s %s\n", "NAME", "STATE", "PID", "RESTARTS", "SINCE");
    json_array_foreach(json_object_get(o, "programs"), i, p)
    {
        printf("%-22s %-9s %-8lld %-9lld %s\n", json_string_value(json_object_get(p, "name")),
               json_string_value(json_object_get(p, "state")), (long long)json_integer_value(json_object_get(p, "pid")),
               (long long)json_integer_value(json_object_get(p, "restarts")),
               json_string_value(json_object_get(p, "since")));
    }
    json_decref(o);
    return 0;
}

static int status(const char *dir, bool json, struct err *err)
{
    struct cluster c = {0};
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_SMALL_FILE);

    if (cluster_init(&c, dir, err) < 0)
        return -1;
    if (!lock_holder(&c))
        return err_set(err, ERR_UNAVAILABLE, "the cluster in %s is down (coracle up starts it)", c.dir);
    _cleanup_(freep) char *path = cluster_path(&c, "run/status.json");
    if (file_read(path, &text, err) < 0)
        return err_wrap(err, "status");
    if (!json)
        return print_table(text.data ? text.data : "", err);
    printf("%s\n", text.data ? text.data : "");
    return 0;
}

int command_status(int argc, char **argv)
{
    const char *dir = CLUSTER_DEFAULT_DIR, *output = "";
    struct err err = ERR_INIT;

    parse_flags("coracle status", "Shows the cluster's programs. Exit code 1 when the cluster is down.", &dir, &output,
                argc, argv);
    if (*output && strcmp(output, "json") != 0) {
        fprintf(stderr, "coracle status: --output: \"%s\" is not json\n", output);
        return 2;
    }
    if (status(dir, *output, &err) == 0)
        return 0;
    fprintf(stderr, "coracle status: %s\n", err.msg);
    return 1;
}

int command_kubeconfig(int argc, char **argv)
{
    const char *dir = CLUSTER_DEFAULT_DIR;
    struct cluster c = {0};
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT(LIMIT_SMALL_FILE);

    parse_flags("coracle kubeconfig", "Prints the administrator's kubeconfig.", &dir, NULL, argc, argv);
    if (cluster_init(&c, dir, &err) == 0) {
        _cleanup_(freep) char *path = cluster_path(&c, "admin.kubeconfig");
        if (file_read(path, &text, &err) == 0) {
            fwrite(text.data, 1, text.len, stdout);
            buf_release(&text);
            return 0;
        }
    }
    fprintf(stderr, "coracle kubeconfig: %s (coracle up makes it)\n", err.msg);
    return 1;
}
