/*
 * regex.h - the regular expressions of the cluster query language (=~), in time linear in pattern and text.
 *
 * Literals, . [classes] (groups) (?:groups) | * + ? ^ $ and the escapes \d \w \s \D \W \S; any other escaped character
 * is itself. What Java's expressions have beyond that ({n,m}, back references, lookaround) does not compile. Bytes, not
 * characters, are matched. A match may be anywhere in the text.
 */
#ifndef ECS_MAP_REGEX_H
#define ECS_MAP_REGEX_H

#include "base/arena.h"

#define REGEX_DEPTH_MAX 32 /* of groups */

struct regex;

/* In the arena; the pattern must live as long. NULL when it does not compile (or the arena is full). */
struct regex *regex_compile(struct arena *a, struct str pattern);
/* One thread at a time: the regex has the room that matching needs. */
bool regex_matches(struct regex *r, struct str text);

#endif
