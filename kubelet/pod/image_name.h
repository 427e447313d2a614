/*
 * image_name.h - image references as users write them ("busybox", "quay.io/x/y@sha256:..."), made explicit. Pure.
 */
#ifndef KUBELET_POD_IMAGE_NAME_H
#define KUBELET_POD_IMAGE_NAME_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the reference with registry host and, where it has neither tag nor digest, ":latest". On failure err->msg is
 * upstream's text behind "couldn't parse image name". */
int image_name_normalize(struct buf *out, struct str image, struct err *err) MUST_CHECK;
/* The tag that decides the default pull policy: "latest" when none is given and no digest either, else "". */
struct str image_name_tag(struct str image);

#endif
