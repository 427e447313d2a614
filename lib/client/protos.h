/*
 * protos.h - the generated messages that clients work with, in one include.
 */
#ifndef CLIENT_PROTOS_H
#define CLIENT_PROTOS_H

#include "k8s/apps/v1.pb-c.h"
#include "k8s/authentication/v1.pb-c.h"
#include "k8s/coordination/v1.pb-c.h"
#include "k8s/core/v1.pb-c.h"
#include "k8s/discovery/v1.pb-c.h"
#include "k8s/meta/v1.pb-c.h"
#include "k8s/node/v1.pb-c.h"
#include "k8s/policy/v1.pb-c.h"
#include "k8s/rbac/v1.pb-c.h"
#include "k8s/scheduling/v1.pb-c.h"

#endif
