#include "audit.h"

#include "api/json.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

/* A text of events, once; its place in the trail's row of texts is its number. */
struct text {
    uint32_t refs, number;
    char s[];
};

#define TEXTS 13 /* members of an event that are texts, without resources */

/* An event as it is kept: numbers of texts (0 = none) and binary UUIDs; there are thousands. */
struct record {
    uint64_t number;
    int64_t time_ns;
    uint8_t id[16], request_id[16];
    uint32_t texts[TEXTS], resources[AUDIT_RESOURCES_MAX];
    uint8_t types[AUDIT_RESOURCES_MAX]; /* places in resource_members */
    uint8_t n_resources;
    bool read_only;
};

struct ring {
    struct record *v;
    size_t max, n, next; /* next: where the next event goes */
};

struct audit {
    pthread_mutex_t lock;
    struct ring writes, reads;
    struct map by_text;  /* -> struct text */
    struct text **texts; /* by number; [0] is none */
    size_t n_texts, cap_texts;
    uint32_t *free_numbers;
    size_t n_free;
    uint64_t count;
    int fd; /* -1 = none */
};

/* Which members of an input name a resource, and of what type. */
static const struct {
    const char *member, *type;
} resource_members[] = {
    {"cluster", "AWS::ECS::Cluster"},
    {"clusterName", "AWS::ECS::Cluster"},
    {"service", "AWS::ECS::Service"},
    {"serviceName", "AWS::ECS::Service"},
    {"taskDefinition", "AWS::ECS::TaskDefinition"},
    {"family", "AWS::ECS::TaskDefinition"},
    {"task", "AWS::ECS::Task"},
    {"containerInstance", "AWS::ECS::ContainerInstance"},
    {"capacityProvider", "AWS::ECS::CapacityProvider"},
    {"resourceArn", "AWS::ECS::Resource"},
};

const char *audit_resource_type(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(resource_members); i++)
        if (str_is(type, resource_members[i].type))
            return resource_members[i].type;
    return NULL;
}

/* --- texts --- */

static uint32_t new_number(struct audit *a)
{
    if (a->n_free)
        return a->free_numbers[--a->n_free];
    if (a->n_texts == a->cap_texts) {
        a->cap_texts = a->cap_texts ? a->cap_texts * 2 : 64;
        a->texts = xrealloc(a->texts, a->cap_texts * sizeof(struct text *));
        a->free_numbers = xrealloc(a->free_numbers, a->cap_texts * sizeof(uint32_t));
    }
    return (uint32_t)a->n_texts++;
}

static uint32_t hold(struct audit *a, const char *s)
{
    if (!s || !*s)
        return 0;
    struct text *t = map_gets(&a->by_text, s);
    if (!t) {
        size_t n = strlen(s) + 1;
        t = xmalloc(sizeof(*t) + n);
        *t = (struct text){.number = new_number(a)};
        memcpy(t->s, s, n);
        map_set(&a->by_text, str_of(s), t);
        a->texts[t->number] = t;
    }
    t->refs++;
    return t->number;
}

static void let_go(struct audit *a, uint32_t number)
{
    struct text *t = number ? a->texts[number] : NULL;

    if (!t || --t->refs)
        return;
    a->texts[number] = NULL;
    a->free_numbers[a->n_free++] = number;
    map_del(&a->by_text, str_of(t->s));
}

static const char *text_of(const struct audit *a, uint32_t number)
{
    return number ? a->texts[number]->s : NULL;
}

/* The members of an event that are texts, in the order of a record. */
static void texts_of(struct audit_event *e, const char **ret[TEXTS])
{
    const char **all[TEXTS] = {&e->name,       &e->source,     &e->region,       &e->account,      &e->source_ip,
                               &e->user_agent, &e->arn,        &e->user_id,      &e->user_account, &e->user,
                               &e->access_key, &e->error_code, &e->error_message};

    memcpy(ret, all, sizeof(all));
}

/* --- UUIDs --- */

/* What is none becomes zeros. */
static void uuid_parse(const char *s, uint8_t ret[16])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    memset(ret, 0, 16);
    for (; *s && n < 32; s++) {
        const char *d = strchr(digits, *s);
        if (!d)
            continue; /* a hyphen */
        ret[n / 2] |= (uint8_t)((d - digits) << (n % 2 ? 0 : 4));
        n++;
    }
}

