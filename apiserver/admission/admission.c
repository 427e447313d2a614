#include "apiserver/admission/admission.h"

#include <stdarg.h>
#include <stdio.h>

#include "api/status.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/registry/meta.h"

typedef int (*plugin_fn)(const struct admit *a, struct err *err);

/* In upstream's order. A plugin without functions is known by name only: it may be named by the flags and does nothing.
 */
static const struct plugin {
    const char *name;
    bool on; /* by default */
    unsigned ops;
    plugin_fn mutate, validate;
} PLUGINS[] = {
    {"AlwaysAdmit", false, 0, NULL, NULL},
    {"NamespaceAutoProvision", false, 0, NULL, NULL},
    {"NamespaceLifecycle", true, ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE, namespace_lifecycle,
     namespace_lifecycle_delete},
    {"NamespaceExists", false, 0, NULL, NULL},
    {"LimitPodHardAntiAffinityTopology", false, 0, NULL, NULL},
    {"LimitRanger", true, ADMIT_CREATE | ADMIT_UPDATE, limit_ranger_mutate, limit_ranger_validate},
    {"ServiceAccount", true, ADMIT_CREATE, service_account_mutate, service_account_validate},
    {"NodeRestriction", false, ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE, NULL, node_restriction},
    {"TaintNodesByCondition", true, ADMIT_CREATE, taint_nodes, NULL},
    {"AlwaysPullImages", false, 0, NULL, NULL},
    {"ImagePolicyWebhook", false, 0, NULL, NULL},
    {"PodSecurity", true, 0, NULL, NULL},
    {"PodNodeSelector", false, 0, NULL, NULL},
    {"Priority", true, ADMIT_CREATE | ADMIT_UPDATE, priority_mutate, priority_validate},
    {"DefaultTolerationSeconds", true, ADMIT_CREATE | ADMIT_UPDATE, default_tolerations, NULL},
    {"PodTolerationRestriction", false, 0, NULL, NULL},
    {"EventRateLimit", false, 0, NULL, NULL},
    {"ExtendedResourceToleration", false, 0, NULL, NULL},
    {"DefaultStorageClass", true, ADMIT_CREATE, default_storage_class, NULL},
    {"StorageObjectInUseProtection", true, ADMIT_CREATE, storage_protection, NULL},
    {"OwnerReferencesPermissionEnforcement", false, 0, NULL, NULL},
    {"PersistentVolumeClaimResize", true, 0, NULL, NULL},
    {"RuntimeClass", true, 0, NULL, NULL},
    {"CertificateApproval", true, 0, NULL, NULL},
    {"CertificateSigning", true, 0, NULL, NULL},
    {"ClusterTrustBundleAttest", true, 0, NULL, NULL},
    {"CertificateSubjectRestriction", true, 0, NULL, NULL},
    {"DefaultIngressClass", true, ADMIT_CREATE, default_ingress_class, NULL},
    {"DenyServiceExternalIPs", false, 0, NULL, NULL},
    {"PodTopologyLabels", true, 0, NULL, NULL},
    {"MutatingAdmissionPolicy", true, 0, NULL, NULL},
    {"MutatingAdmissionWebhook", true, 0, NULL, NULL},
    {"ValidatingAdmissionPolicy", true, 0, NULL, NULL},
    {"ValidatingAdmissionWebhook", true, 0, NULL, NULL},
    {"ResourceQuota", true, 0, NULL, NULL},
    {"AlwaysDeny", false, 0, NULL, NULL},
};

/* Checks that are no plugins upstream: they sit in its registries. */
static const plugin_fn ALWAYS[] = {rbac_escalation, privileged_containers};

struct admission {
    bool on[ARRAY_LEN(PLUGINS)];
};

static int switch_plugins(struct admission *ad, const struct flag_list *names, bool on, const char *flag,
                          struct err *err)
{
    for (size_t i = 0; names && i < names->n; i++) {
        bool found = false;
        for (size_t j = 0; j < ARRAY_LEN(PLUGINS); j++)
            if (str_is(names->items[i], PLUGINS[j].name)) {
                ad->on[j] = on;
                found = true;
            }
        if (!found)
            return err_set(err, ERR_BAD_REQUEST, "%s plugin \"" STR_FMT "\" is unknown", flag,
                           STR_ARG(names->items[i]));
    }
    return 0;
}

int admission_new(const struct flag_list *enable, const struct flag_list *disable, struct admission **ret,
                  struct err *err)
{
    struct admission *ad = xcalloc(1, sizeof(*ad));
    for (size_t i = 0; i < ARRAY_LEN(PLUGINS); i++)
        ad->on[i] = PLUGINS[i].on;
    if (switch_plugins(ad, disable, false, "disable-admission-plugins", err) < 0 ||
        switch_plugins(ad, enable, true, "enable-admission-plugins", err) < 0) {
        free(ad);
        return -1;
    }
    *ret = ad;
    return 0;
}

struct admission *admission_free(struct admission *ad)
{
    free(ad);
    return NULL;
}

/* The server's own writes are not asked. */
static bool exempt(const struct op *op)
{
    return !op->user || !op->registry->admission;
}

int admission_mutate(struct op *op, enum admission_op what, struct doc *obj, const struct doc *old, struct err *err)
{
    const struct admit a = {op, what, obj, old};
    for (size_t i = 0; !exempt(op) && i < ARRAY_LEN(PLUGINS); i++)
        if (op->registry->admission->on[i] && PLUGINS[i].mutate && (PLUGINS[i].ops & what) &&
            PLUGINS[i].mutate(&a, err) < 0)
            return -1;
    return 0;
}

int admission_validate(struct op *op, enum admission_op what, const struct doc *obj, const struct doc *old,
                       struct err *err)
{
    const struct admit a = {op, what, (struct doc *)obj, old};
    for (size_t i = 0; !exempt(op) && i < ARRAY_LEN(PLUGINS); i++)
        if (op->registry->admission->on[i] && PLUGINS[i].validate && (PLUGINS[i].ops & what) &&
            PLUGINS[i].validate(&a, err) < 0)
            return -1;
    for (size_t i = 0; !exempt(op) && i < ARRAY_LEN(ALWAYS); i++)
        if (ALWAYS[i](&a, err) < 0)
            return -1;
    return 0;
}

int admit_forbidden(const struct admit *a, struct err *err, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return status_forbidden(err, a->op->arena, str_of(a->op->res->group), str_of(a->op->res->name), a->op->name, "%s",
                            text);
}

bool admit_is(const struct admit *a, const char *resource)
{
    return !*a->op->sub && !*a->op->res->group && strcmp(a->op->res->name, resource) == 0;
}
