/*
 * pattern.h - the patterns of shapes, matched as the service does: the whole text against one repeated character class.
 *
 * Known are classes such as "[a-zA-Z0-9\.\*\-]+" and "([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", with or without ^ and $;
 * hack/gen-aws-shapes lets no other pattern into the tables. \p{L}, \p{N} and \p{Z} are exact for ASCII; beyond it any
 * character but a control counts as a letter, for we carry no tables of Unicode.
 */
#ifndef ECS_WIRE_PATTERN_H
#define ECS_WIRE_PATTERN_H

#include "base/str.h"

bool pattern_matches(const char *pattern, struct str text);

#endif