static void uuid_format(const uint8_t id[16], char ret[40])
{
    char *to = ret;

    for (int i = 0; i < 16; i++)
        to += snprintf(to, 4, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
}

/* With what the file has; a line that a crash cut off gets its end, so that the next one stands by itself. */
static int go_on(struct audit *a, const char *file, struct err *err)
{
    bool torn;

    if (audit_read_back(a, file, &torn, err) < 0)
        return -1;
    if (torn && write(a->fd, "\n", 1) != 1)
        return err_errno(err, errno, "cannot write the audit file %s", file);
    return 0;
}

int audit_new(const char *file, struct audit **ret, struct err *err)
{
    int fd = -1;

    if (file) {
        fd = strcmp(file, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                                    : open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
            return err_errno(err, errno, "cannot open the audit file %s", file);
    }
    struct audit *a = xcalloc(1, sizeof(*a));
    pthread_mutex_init(&a->lock, NULL);
    a->fd = fd;
    a->writes.max = AUDIT_WRITES_MAX;
    a->reads.max = AUDIT_READS_MAX;
    a->writes.v = xcalloc(a->writes.max, sizeof(*a->writes.v));
    a->reads.v = xcalloc(a->reads.max, sizeof(*a->reads.v));
    map_init(&a->by_text, free);
    uint32_t none = new_number(a); /* 0 */
    a->texts[none] = NULL;
    if (file && strcmp(file, "-") != 0 && go_on(a, file, err) < 0) {
        audit_free(a);
        return -1;
    }
    *ret = a;
    return 0;
}

struct audit *audit_free(struct audit *a)
{
    if (!a)
        return NULL;
    free(a->writes.v);
    free(a->reads.v);
    map_release(&a->by_text);
    free(a->texts);
    free(a->free_numbers);
    if (a->fd >= 0)
        close(a->fd);
    pthread_mutex_destroy(&a->lock);
    free(a);
    return NULL;
}

/* --- the record --- */

/* At most max bytes, and no broken character at the end. */
static struct str cut(struct str s, size_t max)
{
    if (s.n > max)
        for (s.n = max; s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80; s.n--)
            ;
    return s.n ? s : STR("");
}

static const char *cut_copy(struct arena *a, struct str s, size_t max)
{
    s = cut(s, max);
    return s.n ? arena_str(a, s).p : NULL;
}

static void put(struct buf *out, const char *key, struct str value, size_t max)
{
    buf_printf(out, "\"%s\":", key);
    json_write_string(out, cut(value, max));
    buf_putc(out, ',');
}

static const char *identity_type(struct str arn)
{
    return str_ends(arn, STR(":root"))                  ? "Root"
           : memmem(arn.p, arn.n, ":assumed-role/", 14) ? "AssumedRole"
                                                        : "IAMUser";
}

static void put_text(struct buf *out, const char *key, const char *value, size_t max)
{
    put(out, key, str_of(value ? value : ""), max);
}

static void put_identity(struct buf *out, const struct audit_event *e)
{
    buf_puts(out, "\"userIdentity\":{");
    if (e->arn) {
        put_text(out, "type", identity_type(str_of(e->arn)), 32);
        put_text(out, "principalId", e->user_id, 64);
        put_text(out, "arn", e->arn, 256);
        put_text(out, "accountId", e->user_account, 32);
        put_text(out, "userName", e->user, 128);
    } else {
        put(out, "type", STR("Unknown"), 32); /* nobody could be authenticated */
    }
    if (e->access_key)
        put_text(out, "accessKeyId", e->access_key, 128);
    out->len--;
    buf_puts(out, "},");
}

static void put_resources(struct buf *out, const struct audit_event *e)
{
    if (e->n_resources == 0)
        return;
    buf_puts(out, "\"resources\":[");
    for (size_t i = 0; i < e->n_resources; i++) {
        buf_puts(out, i ? ",{" : "{");
        put(out, "resourceType", str_of(e->resources[i].type), 64);
        put(out, "resourceName", str_of(e->resources[i].name), 256);
        out->len--;
        buf_putc(out, '}');
    }
    buf_puts(out, "],");
}

void audit_put_record(struct buf *out, const struct audit_event *e)
{
    char when[RFC3339_MAX];

    format_rfc3339(when, e->time_ns, 0);
    buf_puts(out, "{\"eventVersion\":\"1.08\",");
    put_identity(out, e);
    put(out, "eventTime", str_of(when), 64);
    put_text(out, "eventSource", e->source, 128);
    put_text(out, "eventName", e->name, 128);
    put_text(out, "awsRegion", e->region, 64);
    put_text(out, "sourceIPAddress", e->source_ip, 64);
    put_text(out, "userAgent", e->user_agent, 256);
    if (e->error_code) {
        put_text(out, "errorCode", e->error_code, 128);
        put_text(out, "errorMessage", e->error_message, 512);
    }
    put(out, "requestID", str_of(e->request_id), 64);
    put(out, "eventID", str_of(e->id), 64);
    buf_printf(out, "\"readOnly\":%s,", e->read_only ? "true" : "false");
    put_resources(out, e);
    put(out, "eventType", STR("AwsApiCall"), 32);
    buf_puts(out, "\"managementEvent\":true,");
    put_text(out, "recipientAccountId", e->account, 32);
    buf_puts(out, "\"eventCategory\":\"Management\"}");
}

static void find_resources(struct arena *a, struct audit_event *e, const struct doc *input)
{
    for (size_t i = 0; i < ARRAY_LEN(resource_members) && e->n_resources < AUDIT_RESOURCES_MAX; i++) {
        struct str name = doc_str(doc_get(input, resource_members[i].member));
        if (name.n)
            e->resources[e->n_resources++] = (struct audit_resource){resource_members[i].type, cut_copy(a, name, 256)};
    }
}

static bool write_line(int fd, struct buf *line)
{
    buf_putc(line, '\n'); /* one write of one line: O_APPEND keeps it whole */
    return fd < 0 || write(fd, line->data, line->len) == (ssize_t)line->len;
}

void audit_keep(struct audit *a, struct audit_event *e)
{
    const char **texts[TEXTS];
    struct record r = {.time_ns = e->time_ns, .n_resources = e->n_resources, .read_only = e->read_only};
    struct ring *ring = e->read_only ? &a->reads : &a->writes;

    texts_of(e, texts);
    uuid_parse(e->id, r.id);
    uuid_parse(e->request_id, r.request_id);
    pthread_mutex_lock(&a->lock);
    r.number = e->number = ++a->count;
    for (size_t i = 0; i < TEXTS; i++)
        r.texts[i] = hold(a, *texts[i]);
    for (size_t i = 0; i < r.n_resources; i++) {
        r.resources[i] = hold(a, e->resources[i].name);
        for (uint8_t k = 0; k < ARRAY_LEN(resource_members); k++)
            if (strcmp(resource_members[k].type, e->resources[i].type) == 0)
                r.types[i] = k;
    }
    struct record *old = &ring->v[ring->next];
    for (size_t i = 0; i < TEXTS; i++)
        let_go(a, old->texts[i]);
    for (size_t i = 0; i < old->n_resources; i++)
        let_go(a, old->resources[i]);
    *old = r;
    ring->next = (ring->next + 1) % ring->max;
    ring->n = MIN_OF(ring->n + 1, ring->max);
    pthread_mutex_unlock(&a->lock);
}

bool audit_record(struct audit *a, const struct aws_call *c, const struct aws_service *s, bool read_only,
                  const char *code, const char *message)
{
    _cleanup_(arena_freep) struct arena *mem = arena_new(MIB);
    _cleanup_(buf_releasep) struct buf line = BUF_INIT(AUDIT_RECORD_MAX * 2);
    const struct aws_principal *p = &c->principal;
    struct audit_event e = {.time_ns = c->now_ns,
                            .read_only = read_only,
                            .name = cut_copy(mem, str_of(c->operation), 128),
                            .source = s ? s->event_source : "unknown",
                            .region = c->region,
                            .account = c->account_id,
                            .source_ip = c->source_ip,
                            .user_agent = cut_copy(mem, c->user_agent, 256),
                            .arn = cut_copy(mem, p->arn, 256),
                            .user_id = cut_copy(mem, p->user_id, 64),
                            .user_account = cut_copy(mem, p->account, 32),
                            .user = cut_copy(mem, p->user_name, 128),
                            .access_key = cut_copy(mem, p->access_key, 128),
                            .error_code = cut_copy(mem, str_of(code), 128),
                            .error_message = cut_copy(mem, str_of(code ? message : NULL), 512)};

    random_uuid(e.id);
    str_copy(e.request_id, sizeof(e.request_id), str_of(c->request_id));
    find_resources(mem, &e, c->input);
    bool ok = true;
    if (a->fd >= 0) {
        audit_put_record(&line, &e);
        ok = write_line(a->fd, &line) && buf_ok(&line);
    }
    audit_keep(a, &e);
    return ok;
}

/* --- looking back --- */

static void event_of(const struct audit *a, const struct record *r, struct audit_event *ret)
{
    const char **texts[TEXTS];

    *ret = (struct audit_event){
        .number = r->number, .time_ns = r->time_ns, .read_only = r->read_only, .n_resources = r->n_resources};
    texts_of(ret, texts);
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = text_of(a, r->texts[i]);
    for (size_t i = 0; i < r->n_resources; i++)
        ret->resources[i] = (struct audit_resource){resource_members[r->types[i]].type, text_of(a, r->resources[i])};
    uuid_format(r->id, ret->id);
    uuid_format(r->request_id, ret->request_id);
}

/* The i-th newest. */
static const struct record *nth(const struct ring *r, size_t i)
{
    return i < r->n ? &r->v[(r->next + r->max - 1 - i) % r->max] : NULL;
}

void audit_each(struct audit *a, uint64_t number, bool (*fn)(void *ctx, const struct audit_event *e), void *ctx)
{
    size_t w = 0, r = 0;
    const struct record *x, *y, *e;
    bool more = true;

    pthread_mutex_lock(&a->lock);
    do {
        struct audit_event event;
        x = nth(&a->writes, w);
        y = nth(&a->reads, r);
        e = !y || (x && x->number > y->number) ? x : y;
        w += e && e == x;
        r += e && e == y;
        if (!e || e->number >= number)
            continue;
        event_of(a, e, &event);
        more = fn(ctx, &event);
    } while (e && more);
    pthread_mutex_unlock(&a->lock);
}
