/*
 * members.h - many changes to the members of one object, in time that does not grow with the square of its size.
 *
 * Inside lib/api. Small objects are changed in place; a large one that gets many changes is spread out into an array
 * with an index, and linked again at the end. Between open and close the object may be touched by these functions only.
 */
#ifndef API_MEMBERS_H
#define API_MEMBERS_H

#include "api/doc.h"
#include "base/map.h"

struct members {
    struct arena *a;
    struct doc *obj;
    struct doc **v; /* NULL = small: work on obj itself */
    size_t n, cap;
    struct map index; /* key -> place + 1 */
};

/* changes: how many sets and removes are coming at most. */
void members_open(struct members *m, struct arena *a, struct doc *obj, size_t changes);
struct doc *members_get(const struct members *m, struct str key);
void members_set(struct members *m, struct str key, struct doc *value); /* as doc_set_str */
void members_remove(struct members *m, struct str key);
void members_close(struct members *m); /* for _cleanup_ too: harmless twice */

#endif
