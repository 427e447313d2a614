/*
 * kinds.h - every kind that can be listed and deleted, as rows that requests and informers take: for controllers that
 * work on all of them.
 *
 * Typed rows (client/kinds.h) where we have them, so that informers are shared with other controllers; the others see
 * metadata only. One version a resource, the preferred one. Custom kinds are added as discovery shows them; a row once
 * there stays, also when its definition has gone (requests then say NOT_FOUND). Any thread.
 */
#ifndef CONTROLLERS_GC_KINDS_H
#define CONTROLLERS_GC_KINDS_H

#include "client/kinds.h"

struct kube_client;

struct all_kinds;

/* Rows of resources that have all of `verbs` (bits of api/resources.h). Events are left out: they end by themselves. */
struct all_kinds *all_kinds_new(uint16_t verbs);
/* Adds the custom kinds that the server has now. Asks at most once a second: called sooner it does nothing. */
int all_kinds_refresh(struct all_kinds *k, struct kube_client *client, struct err *err) MUST_CHECK;
struct all_kinds *all_kinds_free(struct all_kinds *k);
size_t all_kinds_count(const struct all_kinds *k);
const struct kube_kind *all_kinds_at(const struct all_kinds *k, size_t i);
/* By the group of "apps/v1" (or "v1") and the kind; NULL when there is none. The version does not matter: the object is
 * the same. */
const struct kube_kind *all_kinds_find(const struct all_kinds *k, struct str api_version, struct str kind);
/* The same resource with metadata alone, for lists and gets that need no more. Lives as long as k. */
const struct kube_kind *all_kinds_metadata(const struct all_kinds *k, const struct kube_kind *row);

/* Is it a custom kind (which takes no strategic patches)? */
bool all_kinds_is_custom(const struct all_kinds *k, const struct kube_kind *row);

#endif
