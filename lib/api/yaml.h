/*
 * yaml.h - YAML text -> document tree, resolved as sigs.k8s.io/yaml does (YAML 1.1: yes/no/on/off are booleans, 0o7 and
 * 017 octal, quoted scalars stay strings, timestamps stay strings, keys become strings).
 *
 * Bounded: depth LIMIT_DOC_DEPTH, nodes copied by aliases LIMIT_YAML_ALIASES, memory by the arena. A repeated key is an
 * error with upstream's text (`yaml: unmarshal errors:\n  line 3: key "a" already set in map`).
 */
#ifndef API_YAML_H
#define API_YAML_H

#include "api/doc.h"

/* Reads the document that starts at *offset of text and moves *offset behind it. Returns 1 with *ret set (a null
 * document for empty content), 0 when no document is left, -1 on error (BAD_REQUEST; TOO_LARGE past a bound). Start
 * with *offset 0 and call until 0. */
int yaml_parse(struct arena *a, struct str text, size_t *offset, struct doc **ret, struct err *err) MUST_CHECK;

/* Does the text look like JSON (its first non-space byte is `{`)? As upstream's GuessJSONStream. */
bool yaml_is_json(struct str text);

#endif
