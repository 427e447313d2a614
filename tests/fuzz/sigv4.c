/* Any bytes as a request: reading and verifying must stay within bounds, and nothing unsigned may verify. */
#include <stdint.h>
#include <stdlib.h>

#include "ecs/wire/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines: method, path, query, then "name:value" headers up to an empty one, then the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_n((const char *)data, size), line, name;
    struct sigv4_header headers[16];
    struct sigv4_request r = {.headers = headers};
    struct sigv4_claim c;
    const struct sigv4_options o = {.keep_path = size & 1};

    if (!str_split(&rest, '\n', &r.method) || !str_split(&rest, '\n', &r.path) || !str_split(&rest, '\n', &r.query))
        return 0;
    while (r.n_headers < 16 && str_split(&rest, '\n', &line) && line.n) {
        struct str value = line;
        if (str_split(&value, ':', &name) && value.p)
            headers[r.n_headers++] = (struct sigv4_header){name, value};
    }
    r.body = rest.p ? rest : STR("");
    if (sigv4_read(&r, &c) == SIGV4_OK && sigv4_verify(&r, &c, STR("a secret"), c.signed_at_s, &o) == SIGV4_OK)
        abort(); /* would be a forged signature */
    sigv4_claim_release(&c);
    return 0;
}
