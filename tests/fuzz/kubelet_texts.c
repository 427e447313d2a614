/* What the kubelet reads from outside: log lines, image names, resolv.conf, $(VAR)s, pull secrets. No crash, and what
 * was taken must stay within what was given. */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "kubelet/pod/expand.h"
#include "kubelet/pod/image_name.h"
#include "kubelet/pod/network_files.h"
#include "kubelet/server/cri_log.h"
#include "kubelet/volume/atomic_writer.h"
#include "kubelet/worker/pull_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool look_up(const void *ctx, struct str name, struct str *ret)
{
    *ret = STR("v");
    return name.n % 2 == 0;
}

static void try_image(struct str text)
{
    _cleanup_(buf_releasep) struct buf once = BUF_INIT(MIB), twice = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    if (image_name_normalize(&once, text, &err) < 0)
        return;
    /* An explicit name stays as it is. */
    if (image_name_normalize(&twice, buf_str(&once), &err) < 0 || !str_eq(buf_str(&once), buf_str(&twice)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct str text = str_n((const char *)data + 1, size - 1);
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(MIB);
    struct cri_log_line line;
    struct resolver r;
    struct pull_auth auth = {0};
    struct err err = ERR_INIT;

    switch (data[0] % 6) {
    case 0:
        if (cri_log_parse(text, &line, &err) == 0 && line.text.n > text.n)
            abort();
        break;
    case 1:
        try_image(text);
        break;
    case 2:
        resolver_parse(a, text, &r);
        break;
    case 3:
        expand_text(&out, text, look_up, NULL);
        break;
    case 4:
        (void)pull_auth_parse(text, STR("docker.io"), &auth);
        pull_auth_release(&auth);
        break;
    case 5:
        if (payload_path_valid(text) && (text.p[0] == '/' || memmem(text.p, text.n, "/../", 4)))
            abort();
        break;
    }
    return 0;
}
