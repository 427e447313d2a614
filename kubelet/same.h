/*
 * same.h - do two messages of one type mean the same? A field that is not set equals one that has its zero value, as
 * the API's writers differ in that. Pure.
 */
#ifndef KUBELET_SAME_H
#define KUBELET_SAME_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* Either may be NULL, which is the same as an empty message. */
bool message_same(const ProtobufCMessage *x, const ProtobufCMessage *y);

#endif
