/*
 * Containers of the three sorts.
 */
#include "apiserver/validation/pod_internal.h"

#define RULES_MAX 20
#define EXIT_CODES_MAX 255

static void check_ports(errors *e, path_t p, const struct doc *ports)
{
    struct seen names = SEEN_IN(e->arena);
    V_EACH (ports, port) {
        path_t at = FIELD_AT(p, port.i);
        struct str name = v_str(port.at, "name");
        int64_t number = v_int(port.at, "containerPort"), host = v_int(port.at, "hostPort");
        if (name.n && !name_fine(name_port_name, name))
            v_name(e, FIELD(at, "name"), name, name_port_name);
        else if (name.n && v_seen(&names, name))
            field_duplicate_str(e, FIELD(at, "name"), name);
        if (number == 0)
            field_required(e, FIELD(at, "containerPort"), "%s", "");
        else
            v_port(e, FIELD(at, "containerPort"), v_get(port.at, "containerPort"));
        if (host != 0)
            v_port(e, FIELD(at, "hostPort"), v_get(port.at, "hostPort"));
        V_ENUM_REQUIRED(e, FIELD(at, "protocol"), v_str(port.at, "protocol"), "SCTP", "TCP", "UDP");
    }
}

static void check_host_ports(struct pod_check *c, path_t p, const struct doc *list)
{
    c->host_ports.n = 0;
    V_EACH (list, ctr) {
        V_EACH (v_get(ctr.at, "ports"), port) {
            int64_t number = v_int(port.at, "hostPort");
            if (!number)
                continue;
            struct str protocol = v_str(port.at, "protocol"), ip = v_str(port.at, "hostIP");
            char *key =
                arena_printf(c->arena, STR_FMT "/" STR_FMT "/%lld", STR_ARG(protocol), STR_ARG(ip), (long long)number);
            if (key && v_seen(&c->host_ports, str_of(key)))
                field_duplicate_str(c->e, FIELD(FIELD_AT(FIELD(FIELD_AT(p, ctr.i), "ports"), port.i), "hostPort"),
                                    str_of(key));
        }
    }
}

static void check_resize_policy(errors *e, path_t p, const struct doc *list)
{
    struct seen names = SEEN_IN(e->arena);
    V_EACH (list, it) {
        struct str resource = v_str(it.at, "resourceName");
        V_ENUM_REQUIRED(e, p, resource, "cpu", "memory");
        if (v_seen(&names, resource))
            field_duplicate_str(e, FIELD_AT(p, it.i), resource);
        V_ENUM_REQUIRED(e, p, v_str(it.at, "restartPolicy"), "NotRequired", "RestartContainer");
    }
}

static void check_common(struct pod_check *c, path_t p, const struct doc *ctr)
{
    errors *e = c->e;
    struct str name = v_str(ctr, "name");
    if (name.n)
        v_name(e, FIELD(p, "name"), name, name_dns1123_label);
    else
        field_required(e, FIELD(p, "name"), "%s", "");
    if (!v_str(ctr, "image").n)
        field_required(e, FIELD(p, "image"), "%s", "");
    V_ENUM_REQUIRED(e, FIELD(p, "terminationMessagePolicy"), v_str(ctr, "terminationMessagePolicy"), "File",
                    "FallbackToLogsOnError");
    check_ports(e, FIELD(p, "ports"), v_get(ctr, "ports"));
    v_env(c, FIELD(p, "env"), v_get(ctr, "env"));
    v_env_from(c, FIELD(p, "envFrom"), v_get(ctr, "envFrom"));
    v_volume_mounts(c, FIELD(p, "volumeMounts"), ctr);
    v_volume_devices(c, FIELD(p, "volumeDevices"), ctr);
    V_ENUM_REQUIRED(e, FIELD(p, "imagePullPolicy"), v_str(ctr, "imagePullPolicy"), "Always", "IfNotPresent", "Never");
    v_resources(c, FIELD(p, "resources"), v_get(ctr, "resources"));
    check_resize_policy(e, FIELD(p, "resizePolicy"), v_get(ctr, "resizePolicy"));
    v_container_security(c, FIELD(p, "securityContext"), v_get(ctr, "securityContext"));
}

static void check_restart_rules(errors *e, path_t p, const struct doc *ctr)
{
    const struct doc *rules = v_get(ctr, "restartPolicyRules"), *policy = v_get(ctr, "restartPolicy");
    if (policy)
        V_ENUM(e, FIELD(p, "restartPolicy"), doc_str(policy), "Always", "Never", "OnFailure");
    else if (doc_count(rules))
        field_required(e, FIELD(p, "restartPolicy"), "must specify restartPolicy when restart rules are used");
    path_t at = FIELD(p, "restartPolicyRules");
    if (doc_count(rules) > RULES_MAX)
        field_too_many(e, at, doc_count(rules), RULES_MAX);
    V_EACH (rules, rule) {
        path_t here = FIELD_AT(at, rule.i);
        const struct doc *codes = v_get(rule.at, "exitCodes");
        V_ENUM(e, FIELD(here, "action"), v_str(rule.at, "action"), "Restart", "RestartAllContainers");
        if (!codes) {
            field_required(e, FIELD(here, "exitCodes"), "must be specified");
            continue;
        }
        V_ENUM(e, FIELD(FIELD(here, "exitCodes"), "operator"), v_str(codes, "operator"), "In", "NotIn");
        if (doc_count(v_get(codes, "values")) > EXIT_CODES_MAX)
            field_too_many(e, FIELD(FIELD(here, "exitCodes"), "values"), doc_count(v_get(codes, "values")),
                           EXIT_CODES_MAX);
    }
}

