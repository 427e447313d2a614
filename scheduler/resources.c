#include "resources.h"

#include "api/quantity.h"

#define DEFAULT_CPU_MILLI 100
#define DEFAULT_MEMORY ((int64_t)200 * 1024 * 1024)

void resource_names_release(struct resource_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    names->n = 0;
}

int resource_id(struct resource_names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i], name) == 0)
            return (int)i;
    if (names->n == RESOURCE_NAMES_MAX)
        return -1;
    names->v[names->n] = xstrdup(name);
    return (int)names->n++;
}

void resources_release(struct resources *r)
{
    free(r->more);
    *r = (struct resources){0};
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? INT64_MAX : INT64_MIN) : sum;
}

static int64_t *slot(struct resources *r, int id)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->more[i].id == id)
            return &r->more[i].v;
    r->more = xrealloc(r->more, (r->n + 1) * sizeof(*r->more));
    r->more[r->n] = (struct resource_amount){id, 0};
    return &r->more[r->n++].v;
}

int64_t resources_get(const struct resources *r, int id)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->more[i].id == id)
            return r->more[i].v;
    return 0;
}

void resources_add(struct resources *to, const struct resources *from)
{
    to->cpu_milli = add(to->cpu_milli, from->cpu_milli);
    to->memory = add(to->memory, from->memory);
    to->storage = add(to->storage, from->storage);
    to->pods = add(to->pods, from->pods);
    for (size_t i = 0; i < from->n; i++) {
        int64_t *v = slot(to, from->more[i].id);
        *v = add(*v, from->more[i].v);
    }
}

void resources_sub(struct resources *to, const struct resources *from)
{
    to->cpu_milli = add(to->cpu_milli, -from->cpu_milli);
    to->memory = add(to->memory, -from->memory);
    to->storage = add(to->storage, -from->storage);
    to->pods = add(to->pods, -from->pods);
    for (size_t i = 0; i < from->n; i++) {
        int64_t *v = slot(to, from->more[i].id);
        *v = add(*v, -from->more[i].v);
    }
}

void resources_max(struct resources *to, const struct resources *from)
{
    to->cpu_milli = MAX_OF(to->cpu_milli, from->cpu_milli);
    to->memory = MAX_OF(to->memory, from->memory);
    to->storage = MAX_OF(to->storage, from->storage);
    to->pods = MAX_OF(to->pods, from->pods);
    for (size_t i = 0; i < from->n; i++) {
        int64_t *v = slot(to, from->more[i].id);
        *v = MAX_OF(*v, from->more[i].v);
    }
}

bool resources_equal(const struct resources *a, const struct resources *b)
{
    if (a->cpu_milli != b->cpu_milli || a->memory != b->memory || a->storage != b->storage || a->pods != b->pods ||
        a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (resources_get(b, a->more[i].id) != a->more[i].v)
            return false;
    return true;
}

static void set_amount(struct resources *r, const char *name, const struct quantity *q, struct resource_names *names,
                       bool replace)
{
    bool cpu = strcmp(name, "cpu") == 0;
    int64_t v = cpu ? quantity_milli(q) : quantity_value(q);
    int64_t *at = cpu                                      ? &r->cpu_milli
                  : strcmp(name, "memory") == 0            ? &r->memory
                  : strcmp(name, "ephemeral-storage") == 0 ? &r->storage
                  : strcmp(name, "pods") == 0              ? &r->pods
                                                           : slot(r, resource_id(names, name));
    *at = replace ? v : add(*at, v);
}

static void apply_list(struct resources *r, void *entries, size_t n, struct resource_names *names, bool replace)
{
    struct resource_entry **e = entries;

    for (size_t i = 0; i < n; i++) {
        struct quantity q;
        if (e[i]->key && e[i]->value && quantity_read(str_of(e[i]->value->string), &q))
            set_amount(r, e[i]->key, &q, names, replace);
    }
}

void resources_add_list(struct resources *r, void *entries, size_t n, struct resource_names *names)
{
    apply_list(r, entries, n, names, false);
}

static bool has_entry(void *entries, size_t n, const char *name)
{
    struct resource_entry **e = entries;

    for (size_t i = 0; i < n; i++)
        if (e[i]->key && strcmp(e[i]->key, name) == 0)
            return true;
    return false;
}

static void container_request(const Corev1__Container *c, bool defaults, struct resource_names *names,
                              struct resources *ret)
{
    const Corev1__ResourceRequirements *r = c->resources;

    if (r)
        resources_add_list(ret, r->requests, r->n_requests, names);
    if (defaults && (!r || !has_entry(r->requests, r->n_requests, "cpu")))
        ret->cpu_milli = DEFAULT_CPU_MILLI;
    if (defaults && (!r || !has_entry(r->requests, r->n_requests, "memory")))
        ret->memory = DEFAULT_MEMORY;
}

/* Init containers run one after another beside the sidecars started so far; sidecars stay. */
static void init_requests(const Corev1__PodSpec *spec, bool defaults, struct resource_names *names,
                          struct resources *total)
{
    struct resources sidecars = {0}, peak = {0};

    for (size_t i = 0; i < spec->n_initcontainers; i++) {
        const Corev1__Container *c = spec->initcontainers[i];
        struct resources one = {0};
        container_request(c, defaults, names, &one);
        if (c->restartpolicy && strcmp(c->restartpolicy, "Always") == 0) {
            resources_add(total, &one);
            resources_add(&sidecars, &one);
            resources_max(&peak, &sidecars);
        } else {
            resources_add(&one, &sidecars);
            resources_max(&peak, &one);
        }
        resources_release(&one);
    }
    resources_max(total, &peak);
    resources_release(&sidecars);
    resources_release(&peak);
}

static void whole_request(const Corev1__PodSpec *spec, bool defaults, struct resource_names *names,
                          struct resources *ret)
{
    for (size_t i = 0; i < spec->n_containers; i++) {
        struct resources one = {0};
        container_request(spec->containers[i], defaults, names, &one);
        resources_add(ret, &one);
        resources_release(&one);
    }
    init_requests(spec, defaults, names, ret);
    if (spec->resources)
        apply_list(ret, spec->resources->requests, spec->resources->n_requests, names, true);
    resources_add_list(ret, spec->overhead, spec->n_overhead, names);
}

void pod_request(const Corev1__PodSpec *spec, struct resource_names *names, struct resources *ret,
                 int64_t *ret_nonzero_cpu, int64_t *ret_nonzero_memory)
{
    struct resources nonzero = {0};

    *ret = (struct resources){0};
    whole_request(spec, false, names, ret);
    whole_request(spec, true, names, &nonzero);
    *ret_nonzero_cpu = nonzero.cpu_milli;
    *ret_nonzero_memory = nonzero.memory;
    resources_release(&nonzero);
}
