/*
 * Jobs and cron jobs.
 */
#include "apiserver/validation/workload.h"

#include "base/parse.h"

#define CRON_FIELDS 5
#define INDEXED_MAX 100000

static void check_template(struct kind_check *k, path_t p, const struct doc *spec)
{
    struct str policy = v_str(v_get(v_get(spec, "template"), "spec"), "restartPolicy");
    v_pod_template(k->e, FIELD(p, "template"), v_get(spec, "template"), k->req->forbid_privileged);
    path_t at = FIELD(FIELD(FIELD(p, "template"), "spec"), "restartPolicy");
    if (!policy.n || str_is(policy, "Always"))
        field_required(k->e, at, "valid values: \"OnFailure\", \"Never\"");
    else
        V_ENUM(k->e, at, policy, "OnFailure", "Never");
}

static void check_job_spec(struct kind_check *k, path_t p, const struct doc *spec)
{
    static const char *const counts[] = {"parallelism",
                                         "completions",
                                         "activeDeadlineSeconds",
                                         "backoffLimit",
                                         "ttlSecondsAfterFinished",
                                         "backoffLimitPerIndex",
                                         "maxFailedIndexes",
                                         NULL};
    struct str mode = v_str(spec, "completionMode");
    v_counts(k->e, p, spec, counts);
    if (mode.n)
        V_ENUM(k->e, FIELD(p, "completionMode"), mode, "NonIndexed", "Indexed");
    if (str_is(mode, "Indexed")) {
        if (!v_get(spec, "completions"))
            field_required(k->e, FIELD(p, "completions"), "when completion mode is Indexed");
        if (v_int(spec, "parallelism") > INDEXED_MAX)
            field_invalid_int(k->e, FIELD(p, "parallelism"), v_int(spec, "parallelism"),
                              "must be less than or equal to 100000 when completion mode is Indexed");
    } else if (v_get(spec, "backoffLimitPerIndex")) {
        field_invalid(k->e, FIELD(p, "backoffLimitPerIndex"), v_get(spec, "backoffLimitPerIndex"),
                      "requires indexed completion mode");
    }
    check_template(k, p, spec);
}

void validate_job(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec"), *selector = v_get(spec, "selector");
    const struct doc *labels = v_get(v_get(v_get(spec, "template"), "metadata"), "labels");
    path_t p = FIELD(NULL, "spec");
    bool parses = true;
    check_job_spec(k, p, spec);
    if (!selector)
        field_required(k->e, FIELD(p, "selector"), "%s", "");
    else
        v_label_selector(k->e, FIELD(p, "selector"), selector, true);
    if (!v_selects(k->e->arena, selector, labels, &parses) && parses)
        field_invalid(k->e, FIELD(FIELD(FIELD(p, "template"), "metadata"), "labels"), labels,
                      "`selector` does not match template `labels`");
}

void validate_job_update(struct kind_check *k)
{
    static const char *const fixed[] = {
        "selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy", NULL};
    const struct doc *now = v_get(k->obj, "spec"), *old = v_get(k->old, "spec");
    path_t p = FIELD(NULL, "spec");
    validate_job(k);
    if (!str_is(v_str(now, "completionMode"), "Indexed"))
        v_immutable(k->e, FIELD(p, "completions"), v_get(now, "completions"), v_get(old, "completions"));
    for (const char *const *field = fixed; *field; field++)
        v_immutable(k->e, FIELD(p, *field), v_get(now, *field), v_get(old, *field));
    if (!v_true(old, "suspend")) /* a job that waits may still have its template directed elsewhere */
        v_immutable(k->e, FIELD(p, "template"), v_get(now, "template"), v_get(old, "template"));
}

static size_t count_fields(struct str s)
{
    size_t n = 0;
    struct str rest = s, field;
    while (rest.n && str_split(&rest, ' ', &field))
        n += field.n > 0;
    return n;
}

void validate_cron_job(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec"), *job = v_get(v_get(spec, "jobTemplate"), "spec");
    struct str schedule = v_str(spec, "schedule");
    path_t p = FIELD(NULL, "spec");
    if (!schedule.n)
        field_required(k->e, FIELD(p, "schedule"), "%s", "");
    else if (schedule.p[0] != '@' && count_fields(schedule) != CRON_FIELDS)
        field_invalid_str(k->e, FIELD(p, "schedule"), schedule, "expected exactly 5 fields, found %zu: [" STR_FMT "]",
                          count_fields(schedule), STR_ARG(schedule));
    v_not_negative(k->e, FIELD(p, "startingDeadlineSeconds"), v_get(spec, "startingDeadlineSeconds"));
    V_ENUM_REQUIRED(k->e, FIELD(p, "concurrencyPolicy"), v_str(spec, "concurrencyPolicy"), "Allow", "Forbid",
                    "Replace");
    v_not_negative(k->e, FIELD(p, "successfulJobsHistoryLimit"), v_get(spec, "successfulJobsHistoryLimit"));
    v_not_negative(k->e, FIELD(p, "failedJobsHistoryLimit"), v_get(spec, "failedJobsHistoryLimit"));
    check_job_spec(k, FIELD(FIELD(p, "jobTemplate"), "spec"), job);
}
