/*
 * What a client writes into the first line and two headers of a request: path and query, Accept, Content-Type. The
 * input is "METHOD target\naccept\ncontent-type". A resource request must name its verb and resource, and views must
 * stay inside their texts (ASan).
 */
#include <stdint.h>
#include <stdlib.h>

#include "apiserver/http/negotiate.h"
#include "apiserver/http/request_info.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_info(struct str method, struct str target)
{
    struct arena *a = arena_new(MIB);
    struct str path = STR("");
    struct query q = {0};
    struct request_info info;
    struct err err = ERR_INIT;
    str_split(&target, '?', &path);
    if (query_parse(a, target.p ? target : STR(""), &q, &err) == 0 &&
        request_info_parse(a, method, path, &q, &info, &err) == 0 && info.is_resource) {
        if (info.n_parts == 0 || (info.subresource.n && !info.name.n && info.n_parts < 3))
            abort();
    }
    for (size_t i = 0; i < q.n; i++)
        (void)query_bool(&q, "watch");
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_n((const char *)data, size), line = STR(""), accept = STR(""), type = STR(""), method;
    struct accepted accepted;
    enum encoding encoding;
    enum patch_type patch;
    struct err err = ERR_INIT;
    str_split(&rest, '\n', &line);
    str_split(&rest, '\n', &accept);
    str_split(&rest, '\n', &type);
    if (str_split(&line, ' ', &method) && line.p)
        check_info(method, line);
    for (int what = NEGOTIATE_OBJECT; what <= NEGOTIATE_PLAIN; what++) {
        err_clear(&err);
        if (negotiate_accept(accept, (enum negotiate_for)what, &accepted, &err) == 0 && accepted.encoding >= ENC_N)
            abort();
    }
    (void)!negotiate_content_type(type, &encoding, &err);
    (void)!negotiate_patch_type(type, &patch, &err);
    return 0;
}
