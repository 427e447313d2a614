/*
 * recorder.h - Events about objects, sent in the background.
 *
 * recorder_event never blocks and never fails: at most 1,000 events wait (more are dropped and counted in a log line).
 * The same event about the same object is one Event whose count grows (a patch); more than 10 similar ones (same
 * object, reason, type, source; other message) within 10 minutes become one "(combined from similar events): ..."; an
 * object may make 25 events at once and then one every 5 minutes. As client-go's EventCorrelator.
 */
#ifndef CLIENT_RECORDER_H
#define CLIENT_RECORDER_H

#include "client/kube_client.h"

struct recorder;

struct recorder *recorder_new(struct kube_client *c, const char *component, const char *host /* or NULL */);
struct recorder *recorder_free(struct recorder *r); /* sends what waits, for at most 2 s; returns NULL, accepts NULL */
static inline void recorder_freep(struct recorder **r)
{
    recorder_free(*r);
}

/* What the event is about. Strings may be NULL. */
struct kube_ref {
    const char *api_version, *kind, *ns, *name, *uid, *resource_version;
    const char *field_path; /* "spec.containers{web}" */
};
struct kube_ref kube_ref_of(const struct kube_object *o, char api_version[128]);

#define EVENT_NORMAL "Normal"
#define EVENT_WARNING "Warning"
void recorder_event(struct recorder *r, const struct kube_object *about, const char *type, const char *reason,
                    const char *fmt, ...) PRINTF_FMT(5, 6);
void recorder_event_ref(struct recorder *r, const struct kube_ref *about, const char *type, const char *reason,
                        const char *fmt, ...) PRINTF_FMT(5, 6);

#endif