void v_containers(struct pod_check *c, path_t p, const struct doc *list)
{
    struct seen names = SEEN_IN(c->arena);
    if (!doc_count(list)) {
        field_required(c->e, p, "%s", "");
        return;
    }
    V_EACH (list, ctr) {
        path_t at = FIELD_AT(p, ctr.i);
        check_common(c, at, ctr.at);
        if (v_seen(&names, v_str(ctr.at, "name")))
            field_duplicate_str(c->e, FIELD(at, "name"), v_str(ctr.at, "name"));
        v_lifecycle(c, FIELD(at, "lifecycle"), v_get(ctr.at, "lifecycle"));
        v_probes(c, at, ctr.at);
        check_restart_rules(c->e, at, ctr.at);
    }
    check_host_ports(c, p, list);
}

static void check_ordinary_init(errors *e, path_t p, const struct doc *ctr)
{
    static const char *const sidecars_only[] = {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe", NULL};
    for (const char *const *field = sidecars_only; *field; field++)
        if (v_get(ctr, *field))
            field_forbidden(e, FIELD(p, *field), "may not be set for init containers without restartPolicy=Always");
}

void v_init_containers(struct pod_check *c, path_t p, const struct doc *list)
{
    struct seen names = SEEN_IN(c->arena);
    V_EACH (v_get(c->spec, "containers"), ctr) {
        (void)v_seen(&names, v_str(ctr.at, "name"));
    }
    V_EACH (list, init) {
        path_t at = FIELD_AT(p, init.i);
        struct str name = v_str(init.at, "name");
        check_common(c, at, init.at);
        check_restart_rules(c->e, at, init.at);
        if (name.n && v_seen(&names, name))
            field_duplicate_str(c->e, FIELD(at, "name"), name);
        if (str_is(v_str(init.at, "restartPolicy"), "Always")) {
            v_lifecycle(c, FIELD(at, "lifecycle"), v_get(init.at, "lifecycle"));
            v_probes(c, at, init.at);
        } else {
            check_ordinary_init(c->e, at, init.at);
        }
    }
    check_host_ports(c, p, list);
}

static void note_names(struct seen *all, struct seen *targets, const struct doc *list)
{
    V_EACH (list, ctr) {
        (void)v_seen(all, v_str(ctr.at, "name"));
        if (targets)
            (void)v_seen(targets, v_str(ctr.at, "name"));
    }
}

static void forbid_fields(errors *e, path_t p, const struct doc *ctr)
{
    static const char *const forbidden[] = {"ports",     "livenessProbe", "readinessProbe", "startupProbe",
                                            "lifecycle", "resources",     "resizePolicy",   NULL};
    for (const char *const *field = forbidden; *field; field++)
        if (v_get(ctr, *field) && !v_equal(v_get(ctr, *field), NULL))
            field_forbidden(e, FIELD(p, *field), "cannot be set for an Ephemeral Container");
    V_EACH (v_get(ctr, "volumeMounts"), m) {
        path_t at = FIELD_AT(FIELD(p, "volumeMounts"), m.i);
        if (v_str(m.at, "subPath").n)
            field_forbidden(e, FIELD(at, "subPath"), "cannot be set for an Ephemeral Container");
        if (v_str(m.at, "subPathExpr").n)
            field_forbidden(e, FIELD(at, "subPathExpr"), "cannot be set for an Ephemeral Container");
    }
}

void v_ephemeral_containers(struct pod_check *c, path_t p, const struct doc *list)
{
    struct seen names = SEEN_IN(c->arena), targets = SEEN_IN(c->arena);
    note_names(&names, &targets, v_get(c->spec, "containers"));
    note_names(&names, NULL, v_get(c->spec, "initContainers"));
    V_EACH (list, ctr) {
        path_t at = FIELD_AT(p, ctr.i);
        struct str target = v_str(ctr.at, "targetContainerName");
        check_common(c, at, ctr.at);
        if (v_seen(&names, v_str(ctr.at, "name")))
            field_duplicate_str(c->e, FIELD(at, "name"), v_str(ctr.at, "name"));
        if (target.n && !v_seen_has(&targets, target))
            field_not_found_str(c->e, FIELD(at, "targetContainerName"), target);
        forbid_fields(c->e, at, ctr.at);
    }
}
