#include "shared.h"

#include "base/file.h"
#include "base/limits.h"

char *shared_path(const char *relative)
{
    const char *dir = getenv("CORACLE_SHARED");
    char *path = xasprintf("%s/%s", dir && *dir ? dir : "../shared", relative);

    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

char *shared_read(const char *relative, size_t *ret_n)
{
    _cleanup_(freep) char *path = shared_path(relative);
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT(64 * MIB);

    if (!path || file_read(path, &text, &err) < 0)
        return NULL;
    *ret_n = text.len;
    return buf_take(&text);
}
