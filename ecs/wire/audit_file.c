/* The trail of a former life: the events at the end of the audit file. */
#include "audit.h"

#include "api/json.h"
#include "base/clock.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define READ_BACK_MAX ((off_t)8 * 1024 * 1024) /* holds all that the trail keeps in memory */
#define BLOCK ((size_t)64 * 1024)

static const char *text(struct arena *a, const struct doc *record, const char *path)
{
    struct str s = doc_str(doc_path(record, path));

    return s.n ? arena_str(a, s).p : NULL;
}

static void read_resources(struct arena *a, const struct doc *list, struct audit_event *e)
{
    doc_foreach (list, r) {
        const char *type = audit_resource_type(doc_str(doc_get(r, "resourceType"))), *name = text(a, r, "resourceName");
        if (type && name && e->n_resources < AUDIT_RESOURCES_MAX)
            e->resources[e->n_resources++] = (struct audit_resource){type, name};
    }
}

bool audit_read_record(struct arena *a, struct str line, struct audit_event *ret)
{
    struct err ignored = ERR_INIT;
    struct doc *d;
    int64_t seconds;
    int32_t nanos;

    if (json_parse(a, line, NULL, &d, &ignored) < 0 ||
        !parse_rfc3339(doc_str(doc_get(d, "eventTime")), &seconds, &nanos))
        return false;
    *ret = (struct audit_event){.time_ns = seconds * NS_PER_S,
                                .name = text(a, d, "eventName"),
                                .source = text(a, d, "eventSource"),
                                .region = text(a, d, "awsRegion"),
                                .account = text(a, d, "recipientAccountId"),
                                .source_ip = text(a, d, "sourceIPAddress"),
                                .user_agent = text(a, d, "userAgent"),
                                .arn = text(a, d, "userIdentity.arn"),
                                .user_id = text(a, d, "userIdentity.principalId"),
                                .user_account = text(a, d, "userIdentity.accountId"),
                                .user = text(a, d, "userIdentity.userName"),
                                .access_key = text(a, d, "userIdentity.accessKeyId"),
                                .error_code = text(a, d, "errorCode"),
                                .error_message = text(a, d, "errorMessage"),
                                .read_only = doc_true(doc_get(d, "readOnly"))};
    str_copy(ret->id, sizeof(ret->id), doc_str(doc_get(d, "eventID")));
    str_copy(ret->request_id, sizeof(ret->request_id), doc_str(doc_get(d, "requestID")));
    read_resources(a, doc_get(d, "resources"), ret);
    return !arena_overflow(a);
}

static void take_line(struct audit *a, struct arena *mem, struct str line)
{
    struct audit_event e;

    arena_reset(mem);
    if (audit_read_record(mem, line, &e)) /* anything else in the file is left alone */
        audit_keep(a, &e);
}

int audit_read_back(struct audit *a, const char *file, bool *ret_torn, struct err *err)
{
    _cleanup_(closep) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    _cleanup_(arena_freep) struct arena *mem = arena_new(MIB);
    _cleanup_(buf_releasep) struct buf in = BUF_INIT(BLOCK + AUDIT_RECORD_MAX * 2);
    struct stat st;
    char block[4096];
    ssize_t got;

    *ret_torn = false;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "cannot read the audit file %s", file);
    if (!S_ISREG(st.st_mode))
        return 0;
    bool whole = st.st_size <= READ_BACK_MAX; /* else the first line is a rest */
    if (!whole && lseek(fd, st.st_size - READ_BACK_MAX, SEEK_SET) < 0)
        return err_errno(err, errno, "cannot read the audit file %s", file);
    while ((got = read(fd, block, sizeof(block))) > 0) {
        const char *end;
        buf_add(&in, block, (size_t)got);
        size_t at = 0;
        for (; (end = memchr(in.data + at, '\n', in.len - at)); at = (size_t)(end - in.data) + 1, whole = true)
            if (whole)
                take_line(a, mem, str_n(in.data + at, (size_t)(end - in.data) - at));
        buf_consume(&in, at);
        if (!buf_ok(&in) || in.len > AUDIT_RECORD_MAX * 2) { /* no line of ours is so long */
            buf_clear(&in);
            whole = false;
        }
    }
    *ret_torn = in.len > 0 || !whole;
    return got < 0 ? err_errno(err, errno, "cannot read the audit file %s", file) : 0;
}
