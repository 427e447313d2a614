/*
 * patch.h - the three kinds of patch that change a document tree.
 *
 * All work on *target in place (and may replace the root); a failed JSON or strategic patch leaves it half-changed, so
 * callers patch a clone or throw the tree away. Values are taken from the patch by clone (string bytes shared), so the
 * patch's bytes must live as long as the target.
 */
#ifndef API_PATCH_H
#define API_PATCH_H

#include "api/doc.h"

struct schema_message; /* api/schema.h */

/* RFC 6902. patch is an array of operations. Errors: INVALID (an operation cannot be applied, a test failed),
 * BAD_REQUEST (no JSON patch at all), TOO_LARGE (more than LIMIT_JSON_PATCH_OPS). */
int json_patch_apply(struct arena *a, struct doc **target, const struct doc *patch, struct err *err) MUST_CHECK;

/* RFC 7386; cannot fail. */
void merge_patch_apply(struct arena *a, struct doc **target, const struct doc *patch);

/* Strategic merge with the patch strategies and merge keys of the message's table: $patch replace|delete|merge,
 * $setElementOrder/x, $deleteFromPrimitiveList/x, $retainKeys. NULL message = every list is replaced. Error:
 * BAD_REQUEST or INVALID with upstream's words. */
int strategic_merge_apply(struct arena *a, struct doc **target, const struct doc *patch, const struct schema_message *m,
                          struct err *err) MUST_CHECK;

#endif
