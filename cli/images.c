#include "images.h"

#include "node_files.h"
#include "run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"

#include <dirent.h>
#include <string.h>

#define WAIT_STEPS 1500 /* of 20 ms */

/* Does containerd have every name that stands in ARCHIVE.names? */
static bool has_all(struct str have, const char *archive)
{
    _cleanup_(freep) char *path = xasprintf("%s.names", archive);
    _cleanup_(buf_releasep) struct buf names = BUF_INIT(64 * KIB);
    struct err ignored = ERR_INIT;
    struct str rest, name, line, lines;

    if (file_read(path, &names, &ignored) < 0)
        return false;
    for (rest = buf_str(&names); str_split(&rest, '\n', &name);) {
        bool found = name.n == 0;
        for (lines = have; !found && str_split(&lines, '\n', &line);)
            found = str_eq(line, name);
        if (!found)
            return false;
    }
    return true;
}

static int import_one(const char *socket, struct str have, const char *archive, struct err *err)
{
    char *argv[] = {"ctr", "-a", (char *)socket, "-n", "k8s.io", "images", "import", (char *)archive, NULL};

    if (has_all(have, archive))
        return 0;
    int rc = run_wait(argv, 120, NULL, err);
    if (rc == 0)
        log_info("imported", LOG_S("image", archive));
    return rc;
}

static int import_all(const struct cluster *c, const char *socket, struct err *err)
{
    char *list[] = {"ctr", "-a", (char *)socket, "-n", "k8s.io", "images", "list", "-q", NULL};
    _cleanup_(buf_releasep) struct buf have = BUF_INIT(MIB);
    DIR *d = opendir(c->images_dir);
    int rc = 0;

    if (!d)
        return err_set(err, ERR_NOT_FOUND, "no images folder %s: hack/images makes it", c->images_dir);
    if (run_wait(list, 20, &have, err) < 0)
        rc = -1;
    for (struct dirent *e; rc == 0 && (e = readdir(d));) {
        _cleanup_(freep) char *path = xasprintf("%s/%s", c->images_dir, e->d_name);
        if (str_ends(str_of(e->d_name), STR(".tar")))
            rc = import_one(socket, buf_str(&have), path, err);
    }
    closedir(d);
    return rc;
}

static int import_when_up(const struct cluster *c, int k, struct err *err)
{
    _cleanup_(freep) char *socket = node_socket(c, k);
    char *probe[] = {"ctr", "-a", socket, "version", NULL};

    for (int i = 0; i < WAIT_STEPS; i++) {
        if (file_exists(socket) && run_wait(probe, 5, NULL, err) == 0)
            return import_all(c, socket, err);
        sleep_ns(20 * NS_PER_MS);
    }
    return err_set(err, ERR_TIMEOUT, "containerd of node %d does not answer", k);
}

void images_import_later(const struct cluster *c, int k)
{
    struct err err = ERR_INIT;

    if (fork() != 0)
        return;
    if (import_when_up(c, k, &err) < 0)
        log_error("cannot import the images", LOG_ERR(&err));
    _exit(0);
}
