/* AWS Security Token Service: who the caller is. */
#include "services.h"

static int get_caller_identity(struct aws_call *call, struct err *err)
{
    (void)err;
    doc_set(call->output, "UserId", doc_string(call->arena, call->principal.user_id));
    doc_set(call->output, "Account", doc_string(call->arena, call->principal.account));
    doc_set(call->output, "Arn", doc_string(call->arena, call->principal.arn));
    return 0;
}

const struct aws_operation sts_operations[] = {
    {"sts", "GetCallerIdentity", get_caller_identity},
};
const size_t sts_operations_n = ARRAY_LEN(sts_operations);
