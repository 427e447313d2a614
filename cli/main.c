/* The coracle command: a table of sub-commands. */
#include "cli/commands.h"
#include "cli/node_host.h"

#include "base/flags.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help; /* NULL = internal */
} commands[] = {
    {"up", command_up, "start a cluster on this machine"},
    {"down", command_down, "stop it and remove what it made"},
    {"status", command_status, "show its programs"},
    {"kubeconfig", command_kubeconfig, "print the administrator's kubeconfig"},
    {"node-host", command_node_host, NULL},
};

static void print_help(FILE *out)
{
    fprintf(out, "Usage: coracle COMMAND [flags]\n\nA Kubernetes-compatible cluster on this machine.\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].help)
            fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n'coracle COMMAND --help' tells more; --version prints the version.\n");
}

int command_node_host(int argc, char **argv)
{
    const char *dir = CLUSTER_DEFAULT_DIR;
    int64_t index = 0;
    struct cluster c = {.nodes = 1, .service_cidr = CLUSTER_SERVICE_CIDR};
    struct err err = ERR_INIT;
    bool found;
    const struct flag table[] = {
        {FLAG_STRING, "data-dir", &dir, "DIR", "which cluster", 0, 0},
        {FLAG_INT, "index", &index, "K", "which node", 2, CLUSTER_NODES_MAX},
    };
    const struct flags f = {.program = "coracle node-host",
                            .about = "Keeps one further node of a cluster; coracle up starts it.",
                            .version = CORACLE_VERSION,
                            .table = table,
                            .n = ARRAY_LEN(table)};

    flags_parse_or_exit(&f, argc, argv);
    if (index == 0)
        err_set(&err, ERR_BAD_REQUEST, "--index is needed");
    else if (cluster_init(&c, dir, &err) == 0 && cluster_load(&c, &found, &err) == 0 &&
             node_host_run(&c, (int)index, &err) == 0)
        return 0;
    log_error("node host", LOG_ERR(&err));
    return 1;
}

int main(int argc, char **argv)
{
    log_setup("coracle", LOG_INFO, false);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("coracle %s\n", CORACLE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "coracle: unknown command \"%s\"\n", argv[1]);
    print_help(stderr);
    return 2;
}
