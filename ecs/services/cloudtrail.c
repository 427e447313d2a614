/* AWS CloudTrail: LookupEvents, answered from the trail of this gateway. */
#include "services.h"

#include "base/clock.h"
#include "base/parse.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE_MAX 50

struct lookup {
    struct arena *arena;
    struct str key, value; /* key empty = every event */
    double start, end;     /* seconds; both ends count */
    struct doc *events;
    size_t max;
    uint64_t last; /* number of the last event taken */
    bool more;
};

static struct str text(const char *s)
{
    return str_of(s ? s : "");
}

static bool resource_fits(const struct audit_event *e, bool by_type, struct str value)
{
    for (size_t i = 0; i < e->n_resources; i++)
        if (str_eq(value, text(by_type ? e->resources[i].type : e->resources[i].name)))
            return true;
    return false;
}

static bool fits_key(const struct lookup *l, const struct audit_event *e)
{
    const struct {
        const char *key;
        const char *value;
    } texts[] = {
        {"EventId", e->id},         {"EventName", e->name},         {"Username", e->user},
        {"EventSource", e->source}, {"AccessKeyId", e->access_key}, {"ReadOnly", e->read_only ? "true" : "false"},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_is(l->key, texts[i].key))
            return str_eq(l->value, text(texts[i].value));
    return resource_fits(e, str_is(l->key, "ResourceType"), l->value);
}

static void put(struct lookup *l, struct doc *o, const char *key, const char *value)
{
    doc_set(o, key, doc_string_copy(l->arena, text(value)));
}

static void add(struct lookup *l, const struct audit_event *e)
{
    _cleanup_(buf_releasep) struct buf record = BUF_INIT(AUDIT_RECORD_MAX * 2);
    struct doc *o = doc_object(l->arena), *resources = doc_array(l->arena);

    if (!o || !resources)
        return; /* the arena is full, which the wire finds */
    put(l, o, "EventId", e->id);
    put(l, o, "EventName", e->name);
    put(l, o, "ReadOnly", e->read_only ? "true" : "false");
    if (e->access_key)
        put(l, o, "AccessKeyId", e->access_key);
    doc_set(o, "EventTime", doc_int(l->arena, e->time_ns / NS_PER_S));
    put(l, o, "EventSource", e->source);
    if (e->user)
        put(l, o, "Username", e->user);
    for (size_t i = 0; i < e->n_resources; i++) {
        struct doc *r = doc_append(resources, doc_object(l->arena));
        put(l, r, "ResourceType", e->resources[i].type);
        put(l, r, "ResourceName", e->resources[i].name);
    }
    doc_set(o, "Resources", resources);
    audit_put_record(&record, e);
    put(l, o, "CloudTrailEvent", record.data);
    doc_append(l->events, o);
}

static bool visit(void *ctx, const struct audit_event *e)
{
    struct lookup *l = ctx;
    double t = (double)(e->time_ns / NS_PER_S);

    if (t < l->start || t > l->end || (l->key.n && !fits_key(l, e)))
        return true;
    if (l->max == 0) {
        l->more = true;
        return false;
    }
    add(l, e);
    l->max--;
    l->last = e->number;
    return !arena_overflow(l->arena);
}

/* A token is the number of the last event told, in base64. */
static int read_token(struct aws_call *call, uint64_t *ret)
{
    const struct doc *token = doc_get(call->input, "NextToken");
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(1024);

    *ret = UINT64_MAX;
    if (token && (!base64_decode(&text, doc_str(token)) || !parse_uint64(buf_str(&text), ret)))
        return aws_error(call, "InvalidNextTokenException", "The next token is not valid.");
    return 0;
}

static void write_token(struct aws_call *call, uint64_t number)
{
    _cleanup_(buf_releasep) struct buf token = BUF_INIT(64);
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    base64_encode(&token, text, strlen(text));
    doc_set(call->output, "NextToken", doc_string_copy(call->arena, buf_str(&token)));
}

static int lookup_events(struct aws_call *call, struct err *err)
{
    const struct doc *attributes = doc_get(call->input, "LookupAttributes"), *first = doc_at(attributes, 0);
    struct lookup l = {.arena = call->arena,
                       .key = doc_str(doc_get(first, "AttributeKey")),
                       .value = doc_str(doc_get(first, "AttributeValue")),
                       .start = -1e12,
                       .end = 1e12,
                       .events = doc_array(call->arena),
                       .max = (size_t)doc_int_or(doc_get(call->input, "MaxResults"), PAGE_MAX)};
    uint64_t below;

    (void)err;
    (void)doc_to_double(doc_get(call->input, "StartTime"), &l.start);
    (void)doc_to_double(doc_get(call->input, "EndTime"), &l.end);
    if (doc_count(attributes) > 1)
        return aws_error(call, "InvalidLookupAttributesException", "You can specify only one lookup attribute.");
    if (l.start > l.end)
        return aws_error(call, "InvalidTimeRangeException", "The start time is after the end time.");
    if (read_token(call, &below) < 0)
        return -1;
    if (!doc_get(call->input, "EventCategory")) /* the only other category is insight, and we have none of these */
        audit_each(call->context, below, visit, &l);
    doc_set(call->output, "Events", l.events);
    if (l.more)
        write_token(call, l.last);
    return 0;
}

const struct aws_operation cloudtrail_operations[] = {
    {"cloudtrail", "LookupEvents", lookup_events},
};
const size_t cloudtrail_operations_n = ARRAY_LEN(cloudtrail_operations);
