#include "bootstrap.h"

#include "base/limits.h"

static const char *const controller_roles[] = {
    "deployment-controller",      "endpoint-controller",   "endpointslice-controller",
    "generic-garbage-collector",  "namespace-controller",  "node-controller",
    "pod-garbage-collector",      "replicaset-controller", "root-ca-cert-publisher",
    "service-account-controller",
};

static int bind_role(struct kube_client *client, const char *role, struct err *err)
{
    _cleanup_(buf_releasep) struct buf answer = BUF_INIT(MIB);
    _cleanup_(freep) char *body =
        xasprintf("{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRoleBinding\","
                  "\"metadata\":{\"name\":\"coracle:controller-manager:%s\"},"
                  "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\","
                  "\"name\":\"system:controller:%s\"},"
                  "\"subjects\":[{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"User\","
                  "\"name\":\"system:kube-controller-manager\"}]}",
                  role, role);

    if (kube_raw(client, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "application/json",
                 str_of(body), NULL, &answer, err) < 0 &&
        err->code != ERR_ALREADY_EXISTS)
        return err_wrap(err, "binding the role of %s", role);
    return 0;
}

int bootstrap_apply(struct kube_client *client, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(controller_roles); i++)
        if (bind_role(client, controller_roles[i], err) < 0)
            return -1;
    return 0;
}
