#include "kubelet/server/cri_log.h"

#include "base/clock.h"

int cri_log_parse(struct str line, struct cri_log_line *ret, struct err *err)
{
    if (line.n && line.p[line.n - 1] == '\n')
        line.n--;
    struct str rest = line, time, stream, tag;
    if (!str_split(&rest, ' ', &time) || !str_split(&rest, ' ', &stream) || !str_split(&rest, ' ', &tag))
        return err_set(err, ERR_BAD_REQUEST, "log line has fewer than four parts");
    int64_t seconds;
    int32_t nanos;
    if (!parse_rfc3339(time, &seconds, &nanos))
        return err_set(err, ERR_BAD_REQUEST, "log line starts with no time");
    if (!str_is(stream, "stdout") && !str_is(stream, "stderr"))
        return err_set(err, ERR_BAD_REQUEST, "log line has an unknown stream");
    struct str first_tag;
    if (!str_split(&tag, ':', &first_tag) || (!str_is(first_tag, "F") && !str_is(first_tag, "P")))
        return err_set(err, ERR_BAD_REQUEST, "log line has an unknown tag");
    *ret = (struct cri_log_line){
        .time = time,
        .wall_ns = seconds * NS_PER_S + nanos,
        .is_stderr = str_is(stream, "stderr"),
        .partial = str_is(first_tag, "P"),
        .text = rest.p ? rest : STR(""),
    };
    return 0;
}
