/*
 * audit.h - the trail: one record for every call, whoever made it and however it ended.
 *
 * A record is a JSON object in the form of CloudTrail's, without the values of the request (which may hold secrets):
 * who, what, from where, when, on which resource, the result and the request id. It is written as one line to the audit
 * file, if there is one, and kept in memory for LookupEvents: the last AUDIT_WRITES_MAX calls that change something,
 * and the last AUDIT_READS_MAX others (so that a waiter which polls pushes nothing out). With a file they are there
 * again after a restart. Each gateway has its own trail.
 *
 * Thread-safe.
 */
#ifndef ECS_WIRE_AUDIT_H
#define ECS_WIRE_AUDIT_H

#include "call.h"

#include "base/buf.h"

#define AUDIT_WRITES_MAX 2000
#define AUDIT_READS_MAX 1000
#define AUDIT_RECORD_MAX 4096 /* bytes of one record; longer texts are cut */
#define AUDIT_RESOURCES_MAX 4

struct audit;

/* file: its last events are read back, then it is appended to; NULL = memory only; "-" = standard output. */
int audit_new(const char *file, struct audit **ret, struct err *err) MUST_CHECK;
struct audit *audit_free(struct audit *a); /* returns NULL; accepts NULL */
static inline void audit_freep(struct audit **a)
{
    audit_free(*a);
}

/* The call has ended; call->operation may be NULL when nobody knows it, call->input when it was not read.
 * error_code NULL = success. False when the file could not be written. */
bool audit_record(struct audit *a, const struct aws_call *call, const struct aws_service *s, bool read_only,
                  const char *error_code, const char *error_message);

struct audit_resource {
    const char *type; /* "AWS::ECS::Cluster" */
    const char *name;
};

/* What a record is made of. NULL members are empty. (The trail keeps numbers of texts, each once: callers and their
 * programs are few; the texts of an event that audit_each shows live until fn returns.) */
struct audit_event {
    uint64_t number; /* counts up over all events */
    int64_t time_ns;
    char id[40], request_id[40];
    const char *name, *source, *region, *account, *source_ip, *user_agent;
    const char *arn, *user_id, *user_account, *user, *access_key;
    const char *error_code, *error_message; /* NULL = success */
    bool read_only;
    uint8_t n_resources;
    struct audit_resource resources[AUDIT_RESOURCES_MAX];
};
/* The record as JSON, at most twice AUDIT_RECORD_MAX bytes. */
void audit_put_record(struct buf *out, const struct audit_event *e);
/* Back from JSON, in the arena; false when it is no record. The number is not in it. */
bool audit_read_record(struct arena *a, struct str line, struct audit_event *ret);

/* Calls fn for the events below `number` (UINT64_MAX = all), newest first, until it returns false. The trail is locked
 * meanwhile: fn must be quick. */
void audit_each(struct audit *a, uint64_t number, bool (*fn)(void *ctx, const struct audit_event *e), void *ctx);

/* --- inside the trail --- */

/* Takes an event in as the newest; its texts stay the caller's. Sets e->number. */
void audit_keep(struct audit *a, struct audit_event *e);
/* The literal of a type of resource; NULL for one that no record has. */
const char *audit_resource_type(struct str type);
/* Takes in what stands at the end of a regular file; any other is left alone. *ret_torn: its last line has no end. */
int audit_read_back(struct audit *a, const char *file, bool *ret_torn, struct err *err) MUST_CHECK;

#endif
