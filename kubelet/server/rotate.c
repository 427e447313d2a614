#include "kubelet/server/rotate.h"

#include "base/log.h"
#include "client/stop.h"
#include "kubelet/manager.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define PERIOD_NS (10 * NS_PER_S)
#define ROTATED_MAX 256 /* rotated files of one log that are looked at */

struct log_rotator {
    struct kubelet *k;
    pthread_t thread;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void log_remove_old(const char *path, size_t keep)
{
    const char *slash = strrchr(path, '/');
    _cleanup_(freep) char *dir = xstrndup(path, (size_t)(slash - path)), *prefix = xasprintf("%s.", slash + 1);
    char *names[ROTATED_MAX];
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && n < ROTATED_MAX && (e = readdir(d));)
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
            names[n++] = xstrdup(e->d_name);
    if (d)
        closedir(d);
    if (n)
        qsort(names, n, sizeof(*names), by_name); /* the names end in the time */
    for (size_t i = 0; i < n; i++) {
        if (i + keep < n) {
            _cleanup_(freep) char *old = xasprintf("%s/%s", dir, names[i]);
            (void)unlink(old);
        }
        free(names[i]);
    }
}

static void rotate(struct log_rotator *r, const struct runtime_container *c)
{
    struct err err = ERR_INIT;
    time_t now = (time_t)(clock_wall(r->k->clock) / NS_PER_S);
    struct tm tm;
    char stamp[32];
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
    _cleanup_(freep) char *aside = xasprintf("%s.%s", c->log_path, stamp);
    if (rename(c->log_path, aside) < 0) {
        log_warn("cannot rotate a container's log", LOG_S("path", c->log_path), LOG_I("errno", errno));
        return;
    }
    if (runtime_container_reopen_log(r->k->runtime, c->id, &err) < 0) {
        log_warn("the runtime does not reopen a container's log", LOG_S("path", c->log_path), LOG_ERR(&err));
        (void)!rename(aside, c->log_path); /* it goes on writing there */
        return;
    }
    log_remove_old(c->log_path, (size_t)r->k->config->log_max_files - 1);
}

/* Is any current log of the pod too large? Only then is the runtime asked. */
static bool any_large(struct log_rotator *r, const char *dir)
{
    bool large = false;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && !large && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        _cleanup_(freep) char *sub = xasprintf("%s/%s", dir, e->d_name);
        DIR *s = opendir(sub);
        for (struct dirent *f; s && (f = readdir(s));) {
            size_t n = strlen(f->d_name);
            struct stat st;
            if (n > 4 && strcmp(f->d_name + n - 4, ".log") == 0 && fstatat(dirfd(s), f->d_name, &st, 0) == 0)
                large |= st.st_size > r->k->config->log_max_size;
        }
        if (s)
            closedir(s);
    }
    if (d)
        closedir(d);
    return large;
}

static void look(struct log_rotator *r)
{
    _cleanup_(kube_objects_releasep) struct kube_objects pods = {0};
    pod_manager_list(r->k->manager, &pods);
    for (size_t i = 0; i < pods.n; i++) {
        const Metav1__ObjectMeta *m = pods.v[i]->meta;
        _cleanup_(freep) char *dir =
            xasprintf("%s/%s_%s_%s", r->k->config->pod_logs_dir, kstr(m->namespace_), kstr(m->name), kstr(m->uid));
        _cleanup_(runtime_pod_freep) struct runtime_pod *p = NULL;
        struct err err = ERR_INIT;
        if (!any_large(r, dir) || runtime_pod_load(r->k->runtime, kstr(m->uid), &p, &err) < 0)
            continue;
        for (size_t c = 0; c < p->n_containers; c++) {
            struct stat st;
            if (p->containers[c].state == CONTAINER_RUNNING && stat(p->containers[c].log_path, &st) == 0 &&
                st.st_size > r->k->config->log_max_size)
                rotate(r, &p->containers[c]);
        }
    }
}

static void *rotator_main(void *arg)
{
    struct log_rotator *r = arg;
    while (!stop_wait(r->k->stop, PERIOD_NS))
        look(r);
    return NULL;
}

int log_rotator_start(struct kubelet *k, struct log_rotator **ret, struct err *err)
{
    struct log_rotator *r = xcalloc(1, sizeof(*r));
    r->k = k;
    int rc = pthread_create(&r->thread, NULL, rotator_main, r);
    if (rc != 0) {
        free(r);
        return err_errno(err, rc, "cannot start the log rotator");
    }
    *ret = r;
    return 0;
}

struct log_rotator *log_rotator_free(struct log_rotator *r)
{
    if (!r)
        return NULL;
    pthread_join(r->thread, NULL);
    free(r);
    return NULL;
}
