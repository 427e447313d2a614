#include "log.h"

#include "buf.h"
#include "clock.h"

#include <stdio.h>

static struct {
    const char *program;
    enum log_level level;
    bool json;
} sink = {"coracle", LOG_INFO, false};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(const char *program, enum log_level level, bool json)
{
    sink.program = program;
    sink.level = level;
    sink.json = json;
}

bool log_enabled(enum log_level level)
{
    return level >= sink.level;
}

/* JSON string escapes; valid as a quoted text value too. Bytes that are not UTF-8 pass through in text only. */
static void put_quoted(struct buf *b, struct str s)
{
    buf_putc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c == '\n')
            buf_puts(b, "\\n");
        else if (c < 0x20 || c == 0x7F)
            buf_printf(b, "\\u%04x", c);
        else
            buf_putc(b, (char)c);
    }
    buf_putc(b, '"');
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || strchr("\"\\=", s.p[i]))
            return false;
    return s.n > 0;
}

static void put_text(struct buf *b, enum log_level level, const char *when, const char *msg,
                     const struct log_field *fields, size_t n)
{
    buf_printf(b, "%s %-5s %s: %s", when, level_names[level], sink.program, msg);
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, " %s=", fields[i].key);
        if (fields[i].type == LOG_FIELD_INT)
            buf_int(b, fields[i].i);
        else if (is_plain(fields[i].s))
            buf_str_add(b, fields[i].s);
        else
            put_quoted(b, fields[i].s);
    }
}

static void put_json(struct buf *b, enum log_level level, const char *when, const char *file, int line, const char *msg,
                     const struct log_field *fields, size_t n)
{
    const char *base = strrchr(file, '/');

    buf_printf(b, "{\"ts\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"caller\":\"%s:%d\",\"msg\":", when,
               level_names[level], sink.program, base ? base + 1 : file, line);
    put_quoted(b, str_of(msg));
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, ",\"%s\":", fields[i].key);
        if (fields[i].type == LOG_FIELD_INT)
            buf_int(b, fields[i].i);
        else
            put_quoted(b, fields[i].s);
    }
    buf_putc(b, '}');
}

void log_write(enum log_level level, const char *file, int line, const char *msg, const struct log_field *fields,
               size_t n)
{
    char when[RFC3339_MAX];
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LOG_LINE_MAX);

    format_rfc3339(when, clock_wall(&clock_system), 6);
    if (sink.json)
        put_json(&b, level, when, file, line, msg, fields, n);
    else
        put_text(&b, level, when, msg, fields, n);
    if (!buf_ok(&b)) { /* too long: the message alone, so that a line is never half a JSON document */
        buf_clear(&b);
        const struct log_field cut = LOG_S("note", "fields left out: line too long");
        struct str m = str_n(msg, MIN_OF(strlen(msg), (size_t)1024));
        _cleanup_(freep) char *shorter = str_dup(m);
        sink.json ? put_json(&b, level, when, file, line, shorter, &cut, 1)
                  : put_text(&b, level, when, shorter, &cut, 1);
    }
    buf_putc(&b, '\n');
    ssize_t ignored = write(STDERR_FILENO, b.data, b.len);
    (void)ignored;
}
