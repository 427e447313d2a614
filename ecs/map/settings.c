#include "ecs/map/settings.h"

#include "base/buf.h"
#include "ecs/map/fault.h"

#define LONG_ONLY "there are only ARNs in the long format"

const struct setting settings_table[] = {
    {"awsvpcTrunking", {"enabled", "disabled"}, "disabled", false, false, NULL},
    {"containerInsights", {"enabled", "disabled", "enhanced"}, "disabled", false, false, NULL},
    {"containerInstanceLongArnFormat", {"enabled", "disabled"}, "enabled", false, false, LONG_ONLY},
    {"defaultLogDriverMode", {"blocking", "non-blocking"}, "non-blocking", false, false, NULL},
    {"fargateEventWindows", {"enabled", "disabled"}, "disabled", false, false, NULL},
    {"fargateFIPSMode", {"enabled", "disabled"}, "disabled", false, false, NULL},
    {"fargateTaskRetirementWaitPeriod", {"0", "7", "14"}, "7", false, true, NULL},
    {"guardDutyActivate", {"on", "off"}, "off", true, false, NULL},
    {"serviceLongArnFormat", {"enabled", "disabled"}, "enabled", false, false, LONG_ONLY},
    {"tagResourceAuthorization", {"on", "off"}, "on", false, false, NULL},
    {"taskLongArnFormat", {"enabled", "disabled"}, "enabled", false, false, LONG_ONLY},
};
const size_t settings_n = ARRAY_LEN(settings_table);

const struct setting *setting_find(struct str name)
{
    for (size_t i = 0; i < settings_n; i++)
        if (str_is(name, settings_table[i].name))
            return &settings_table[i];
    return NULL;
}

int setting_check(const struct setting *s, struct str value, struct err *err)
{
    _cleanup_(buf_releasep) struct buf all = BUF_INIT(512);

    if (s->managed)
        return ecs_fault(err, ECS_INVALID, "The account setting %s is managed by AWS and cannot be changed.", s->name);
    for (size_t i = 0; s->values[i]; i++) {
        buf_printf(&all, "%s%s", i ? ", " : "", s->values[i]);
        if (!str_is(value, s->values[i]))
            continue;
        return s->fixed && !str_is(value, s->by_default)
                   ? ecs_fault(err, ECS_INVALID, "The account setting %s cannot be %s: %s.", s->name, s->values[i],
                               s->fixed)
                   : 0;
    }
    return ecs_fault(err, ECS_INVALID, "Invalid value '" STR_FMT "' for account setting %s. Valid values: " STR_FMT ".",
                     STR_ARG(value), s->name, STR_ARG(buf_str(&all)));
}

bool setting_principal_valid(struct str arn, struct str account)
{
    static const char prefix[] = "arn:aws:iam::";

    if (!str_starts(arn, str_of(prefix)))
        return false;
    struct str rest = str_from(arn, sizeof(prefix) - 1);
    if (!str_starts(rest, account) || rest.n == account.n || rest.p[account.n] != ':')
        return false;
    rest = str_from(rest, account.n + 1);
    return str_is(rest, "root") || (rest.n > 5 && (str_starts(rest, STR("user/")) || str_starts(rest, STR("role/"))));
}
