/*
 * endpoints.h - who serves the API: upstream's lease reconciler. Each apiserver keeps a key under
 * /registry/masterleases that goes away by itself, and all of them write the addresses found there into the Endpoints
 * and the EndpointSlice of default/kubernetes.
 */
#ifndef APISERVER_ENDPOINTS_H
#define APISERVER_ENDPOINTS_H

#include "apiserver/registry/registry.h"

int endpoints_reconcile(struct registry *g, const char *address, int64_t port, int64_t ttl_s,
                        struct err *err) MUST_CHECK;
/* This server goes: its lease too. */
void endpoints_withdraw(struct registry *g, const char *address);
/* The first address of this machine that is neither loopback nor link-local; false when there is none. */
bool endpoints_local_address(char out[64]);

#endif
