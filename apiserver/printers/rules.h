/*
 * rules.h - inside the printers room: which function makes which cell.
 *
 * A resource has one rule: a cell function for each column, with an argument (mostly a path in the object, and behind
 * `|` the text to show where there is nothing), or one function for the whole row where cells depend on each other.
 * Cell functions are pure.
 */
#ifndef APISERVER_PRINTERS_RULES_H
#define APISERVER_PRINTERS_RULES_H

#include "apiserver/printers/printers.h"
#include "base/buf.h"

struct cell_context {
    struct arena *a;
    const struct doc *obj;
    int64_t now_s;
};

typedef struct doc *cell_fn(const struct cell_context *c, const char *arg);

struct printer_cell {
    cell_fn *fn;
    const char *arg;
};

struct printer_rule {
    const char *group, *resource;
    const struct printer_cell *cells; /* one a column */
    size_t n;
    void (*whole)(const struct cell_context *c, struct doc *cells); /* instead of cells */
};

extern const struct printer_rule printer_rules[]; /* sorted by group and resource */
extern const size_t printer_rules_n;
extern const struct printer printer_table_rows[]; /* the generated columns, sorted */
extern const size_t printer_table_rows_n;

/* --- cells that a path describes --- */
cell_fn cell_text;         /* "spec.x|<none>": a string (or a number's text) */
cell_fn cell_int;          /* "spec.x": 0 when absent */
cell_fn cell_bool;         /* "spec.x|true": the default behind the bar, else false */
cell_fn cell_bool_text;    /* True, False or <unset> */
cell_fn cell_count;        /* "data+binaryData": members or elements, summed */
cell_fn cell_age;          /* "status.x|<none>": time since then; <unknown> when absent and no other text is given */
cell_fn cell_date;         /* the timestamp itself */
cell_fn cell_ratio;        /* "a/b": two numbers */
cell_fn cell_names;        /* "spec.containers": their names with commas */
cell_fn cell_images;       /* their images */
cell_fn cell_join;         /* a list of strings with commas */
cell_fn cell_labels;       /* a map as a=b,c=d; <none> when empty */
cell_fn cell_selector;     /* a LabelSelector as text; <none> when empty */
cell_fn cell_selector_raw; /* the same; empty when empty */
cell_fn cell_reference;    /* roleRef, scaleTargetRef: Kind/name */
cell_fn cell_fixed;        /* the argument itself */

/* --- cells with rules of their own --- */
cell_fn cell_job_status, cell_job_completions, cell_job_duration;
cell_fn cell_node_status, cell_node_roles, cell_node_address;
cell_fn cell_event_last, cell_event_first, cell_event_count, cell_event_object, cell_event_source, cell_event_message;
cell_fn cell_service_external, cell_service_ports, cell_service_cluster_ip, cell_endpoints, cell_slice_ports,
    cell_slice_endpoints;
cell_fn cell_ingress_hosts, cell_ingress_address, cell_ingress_ports, cell_ingress_parameters, cell_ip_parent;
cell_fn cell_access_modes, cell_volume_phase, cell_volume_claim, cell_storage_class, cell_claim_capacity,
    cell_storage_class_name;
cell_fn cell_subjects, cell_quota, cell_controller, cell_csr_condition, cell_hpa_targets;
cell_fn cell_param_kind, cell_param_ref, cell_api_service, cell_api_available, cell_claim_state, cell_condition_status;
cell_fn cell_component_condition, cell_default_seconds;
void pod_cells(const struct cell_context *c, struct doc *cells);

/* --- helpers of the cell functions --- */
struct doc *cell_string(const struct cell_context *c, struct str s); /* a view, not copied */
struct doc *cell_take(const struct cell_context *c, struct buf *b);  /* the buffer's text, copied */
struct str cell_since(const struct cell_context *c,
                      const struct doc *timestamp); /* "5m"; <unknown> when there is none */
/* The element whose member `key` has that value. */
const struct doc *cell_find(const struct doc *list, const char *key, const char *value);
/* Is there a condition of that type with status True? */
bool cell_condition_true(const struct doc *conditions, const char *type);
void cell_add(struct buf *out, struct str s, const char *separator); /* separator first unless out is empty */

#endif
