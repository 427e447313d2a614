#include "kinds.h"

#define X(plural, singular, g, v, r, k, ns, Type, prefix)                                                              \
    const struct kube_kind kube_##plural = {.group = (g),                                                              \
                                            .version = (v),                                                            \
                                            .resource = (r),                                                           \
                                            .kind = (k),                                                               \
                                            .namespaced = (ns),                                                        \
                                            .desc = &prefix##__descriptor};
KUBE_KINDS(X)
#undef X
