/* Documents of the tests: JSON in which ' stands for ", and its canonical text. */
#ifndef TEST_ECS_MAP_DOC_H
#define TEST_ECS_MAP_DOC_H

#include "api/json.h"

static inline struct doc *doc_of(struct arena *a, const char *quoted)
{
    char *text = arena_strdup(a, quoted);
    struct err err = ERR_INIT;
    struct doc *ret = NULL;

    assert_non_null(text);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    if (json_parse(a, str_of(text), NULL, &ret, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return ret;
}

/* Fails unless the value at the path (objects; a number is an index of an array) is the expected document. */
static inline void assert_doc(struct arena *a, const struct doc *d, const char *path, const char *quoted)
{
    struct str rest = str_of(path), part;
    _cleanup_(buf_releasep) struct buf got = BUF_INIT(1 << 20);
    const struct doc *at = d;

    while (str_split(&rest, '/', &part))
        at = doc_is(at, DOC_ARRAY) ? doc_at(at, (size_t)(part.p[0] - '0')) : doc_get_str(at, part);
    if (!at && !quoted)
        return;
    if (at)
        json_write(&got, at);
    if (!at || !quoted || !doc_equal(at, doc_of(a, quoted)))
        fail_msg("%s is %s, not %s", path, at ? got.data : "absent", quoted ? quoted : "absent");
}

#endif
