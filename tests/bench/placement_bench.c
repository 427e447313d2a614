/* placement_bench - what one RunTask pays for choosing its instance: 1,000 instances, 1,000 tasks on them. */
#include "api/json.h"
#include "base/clock.h"
#include "base/limits.h"
#include "ecs/store/usage.h"

#include <stdio.h>
#include <stdlib.h>

#define INSTANCES 1000
#define TASKS 1000
#define ROUNDS 200

static struct doc *doc_of(struct arena *a, const char *text)
{
    struct err err = ERR_INIT;
    struct doc *d = NULL;

    if (!text || json_parse(a, str_of(text), NULL, &d, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return d;
}

static void fill(struct ecs_usage *u, struct arena *a)
{
    for (int i = 0; i < INSTANCES; i++) {
        ecs_usage_put(u, ECS_NODE,
                      doc_of(a, arena_printf(a,
                                             "{\"metadata\":{\"name\":\"n%d\"},\"spec\":{},\"status\":{\"allocatable\":"
                                             "{\"cpu\":\"4\",\"memory\":\"8Gi\",\"pods\":\"110\"},\"conditions\":[{"
                                             "\"type\":\"Ready\",\"status\":\"True\"}]}}",
                                             i)));
        ecs_usage_put(
            u, ECS_CONTAINER_INSTANCE,
            doc_of(a, arena_printf(
                          a,
                          "{\"metadata\":{\"name\":\"%032d\",\"namespace\":\"ecs-x\"},\"spec\":{\"node\":\"n%d\"},"
                          "\"status\":{\"status\":\"ACTIVE\",\"attributes\":[{\"name\":\"ecs.os-type\",\"value\":"
                          "\"linux\"},{\"name\":\"ecs.availability-zone\",\"value\":\"z%d\"}]}}",
                          i, i, i % 3)));
    }
    for (int i = 0; i < TASKS; i++)
        ecs_usage_put(
            u, ECS_TASK,
            doc_of(a, arena_printf(a,
                                   "{\"metadata\":{\"name\":\"%032d\",\"namespace\":\"ecs-x\"},\"spec\":{\"instance\":"
                                   "\"%032d\",\"node\":\"n%d\",\"size\":{\"cpu\":256,\"memory\":512}},\"status\":{"
                                   "\"lastStatus\":\"RUNNING\",\"group\":\"service:web\"}}",
                                   i, i * 7 % INSTANCES, i * 7 % INSTANCES)));
}

int main(void)
{
    struct arena *a = arena_new(256 * MIB), *round = arena_new(64 * MIB);
    struct ecs_usage *u = ecs_usage_new();
    int64_t observing = 0, choosing = 0;

    fill(u, a);
    const struct doc *constraints =
        doc_of(a, "[{\"type\":\"memberOf\",\"expression\":\"attribute:ecs.os-type == linux\"}]");
    struct placement_request req = {
        .size = {256, 512},
        .group = STR("service:web"),
        .constraints = {constraints, NULL},
        .strategy = doc_of(a, "[{\"type\":\"spread\",\"field\":\"attribute:ecs.availability-zone\"},"
                              "{\"type\":\"binpack\",\"field\":\"memory\"}]")};
    for (int i = 0; i < ROUNDS; i++) {
        struct ecs_instance *in;
        struct placement_instance *p;
        struct err err = ERR_INIT;
        const char *reason;
        size_t n, at;

        arena_reset(round);
        int64_t begin = clock_mono(&clock_system);
        if (!ecs_usage_instances(u, round, STR("ecs-x"), NULL, &in, &p, &n) || n != INSTANCES)
            return 1;
        int64_t seen = clock_mono(&clock_system);
        if (placement_choose(round, p, n, &req, &at, &reason, &err) != 0)
            return 1;
        observing += seen - begin;
        choosing += clock_mono(&clock_system) - seen;
    }
    printf("placement/observe-1000-instances %lld us\n", (long long)(observing / ROUNDS / 1000));
    printf("placement/choose-of-1000-instances %lld us\n", (long long)(choosing / ROUNDS / 1000));
    ecs_usage_free(u);
    arena_free(round);
    arena_free(a);
    return 0;
}
