#include "ecs/map/taskdef_rules.h"

#include <stdarg.h>
#include <stdio.h>

bool taskdef_says_something(const struct doc *d)
{
    if (!d || doc_is(d, DOC_NULL))
        return false;
    if (doc_is(d, DOC_ARRAY) || doc_is(d, DOC_OBJECT))
        return doc_count(d) > 0;
    if (doc_is(d, DOC_BOOL))
        return d->b;
    return doc_is(d, DOC_STRING) ? doc_str(d).n > 0 : doc_int_or(d, 1) != 0;
}

int taskdef_invalid(struct err *err, const struct doc *container, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return ecs_fault(err, ECS_CLIENT, "Invalid setting for container '" STR_FMT "'. %s",
                     STR_ARG(doc_str(doc_get(container, "name"))), text);
}

/* What cannot be honoured at all, and why: the name of the member is in the message. */
static const struct {
    const char *path, *why;
} never[] = {
    {"environmentFiles", "there is no S3; put the variables into 'environment'"},
    {"firelensConfiguration", "logs are read with kubectl logs"},
    {"credentialSpecs", "there is no Active Directory"},
    {"disableNetworking", "the containers of a task share one network"},
    {"linuxParameters.devices", "a pod gets devices with 'privileged' only"},
    {"linuxParameters.maxSwap", "Kubernetes gives containers no swap"},
};

/* What ECS itself does not allow in a network mode. */
static const struct {
    const char *path;
    enum task_network network;
    const char *text;
} by_network[] = {
    {"links", NETWORK_AWSVPC, "Links are not supported when networkMode=awsvpc."},
    {"links", NETWORK_HOST, "Links are not supported when networkMode=host."},
    {"extraHosts", NETWORK_AWSVPC, "Extra hosts are not supported on container when networkMode=awsvpc."},
    {"hostname", NETWORK_AWSVPC, "hostname is not supported on container when networkMode=awsvpc."},
    {"hostname", NETWORK_HOST, "hostname is not supported on container when networkMode=host."},
    {"disableNetworking", NETWORK_AWSVPC, "Disable Networking is not supported on container when networkMode=awsvpc."},
};

static const char *const not_on_fargate[] = {
    "privileged",
    "dnsServers",
    "dnsSearchDomains",
    "resourceRequirements",
    "dockerSecurityOptions",
    "linuxParameters.devices",
    "linuxParameters.maxSwap",
    "linuxParameters.swappiness",
    "linuxParameters.sharedMemorySize",
};

static const char *leaf(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? dot + 1 : path;
}

static int check_fargate(const struct doc *c, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(not_on_fargate); i++) {
        if (taskdef_says_something(doc_path(c, not_on_fargate[i])))
            return ecs_fault(err, ECS_CLIENT, "Fargate compatible task definitions do not support %s",
                             leaf(not_on_fargate[i]));
    }
    doc_foreach (doc_path(c, "linuxParameters.capabilities.add"), cap) {
        if (!str_is(doc_str(cap), "SYS_PTRACE"))
            return ecs_fault(err, ECS_CLIENT, STR_FMT " is not allowed on Fargate.", STR_ARG(doc_str(cap)));
    }
    return 0;
}

static int check_secrets(const struct doc *td, const struct doc *c, struct err *err)
{
    if (doc_count(doc_get(c, "secrets")) == 0)
        return 0;
    if (!doc_get(td, "executionRoleArn"))
        return ecs_fault(err, ECS_CLIENT,
                         "When you are specifying container secrets, you must also specify a value for "
                         "'executionRoleArn'.");
    return taskdef_invalid(
        err, c,
        "'secrets' is not supported: there is no Secrets Manager and no Parameter Store yet; put the "
        "value into 'environment'.");
}

int taskdef_check_refused(const struct doc *td, const struct doc *c, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(by_network); i++) {
        if (by_network[i].network == taskdef_network(td) && taskdef_says_something(doc_path(c, by_network[i].path)))
            return ecs_fault(err, ECS_CLIENT, "%s", by_network[i].text);
    }
    if (taskdef_requires(td, "FARGATE") && check_fargate(c, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        if (taskdef_says_something(doc_path(c, never[i].path)))
            return taskdef_invalid(err, c, "'%s' is not supported: %s.", never[i].path, never[i].why);
    }
    doc_foreach (doc_get(c, "resourceRequirements"), r) {
        struct str type = doc_str(doc_get(r, "type"));

        if (!str_is(type, "GPU"))
            return taskdef_invalid(err, c, "The resource '" STR_FMT "' is not supported.", STR_ARG(type));
    }
    return check_secrets(td, c, err);
}
