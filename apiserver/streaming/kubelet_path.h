/*
 * kubelet_path.h - what the API's query of exec, attach, port-forward and log is on the kubelet. Pure.
 */
#ifndef APISERVER_STREAMING_KUBELET_PATH_H
#define APISERVER_STREAMING_KUBELET_PATH_H

#include "base/buf.h"
#include "base/err.h"

struct exec_wants {
    bool in, out, err, tty;
};

/* /exec/NS/POD/CONTAINER?command=..&input=1&output=1&error=1&tty=1 (op "exec" or "attach"). The command's values keep
 * their encoding. ERR_BAD_REQUEST when none of the three streams is wanted. */
int kubelet_exec_path(struct buf *out, const char *op, struct str ns, struct str pod, struct str container,
                      struct str query, struct exec_wants *ret_wants, struct err *err) MUST_CHECK;
/* /portForward/NS/POD?port=.. */
void kubelet_port_forward_path(struct buf *out, struct str ns, struct str pod, struct str query);
/* /containerLogs/NS/POD/CONTAINER?follow=.. */
void kubelet_log_path(struct buf *out, struct str ns, struct str pod, struct str container, struct str query);

#endif
