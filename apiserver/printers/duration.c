#include "printers.h"

#include <stdio.h>

static void two(char *out, int64_t a, char unit_a, int64_t b, char unit_b)
{
    if (b)
        snprintf(out, HUMAN_DURATION_MAX, "%lld%c%lld%c", (long long)a, unit_a, (long long)b, unit_b);
    else
        snprintf(out, HUMAN_DURATION_MAX, "%lld%c", (long long)a, unit_a);
}

void printer_human_duration(int64_t seconds, char out[HUMAN_DURATION_MAX])
{
    int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

    if (seconds < -1)
        snprintf(out, HUMAN_DURATION_MAX, "<invalid>");
    else if (seconds < 0)
        snprintf(out, HUMAN_DURATION_MAX, "0s");
    else if (seconds < 120)
        two(out, seconds, 's', 0, 0);
    else if (minutes < 10)
        two(out, minutes, 'm', seconds % 60, 's');
    else if (minutes < 180)
        two(out, minutes, 'm', 0, 0);
    else if (hours < 8)
        two(out, hours, 'h', minutes % 60, 'm');
    else if (hours < 48)
        two(out, hours, 'h', 0, 0);
    else if (days < 8)
        two(out, days, 'd', hours % 24, 'h');
    else if (days < 730)
        two(out, days, 'd', 0, 0);
    else if (days < 8 * 365)
        two(out, days / 365, 'y', days % 365, 'd');
    else
        two(out, days / 365, 'y', 0, 0);
}
