/*
 * Any bytes as a request behind the signature: routing, decoding (JSON, form, path), validation and the encoders must
 * stay within bounds; what passes validation must pass it again unchanged; every answer is well formed.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/json.h"
#include "ecs/wire/decode.h"
#include "ecs/wire/encode.h"
#include "ecs/wire/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(struct arena *a, const struct aws_route *route, struct aws_answer *answer)
{
    struct err err = ERR_INIT;
    struct doc *d = NULL;

    if (answer->status < 200 || answer->status > 599 || (!buf_ok(&answer->body) && answer->body.len < (1u << 20)))
        abort();
    if (route->protocol != AWS_QUERY && buf_ok(&answer->body) &&
        json_parse(a, buf_str(&answer->body), NULL, &d, &err) < 0 && err.code != ERR_TOO_LARGE)
        abort();
    buf_release(&answer->body);
}

/* A second look at an input that passed: nothing may have been left for it to find. */
static void check_again(struct aws_call *call, const struct aws_route *route, struct doc *input)
{
    struct doc *copy = doc_clone(call->arena, input, true);

    if (!copy || arena_overflow(call->arena))
        return;
    if (route->protocol != AWS_REST_JSON && aws_validate(call, route->service, route->op, copy) < 0 &&
        !arena_overflow(call->arena))
        abort();
    if (route->protocol != AWS_REST_JSON && !arena_overflow(call->arena) && !doc_equal(copy, input))
        abort();
}

static void run(struct aws_call *call, const struct sigv4_request *r, const struct aws_service_set *services)
{
    struct aws_route route = {0};
    struct aws_answer answer;
    struct doc *input = NULL;
    int rc = aws_route_begin(call, r, &route);

    if (rc == 0)
        rc = aws_route_find(call, r, services, STR("ecs"), &route);
    if (rc == 0)
        rc = aws_decode(call, r, &route, &input);
    if (rc == 0)
        rc = aws_validate(call, route.service, route.op, input);
    if (rc < 0) {
        aws_encode_fault(call, &route, &answer);
    } else {
        check_again(call, &route, input);
        call->output = input;
        aws_encode_output(call, &route, &answer);
    }
    check_answer(call->arena, &route, &answer);
}

/* First byte: the protocol; first line: operation or path, then query; the rest is the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"application/x-amz-json-1.1", "application/x-www-form-urlencoded",
                                        "text/plain"};
    struct aws_service ecs = {0};
    struct str rest = str_n((const char *)data + 1, size ? size - 1 : 0), line;
    char target[128] = "AmazonEC2ContainerServiceV20141113.";

    if (size < 2 || !str_split(&rest, '\n', &line) || line.n > 80)
        return 0;
    for (size_t i = 0; i < aws_services_n; i++)
        if (strcmp(aws_services[i].id, "ecs") == 0)
            ecs = aws_services[i];
    unsigned kind = data[0] % 3;
    ecs.protocol = kind == 0 ? AWS_JSON_1_1 : kind == 1 ? AWS_QUERY : AWS_REST_JSON;
    ecs.xmlns = "https://ecs/";
    memcpy(target + strlen(target), line.p, line.n);
    const struct sigv4_header headers[] = {{STR("content-type"), str_of(types[kind])},
                                           {STR("x-amz-target"), str_of(target)}};
    const struct sigv4_request r = {.method = STR("POST"),
                                    .path = kind == 2 ? line : STR("/"),
                                    .query = kind == 2 ? line : STR(""),
                                    .headers = headers,
                                    .n_headers = kind == 0 ? 2 : 1,
                                    .body = rest.p ? rest : STR("")};
    struct aws_call call = {.arena = arena_new(8u << 20),
                            .service = "",
                            .operation = "",
                            .request_id = "id",
                            .region = "us-east-1",
                            .account_id = "000000000000"};
    run(&call, &r, &(struct aws_service_set){&ecs, 1});
    arena_free(call.arena);
    return 0;
}
