#include "kubelet/cleanup.h"

#include "base/file.h"
#include "base/log.h"
#include "kubelet/worker/cgroup.h"

#include <dirent.h>
#include <pthread.h>

#define PARALLEL 8
#define CGROUP_TRIES 50

struct job {
    struct runtime *rt;
    const struct kubelet_config *config;
    struct runtime_pod_brief *pods;
    size_t n, next;
    pthread_mutex_t lock;
    bool failed;
    struct err err;
};

/* Containers get a second; what they would do with more is lost with the node anyway. */
static int remove_pod(struct job *j, const struct runtime_pod_brief *b, struct err *err)
{
    _cleanup_(runtime_pod_freep) struct runtime_pod *p = NULL;
    if (runtime_pod_load(j->rt, b->uid, &p, err) < 0)
        return -1;
    for (size_t i = 0; i < p->n_containers; i++)
        if (p->containers[i].state == CONTAINER_RUNNING)
            (void)!runtime_container_stop(j->rt, p->containers[i].id, 1, err);
    for (size_t i = 0; i < p->n_sandboxes; i++) {
        if (runtime_sandbox_stop(j->rt, p->sandboxes[i].id, err) < 0 && err->code != ERR_NOT_FOUND)
            return -1;
        if (runtime_sandbox_remove(j->rt, p->sandboxes[i].id, err) < 0 && err->code != ERR_NOT_FOUND)
            return -1;
    }
    _cleanup_(freep) char *dir = xasprintf("%s/pods/%s", j->config->root_dir, b->uid);
    _cleanup_(freep) char *logs = xasprintf("%s/%s_%s_%s", j->config->pod_logs_dir, b->ns, b->name, b->uid);
    if (pod_dir_remove(dir, err) < 0)
        return -1;
    return file_remove_tree(logs, err);
}

static void *cleanup_main(void *arg)
{
    struct job *j = arg;
    for (;;) {
        pthread_mutex_lock(&j->lock);
        size_t i = j->next++;
        pthread_mutex_unlock(&j->lock);
        if (i >= j->n)
            return NULL;
        struct err err = ERR_INIT;
        if (remove_pod(j, &j->pods[i], &err) < 0) {
            pthread_mutex_lock(&j->lock);
            j->failed = true;
            j->err = err;
            pthread_mutex_unlock(&j->lock);
        }
    }
}

static int remove_pod_dirs(const struct kubelet_config *config, struct err *err)
{
    _cleanup_(freep) char *root = xasprintf("%s/pods", config->root_dir);
    DIR *d = opendir(root);
    int rc = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        _cleanup_(freep) char *path = xasprintf("%s/%s", root, e->d_name);
        if (pod_dir_remove(path, err) < 0)
            rc = -1;
    }
    if (d)
        closedir(d);
    return rc;
}

int kubelet_cleanup(struct runtime *rt, const struct kubelet_config *config, struct err *err)
{
    struct runtime_pod_list list = {0};
    if (runtime_pods(rt, &list, err) < 0)
        return -1;
    struct job j = {.rt = rt, .config = config, .pods = list.v, .n = list.n};
    pthread_t threads[PARALLEL];
    size_t n = 0;
    pthread_mutex_init(&j.lock, NULL);
    for (; n < PARALLEL && n < list.n; n++)
        if (pthread_create(&threads[n], NULL, cleanup_main, &j) != 0)
            break;
    if (n == 0)
        cleanup_main(&j);
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&j.lock);
    log_info("removed pods", LOG_I("count", list.n));
    runtime_pod_list_release(&list);
    if (j.failed) {
        *err = j.err;
        return -1;
    }
    if (remove_pod_dirs(config, err) < 0)
        return -1;
    /* The kernel lets go of a cgroup some milliseconds after its last process. */
    _cleanup_(freep) char *cgroup = xasprintf("%s/kubepods", config->cgroup_root);
    for (int i = 0; cgroup_remove(cgroup, err) < 0; i++) {
        if (i == CGROUP_TRIES)
            return -1;
        sleep_ns(20 * NS_PER_MS);
    }
    return 0;
}
