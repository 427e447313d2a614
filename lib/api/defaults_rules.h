/*
 * defaults_rules.h - the form of the default rules, and those that are functions (lib/api only).
 *
 * A rule works on one object of its message. A function gets the object and its message and may change what is below.
 */
#ifndef API_DEFAULTS_RULES_H
#define API_DEFAULTS_RULES_H

#include "api/doc.h"
#include "api/schema.h"

typedef void (*default_fn)(struct arena *a, struct doc *obj, const struct schema_message *m);

struct default_rule {
    const char *path;         /* from the message's object; its parent must exist */
    const char *value;        /* JSON */
    const char *guard_path;   /* NULL = always; else only when the value there ... */
    const char *guard_values; /* ... is one of these, "A|B"; "" = is absent or empty */
    default_fn fn;            /* instead of all that */
};

struct default_set {
    const struct default_rule *rules;
    uint16_t n;
    bool below; /* this message or one within it has rules */
};

/* By schema_message.id; made by the build from defaults.tsv. */
extern const struct default_set default_sets[];

/* Sets a member where Go's order has it; the key must be a member of m. Nothing happens when value is NULL. */
void default_put(struct doc *obj, const struct schema_message *m, const char *key, struct doc *value);
/* The same when the member is unset; true when it was set now. */
bool default_unset_put(struct doc *obj, const struct schema_message *m, const char *key, struct doc *value);
/* Absent, null, or a zero value that is no pointer's. */
bool default_is_unset(const struct schema_field *f, const struct doc *d);
const struct schema_message *default_message(const struct schema_message *m, const char *path);

void default_volume_source(struct arena *a, struct doc *volume, const struct schema_message *m);
void default_image_volume_pull_policy(struct arena *a, struct doc *image, const struct schema_message *m);
void default_image_pull_policy(struct arena *a, struct doc *container, const struct schema_message *m);
void default_service(struct arena *a, struct doc *service, const struct schema_message *m);
void default_pod(struct arena *a, struct doc *pod, const struct schema_message *m);
void default_limit_range_item(struct arena *a, struct doc *item, const struct schema_message *m);
void default_namespace(struct arena *a, struct doc *ns, const struct schema_message *m);
void default_node_allocatable(struct arena *a, struct doc *status, const struct schema_message *m);
void default_replication_controller(struct arena *a, struct doc *rc, const struct schema_message *m);
void default_job(struct arena *a, struct doc *job, const struct schema_message *m);
void default_network_policy(struct arena *a, struct doc *policy, const struct schema_message *m);
void default_crd_stored_versions(struct arena *a, struct doc *crd, const struct schema_message *m);
void default_crd_names(struct arena *a, struct doc *spec, const struct schema_message *m);
void default_pod_autoscaler(struct arena *a, struct doc *hpa, const struct schema_message *m);
void default_device_taint(struct arena *a, struct doc *taint, const struct schema_message *m);

#endif
