/*
 * coracle-oci - the OCI runtime that `coracle up` names in containerd's configuration: runc (or crun), for which it
 * first completes the bundle of a container that is created (rlimits.h). Anything else goes to the runtime at once.
 *
 * It becomes the runtime by exec, so the process that containerd's shim has started is the runtime itself.
 */
#include "api/json.h"
#include "base/file.h"
#include "oci/rlimits.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define CONFIG_MAX ((size_t)8 << 20)
#define TREE_MAX ((size_t)64 << 20)

/* The bundle of "create", else NULL. */
static const char *bundle_of(char **argv)
{
    const char *bundle = NULL;
    bool create = false;

    for (char **p = argv + 1; *p; p++) {
        create = create || strcmp(*p, "create") == 0;
        if (create && (strcmp(*p, "--bundle") == 0 || strcmp(*p, "-b") == 0))
            bundle = p[1];
        else if (create && strncmp(*p, "--bundle=", 9) == 0)
            bundle = *p + 9;
    }
    return bundle;
}

static int complete(const char *bundle, struct err *err)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(CONFIG_MAX), out = BUF_INIT(CONFIG_MAX);
    _cleanup_(freep) char *path = xasprintf("%s/config.json", bundle);
    struct doc *config;
    bool changed;

    if (file_read(path, &text, err) < 0)
        return -1;
    if (!memmem(text.data, text.len, OCI_ULIMITS, strlen(OCI_ULIMITS)))
        return 0;
    _cleanup_(arena_freep) struct arena *a = arena_new(TREE_MAX);
    if (json_parse(a, buf_str(&text), NULL, &config, err) < 0 || oci_apply_rlimits(a, config, &changed, err) < 0)
        return -1;
    json_write(&out, config);
    if (arena_overflow(a) || !buf_ok(&out))
        return err_set(err, ERR_TOO_LARGE, "%s is too large", path);
    return changed ? file_write(path, buf_str(&out), 0644, err) : 0;
}

int main(int argc, char **argv)
{
    static const char *const runtimes[] = {"runc", "crun"};
    const char *bundle = argc > 0 ? bundle_of(argv) : NULL;
    struct err err = ERR_INIT;

    if (bundle && complete(bundle, &err) < 0) {
        fprintf(stderr, "coracle-oci: %s\n", err.msg);
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(runtimes); i++)
        execvp(runtimes[i], argv);
    fprintf(stderr, "coracle-oci: neither runc nor crun can be started: %s\n", strerror(errno));
    return 1;
}
