/*
 * Texts that callers of ECS send: ARNs and names (whatever they are, an object's label is a DNS label of its length),
 * page tokens, and JSON as a strategy or as tags (what is found valid obeys the rules).
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/json.h"
#include "base/limits.h"
#include "ecs/map/capacity.h"
#include "ecs/map/tags.h"
#include "ecs/ops/names.h"
#include "ecs/ops/ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void names(struct arena *a, struct str text)
{
    static const char *const types[] = {"cluster", "task-definition", "service", "task"};
    struct str family;
    int64_t revision;

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct str name = ecs_name_of(text, types[i]);
        const char *label = ecs_object_label(a, i % 2 ? "ecs-" : "", name);
        if (ecs_split_revision(name, &family, &revision) && revision < 0)
            abort();
        if (label && name.n &&
            (strlen(label) > ECS_NAME_MAX || label[strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-")] ||
             label[0] == '-'))
            abort();
    }
}

static void token(struct arena *a, struct str text)
{
    struct doc *input = doc_object(a), *all = doc_array(a);
    struct aws_call c = {.arena = a, .input = input, .output = doc_object(a)};
    struct err err = ERR_INIT;

    doc_append(all, doc_string(a, STR("a")));
    doc_append(all, doc_string(a, STR("b")));
    doc_set(input, "nextToken", doc_string(a, text));
    if (ecs_put_page(&c, "items", all, 1, &err) == 0 && doc_count(doc_get(c.output, "items")) > 1)
        abort();
}

static void rules(struct arena *a, struct str text)
{
    struct capacity_count sheet[CAPACITY_STRATEGY_MAX];
    struct err err = ERR_INIT;
    struct doc *d, *merged;

    if (json_parse(a, text, NULL, &d, &err) < 0)
        return;
    if (capacity_check(d, &(struct capacity_scope){0}, NULL, &err) == 0) {
        size_t n = capacity_sheet(d, sheet);
        for (int i = 0; i < 50; i++)
            if (!capacity_next(d, sheet, n).n != (n == 0))
                abort();
    }
    if (tags_check(d, &err) == 0 && (tags_merge(a, NULL, d, &merged, &err) < 0 || doc_count(merged) != doc_count(d)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(4 * MIB);
    struct str text = str_n((const char *)data, size);

    if (size > 64 * KIB)
        return 0;
    names(a, text);
    token(a, text);
    rules(a, text);
    return 0;
}
