/*
 * meta.h - reading what every object has: labels, annotations, owners, times, selectors. Pure; views into the objects.
 */
#ifndef CLIENT_META_H
#define CLIENT_META_H

#include "base/clock.h"
#include "client/object.h"
#include "client/protos.h"

/* NULL when absent. */
const char *meta_label(const Metav1__ObjectMeta *m, const char *key);
const char *meta_annotation(const Metav1__ObjectMeta *m, const char *key);
bool meta_has_finalizer(const Metav1__ObjectMeta *m, const char *name);
/* The owner reference that is marked as controller, or NULL. */
const Metav1__OwnerReference *meta_controller(const Metav1__ObjectMeta *m);
bool meta_controlled_by(const Metav1__ObjectMeta *m, const char *uid);
static inline bool meta_deleting(const Metav1__ObjectMeta *m)
{
    return m->deletiontimestamp != NULL;
}

/* metav1.LabelSelector against an object's labels. A NULL selector matches nothing, an empty one everything (as
 * upstream's LabelSelectorAsSelector). An operator or shape that is not valid matches nothing; selector_valid tells. */
bool selector_matches(const Metav1__LabelSelector *s, const Metav1__ObjectMeta *m);
bool selector_empty(const Metav1__LabelSelector *s);
bool selector_valid(const Metav1__LabelSelector *s);

/* Times. 0 = not set. */
int64_t time_ns(const Metav1__Time *t);
int64_t microtime_ns(const Metav1__MicroTime *t);
void time_set(Metav1__Time *t, int64_t wall_ns);           /* init and set, whole seconds as the API stores them */
void microtime_set(Metav1__MicroTime *t, int64_t wall_ns); /* init and set, microseconds */

/* Splits "namespace/name" (or "name": *ret_ns empty) into two NUL-terminated strings in one block; free(*ret_ns) frees
 * both. */
void key_split(struct str key, char **ret_ns, char **ret_name);

#endif
