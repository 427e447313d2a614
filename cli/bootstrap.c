#include "bootstrap.h"

#include "base/limits.h"

static const char gateway_binding[] =
    "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRoleBinding\","
    "\"metadata\":{\"name\":\"coracle:aws-gateway\"},"
    "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"cluster-admin\"},"
    "\"subjects\":[{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"User\",\"name\":\"coracle:aws-gateway\"}]}";

int bootstrap_apply(struct kube_client *client, struct err *err)
{
    _cleanup_(buf_releasep) struct buf answer = BUF_INIT(MIB);

    if (kube_raw(client, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "application/json",
                 str_of(gateway_binding), NULL, &answer, err) < 0 &&
        err->code != ERR_ALREADY_EXISTS)
        return err_wrap(err, "binding the role of the AWS gateway");
    return 0;
}
