/*
 * log.h - structured log lines to standard error: a message and key=value pairs, as text or JSON.
 *
 *     log_info("pod started", LOG_S("pod", key), LOG_I("restarts", n));
 *
 * Programs log at their edges; library code returns errors instead. Sink, level and format are process-wide (set once
 * in main). A line is one write(2), at most LOG_LINE_MAX bytes, so lines of threads and of killed processes stay whole.
 * Values are escaped. Never log a secret: tokens, keys, Secret data, Authorization headers.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "str.h"

#define LOG_LINE_MAX 4096

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    enum { LOG_FIELD_STR, LOG_FIELD_INT } type;
    const char *key;
    struct str s;
    int64_t i;
};

#define LOG_S(k, cstr) ((struct log_field){LOG_FIELD_STR, (k), str_of(cstr), 0})
#define LOG_STR(k, str_) ((struct log_field){LOG_FIELD_STR, (k), (str_), 0})
#define LOG_I(k, v) ((struct log_field){LOG_FIELD_INT, (k), {NULL, 0}, (int64_t)(v)})
#define LOG_ERR(err_) LOG_S("err", (err_)->msg)

void log_setup(const char *program, enum log_level level, bool json); /* before threads start */
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *file, int line, const char *msg, const struct log_field *fields,
               size_t n);

#define LOG_AT(level, msg, ...)                                                                                        \
    do {                                                                                                               \
        if (log_enabled(level)) {                                                                                      \
            const struct log_field _f[] = {__VA_ARGS__ __VA_OPT__(, ){0}};                                             \
            log_write((level), __FILE__, __LINE__, (msg), _f, ARRAY_LEN(_f) - 1);                                      \
        }                                                                                                              \
    } while (0)
#define log_debug(msg, ...) LOG_AT(LOG_DEBUG, msg, ##__VA_ARGS__)
#define log_info(msg, ...) LOG_AT(LOG_INFO, msg, ##__VA_ARGS__)
#define log_warn(msg, ...) LOG_AT(LOG_WARN, msg, ##__VA_ARGS__)
#define log_error(msg, ...) LOG_AT(LOG_ERROR, msg, ##__VA_ARGS__)

#endif
