#include "kubelet/server/log_read.h"

#include "kubelet/server/cri_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 65536
#define LINE_MAX_BYTES ((size_t)4 << 20) /* a longer record is no CRI log */

struct log_reader {
    char *path;
    int fd;
    struct log_options o;
    int64_t left; /* bytes that may still be written; <0 = any number */
    struct buf pending;
    bool mid_line; /* the last record of the stream was a piece: no time stamp in between */
};

static bool is_full_line(struct str line)
{
    struct cri_log_line l;
    struct err ignored = ERR_INIT;
    return cri_log_parse(line, &l, &ignored) < 0 || !l.partial;
}

/* A record's tag stands within its first bytes. */
static bool is_full_at(int fd, off_t at)
{
    char head[64];
    ssize_t got = pread(fd, head, sizeof(head), at);
    return got > 0 && is_full_line(str_n(head, (size_t)got));
}

/* Where the last n lines begin: reads blocks backwards from the end. A line is a full record with the pieces before it,
 * so every full record met begins (seen from the end) one line more. */
static off_t find_tail(int fd, off_t size, int64_t n)
{
    _cleanup_(freep) char *block = xmalloc(BLOCK);
    off_t at = size, found = size;
    int64_t lines = 0;
    if (n == 0)
        return size;
    while (at > 0) {
        size_t len = at < BLOCK ? (size_t)at : BLOCK;
        at -= (off_t)len;
        if (pread(fd, block, len, at) != (ssize_t)len)
            return found;
        for (size_t i = len; i-- > 0;) {
            off_t start = at + (off_t)i + 1;
            if (block[i] != '\n' || start == size)
                continue;
            lines += is_full_at(fd, start);
            if (lines > n)
                return found;
            found = start;
        }
    }
    lines += is_full_at(fd, 0);
    return lines > n ? found : 0;
}

int log_reader_open(const char *path, const struct log_options *o, struct log_reader **ret, struct err *err)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "failed to try resolving symlinks in path \"%s\"", path);
    if (o->tail >= 0 && lseek(fd, find_tail(fd, st.st_size, o->tail), SEEK_SET) < 0)
        return err_errno(err, errno, "cannot seek in %s", path);
    struct log_reader *r = xcalloc(1, sizeof(*r));
    r->path = xstrdup(path);
    r->fd = TAKE_FD(fd);
    r->o = *o;
    r->left = o->limit;
    buf_init(&r->pending, LINE_MAX_BYTES);
    *ret = r;
    return 0;
}

struct log_reader *log_reader_free(struct log_reader *r)
{
    if (!r)
        return NULL;
    close(r->fd);
    buf_release(&r->pending);
    free(r->path);
    free(r);
    return NULL;
}

static void put(struct log_reader *r, struct buf *out, struct str s)
{
    if (r->left >= 0) {
        s.n = MIN_OF(s.n, (size_t)r->left);
        r->left -= (int64_t)s.n;
    }
    buf_str_add(out, s);
}

static void put_line(struct log_reader *r, struct buf *out, struct str text)
{
    struct cri_log_line l;
    struct err ignored = ERR_INIT;
    if (cri_log_parse(text, &l, &ignored) < 0)
        return; /* torn by a crash of the runtime */
    if (l.wall_ns < r->o.since_ns || (r->o.only_stdout && l.is_stderr) || (r->o.only_stderr && !l.is_stderr))
        return;
    if (r->o.timestamps && !r->mid_line) {
        put(r, out, l.time);
        put(r, out, STR(" "));
    }
    put(r, out, l.text);
    if (!l.partial)
        put(r, out, STR("\n"));
    r->mid_line = l.partial;
}

int log_reader_read(struct log_reader *r, struct buf *out, size_t want)
{
    size_t start = out->len;
    for (;;) {
        const char *newline = r->pending.len ? memchr(r->pending.data, '\n', r->pending.len) : NULL;
        if (newline) {
            size_t n = (size_t)(newline - r->pending.data) + 1;
            put_line(r, out, str_n(r->pending.data, n));
            buf_consume(&r->pending, n);
            if (r->left == 0)
                return -1;
            if (out->len - start >= want)
                return 1;
            continue;
        }
        if (!buf_reserve(&r->pending, BLOCK)) { /* no line at all: skip it */
            buf_clear(&r->pending);
            return 1;
        }
        ssize_t n = read(r->fd, r->pending.data + r->pending.len, BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        r->pending.len += (size_t)n;
        r->pending.data[r->pending.len] = '\0';
    }
}

bool log_reader_reopen(struct log_reader *r)
{
    struct stat now, mine;
    if (stat(r->path, &now) < 0 || fstat(r->fd, &mine) < 0 || (now.st_ino == mine.st_ino && now.st_dev == mine.st_dev))
        return false;
    int fd = open(r->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    close(r->fd);
    r->fd = fd;
    buf_clear(&r->pending);
    return true;
}

char *log_tail_text(const char *path, size_t lines, size_t bytes)
{
    struct log_options o = {.tail = (int64_t)lines, .limit = -1};
    struct log_reader *r;
    struct err ignored = ERR_INIT;
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LINE_MAX_BYTES);
    if (log_reader_open(path, &o, &r, &ignored) < 0)
        return xstrdup("");
    while (log_reader_read(r, &text, BLOCK) > 0)
        ;
    log_reader_free(r);
    struct str s = buf_str(&text);
    return str_dup(s.n > bytes ? str_from(s, s.n - bytes) : s);
}
